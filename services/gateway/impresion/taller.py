"""The gateway's drawing workers: started when needed, killed at the deadline, never waited for by anybody else.

A worker is another process with its own memory limit, without our environment (so without any secret) and with
one socket. It draws documents and statements of account alike. Whatever it dies of, the request that it was drawing
gets `no_disponible`, and the next one a new worker.
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
from typing import Any

import eventlet
import orjson
from eventlet.semaphore import Semaphore

from services.gateway.impresion.trama import PLAZOS, Cortada, enviar, exactos, recibir
from shared.errors import Codigo, DomainError
from shared.logging import get_logger

log = get_logger(__name__)

RAIZ = Path(__file__).resolve().parents[3]
#: Drawings at a time: they are nothing but CPU, and the machine has stampings to do.
PROCESOS = 2
#: Seconds that a drawing may wait for a worker that is free.
ESPERA = 15.0


@dataclass(frozen=True, slots=True)
class _Clase:
    """What is drawn, and what is said to who does not get it."""

    que: str
    muchos: str
    tardo: str
    no_salio: str
    mientras: str
    imposible: str


COMPROBANTE = _Clase(
    que="comprobante",
    muchos="Hay muchas representaciones impresas en espera.",
    tardo="La representación impresa tardó demasiado.",
    no_salio="La representación impresa no se pudo generar.",
    mientras="; mientras tanto puede descargar el XML, que es el comprobante.",
    imposible="Este comprobante no se pudo imprimir. Descargue el XML, que es el comprobante, y avise a soporte.",
)
ESTADO = _Clase(
    que="estado",
    muchos="Hay muchos estados de cuenta en espera.",
    tardo="El PDF tardó demasiado.",
    no_salio="El PDF no se pudo generar.",
    mientras=", o pida el estado de cuenta en CSV o JSON.",
    imposible="Este estado de cuenta no se pudo dibujar. Pídalo en CSV o JSON, y avise a soporte.",
)


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
    """`pdf(xml, cancelado=…)` or `estado(datos)` → bytes. One per process; greenthreads share it."""

    def __init__(
        self, procesos: int = PROCESOS, plazo: float | None = None, modulo: str = "services.gateway.impresion"
    ) -> None:
        """`plazo`: seconds for a drawing, whatever it is; without one, those of `PLAZOS`."""
        self._lugares = Semaphore(procesos)
        self._plazo = plazo
        self._modulo = modulo
        self._libres: list[_Obrero] = []

    def pdf(self, xml: str, *, cancelado: bool) -> bytes:
        """The printed representation. Raises `no_disponible` when it can't be had in time."""
        return self._dibujar(COMPROBANTE, {"cancelado": cancelado}, xml.encode())

    def estado(self, datos: dict[str, Any]) -> bytes:
        """A statement of account, given its JSON. Raises `no_disponible` when it can't be had in time."""
        return self._dibujar(ESTADO, {}, orjson.dumps(datos))

    def _dibujar(self, de: _Clase, opciones: dict[str, Any], contenido: bytes) -> bytes:
        if not self._lugares.acquire(timeout=ESPERA):
            raise _no_disponible(de, de.muchos)
        obrero: _Obrero | None = None
        segundos = PLAZOS[de.que] if self._plazo is None else self._plazo
        plazo = eventlet.Timeout(segundos)
        try:
            obrero = self._tomar()
            clase, datos = self._encargar(obrero, {"que": de.que, **opciones}, contenido)
            self._libres.append(obrero)
            obrero = None
        except eventlet.Timeout as exc:
            if exc is not plazo:
                raise
            log.warning("impresion_tardada", que=de.que, segundos=segundos, bytes=len(contenido))
            raise _no_disponible(de, de.tardo) from None
        except (OSError, Cortada) as exc:
            codigo = obrero.proceso.poll() if obrero else None
            log.error("impresion_caida", que=de.que, error=str(exc), codigo=codigo)
            raise _no_disponible(de, de.no_salio) from None
        finally:
            plazo.cancel()
            if obrero is not None:
                obrero.terminar()
            self._lugares.release()
        if clase != b"P":
            log.error("impresion_fallida", que=de.que, error=datos.decode("utf-8", "replace"))
            raise DomainError(Codigo.NO_DISPONIBLE, de.imposible, datos={"reintentar_en": 3600})
        return datos

    def cerrar(self) -> None:
        """End the idle workers; one at work ends by itself when its socket closes."""
        while self._libres:
            self._libres.pop().terminar()

    def _encargar(self, obrero: _Obrero, opciones: dict[str, Any], contenido: bytes) -> tuple[bytes, bytes]:
        enviar(obrero.canal, json.dumps(opciones).encode())
        enviar(obrero.canal, contenido)
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


def _no_disponible(de: _Clase, que: str) -> DomainError:
    return DomainError(
        Codigo.NO_DISPONIBLE,
        f"{que} Intente de nuevo en unos segundos{de.mientras}",
        datos={"reintentar_en": 10},
    )
