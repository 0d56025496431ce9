"""API keys of the cuentas maestras."""

from __future__ import annotations

from typing import Any

from nameko.rpc import rpc

from services.clientes.use_cases import llaves_api
from shared.contracts import clientes as c
from shared.messaging.bus import BusWorker
from shared.messaging.wire import WireError

Payload = dict[str, Any]


class LlavesApi:
    """One line per call."""

    bus: BusWorker

    @rpc(expected_exceptions=WireError)
    def crear_llave_api_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CREAR_LLAVE_API, payload, llaves_api.crear_llave_api)

    @rpc(expected_exceptions=WireError)
    def listar_llaves_api_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.LISTAR_LLAVES_API, payload, llaves_api.listar_llaves_api)

    @rpc(expected_exceptions=WireError)
    def revocar_llave_api_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.REVOCAR_LLAVE_API, payload, llaves_api.revocar_llave_api)

    @rpc(expected_exceptions=WireError)
    def verificar_llave_api_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.VERIFICAR_LLAVE_API, payload, llaves_api.verificar_llave_api)
