"""Conversion of a cliente into a distributor (manual: Convertir un cliente existente en distribuidor)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from shared.errors import Codigo, DomainError, campo_invalido


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


def controla_a_otros(propios: list[int]) -> DomainError:
    """Its perfil principal could never confirm: it would be on both sides. `propios`: NICs of the CM that asks.

    Of clientes of other CMs nothing is told, nor whether there are any: what to do is the same.
    """
    suyos = f" (también lo es de: {', '.join(f'NIC {nic}' for nic in propios[:5])})" if propios else ""
    return DomainError(
        Codigo.CONFLICTO,
        f"El perfil principal de este cliente{suyos} no puede ser el titular de una Cuenta Maestra, porque un perfil no"
        " administra una y controla a la vez cuentas de clientes. Quítele el perfil principal a este cliente y"
        " conviértalo con el correo y el móvil de otro perfil de su dueño, o pida al dueño que deje los demás clientes.",
        datos={"nics": propios[:5]} if propios else {},
    )


def correo_de_quien_controla(propios: list[int]) -> DomainError:
    """The correo that was written is of the perfil principal of further clientes of the CM, which it knows."""
    return campo_invalido(
        "correo",
        "Ese correo es del perfil principal de"
        f" {', '.join(f'NIC {nic}' for nic in propios[:5])}, que no puede ser el titular de una Cuenta Maestra. Escriba"
        " otro correo de quien lo será, o quíteles antes el perfil principal.",
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
