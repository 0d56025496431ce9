"""The root's own staff: LCO, PACs, their reconciliation, the sandbox's failures."""

from __future__ import annotations

from typing import Any

from nameko.rpc import rpc

from services.timbrado.pac.protocolo import PacCompleto
from services.timbrado.pac.sandbox import Falla
from services.timbrado.pac.sandbox_sat import FallaDeCancelacion
from services.timbrado.repository import (
    Repositorio,
)
from services.timbrado.use_cases import (
    conciliacion_pac,
    lco,
)
from shared.contracts import timbrado as c
from shared.contracts.base import Vacio
from shared.errors import campo_invalido
from shared.messaging.background import Background
from shared.messaging.bus import BusWorker
from shared.messaging.wire import WireError
from shared.persistence.uow import UnitOfWork


def _inyectar(uow: UnitOfWork[Repositorio], p: c.InyectarFalla) -> Vacio:
    modos = [*Falla, *FallaDeCancelacion]
    if p.modo not in modos:
        raise campo_invalido("modo", f"Modo desconocido. Use uno de: {', '.join(modos)}.")
    uow.repo.inyectar_falla(p.modo, p.veces)
    return Vacio()


class Operacion:
    """One line per call, event and timer."""

    bus: BusWorker
    pacs: dict[str, tuple[int, PacCompleto]]
    conciliador_de_pacs: Background

    @rpc(expected_exceptions=WireError)
    def inyectar_falla_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.INYECTAR_FALLA, payload, _inyectar)

    @rpc(expected_exceptions=WireError)
    def consultar_lco_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.CONSULTAR_LCO, payload, lco.consultar_lco)

    @rpc(expected_exceptions=WireError)
    def configurar_lco_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.CONFIGURAR_LCO, payload, lco.configurar_lco)

    @rpc(expected_exceptions=WireError)
    def listar_pacs_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_PACS, payload, conciliacion_pac.listar_pacs(self.pacs))

    @rpc(expected_exceptions=WireError)
    def pausar_pac_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.PAUSAR_PAC, payload, conciliacion_pac.pausar_pac(self.pacs))

    @rpc(expected_exceptions=WireError)
    def reanudar_pac_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.REANUDAR_PAC, payload, conciliacion_pac.reanudar_pac(self.pacs))

    @rpc(expected_exceptions=WireError)
    def conciliar_pac_v1(self, **payload: Any) -> dict[str, Any]:
        hecha = self.bus.run(c.CONCILIAR_PAC, payload, conciliacion_pac.conciliar_pac(self.pacs))
        self.conciliador_de_pacs.wake()
        return hecha

    @rpc(expected_exceptions=WireError)
    def listar_conciliaciones_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_CONCILIACIONES, payload, conciliacion_pac.listar_conciliaciones)

    @rpc(expected_exceptions=WireError)
    def listar_diferencias_de_pac_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_DIFERENCIAS_DE_PAC, payload, conciliacion_pac.listar_diferencias)
