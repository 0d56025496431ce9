"""Rules of a CTI: what is known of one, its passwords, and its refusals in words."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shared.errors import Codigo, DomainError, campo_invalido

#: Without look-alikes (0 O 1 l I), because people read passwords aloud over the phone.
_ALFABETO = "".join(c for c in string.ascii_letters + string.digits if c not in "0O1lI")
LARGO_CONTRASENA = 16
#: 32 characters of 57: 186 bits, so that a fast hash of a key can't be guessed.
LARGO_LLAVE = 32
_LLAVE = re.compile(rf"cmk_[{_ALFABETO}]{{{LARGO_LLAVE}}}")
#: Keys that a CTI may have at a time.
LLAVES_MAXIMAS = 20
_ID = re.compile(r"[A-Za-z0-9._@-]{3,64}")
#: Ids that we assign: a cliente's first CTI (chosen by clientes from its NIC) and those that follow it.
_ID_ASIGNADO = re.compile(r"CTI\d+(-\d+)?", re.IGNORECASE)


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
    llaves: tuple[tuple[UUID, bytes], ...] = field(default=(), repr=False)
    """Live keys: id and SHA-256."""


@dataclass(frozen=True, slots=True)
class Contrasena:
    """A password to set, hashed before the transaction begins. `generada`: shown once to whoever asked."""

    texto: str = field(repr=False)
    hash: str = field(repr=False)
    generada: bool

    @property
    def revelada(self) -> str | None:
        """What is shown: a generated one. Who chose its own knows it."""
        return self.texto if self.generada else None


def generar_contrasena() -> str:
    """A random password of 16 characters, some 93 bits."""
    return "".join(secrets.choice(_ALFABETO) for _ in range(LARGO_CONTRASENA))


def generar_llave() -> str:
    """A random key, `cmk_` and 32 characters."""
    return "cmk_" + "".join(secrets.choice(_ALFABETO) for _ in range(LARGO_LLAVE))


def es_llave(texto: str) -> bool:
    """Whether a password has the form of a key; no password may have it."""
    return _LLAVE.fullmatch(texto) is not None


def huella_de_llave(llave: str) -> bytes:
    """What is stored of a key. SHA-256 suffices: a key is random and long, a password is neither."""
    return hashlib.sha256(llave.encode()).digest()


def revisar_contrasena(contrasena: str) -> str:
    """A password that a person chose. Raises `datos_invalidos` for the form that only keys have."""
    if es_llave(contrasena):
        raise campo_invalido("contrasena", "Esa es la forma de las llaves de acceso. Elija otra contraseña.")
    return contrasena


def es_id(texto: str) -> bool:
    """Whether a text can be the id of a CTI: 3 to 64 letters without accents, digits and `. _ @ -`."""
    return _ID.fullmatch(texto) is not None


def revisar_id(texto: str) -> str:
    """An id that a person chose. Raises `datos_invalidos` for a bad form and for the ids that we assign."""
    if not es_id(texto):
        raise campo_invalido("id", "Use de 3 a 64 letras sin acentos, números o los signos . _ @ -")
    if _ID_ASIGNADO.fullmatch(texto):
        # A later cliente's first CTI would find its id taken.
        raise campo_invalido(
            "id",
            "Los ids de la forma CTI y número los asigna el sistema. Elija otro, o déjelo vacío para que se asigne.",
        )
    return texto


def id_asignado(nic: int, numero: int | None = None) -> str:
    """Id of a cliente's further CTI: as the first one, `CTI0001001`, and a number: `CTI0001001-2` …

    Without a number: how they all begin.
    """
    return f"CTI{nic:07d}-{'' if numero is None else numero}"


def credenciales_invalidas() -> DomainError:
    """The same answer for an unknown CTI and for a wrong password; not in the same time (`credenciales.py` says why)."""
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
