"""Cuentas maestras: their states and the roles of those who administer them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from shared.errors import Codigo, DomainError

#: Stands for the time of what is older than its column.
NUNCA = datetime(2000, 1, 1, tzinfo=UTC)


class Estado(StrEnum):
    """States of a cuenta maestra."""

    SIN_VALIDAR = "sin_validar"
    SIN_ACTIVAR = "sin_activar"
    ACTIVO = "activo"
    SUSPENDIDO = "suspendido"
    VENCIDO = "vencido"
    CANCELADO = "cancelado"
    ELIMINADO = "eliminado"


class Rol(StrEnum):
    """What a perfil may do in a CM."""

    TITULAR = "titular"
    ADMINISTRADOR = "administrador"
    OPERADOR = "operador"
    CONSULTA = "consulta"


@dataclass(frozen=True, kw_only=True)
class CuentaGuardada:
    cuenta_id: UUID
    padre_id: UUID | None
    nombre: str
    rfc: str | None
    estado: str
    vence_en: datetime | None
    creado_en: datetime
    #: Grows with each change, so that those who are told of it can tell an old word from a new one.
    version: int = 1
    estado_desde: datetime = NUNCA
    #: What the parent wrote of the distributor at its alta.
    correo: str | None = None
    movil: str | None = None
    titular_nombre: str | None = None
    origen: str = "interna"
    #: While sin_validar: until when it can be confirmed.
    confirmar_antes_de: datetime | None = None
    #: While activo: when the next notice of its expiry is due.
    proximo_aviso: datetime | None = None

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


def exigir_activa(cuenta: CuentaGuardada) -> None:
    """Only an active CM may change things; the others read and renew."""
    if cuenta.estado != Estado.ACTIVO:
        raise DomainError(
            Codigo.CUENTA_BLOQUEADA,
            f"La Cuenta Maestra está en estado «{cuenta.estado}» y sólo permite consultar. "
            "Renuévela o pida a su distribuidor que la reactive.",
            datos={"estado": str(cuenta.estado)},
        )
