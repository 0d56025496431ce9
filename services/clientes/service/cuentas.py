"""The tree of cuentas maestras."""

from __future__ import annotations

from typing import Any

from nameko.rpc import rpc

from services.clientes.use_cases import cuentas
from shared.contracts import clientes as c
from shared.messaging.bus import BusWorker
from shared.messaging.wire import WireError

Payload = dict[str, Any]


class Cuentas:
    """One line per call, event and timer."""

    bus: BusWorker

    @rpc(expected_exceptions=WireError)
    def crear_cuenta_maestra_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CREAR_CUENTA_MAESTRA, payload, cuentas.crear_cuenta_maestra)

    @rpc(expected_exceptions=WireError)
    def obtener_cuenta_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.OBTENER_CUENTA, payload, cuentas.obtener_cuenta)
