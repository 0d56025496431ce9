"""One worker: draws what it is asked over a socket, one after the other, and ends when nobody asks any more.

A request is two frames (options as JSON, the XML); an answer one byte (`P` a PDF, `E` a text for the log) and a
frame. A frame is its length in four bytes and its bytes. Limits are the kernel's: memory, and an alarm that kills
a drawing that takes too long even if the gateway is gone.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys

from services.gateway.impresion.trama import LIMITE, MEMORIA, OCIO, PLAZO, Cortada, abrir, enviar, recibir


def main(descriptor: int) -> None:
    """Serve on the socket until it closes, `LIMITE` drawings are done or `OCIO` seconds pass without one."""
    # Stampings have the machine first.
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORIA, MEMORIA))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    canal = abrir(descriptor)
    signal.alarm(int(PLAZO))  # loading counts too
    from services.gateway.impresion.dibujo import dibujar

    signal.alarm(0)
    for _ in range(LIMITE):
        if not select.select([canal], [], [], OCIO)[0]:
            return
        try:
            opciones, xml = json.loads(recibir(canal)), recibir(canal)
        except Cortada:
            return
        signal.alarm(int(PLAZO))
        try:
            respuesta, clase = dibujar(xml, cancelado=bool(opciones.get("cancelado"))), b"P"
        except MemoryError:
            # What is left of the memory is not worth a second try.
            raise SystemExit(1) from None
        except Exception as exc:  # noqa: BLE001 - satcfdi raises what it likes on a document that it does not know
            respuesta, clase = f"{type(exc).__name__}: {exc}"[:500].encode(), b"E"
        signal.alarm(0)
        canal.sendall(clase)
        enviar(canal, respuesta)


if __name__ == "__main__":
    main(int(sys.argv[1]))
