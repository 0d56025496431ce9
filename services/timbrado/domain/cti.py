"""Rules of a CTI: what is known of one, its passwords, and its refusals in words."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shared.errors import Codigo, DomainError

#: Without look-alikes (0 O 1 l I), because people read passwords aloud over the phone.
_ALFABETO = "".join(c for c in string.ascii_letters + string.digits if c not in "0O1lI")
LARGO_CONTRASENA = 16


class TipoCti(StrEnum):
    """Kinds of CTI (manual: Tipos de CTI)."""

    ESTANDAR = "estandar"
    ILIMITADA = "ilimitada"


@dataclass(frozen=True, slots=True)
class CtiGuardada:
    """A CTI as the repository reads it. `libro_id` is its ledger account; `version` its credential's version.

    A process keeps one in memory for as long as its version lasts: whatever changes who may spend with it,
    or how, changes the version in the same transaction.
    """

    id: str
    nic: int
    cliente_id: UUID
    cuenta_id: UUID
    tipo: str
    libro_id: int
    hash_contrasena: str | None
    version: int
    bloqueada: bool
    hash_anterior: str | None = field(default=None, repr=False)
    """The password before the last one, good until `anterior_hasta`."""
    anterior_hasta: datetime | None = None
    rfcs: tuple[str, ...] = ()
    """Issuers that may be stamped with it; empty: any."""
    redes: tuple[str, ...] = ()
    """Addresses or networks (CIDR) that may use it; empty: any."""
    por_minuto: int | None = None
    """Stampings a minute; None: no limit."""
    rfc_contratado: str | None = None
    """Ilimitada restricted to one issuer; None: open."""
    vigente_hasta: datetime | None = None
    """Ilimitada: end of the paid year; None: never paid. An estándar has none."""


def generar_contrasena() -> str:
    """A random password of 16 characters, some 93 bits."""
    return "".join(secrets.choice(_ALFABETO) for _ in range(LARGO_CONTRASENA))


def credenciales_invalidas() -> DomainError:
    """The same answer for an unknown CTI and for a wrong password, so that ids can't be probed."""
    return DomainError(
        Codigo.CREDENCIALES_INVALIDAS,
        "La CTI o su contraseña no son correctas. Revíselas en su aplicación o restablezca la contraseña.",
    )


def cti_bloqueada() -> DomainError:
    """A blocked CTI spends nothing."""
    return DomainError(
        Codigo.CUENTA_BLOQUEADA,
        "La cuenta de timbrado está bloqueada. Pida a su distribuidor que la reactive.",
    )
