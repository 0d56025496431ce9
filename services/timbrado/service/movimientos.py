"""Timbres that move: stocks, transfers one by one and many at once, automatic sales, forecasts, statements, the seal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from nameko.rpc import rpc
from nameko.timer import timer

from services.timbrado.repository import (
    Repositorio,
)
from services.timbrado.repository.consumo import al_sellar
from services.timbrado.use_cases import (
    conciliacion_pac,
    consumos,
    cuentas,
    estados_de_cuenta,
    masivas,
    pronostico,
    saldo,
    transferencias,
    venta_automatica,
)
from shared.contracts import eventos as ev
from shared.contracts import timbrado as c
from shared.crash import crash_point
from shared.ledger import sealing
from shared.ledger.sealing import Eslabon
from shared.logging import get_logger
from shared.messaging.background import Background
from shared.messaging.bus import BusWorker
from shared.messaging.cpu import offload
from shared.messaging.events import event
from shared.messaging.wire import WireError
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = get_logger(__name__)


def al_sellar_timbrado(connection: Connection, eslabones: Sequence[Eslabon]) -> None:
    """Beside the chain, in its transaction: consumption kept here, and told to the others."""
    al_sellar(connection, eslabones)
    with UnitOfWork(connection, Repositorio) as uow:
        consumos.contar_consumos(uow, [e.movimiento for e in eslabones if e.cuenta == e.movimiento.origen])
        uow.repo.contar_saldos(ev.SALDOS_DE_TIMBRES.nombre, eslabones)
        uow.write_events()


class Movimientos:
    """One line per call, event and timer."""

    bus: BusWorker
    aplicador: Background

    @rpc(expected_exceptions=WireError)
    def transferir_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.TRANSFERIR, payload, transferencias.transferir)

    @rpc(expected_exceptions=WireError)
    def transferir_masivamente_v1(self, **payload: Any) -> dict[str, Any]:
        respuesta = self.bus.run(c.TRANSFERIR_MASIVAMENTE, payload, masivas.transferir_masivamente)
        self.aplicador.wake()
        return respuesta

    @rpc(expected_exceptions=WireError)
    def simular_transferencia_masiva_v1(self, **payload: Any) -> dict[str, Any]:
        simular = masivas.simular_transferencia_masiva(offload)
        return self.bus.run(c.SIMULAR_TRANSFERENCIA_MASIVA, payload, simular)

    @rpc(expected_exceptions=WireError)
    def listar_transferencias_masivas_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_TRANSFERENCIAS_MASIVAS, payload, masivas.listar_transferencias_masivas)

    @rpc(expected_exceptions=WireError)
    def obtener_transferencia_masiva_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.OBTENER_TRANSFERENCIA_MASIVA, payload, masivas.obtener_transferencia_masiva)

    @rpc(expected_exceptions=WireError)
    def listar_filas_de_masiva_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_FILAS_DE_MASIVA, payload, masivas.listar_filas_de_masiva)

    @rpc(expected_exceptions=WireError)
    def emitir_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.EMITIR, payload, transferencias.emitir)

    @rpc(expected_exceptions=WireError)
    def abastecer_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.ABASTECER, payload, transferencias.abastecer)

    @rpc(expected_exceptions=WireError)
    def consultar_abasto_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.CONSULTAR_ABASTO, payload, transferencias.consultar_abasto)

    @rpc(expected_exceptions=WireError)
    def consultar_existencia_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.CONSULTAR_EXISTENCIA, payload, transferencias.consultar_existencia)

    @rpc(expected_exceptions=WireError)
    def listar_movimientos_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_MOVIMIENTOS, payload, transferencias.listar_movimientos)

    @rpc(expected_exceptions=WireError)
    def poner_venta_automatica_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.PONER_VENTA_AUTOMATICA, payload, venta_automatica.poner_venta_automatica)

    @rpc(expected_exceptions=WireError)
    def quitar_venta_automatica_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.QUITAR_VENTA_AUTOMATICA, payload, venta_automatica.quitar_venta_automatica)

    @rpc(expected_exceptions=WireError)
    def obtener_venta_automatica_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.OBTENER_VENTA_AUTOMATICA, payload, venta_automatica.obtener_venta_automatica)

    @rpc(expected_exceptions=WireError)
    def poner_ventas_automaticas_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.PONER_VENTAS_AUTOMATICAS, payload, venta_automatica.poner_ventas_automaticas)

    @rpc(expected_exceptions=WireError)
    def simular_ventas_automaticas_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(
            c.SIMULAR_VENTAS_AUTOMATICAS, payload, venta_automatica.simular_ventas_automaticas
        )

    @rpc(expected_exceptions=WireError)
    def listar_ventas_automaticas_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_VENTAS_AUTOMATICAS, payload, venta_automatica.listar_ventas_automaticas)

    @rpc(expected_exceptions=WireError)
    def obtener_pronostico_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.OBTENER_PRONOSTICO, payload, pronostico.obtener_pronostico)

    @rpc(expected_exceptions=WireError)
    def listar_pronosticos_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_PRONOSTICOS, payload, pronostico.listar_pronosticos)

    @rpc(expected_exceptions=WireError)
    def estado_de_cuenta_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.ESTADO_DE_CUENTA, payload, estados_de_cuenta.estado_de_cuenta)

    @rpc(expected_exceptions=WireError)
    def saldos_de_clientes_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.SALDOS_DE_CLIENTES, payload, saldo.saldos_de_clientes)

    @event(ev.CUENTA_MAESTRA_CREADA)
    def on_cuenta_maestra_creada_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        self.bus.consume(ev.CUENTA_MAESTRA_CREADA, evento_id, carga, cuentas.abrir_existencia)
        self.bus.consume(ev.CUENTA_MAESTRA_CREADA, evento_id, carga, conciliacion_pac.recordar_raiz)

    @event(ev.CUENTA_MAESTRA_CAMBIADA)
    def on_cuenta_maestra_cambiada_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        self.bus.consume(ev.CUENTA_MAESTRA_CAMBIADA, evento_id, carga, venta_automatica.anotar_cuenta)

    @timer(interval=1)
    def vender_automaticamente(self) -> None:
        try:
            while self._vender() >= venta_automatica.LOTE:
                pass
        except Exception as exc:  # noqa: BLE001
            # Nothing is lost: what is due stays in the queue, or waits, for the next second.
            log.warning("venta_automatica_fallida", error=str(exc))

    def _vender(self) -> int:
        with self.bus.uow() as uow:
            vendidas = venta_automatica.atender(uow)
            uow.commit()
        if vendidas:
            crash_point("venta_automatica.despues_de_confirmar")
        return vendidas

    @timer(interval=5)
    def pronosticar(self) -> None:
        try:
            while self._recalcular() >= pronostico.LOTE:
                pass
        except Exception as exc:  # noqa: BLE001
            log.warning("pronostico_fallido", error=str(exc))

    def _recalcular(self) -> int:
        with self.bus.uow() as uow:
            hechos = pronostico.recalcular_ritmos(uow)
            uow.commit()
        return hechos

    @timer(interval=60)
    def juntar_consumos(self) -> None:
        try:
            with self.bus.uow() as uow:
                consumos.juntar_horas(uow)
                uow.commit()
        except Exception as exc:  # noqa: BLE001
            log.warning("consumos_sin_juntar", error=str(exc))

    @timer(interval=2)
    def sellar(self) -> None:
        try:
            # Hashing would hold up every statement of a bulk transfer under way here; the other replicas seal.
            while (
                not self.aplicador.busy and sealing.seal(self.bus.engine, al_sellar_timbrado) >= sealing.LOT
            ):
                pass
        except Exception as exc:  # noqa: BLE001
            log.warning("sellado_fallido", error=str(exc))
