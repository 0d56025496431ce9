"""A CM's further year: what it costs, and what becomes of having asked for it (domain: Distributors)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.clientes.domain import vigencia
from services.clientes.domain.cuentas import CuentaGuardada, Estado
from services.clientes.domain.distribuidores import TRANSICIONES, Accion, Quien, fuera_de_estado
from shared.errors import Codigo, DomainError

#: A request that puntos has not answered by then is given up; a charge that comes later is refunded.
PLAZO_DE_COBRO = timedelta(hours=24)
#: What a charge of ours is called in puntos.
CONCEPTO = "renovacion"


class EstadoRenovacion(StrEnum):
    """Of a renewal: asked, paid and applied, refused (by puntos, or because the CM changed), or given up."""

    SOLICITADA = "solicitada"
    APLICADA = "aplicada"
    RECHAZADA = "rechazada"
    CADUCADA = "caducada"


@dataclass(frozen=True, kw_only=True)
class Capacidad:
    """An MKL contract of a CM; both days included. `precio_anual` in puntos."""

    mkl_id: UUID
    producto: str
    inicia_en: date
    vence_en: date
    precio_anual: Decimal


@dataclass(frozen=True, kw_only=True)
class Concepto:
    """One line of what a year costs: the yearly fee, an MKL; suscripciones when they come."""

    tipo: str
    descripcion: str
    importe: Decimal
    id: str | None = None


@dataclass(frozen=True, kw_only=True)
class RenovacionGuardada:
    """A renewal from the request on. `vencia_en`: the expiry when it was asked for; `vence_en`: the one it gave."""

    id: UUID
    cuenta_id: UUID
    paga_id: UUID
    quien: str
    actor: UUID | None
    conceptos: list[dict[str, Any]]
    total: Decimal
    estado: str
    motivo: str | None
    faltan: Decimal | None
    vencia_en: datetime
    vence_en: datetime | None
    solicitada_en: datetime
    caduca_en: datetime
    resuelta_en: datetime | None
    devolucion_en: datetime | None

    @property
    def sin_cobro(self) -> bool:
        """Whether puntos refused the charge: `motivo` and `faltan` then tell what is in the payer's wallet."""
        return self.estado == EstadoRenovacion.RECHAZADA and self.devolucion_en is None


def contratos_por_renovar(contratos: list[Capacidad], vence_en: datetime, ahora: datetime) -> list[Capacidad]:
    """Those that live as long as the CM does, or are in force today: contracts end with the CM, and go on with it.

    One that ended before is over, and is bought anew if wanted.
    """
    corte = min(vigencia.dia_en_mexico(vence_en), vigencia.dia_en_mexico(ahora))
    return sorted((x for x in contratos if x.vence_en >= corte), key=lambda x: (x.producto, x.mkl_id))


def conceptos(cuota: Decimal, contratos: list[Capacidad]) -> list[Concepto]:
    """The yearly fee, and each contract in full."""
    cuota_anual = Concepto(tipo="cuota", descripcion="Cuota anual de la Cuenta Maestra", importe=cuota)
    return [
        cuota_anual,
        *(
            Concepto(
                tipo="mkl", id=str(x.mkl_id), descripcion=f"MKL {x.producto}, un año", importe=x.precio_anual
            )
            for x in contratos
        ),
    ]


def total_de(lineas: list[Concepto]) -> Decimal:
    return sum((x.importe for x in lineas), Decimal("0.00"))


def exigir_renovable(cuenta: CuentaGuardada, ahora: datetime) -> datetime:
    """The present expiry of a CM that may be renewed. Raises `conflicto`: its state, or too long before."""
    if cuenta.es_raiz or cuenta.vence_en is None:
        if cuenta.es_raiz:
            raise DomainError(Codigo.CONFLICTO, "La cuenta raíz no vence: no necesita renovarse.")
        raise fuera_de_estado(Estado(cuenta.estado), Accion.RENOVAR)
    if Estado(cuenta.estado) not in TRANSICIONES[Accion.RENOVAR]:
        raise fuera_de_estado(Estado(cuenta.estado), Accion.RENOVAR)
    if vigencia.dias_restantes(cuenta.vence_en, ahora) > vigencia.DIAS_DE_ANTICIPACION:
        raise DomainError(
            Codigo.CONFLICTO,
            f"La cuenta ya está pagada hasta el {vigencia.en_palabras(cuenta.vence_en)}. Podrá renovarla cuando le quede"
            " un año o menos.",
            datos={"vence_en": cuenta.vence_en.isoformat()},
        )
    return cuenta.vence_en


def levanta_suspension(cuenta: CuentaGuardada, quien: Quien, pedida_en: datetime) -> bool:
    """Whether a paid year makes a suspended CM active again (manual: Renovar una cuenta).

    The parent lifts a suspension, and renewing is how it takes the CM back; the CM's own renewal lifts nothing. Nor
    does one that was asked for before the CM was suspended: what was suspended since stays so.
    """
    return cuenta.estado == Estado.SUSPENDIDO and quien is Quien.PADRE and cuenta.estado_desde <= pedida_en


def sin_cuota() -> DomainError:
    return DomainError(
        Codigo.CONFLICTO,
        "La cuota anual aún no tiene precio y no se puede renovar. Comuníquese con Induxsoft.",
    )


def total_cambiado(total: Decimal) -> DomainError:
    return DomainError(
        Codigo.CONFLICTO,
        f"El total cambió: ahora es de {total:,.2f} puntos. Revise la cotización y confirme de nuevo.",
        datos={"total": str(total)},
    )


def en_proceso() -> DomainError:
    return DomainError(
        Codigo.CONFLICTO,
        "Ya hay una renovación de esta cuenta en proceso de cobro. Espere su resultado.",
    )
