"""Conversion of clientes into distributors."""

from __future__ import annotations

from typing import Any

from nameko.rpc import rpc

from services.clientes.use_cases import conversiones
from shared.contracts import clientes as c
from shared.messaging.bus import BusWorker
from shared.messaging.wire import WireError

Payload = dict[str, Any]


class Conversiones:
    """One line per call, event and timer."""

    bus: BusWorker

    @rpc(expected_exceptions=WireError)
    def convertir_cliente_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CONVERTIR_CLIENTE, payload, conversiones.convertir_cliente)

    @rpc(expected_exceptions=WireError)
    def listar_conversiones_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.LISTAR_CONVERSIONES, payload, conversiones.listar_conversiones)
