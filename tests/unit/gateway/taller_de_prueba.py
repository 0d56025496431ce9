"""The drawing workers under eventlet, as the gateway has them: `python -m tests.unit.gateway.taller_de_prueba`.

Run alone it prints what came of each case, as JSON. With a descriptor as argument it is the worker: it answers
with the document's own text, or misbehaves as that says.
"""

# ruff: noqa: E402
from __future__ import annotations

import warnings

warnings.filterwarnings("ignore", category=DeprecationWarning)

import os
import signal
import sys
import time
from typing import Any


def obrero(descriptor: int) -> None:
    from services.gateway.impresion.trama import Cortada, abrir, enviar, recibir

    canal = abrir(descriptor)
    while True:
        try:
            opciones, xml = recibir(canal), recibir(canal)
        except Cortada:
            return
        match xml:
            case b"muere":
                os.kill(os.getpid(), signal.SIGKILL)
            case b"tarda":
                time.sleep(30)
            case b"falla" | b'{"como":"falla"}':
                canal.sendall(b"E")
                enviar(canal, b"ValueError: secreto")
            case b"secretos":
                canal.sendall(b"P")
                enviar(canal, b",".join(sorted(os.environb)))
            case _:
                time.sleep(0.2)
                canal.sendall(b"P")
                enviar(canal, f"{os.getpid()} ".encode() + opciones + xml)


def main() -> dict[str, Any]:
    import eventlet

    eventlet.monkey_patch()
    os.environ["AMQP_URL"] = "amqp://secreto"
    from services.gateway.impresion.taller import Taller
    from shared.errors import DomainError

    taller = Taller(procesos=2, plazo=3.0, modulo="tests.unit.gateway.taller_de_prueba")

    def pedir(xml: str) -> str:
        try:
            return taller.pdf(xml, cancelado=True).decode()
        except DomainError as exc:
            return f"{exc.code}: {exc.detail}"

    def estado(como: str) -> str:
        try:
            return taller.estado({"como": como}).decode()
        except DomainError as exc:
            return f"{exc.code}: {exc.detail}"

    pasos = {xml: pedir(xml) for xml in ("uno", "dos", "secretos", "falla", "muere", "despues de morir")}
    pasos["estado"], pasos["estado que falla"] = estado("uno"), estado("falla")
    latidos: list[int] = []

    def latir() -> None:
        while True:
            latidos.append(1)
            eventlet.sleep(0.05)

    corazon = eventlet.spawn(latir)
    pasos["tarda"] = pedir("tarda")
    corazon.kill()
    varios = [eventlet.spawn(pedir, f"varios{i}") for i in range(4)]
    juntos = [v.wait() for v in varios]
    taller.cerrar()
    return {"pasos": pasos, "latidos": len(latidos), "juntos": juntos}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        obrero(int(sys.argv[1]))
    else:
        import json

        print(json.dumps(main()))
