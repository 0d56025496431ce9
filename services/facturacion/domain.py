"""Rules of facturacion, in plain Python: what can be put on an invoice, and how lists are paged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from shared.errors import Codigo, DomainError, campo_invalido, no_encontrado

MAX_VENTAS = 1_000
MAX_REFERENCIA = 100


class TipoVenta(StrEnum):
    """What was sold."""

    TIMBRES = "timbres"
    PUNTOS = "puntos"


class EstadoVenta(StrEnum):
    """Waits in operaciones por facturar, or is on an invoice."""

    POR_FACTURAR = "por_facturar"
    FACTURADA = "facturada"


class EstadoFactura(StrEnum):
    """An annulled registration never comes back."""

    VIGENTE = "vigente"
    ANULADA = "anulada"


@dataclass(frozen=True, slots=True, kw_only=True)
class Venta:
    """What a CM did for a cliente; `id` is the id of the transfer that made it."""

    id: UUID
    tipo: TipoVenta
    origen: str
    cuenta_id: UUID
    cliente_id: UUID
    nic: int
    cliente: str | None = None
    cantidad: Decimal
    importe: Decimal
    factura_id: UUID | None = None
    en: datetime

    @property
    def estado(self) -> EstadoVenta:
        """On an invoice, or waiting for one."""
        return EstadoVenta.POR_FACTURAR if self.factura_id is None else EstadoVenta.FACTURADA


@dataclass(frozen=True, slots=True, kw_only=True)
class LoteDeVentas:
    """Ventas that a CM made together, as columns: each the text of its values joined by commas, as they came."""

    tipo: TipoVenta
    origen: str
    cuenta_id: UUID
    en: datetime
    ids: str
    clientes: str
    nics: str
    cantidades: str
    importes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Factura:
    """An invoice that a CM registered; `ventas` is what it covered when it was registered."""

    id: UUID
    cuenta_id: UUID
    cliente_id: UUID
    nic: int
    cliente: str | None = None
    referencia: str
    importe: Decimal
    ventas: tuple[UUID, ...]
    en: datetime
    anulada_en: datetime | None = None

    @property
    def estado(self) -> EstadoFactura:
        """Standing, or annulled."""
        return EstadoFactura.VIGENTE if self.anulada_en is None else EstadoFactura.ANULADA


@dataclass(frozen=True, slots=True, kw_only=True)
class Cliente:
    """Projection of clientes: the name to show beside a NIC."""

    cliente_id: UUID
    cuenta_id: UUID
    nic: int
    nombre: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuenta:
    """Projection of clientes: a CM, the issuer of ventas."""

    cuenta_id: UUID
    padre_id: UUID | None
    nombre: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FiltroVentas:
    """Which ventas of a CM to list; None: any."""

    cuenta_id: UUID
    estado: EstadoVenta | None = None
    origen: str | None = None
    tipo: TipoVenta | None = None
    nic: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FiltroFacturas:
    """Which invoices of a CM to list; None: any."""

    cuenta_id: UUID
    estado: EstadoFactura | None = None
    nic: int | None = None


def emitir(
    *,
    id: UUID,
    cuenta_id: UUID,
    nic: int,
    referencia: str,
    pedidas: Sequence[UUID],
    ventas: Iterable[Venta],
    en: datetime,
) -> Factura:
    """The invoice for `pedidas`, given the `ventas` of this CM that were found among them.

    Raises `datos_invalidos` (nothing asked, another cliente's venta), `no_encontrado` (a venta that is not
    this CM's) or `conflicto` (a venta that is already on an invoice).
    """
    halladas = {v.id: v for v in ventas}
    if any(i not in halladas for i in pedidas):
        raise no_encontrado("alguna de las ventas indicadas")
    elegidas = [halladas[i] for i in pedidas]
    if any(v.nic != nic for v in elegidas):
        raise campo_invalido(
            "ventas", "Una factura lleva ventas de un solo cliente. Quite las de otros clientes."
        )
    ocupadas = [str(v.id) for v in elegidas if v.factura_id is not None]
    if ocupadas:
        raise DomainError(
            Codigo.CONFLICTO,
            "Alguna de las ventas ya está en otra factura. Quítela o anule antes esa factura.",
            datos={"ventas": ocupadas},
        )
    return Factura(
        id=id,
        cuenta_id=cuenta_id,
        cliente_id=elegidas[0].cliente_id,
        nic=nic,
        cliente=elegidas[0].cliente,
        referencia=referencia,
        importe=sum((v.importe for v in elegidas), Decimal("0.00")),
        ventas=tuple(pedidas),
        en=en,
    )


def ventas_pedidas(ventas: Sequence[UUID]) -> list[UUID]:
    """The ventas to invoice, each once. Raises `datos_invalidos` for none or too many."""
    unicas = list(dict.fromkeys(ventas))
    if not unicas:
        raise campo_invalido("ventas", "Elija al menos una venta para la factura.")
    if len(unicas) > MAX_VENTAS:
        raise campo_invalido("ventas", f"Una factura admite {MAX_VENTAS} ventas como máximo.")
    return unicas


def referencia_valida(texto: str) -> str:
    """The reference without surrounding spaces. Raises `datos_invalidos`."""
    limpia = " ".join(texto.split())
    if not limpia or not limpia.isprintable():
        raise campo_invalido("referencia", "Escriba la referencia de la factura, por ejemplo su folio.")
    if len(limpia) > MAX_REFERENCIA:
        raise campo_invalido("referencia", f"La referencia admite {MAX_REFERENCIA} caracteres como máximo.")
    return limpia


def tipo_valido(texto: str | None) -> TipoVenta | None:
    """Filter `tipo`. Raises `datos_invalidos`."""
    try:
        return None if texto is None else TipoVenta(texto)
    except ValueError:
        raise campo_invalido("tipo", "El tipo debe ser timbres o puntos.") from None


def estado_de_venta(texto: str | None) -> EstadoVenta | None:
    """Filter `estado` of ventas. Raises `datos_invalidos`."""
    try:
        return None if texto is None else EstadoVenta(texto)
    except ValueError:
        raise campo_invalido("estado", "El estado debe ser por_facturar o facturada.") from None


def estado_de_factura(texto: str | None) -> EstadoFactura | None:
    """Filter `estado` of invoices. Raises `datos_invalidos`."""
    try:
        return None if texto is None else EstadoFactura(texto)
    except ValueError:
        raise campo_invalido("estado", "El estado debe ser vigente o anulada.") from None
