"""Rules of timbrado that need neither database nor bus: ids, passwords, refusals in words."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from uuid import UUID

from shared.errors import Codigo, DomainError

#: Without look-alikes (0 O 1 l I), because people read passwords aloud over the phone.
_ALFABETO = "".join(c for c in string.ascii_letters + string.digits if c not in "0O1lI")
LARGO_CONTRASENA = 16
IDD_MAXIMO = 100


@dataclass(frozen=True, slots=True)
class CtiGuardada:
    """A CTI as the repository reads it. `libro_id` is its ledger account; `version` its credential's version."""

    id: str
    nic: int
    cliente_id: UUID
    cuenta_id: UUID
    tipo: str
    libro_id: int
    hash_contrasena: str | None
    version: int
    bloqueada: bool


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


def sin_timbres() -> DomainError:
    """No balance left."""
    return DomainError(
        Codigo.SALDO_INSUFICIENTE,
        "La cuenta de timbrado no tiene timbres disponibles. Compre o pida timbres a su distribuidor.",
    )


def pendiente() -> DomainError:
    """The PAC has not said what became of it; a repeat of the same CFDI gets the answer, at no further charge."""
    return DomainError(
        Codigo.PENDIENTE,
        "El timbrado está en proceso: el PAC aún no confirma. Envíe de nuevo el mismo CFDI en unos segundos;"
        " no se cobrará dos veces.",
        datos={"reintentar_en": 3},
    )


def idd_reutilizado() -> DomainError:
    """The caller's own document id was used for other content."""
    return DomainError(
        Codigo.CLAVE_REUTILIZADA,
        "El idd ya se usó con otro comprobante. Use un idd distinto para cada CFDI.",
    )
