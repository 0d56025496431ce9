"""Automatic sale of timbres to CTI estándar: standing orders, one and many, and their lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc, Vacio

_CANTIDAD = validate.Range(min=1, max=100_000_000, error="Escriba de 1 a 100,000,000 timbres.")
_LIMITE = validate.Range(min=1, max=200)


@dataclass(frozen=True, kw_only=True)
class PonerVentaAutomatica(PeticionConClave):
    """Sell `abonar` timbres for `importe` MXN whenever the balance falls below `minimo`; at most `tope_mensual`
    timbres per month of central Mexico. Replaces the earlier order; what was sold this month still counts."""

    cuenta_id: UUID
    cti: str
    minimo: int = field(metadata={"validate": _CANTIDAD})
    abonar: int = field(metadata={"validate": _CANTIDAD})
    importe: Decimal
    tope_mensual: int | None = field(default=None, metadata={"validate": _CANTIDAD})
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class QuitarVentaAutomatica(PeticionConClave):
    """End a CTI's automatic sale. One that has none stays so."""

    cuenta_id: UUID
    cti: str
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class ObtenerVentaAutomatica:
    cuenta_id: UUID
    cti: str


@dataclass(frozen=True, kw_only=True)
class VentaAutomatica:
    """A standing order. `estado`: activa, sin_existencia (waits for the CM's stock), tope_alcanzado (waits for the
    next month), cuenta_no_activa (waits for the CM to be active) or cti_bloqueada. `vendido_en_el_mes` timbres for
    `importe_del_mes` MXN."""

    cti: str
    nic: int
    minimo: int
    abonar: int
    importe: Decimal
    tope_mensual: int | None = None
    estado: str
    saldo: int
    vendido_en_el_mes: int
    importe_del_mes: Decimal
    ultima_venta: datetime | None = None
    ultima_cantidad: int | None = None
    ultima_operacion: UUID | None = None
    creada_en: datetime
    actualizada_en: datetime


@dataclass(frozen=True, kw_only=True)
class PonerVentasAutomaticas(PeticionConClave):
    """The same order for up to 1,000 CTI. Each gets its own result; those that can't have one change nothing."""

    cuenta_id: UUID
    ctis: list[str]
    minimo: int = field(metadata={"validate": _CANTIDAD})
    abonar: int = field(metadata={"validate": _CANTIDAD})
    importe: Decimal
    tope_mensual: int | None = field(default=None, metadata={"validate": _CANTIDAD})
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class SimularVentasAutomaticas:
    """What the same request would do, without doing it."""

    cuenta_id: UUID
    ctis: list[str]
    minimo: int = field(metadata={"validate": _CANTIDAD})
    abonar: int = field(metadata={"validate": _CANTIDAD})
    importe: Decimal
    tope_mensual: int | None = field(default=None, metadata={"validate": _CANTIDAD})


@dataclass(frozen=True, kw_only=True)
class ResultadoDeVentaAutomatica:
    """`resultado`: aplicada, simulada or rechazada (then `error` and `detalle` say why). `vende_ahora`: timbres that
    the present balance calls for; `al_mes`: in 30 days at the consumption of the last four weeks."""

    cti: str
    resultado: str
    error: str | None = None
    detalle: str | None = None
    saldo: int | None = None
    vende_ahora: int = 0
    al_mes: int = 0


@dataclass(frozen=True, kw_only=True)
class VentasAutomaticasPuestas:
    """One result per CTI, in the order of the request, and their totals: timbres, and MXN. `faltan`: how many timbres
    the stock lacks for the sales of now."""

    simulado: bool
    resultados: list[ResultadoDeVentaAutomatica]
    validas: int
    rechazadas: int
    existencia: int
    vende_ahora: int
    importe_ahora: Decimal
    faltan: int
    al_mes: int
    importe_al_mes: Decimal


@dataclass(frozen=True, kw_only=True)
class ListarVentasAutomaticas:
    """Standing orders of a CM by CTI."""

    cuenta_id: UUID
    limite: int = field(default=50, metadata={"validate": _LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaVentasAutomaticas:
    datos: list[VentaAutomatica]
    siguiente: str | None = None


PONER_VENTA_AUTOMATICA = Rpc(
    "timbrado", "poner_venta_automatica_v1", PonerVentaAutomatica, VentaAutomatica, cambia=True
)
QUITAR_VENTA_AUTOMATICA = Rpc(
    "timbrado", "quitar_venta_automatica_v1", QuitarVentaAutomatica, Vacio, cambia=True
)
OBTENER_VENTA_AUTOMATICA = Rpc(
    "timbrado", "obtener_venta_automatica_v1", ObtenerVentaAutomatica, VentaAutomatica
)
PONER_VENTAS_AUTOMATICAS = Rpc(
    "timbrado", "poner_ventas_automaticas_v1", PonerVentasAutomaticas, VentasAutomaticasPuestas, cambia=True,
    plazo=10.0,
)  # fmt: skip
SIMULAR_VENTAS_AUTOMATICAS = Rpc(
    "timbrado",
    "simular_ventas_automaticas_v1",
    SimularVentasAutomaticas,
    VentasAutomaticasPuestas,
    plazo=10.0,
)
LISTAR_VENTAS_AUTOMATICAS = Rpc(
    "timbrado", "listar_ventas_automaticas_v1", ListarVentasAutomaticas, PaginaVentasAutomaticas
)
