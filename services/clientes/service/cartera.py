"""The cartera as it is searched, and the words of the others that feed it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from nameko.rpc import rpc

from services.clientes.use_cases import cartera, exportacion
from shared.contracts import clientes as c
from shared.contracts.eventos import CTIS_CREADAS, SALDOS_DE_PUNTOS, SALDOS_DE_TIMBRES
from shared.messaging.bus import BusWorker
from shared.messaging.events import event
from shared.messaging.wire import WireError

Payload = dict[str, Any]


class Cartera:
    """One line per call and event."""

    bus: BusWorker

    @rpc(expected_exceptions=WireError)
    def listar_cartera_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.LISTAR_CARTERA, payload, cartera.listar_cartera)

    @rpc(expected_exceptions=WireError)
    def contar_cartera_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CONTAR_CARTERA, payload, cartera.contar_cartera)

    @rpc(expected_exceptions=WireError)
    def exportar_cartera_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.EXPORTAR_CARTERA, payload, exportacion.exportar_cartera)

    @rpc(expected_exceptions=WireError)
    def hallar_clientes_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.HALLAR_CLIENTES, payload, cartera.hallar_clientes)

    @rpc(expected_exceptions=WireError)
    def nombrar_clientes_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.NOMBRAR_CLIENTES, payload, cartera.nombrar_clientes)

    @event(SALDOS_DE_TIMBRES)
    def on_saldos_de_timbres_v1(self, evento_id: UUID, carga: Payload) -> None:
        self.bus.consume(SALDOS_DE_TIMBRES, evento_id, carga, cartera.registrar_saldos_de_timbres)

    @event(SALDOS_DE_PUNTOS)
    def on_saldos_de_puntos_v1(self, evento_id: UUID, carga: Payload) -> None:
        self.bus.consume(SALDOS_DE_PUNTOS, evento_id, carga, cartera.registrar_saldos_de_puntos)

    @event(CTIS_CREADAS)
    def on_ctis_creadas_v1(self, evento_id: UUID, carga: Payload) -> None:
        self.bus.consume(CTIS_CREADAS, evento_id, carga, cartera.registrar_ctis)
