"""Altas of distributors from outside."""

from __future__ import annotations

from functools import partial
from typing import Any

from nameko.rpc import rpc

from services.clientes.credenciales import CredencialesReales
from services.clientes.use_cases import altas
from shared.contracts import clientes as c
from shared.messaging.bus import BusWorker
from shared.messaging.wire import WireError

Payload = dict[str, Any]


class Altas:
    """One line per call, event and timer."""

    bus: BusWorker
    credenciales: CredencialesReales

    @rpc(expected_exceptions=WireError)
    def crear_llave_publica_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CREAR_LLAVE_PUBLICA, payload, altas.crear_llave_publica)

    @rpc(expected_exceptions=WireError)
    def listar_llaves_publicas_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.LISTAR_LLAVES_PUBLICAS, payload, altas.listar_llaves_publicas)

    @rpc(expected_exceptions=WireError)
    def revocar_llave_publica_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.REVOCAR_LLAVE_PUBLICA, payload, altas.revocar_llave_publica)

    @rpc(expected_exceptions=WireError)
    def consultar_formulario_v1(self, **payload: Any) -> Payload:
        use_case = partial(altas.consultar_formulario, credenciales=self.credenciales)
        return self.bus.run(c.CONSULTAR_FORMULARIO, payload, use_case)

    @rpc(expected_exceptions=WireError)
    def permitir_origen_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.PERMITIR_ORIGEN, payload, altas.permitir_origen)

    @rpc(expected_exceptions=WireError)
    def leer_aviso_de_privacidad_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.LEER_AVISO, payload, altas.leer_aviso)

    @rpc(expected_exceptions=WireError)
    def solicitar_alta_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.SOLICITAR_ALTA, payload, altas.solicitar_alta)

    @rpc(expected_exceptions=WireError)
    def listar_altas_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.LISTAR_ALTAS, payload, altas.listar_altas)
