"""The gateway's drawing workers: started when needed, killed at the deadline, never waited for by anybody else.

A worker is another process with its own memory limit, without our environment (so without any secret) and with
one socket. Whatever it dies of, the request that it was drawing gets `no_disponible`, and the next one a new worker.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import eventlet
from eventlet.semaphore import Semaphore

from services.gateway.impresion.trama import PLAZO, Cortada, enviar, exactos, recibir
from shared.errors import Codigo, DomainError
from shared.logging import get_logger

log = get_logger(__name__)

RAIZ = Path(__file__).resolve().parents[3]
#: Drawings at a time: they are nothing but CPU, and the machine has stampings to do.
PROCESOS = 2
#: Seconds that a drawing may wait for a worker that is free.
ESPERA = 15.0


@dataclass(slots=True)
class _Obrero:
    proceso: subprocess.Popen[bytes]
    canal: socket.socket = field(repr=False)

    def terminar(self) -> None:
        """Kill it and forget it; a worker has nothing to finish."""
        with contextlib.suppress(OSError):
            self.canal.close()
        with contextlib.suppress(OSError):
            os.kill(self.proceso.pid, signal.SIGKILL)
        self.proceso.wait()


class Taller:
    """`pdf(xml, cancelado=…)` → bytes. One per process; greenthreads share it."""

    def __init__(
        self, procesos: int = PROCESOS, plazo: float = PLAZO, modulo: str = "services.gateway.impresion"
    ) -> None:
        self._lugares = Semaphore(procesos)
        self._plazo = plazo
        self._modulo = modulo
        self._libres: list[_Obrero] = []

    def pdf(self, xml: str, *, cancelado: bool) -> bytes:
        """The printed representation. Raises `no_disponible` when it can't be had in time."""
        if not self._lugares.acquire(timeout=ESPERA):
            raise _no_disponible("Hay muchas representaciones impresas en espera.")
        obrero: _Obrero | None = None
        plazo = eventlet.Timeout(self._plazo)
        try:
            obrero = self._tomar()
            clase, datos = self._encargar(obrero, xml, cancelado)
            self._libres.append(obrero)
            obrero = None
        except eventlet.Timeout as exc:
            if exc is not plazo:
                raise
            log.warning("impresion_tardada", segundos=self._plazo, bytes=len(xml))
            raise _no_disponible("La representación impresa tardó demasiado.") from None
        except (OSError, Cortada) as exc:
            log.error("impresion_caida", error=str(exc), codigo=obrero.proceso.poll() if obrero else None)
            raise _no_disponible("La representación impresa no se pudo generar.") from None
        finally:
            plazo.cancel()
            if obrero is not None:
                obrero.terminar()
            self._lugares.release()
        if clase != b"P":
            log.error("impresion_fallida", error=datos.decode("utf-8", "replace"))
            raise DomainError(
                Codigo.NO_DISPONIBLE,
                "Este comprobante no se pudo imprimir. Descargue el XML, que es el comprobante, y avise a soporte.",
                datos={"reintentar_en": 3600},
            )
        return datos

    def cerrar(self) -> None:
        """End the idle workers; one at work ends by itself when its socket closes."""
        while self._libres:
            self._libres.pop().terminar()

    def _encargar(self, obrero: _Obrero, xml: str, cancelado: bool) -> tuple[bytes, bytes]:
        enviar(obrero.canal, json.dumps({"cancelado": cancelado}).encode())
        enviar(obrero.canal, xml.encode())
        return exactos(obrero.canal, 1), recibir(obrero.canal)

    def _tomar(self) -> _Obrero:
        while self._libres:
            obrero = self._libres.pop()
            if obrero.proceso.poll() is None:
                return obrero
            # It was idle for long, or has drawn its share.
            obrero.terminar()
        return self._empezar()

    def _empezar(self) -> _Obrero:
        nuestro, suyo = socket.socketpair()
        try:
            proceso = subprocess.Popen(
                [sys.executable, "-m", self._modulo, str(suyo.fileno())],
                cwd=RAIZ,
                env={"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": str(RAIZ), "HOME": "/nonexistent"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[suyo.fileno()],
                # A stop signals the gateway's group, and what it is drawing may still be answered.
                start_new_session=True,
            )
        finally:
            suyo.close()
        return _Obrero(proceso, nuestro)


@cache
def taller() -> Taller:
    """The process's one."""
    return Taller()


def _no_disponible(que: str) -> DomainError:
    return DomainError(
        Codigo.NO_DISPONIBLE,
        f"{que} Intente de nuevo en unos segundos; mientras tanto puede descargar el XML, que es el comprobante.",
        datos={"reintentar_en": 10},
    )
