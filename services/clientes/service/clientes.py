"""The cartera."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from nameko.rpc import rpc

from services.clientes.use_cases import clasificacion, clientes, exportacion, perfil_principal
from shared.contracts import clientes as c
from shared.contracts.eventos import TIMBRES_CONSUMIDOS
from shared.messaging.bus import BusWorker
from shared.messaging.events import event
from shared.messaging.wire import WireError

Payload = dict[str, Any]


class Clientes:
    """One line per call, event and timer."""

    bus: BusWorker

    @rpc(expected_exceptions=WireError)
    def crear_cliente_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CREAR_CLIENTE, payload, clientes.crear_cliente)

    @rpc(expected_exceptions=WireError)
    def editar_cliente_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.EDITAR_CLIENTE, payload, clientes.editar_cliente)

    @rpc(expected_exceptions=WireError)
    def obtener_cliente_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.OBTENER_CLIENTE, payload, clientes.obtener_cliente)

    @rpc(expected_exceptions=WireError)
    def listar_clientes_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.LISTAR_CLIENTES, payload, clientes.listar_clientes)

    @rpc(expected_exceptions=WireError)
    def asignar_perfil_principal_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.ASIGNAR_PERFIL_PRINCIPAL, payload, perfil_principal.asignar_perfil_principal)

    @rpc(expected_exceptions=WireError)
    def quitar_perfil_principal_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.QUITAR_PERFIL_PRINCIPAL, payload, perfil_principal.quitar_perfil_principal)

    @rpc(expected_exceptions=WireError)
    def clasificar_cliente_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CLASIFICAR_CLIENTE, payload, clasificacion.clasificar_cliente)

    @rpc(expected_exceptions=WireError)
    def clasificar_clientes_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CLASIFICAR_CLIENTES, payload, clasificacion.clasificar_clientes)

    @rpc(expected_exceptions=WireError)
    def exportar_clientes_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.EXPORTAR_CLIENTES, payload, exportacion.exportar_clientes)

    @event(TIMBRES_CONSUMIDOS)
    def on_timbres_consumidos_v1(self, evento_id: UUID, carga: Payload) -> None:
        self.bus.consume(TIMBRES_CONSUMIDOS, evento_id, carga, clientes.registrar_consumos)
