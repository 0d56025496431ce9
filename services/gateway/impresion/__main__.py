"""One worker: draws what it is asked over a socket, one after the other, and ends when nobody asks any more.

A request is two frames (options as JSON, and a document's XML or a statement's JSON); an answer one byte (`P` a PDF,
`E` a text for the log) and a frame. A frame is its length in four bytes and its bytes. Limits are the kernel's: memory,
and an alarm that kills a drawing that takes too long even if the gateway is gone.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
from typing import Any

from services.gateway.impresion.trama import LIMITE, MEMORIA, OCIO, PLAZOS, Cortada, abrir, enviar, recibir


def main(descriptor: int) -> None:
    """Serve on the socket until it closes, `LIMITE` drawings are done or `OCIO` seconds pass without one."""
    # Stampings have the machine first.
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORIA, MEMORIA))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    canal = abrir(descriptor)
    for _ in range(LIMITE):
        if not select.select([canal], [], [], OCIO)[0]:
            return
        try:
            opciones, datos = json.loads(recibir(canal)), recibir(canal)
        except Cortada:
            return
        signal.alarm(int(PLAZOS[opciones["que"]]))
        try:
            respuesta, clase = dibujar(opciones, datos), b"P"
        except MemoryError:
            # What is left of the memory is not worth a second try.
            raise SystemExit(1) from None
        except Exception as exc:  # noqa: BLE001 - satcfdi raises what it likes on a document that it does not know
            respuesta, clase = f"{type(exc).__name__}: {exc}"[:500].encode(), b"E"
        signal.alarm(0)
        canal.sendall(clase)
        enviar(canal, respuesta)


def dibujar(opciones: dict[str, Any], datos: bytes) -> bytes:
    """The PDF of what `opciones` says that it is. What draws takes a second to load, and is here at its first use."""
    if opciones["que"] == "estado":
        from services.gateway.estados import dibujo as estado

        return estado.dibujar(json.loads(datos))
    from services.gateway.impresion import dibujo as comprobante

    return comprobante.dibujar(datos, cancelado=bool(opciones.get("cancelado")))


if __name__ == "__main__":
    main(int(sys.argv[1]))
