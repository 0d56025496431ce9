"""Cuentas maestras: their states and the roles of those who administer them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shared.errors import Codigo, DomainError


class Estado(StrEnum):
    """States of a cuenta maestra."""

    SIN_VALIDAR = "sin_validar"
    SIN_ACTIVAR = "sin_activar"
    ACTIVO = "activo"
    SUSPENDIDO = "suspendido"
    VENCIDO = "vencido"
    CANCELADO = "cancelado"


class Rol(StrEnum):
    """What a perfil may do in a CM."""

    TITULAR = "titular"
    ADMINISTRADOR = "administrador"
    OPERADOR = "operador"
    LECTURA = "lectura"


@dataclass(frozen=True, kw_only=True)
class CuentaGuardada:
    cuenta_id: UUID
    padre_id: UUID | None
    nombre: str
    rfc: str | None
    estado: str
    vence_en: datetime | None
    creado_en: datetime

    @property
    def es_raiz(self) -> bool:
        return self.padre_id is None


@dataclass(frozen=True, kw_only=True)
class Administra:
    """A CM that a perfil administers, and as what."""

    cuenta_id: UUID
    nombre: str
    rol: str
    estado: str
    es_raiz: bool


def un_anio_despues(fecha: datetime) -> datetime:
    """The same day a year later; February 29 becomes 28."""
    try:
        return fecha.replace(year=fecha.year + 1)
    except ValueError:
        return fecha.replace(year=fecha.year + 1, day=28)


def exigir_activa(cuenta: CuentaGuardada) -> None:
    """Only an active CM may change things; the others read and renew."""
    if cuenta.estado != Estado.ACTIVO:
        raise DomainError(
            Codigo.CUENTA_BLOQUEADA,
            f"La Cuenta Maestra está en estado «{cuenta.estado}» y sólo permite consultar. "
            "Renuévela o pida a su distribuidor que la reactive.",
            datos={"estado": str(cuenta.estado)},
        )
