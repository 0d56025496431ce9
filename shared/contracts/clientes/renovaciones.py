"""RPC of clientes: paying a CM's further year, with everything that it has contracted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from shared.contracts.base import PeticionConClave, Rpc, Vacio
from shared.contracts.clientes.campos import LIMITE


@dataclass(frozen=True, kw_only=True)
class ConceptoDeRenovacion:
    """`tipo`: cuota or mkl (more may come); `importe` in puntos."""

    tipo: str
    id: str | None = None
    descripcion: str
    importe: Decimal


@dataclass(frozen=True, kw_only=True)
class CotizarRenovacion:
    """What a further year of `renovada_id` costs, asked by itself or by its parent `cuenta_id`."""

    cuenta_id: UUID
    renovada_id: UUID


@dataclass(frozen=True, kw_only=True)
class CotizacionDeRenovacion:
    """`vence_en` as it is, `vencera_en` as it would be. Total in puntos."""

    cuenta_id: UUID
    nombre: str
    conceptos: list[ConceptoDeRenovacion] = field(default_factory=list)
    total: Decimal
    vence_en: datetime
    vencera_en: datetime


@dataclass(frozen=True, kw_only=True)
class RenovarCuenta(PeticionConClave):
    """Ask for a further year of `renovada_id`, paid by `cuenta_id`. `total` is the one that was seen: another one now
    is a conflict."""

    cuenta_id: UUID
    renovada_id: UUID
    actor: UUID | None = None
    total: Decimal


@dataclass(frozen=True, kw_only=True)
class Renovacion:
    """`estado`: solicitada until it is charged; then aplicada, or rechazada or caducada with a `motivo`.

    `faltan`: the puntos that lacked. `vencia_en`: the expiry before; `vence_en`: the new one, once applied.
    """

    id: UUID
    cuenta_id: UUID
    paga_id: UUID
    quien: str
    conceptos: list[ConceptoDeRenovacion] = field(default_factory=list)
    total: Decimal
    estado: str
    motivo: str | None = None
    faltan: Decimal | None = None
    vencia_en: datetime
    vence_en: datetime | None = None
    solicitada_en: datetime
    resuelta_en: datetime | None = None
    devolucion_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ListarRenovaciones:
    """Renewals of the CM, the newest first."""

    cuenta_id: UUID
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaRenovaciones:
    """One page; `siguiente` is the cursor of the next, null on the last."""

    datos: list[Renovacion] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class PonerCuotaAnual(PeticionConClave):
    """What a year of a CM costs from now on, in puntos; what was asked for before keeps its price."""

    actor: UUID | None = None
    cuota: Decimal


@dataclass(frozen=True, kw_only=True)
class CuotaAnual:
    """`cuota` is null while nobody has set it: nothing can be renewed."""

    cuota: Decimal | None = None
    desde: datetime | None = None


_PADRE = "a parent pays for its sub-distributor"
COTIZAR_RENOVACION = Rpc(
    "clientes", "cotizar_renovacion_v1", CotizarRenovacion, CotizacionDeRenovacion, sin_aislar=_PADRE
)
RENOVAR_CUENTA = Rpc(
    "clientes", "renovar_cuenta_v1", RenovarCuenta, Renovacion, cambia=True, sin_aislar=_PADRE
)
LISTAR_RENOVACIONES = Rpc("clientes", "listar_renovaciones_v1", ListarRenovaciones, PaginaRenovaciones)
PONER_CUOTA_ANUAL = Rpc("clientes", "poner_cuota_anual_v1", PonerCuotaAnual, CuotaAnual, cambia=True)
CONSULTAR_CUOTA_ANUAL = Rpc("clientes", "consultar_cuota_anual_v1", Vacio, CuotaAnual)
