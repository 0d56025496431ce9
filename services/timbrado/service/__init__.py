"""timbrado on the bus: its calls, events and timers, a module per capability."""

from __future__ import annotations

from typing import Any

from nameko.rpc import rpc

from services.timbrado.credenciales import Credenciales
from services.timbrado.pac.protocolo import PacCompleto
from services.timbrado.repository import Repositorio
from services.timbrado.service.ctis import Ctis
from services.timbrado.service.ensamble import (
    Cancelaciones,
    PacsInstalados,
    Pipeline,
    Relevos,
    Vistas,
    build,
    conciliador_de_pacs,
)
from services.timbrado.service.movimientos import Movimientos
from services.timbrado.service.operacion import Operacion
from services.timbrado.service.timbrado import Timbrado
from services.timbrado.use_cases import masivas
from services.timbrado.use_cases.cancelar import Cancelador
from services.timbrado.use_cases.conciliar import Conciliador
from services.timbrado.use_cases.timbrar import Timbrador
from shared.messaging.background import Background
from shared.messaging.bus import Bus, BusWorker
from shared.messaging.wire import WireError


class TimbradoService(Timbrado, Ctis, Movimientos, Operacion):
    """Stocks, CTI, transfers and stampings."""

    name = "timbrado"
    bus: BusWorker = Bus(Repositorio)
    pipeline: Timbrador = Pipeline()
    relevos: Conciliador = Relevos()
    vistas: Credenciales = Vistas()
    cancelaciones: Cancelador = Cancelaciones()
    pacs: dict[str, tuple[int, PacCompleto]] = PacsInstalados()
    conciliador_de_pacs = Background(lambda bus: conciliador_de_pacs(bus).paso(), idle=20.0)
    aplicador = Background(lambda bus: masivas.aplicar_una(bus.uow))

    @rpc(expected_exceptions=WireError)
    def salud_v1(self) -> dict[str, Any]:
        return self.bus.health()


SERVICE = TimbradoService

__all__ = ["SERVICE", "TimbradoService", "build"]
