"""RPC of facturacion: ventas to invoice and the invoices that a CM registers for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from shared.contracts.base import PeticionConClave, Rpc


@dataclass(frozen=True, kw_only=True)
class Venta:
    """What a CM did for a cliente and has to invoice. `id` is the id of the transfer that made it.

    `cantidad` counts timbres (whole) or puntos (two decimals), by `tipo`; `importe` is MXN.
    """

    id: UUID
    tipo: str
    origen: str
    nic: int
    cliente: str | None = None
    cantidad: Decimal
    importe: Decimal
    estado: str
    factura_id: UUID | None = None
    en: datetime


@dataclass(frozen=True, kw_only=True)
class ListarVentas:
    """Ventas of a CM, newest first. `estado`: por_facturar or facturada; `tipo`: timbres or puntos."""

    cuenta_id: UUID
    estado: str | None = None
    origen: str | None = None
    tipo: str | None = None
    nic: int | None = None
    limite: int = 50
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaVentas:
    """One page; `siguiente` is the cursor of the next, null on the last."""

    datos: list[Venta] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class Factura:
    """An invoice that a CM registered. `estado`: vigente or anulada; `ventas` outlast an annulment."""

    id: UUID
    nic: int
    cliente: str | None = None
    referencia: str
    importe: Decimal
    ventas: list[UUID] = field(default_factory=list)
    estado: str
    en: datetime
    anulada_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RegistrarFactura(PeticionConClave):
    """Put ventas of one cliente on an invoice; `referencia` is the CM's own (folio, UUID of its CFDI)."""

    cuenta_id: UUID
    actor: UUID | None = None
    nic: int
    referencia: str
    ventas: list[UUID]


@dataclass(frozen=True, kw_only=True)
class ListarFacturas:
    """Invoices of a CM, newest first. `estado`: vigente or anulada."""

    cuenta_id: UUID
    estado: str | None = None
    nic: int | None = None
    limite: int = 50
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaFacturas:
    """One page; `siguiente` is the cursor of the next, null on the last."""

    datos: list[Factura] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class AnularFactura(PeticionConClave):
    """Annul a registration: its ventas wait to be invoiced again."""

    cuenta_id: UUID
    actor: UUID | None = None
    factura_id: UUID


LISTAR_VENTAS = Rpc("facturacion", "listar_ventas_v1", ListarVentas, PaginaVentas)
REGISTRAR_FACTURA = Rpc("facturacion", "registrar_factura_v1", RegistrarFactura, Factura, cambia=True)
LISTAR_FACTURAS = Rpc("facturacion", "listar_facturas_v1", ListarFacturas, PaginaFacturas)
ANULAR_FACTURA = Rpc("facturacion", "anular_factura_v1", AnularFactura, Factura, cambia=True)
