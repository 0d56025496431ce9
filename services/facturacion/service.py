"""The nameko class of facturacion: one line per call and per event."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from nameko.rpc import rpc

from services.facturacion import use_cases
from services.facturacion.repository import Repositorio
from shared.contracts import facturacion as c
from shared.contracts.eventos import (
    CLIENTE_CONVERTIDO,
    CLIENTE_CREADO,
    CLIENTE_SUPRIMIDO,
    CLIENTES_CAMBIADOS,
    CLIENTES_CREADOS_LOTE,
    CUENTA_MAESTRA_CREADA,
    CUENTA_SUPRIMIDA,
    PUNTOS_TRANSFERIDOS,
    TIMBRES_TRANSFERIDOS,
    TIMBRES_TRANSFERIDOS_LOTE,
)
from shared.messaging.bus import Bus, BusWorker
from shared.messaging.events import event
from shared.messaging.wire import WireError


class FacturacionService:
    """Ventas to invoice and the invoices registered for them."""

    name = "facturacion"
    # nameko puts a BusWorker in its place for each call.
    bus = cast("BusWorker", Bus(Repositorio))

    @rpc(expected_exceptions=WireError)
    def salud_v1(self) -> dict[str, Any]:
        """The database answers."""
        return self.bus.health()

    @rpc(expected_exceptions=WireError)
    def listar_ventas_v1(self, **payload: Any) -> dict[str, Any]:
        """Ventas of a CM."""
        return self.bus.run(c.LISTAR_VENTAS, payload, use_cases.listar_ventas)

    @rpc(expected_exceptions=WireError)
    def registrar_factura_v1(self, **payload: Any) -> dict[str, Any]:
        """Put ventas on an invoice."""
        return self.bus.run(c.REGISTRAR_FACTURA, payload, use_cases.registrar_factura)

    @rpc(expected_exceptions=WireError)
    def listar_facturas_v1(self, **payload: Any) -> dict[str, Any]:
        """Invoices of a CM."""
        return self.bus.run(c.LISTAR_FACTURAS, payload, use_cases.listar_facturas)

    @rpc(expected_exceptions=WireError)
    def anular_factura_v1(self, **payload: Any) -> dict[str, Any]:
        """Annul an invoice and free its ventas."""
        return self.bus.run(c.ANULAR_FACTURA, payload, use_cases.anular_factura)

    @event(CUENTA_MAESTRA_CREADA)
    def on_cuenta_maestra_creada_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Remember the CM."""
        self.bus.consume(CUENTA_MAESTRA_CREADA, evento_id, carga, use_cases.anotar_cuenta)

    @event(CLIENTE_CREADO)
    def on_cliente_creado_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Remember the cliente."""
        self.bus.consume(CLIENTE_CREADO, evento_id, carga, use_cases.anotar_cliente)

    @event(CLIENTES_CREADOS_LOTE)
    def on_clientes_creados_lote_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Remember each of them."""
        self.bus.consume(CLIENTES_CREADOS_LOTE, evento_id, carga, use_cases.anotar_clientes)

    @event(CLIENTE_CONVERTIDO)
    def on_cliente_convertido_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Note whose the cliente is now."""
        self.bus.consume(CLIENTE_CONVERTIDO, evento_id, carga, use_cases.pasar_cliente_a_su_cuenta)

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

    @event(TIMBRES_TRANSFERIDOS)
    def on_timbres_transferidos_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """A venta of timbres."""
        self.bus.consume(TIMBRES_TRANSFERIDOS, evento_id, carga, use_cases.anotar_venta_de_timbres)

    @event(TIMBRES_TRANSFERIDOS_LOTE)
    def on_timbres_transferidos_lote_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Many ventas of timbres at once."""
        self.bus.consume(TIMBRES_TRANSFERIDOS_LOTE, evento_id, carga, use_cases.anotar_ventas_de_timbres)

    @event(PUNTOS_TRANSFERIDOS)
    def on_puntos_transferidos_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """A venta of puntos."""
        self.bus.consume(PUNTOS_TRANSFERIDOS, evento_id, carga, use_cases.anotar_venta_de_puntos)


SERVICE = FacturacionService
