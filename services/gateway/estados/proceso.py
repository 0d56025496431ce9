"""The gateway's side of drawing a PDF: a process of its own per drawing, few at a time, killed at the deadline."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson
from eventlet.semaphore import Semaphore

from shared.errors import Codigo, DomainError
from shared.logging import get_logger

log = get_logger(__name__)

RAIZ = Path(__file__).resolve().parents[3]
#: Drawings at a time in this process: they are nothing but CPU, and the machine has stampings to do.
A_LA_VEZ = 2
#: Seconds that a drawing waits for its turn, and that it may take.
ESPERA = 10.0
PLAZO = 60.0
_MODULO = "services.gateway.estados.dibujo"
_lugares = Semaphore(A_LA_VEZ)


def dibujar(datos: dict[str, Any], plazo: float = PLAZO, modulo: str = _MODULO) -> bytes:
    """The PDF of a statement. Raises `no_disponible` when it can't be had in time."""
    if not _lugares.acquire(timeout=ESPERA):
        raise _no_disponible("Hay muchos estados de cuenta en espera.")
    try:
        with tempfile.TemporaryDirectory(prefix="estado-") as carpeta:
            entrada, salida = Path(carpeta, "estado.json"), Path(carpeta, "estado.pdf")
            entrada.write_bytes(orjson.dumps(datos))
            return _correr(modulo, entrada, salida, plazo)
    finally:
        _lugares.release()


def _correr(modulo: str, entrada: Path, salida: Path, plazo: float) -> bytes:
    # Without our environment, so without any secret; files and not pipes, so that nothing waits for the other side.
    proceso = subprocess.Popen(
        [sys.executable, "-m", modulo, str(entrada), str(salida)],
        cwd=RAIZ,
        env={"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": str(RAIZ), "HOME": str(entrada.parent)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        codigo = proceso.wait(plazo)
    except subprocess.TimeoutExpired:
        log.warning("estado_de_cuenta_tardado", segundos=plazo)
        raise _no_disponible("El PDF tardó demasiado.") from None
    finally:
        # Whatever ends the wait (the client's own deadline too), no drawing goes on for nobody.
        if proceso.poll() is None:
            proceso.kill()
            proceso.wait()
    if codigo != 0 or not salida.exists():
        log.error("estado_de_cuenta_fallido", codigo=codigo)
        raise _no_disponible("El PDF no se pudo generar.")
    return salida.read_bytes()


def _no_disponible(que: str) -> DomainError:
    return DomainError(
        Codigo.NO_DISPONIBLE,
        f"{que} Intente de nuevo en unos segundos, o pida el estado de cuenta en CSV o JSON.",
        datos={"reintentar_en": 10},
    )
