"""Conversion of a cliente into a distributor (manual: Convertir un cliente existente en distribuidor)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from shared.errors import Codigo, DomainError


@dataclass(frozen=True, kw_only=True)
class ConversionGuardada:
    """What the CM `cuenta_id` did, and what it alone had written of the cliente."""

    cliente_id: UUID
    nic: int
    cuenta_id: UUID
    distribuidor_id: UUID
    actor: UUID | None
    notas: str | None
    precio_especifico: Decimal | None
    en: datetime


@dataclass(frozen=True, kw_only=True)
class FilaConversion:
    """One line of a CM's list of conversions."""

    nic: int
    distribuidor_id: UUID
    nombre: str
    estado: str
    notas: str | None
    precio_especifico: Decimal | None
    en: datetime


def confirmacion_requerida() -> DomainError:
    return DomainError(
        Codigo.CONFIRMACION_REQUERIDA,
        "La conversión es irreversible: el cliente sale de su cartera y administrará su propia Cuenta Maestra."
        " Revise los datos y envíe confirmar: true.",
        errores={"confirmar": ["Envíe true para confirmar."]},
    )


def ya_es_distribuidor() -> DomainError:
    return DomainError(
        Codigo.CONFLICTO,
        "Este cliente es la propia Cuenta Maestra, que ya es distribuidor, y no se puede convertir de nuevo.",
    )


def cambio_mientras() -> DomainError:
    return DomainError(
        Codigo.CONFLICTO, "Otra persona cambió a este cliente mientras lo convertía. Consúltelo y repita."
    )
