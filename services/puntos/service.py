"""The nameko class of puntos: one line per call, event and timer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from nameko.rpc import rpc
from nameko.timer import timer

from services.puntos import use_cases
from services.puntos.repository import Repositorio
from shared.contracts import puntos as c
from shared.contracts.eventos import (
    CLIENTE_CONVERTIDO,
    CLIENTE_CREADO,
    CLIENTE_SUPRIMIDO,
    CLIENTES_CAMBIADOS,
    CLIENTES_CREADOS_LOTE,
    COBRO_DEVUELTO,
    COBRO_SOLICITADO,
    CUENTA_MAESTRA_CREADA,
    CUENTA_SUPRIMIDA,
    RENOVACION_COBRO_DEVUELTO,
    RENOVACION_COBRO_SOLICITADO,
    SALDOS_DE_PUNTOS,
)
from shared.ledger import sealing
from shared.ledger.sealing import Eslabon
from shared.logging import get_logger
from shared.messaging.bus import Bus, BusWorker
from shared.messaging.events import event
from shared.messaging.wire import WireError
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = get_logger(__name__)


def al_sellar_puntos(connection: Connection, eslabones: Sequence[Eslabon]) -> None:
    """Beside the chain, in its transaction: the balances that it left, told to the others."""
    with UnitOfWork(connection, Repositorio) as uow:
        uow.repo.contar_saldos(SALDOS_DE_PUNTOS.nombre, eslabones)


class PuntosService:
    """Wallets of CMs and clientes."""

    name = "puntos"
    # nameko puts a BusWorker in its place for each call.
    bus = cast("BusWorker", Bus(Repositorio))

    @rpc(expected_exceptions=WireError)
    def salud_v1(self) -> dict[str, Any]:
        """The database answers."""
        return self.bus.health()

    @rpc(expected_exceptions=WireError)
    def acreditar_v1(self, **payload: Any) -> dict[str, Any]:
        """Mint puntos; the root alone."""
        return self.bus.run(c.ACREDITAR, payload, use_cases.acreditar)

    @rpc(expected_exceptions=WireError)
    def transferir_v1(self, **payload: Any) -> dict[str, Any]:
        """Move puntos from a CM to its cliente."""
        return self.bus.run(c.TRANSFERIR, payload, use_cases.transferir)

    @rpc(expected_exceptions=WireError)
    def consultar_saldo_v1(self, **payload: Any) -> dict[str, Any]:
        """Balance of a wallet."""
        return self.bus.run(c.CONSULTAR_SALDO, payload, use_cases.consultar_saldo)

    @rpc(expected_exceptions=WireError)
    def listar_movimientos_v1(self, **payload: Any) -> dict[str, Any]:
        """Statement of a wallet."""
        return self.bus.run(c.LISTAR_MOVIMIENTOS, payload, use_cases.listar_movimientos)

    @rpc(expected_exceptions=WireError)
    def saldos_de_clientes_v1(self, **payload: Any) -> dict[str, Any]:
        """Sealed balances of many clientes, for the cartera's rebuilding."""
        return self.bus.run(c.SALDOS_DE_CLIENTES, payload, use_cases.saldos_de_clientes)

    @event(CUENTA_MAESTRA_CREADA)
    def on_cuenta_maestra_creada_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Open the CM's wallet."""
        self.bus.consume(CUENTA_MAESTRA_CREADA, evento_id, carga, use_cases.abrir_monedero_de_cuenta)

    @event(CLIENTE_CREADO)
    def on_cliente_creado_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Open the cliente's wallet."""
        self.bus.consume(CLIENTE_CREADO, evento_id, carga, use_cases.abrir_monedero_de_cliente)

    @event(CLIENTES_CREADOS_LOTE)
    def on_clientes_creados_lote_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Open the wallet of each."""
        self.bus.consume(CLIENTES_CREADOS_LOTE, evento_id, carga, use_cases.abrir_monederos_de_clientes)

    @event(CLIENTE_CONVERTIDO)
    def on_cliente_convertido_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Give the cliente's wallet to its own CM."""
        self.bus.consume(CLIENTE_CONVERTIDO, evento_id, carga, use_cases.pasar_monedero_a_su_cuenta)

    @event(CLIENTES_CAMBIADOS)
    def on_clientes_cambiados_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Put the names that clientes have now."""
        self.bus.consume(CLIENTES_CAMBIADOS, evento_id, carga, use_cases.nombrar_clientes)

    @event(CUENTA_SUPRIMIDA)
    def on_cuenta_suprimida_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Forget the CM's name."""
        self.bus.consume(CUENTA_SUPRIMIDA, evento_id, carga, use_cases.olvidar_cuenta)

    @event(CLIENTE_SUPRIMIDO)
    def on_cliente_suprimido_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Forget the cliente's name."""
        self.bus.consume(CLIENTE_SUPRIMIDO, evento_id, carga, use_cases.olvidar_cliente)

    @event(COBRO_SOLICITADO)
    def on_cobro_solicitado_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Charge a CM, or refuse."""
        self.bus.consume(COBRO_SOLICITADO, evento_id, carga, use_cases.cobrar)

    @event(RENOVACION_COBRO_SOLICITADO)
    def on_clientes_cobro_solicitado_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Charge the renewal of a CM, or refuse."""
        self.bus.consume(RENOVACION_COBRO_SOLICITADO, evento_id, carga, use_cases.cobrar)

    @event(RENOVACION_COBRO_DEVUELTO)
    def on_clientes_cobro_devuelto_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Give the charge of a renewal back."""
        self.bus.consume(RENOVACION_COBRO_DEVUELTO, evento_id, carga, use_cases.devolver)

    @event(COBRO_DEVUELTO)
    def on_cobro_devuelto_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Give a charge back."""
        self.bus.consume(COBRO_DEVUELTO, evento_id, carga, use_cases.devolver)

    @timer(interval=2)
    def sellar(self) -> None:
        """Chain the movements committed since the last time."""
        try:
            while sealing.seal(self.bus.engine, al_sellar_puntos) >= sealing.LOT:
                pass
        except Exception as exc:  # noqa: BLE001
            # The database is away: the next turn goes on from where this one stopped.
            log.warning("sellado_fallido", error=str(exc))


SERVICE = PuntosService
