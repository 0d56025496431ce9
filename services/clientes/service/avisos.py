"""Notices by mail."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from nameko.rpc import rpc
from nameko.timer import timer

from services.clientes.use_cases import avisos
from shared.contracts import clientes as c
from shared.contracts import eventos as ev
from shared.logging import get_logger
from shared.messaging.bus import BusWorker
from shared.messaging.events import event
from shared.messaging.wire import WireError

log = get_logger(__name__)
Payload = dict[str, Any]


class Avisos:
    """One line per call, event and timer."""

    bus: BusWorker

    @rpc(expected_exceptions=WireError)
    def leer_preferencias_de_avisos_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.LEER_PREFERENCIAS_DE_AVISOS, payload, avisos.leer_preferencias)

    @rpc(expected_exceptions=WireError)
    def cambiar_preferencias_de_avisos_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CAMBIAR_PREFERENCIAS_DE_AVISOS, payload, avisos.cambiar_preferencias)

    @event(ev.AVISO_CREADO)
    def on_aviso_creado_v1(self, evento_id: UUID, carga: Payload) -> None:
        self.bus.consume(ev.AVISO_CREADO, evento_id, carga, avisos.avisar_por_correo)

    @timer(interval=30)
    def resumir_avisos(self) -> None:
        try:
            while self._resumir() >= avisos.LOTE:
                pass
        except Exception as exc:  # noqa: BLE001
            # Nothing is lost: what was counted stays so for the next turn.
            log.warning("resumenes_fallidos", error=str(exc))

    def _resumir(self) -> int:
        with self.bus.uow() as uow:
            hechos = avisos.enviar_resumenes(uow)
            uow.commit()
        return hechos
