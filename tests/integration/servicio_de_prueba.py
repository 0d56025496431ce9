"""A small service on the real runtime, for test_messaging: `python -m tests.integration.servicio_de_prueba FOLDER`.

It writes a line per call and per event to files of FOLDER; while `FOLDER/falla` exists, its handler fails.
"""
# ruff: noqa: I001

from __future__ import annotations

from shared.messaging import runtime

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, cast
from uuid import UUID

import eventlet
from nameko.rpc import rpc

from shared.contracts.eventos import CUENTA_MAESTRA_CREADA, CuentaMaestraCreada
from shared.messaging import events
from shared.messaging.bus import Bus, BusWorker
from shared.messaging.idle_first import idle_first
from shared.persistence.uow import UnitOfWork


def anotar(archivo: str, linea: str) -> None:
    """Append a line to a file of the test's folder."""
    with (Path(sys.argv[1]) / archivo).open("a") as f:
        f.write(linea + "\n")


def _al_crear(uow: UnitOfWork[Any], carga: CuentaMaestraCreada) -> None:
    anotar("eventos", carga.nombre)
    if (Path(sys.argv[1]) / "falla").exists():
        raise RuntimeError("falla pedida")


class Prueba:
    """One slow call, one handler that fails on request."""

    name = "prueba"
    bus = cast("BusWorker", Bus(lambda session: session))

    @rpc  # type: ignore[untyped-decorator]
    def dormir_v1(self, marca: str, segundos: float) -> dict[str, Any]:
        """Write `marca`, sleep, answer it."""
        anotar("llamadas", marca)
        eventlet.sleep(segundos)
        return {"marca": marca}

    @idle_first()
    def ocupar_v1(self, segundos: float) -> dict[str, Any]:
        """Sleep, and say which process did it."""
        eventlet.sleep(segundos)
        return {"pid": os.getpid()}

    @events.event(CUENTA_MAESTRA_CREADA)
    def on_cuenta_maestra_creada_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Write the event's name, then fail if asked."""
        self.bus.consume(CUENTA_MAESTRA_CREADA, evento_id, carga, _al_crear)


if __name__ == "__main__":
    # One retry after a second, then dead.
    events.RETRY_DELAYS = (1,)  # type: ignore[attr-defined,assignment]
    modulo = ModuleType("services.prueba.service")
    modulo.SERVICE = Prueba  # type: ignore[attr-defined]
    sys.modules["services.prueba.service"] = modulo
    runtime.main("prueba")
