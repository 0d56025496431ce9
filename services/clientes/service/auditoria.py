"""The audit log: an event per service that writes entries, two lists, and the sealer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from nameko.rpc import rpc

from services.clientes.use_cases import auditoria
from shared.auditoria import sellado
from shared.contracts import clientes as c
from shared.contracts.eventos import AUDITORIA
from shared.messaging.background import Background
from shared.messaging.bus import Bus, BusWorker
from shared.messaging.events import event
from shared.messaging.wire import WireError

Payload = dict[str, Any]


def _limpiar(bus: Bus) -> bool:
    with bus.uow() as uow:
        mas = auditoria.limpiar(uow)
        uow.commit()
        return mas


class Auditoria:
    """One line per call, event and timer."""

    bus: BusWorker
    sellador_de_auditoria = Background(lambda bus: sellado.sellar(bus.engine) > 0)
    entregas_de_auditoria = Background(_limpiar, idle=600.0)

    @rpc(expected_exceptions=WireError)
    def listar_auditoria_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.LISTAR_AUDITORIA, payload, auditoria.listar_auditoria)

    @rpc(expected_exceptions=WireError)
    def listar_auditoria_de_plataforma_v1(self, **payload: Any) -> Payload:
        return self.bus.run(
            c.LISTAR_AUDITORIA_DE_PLATAFORMA, payload, auditoria.listar_auditoria_de_plataforma
        )

    @event(AUDITORIA["clientes"])
    def on_auditoria_de_clientes_v1(self, evento_id: UUID, carga: Payload) -> None:
        self.bus.consume(AUDITORIA["clientes"], evento_id, carga, auditoria.anotar_asiento)

    @event(AUDITORIA["timbrado"])
    def on_auditoria_de_timbrado_v1(self, evento_id: UUID, carga: Payload) -> None:
        self.bus.consume(AUDITORIA["timbrado"], evento_id, carga, auditoria.anotar_asiento)

    @event(AUDITORIA["puntos"])
    def on_auditoria_de_puntos_v1(self, evento_id: UUID, carga: Payload) -> None:
        self.bus.consume(AUDITORIA["puntos"], evento_id, carga, auditoria.anotar_asiento)

    @event(AUDITORIA["licencias"])
    def on_auditoria_de_licencias_v1(self, evento_id: UUID, carga: Payload) -> None:
        self.bus.consume(AUDITORIA["licencias"], evento_id, carga, auditoria.anotar_asiento)

    @event(AUDITORIA["facturacion"])
    def on_auditoria_de_facturacion_v1(self, evento_id: UUID, carga: Payload) -> None:
        self.bus.consume(AUDITORIA["facturacion"], evento_id, carga, auditoria.anotar_asiento)
