"""CTI: lists, block, passwords."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc

CONTRASENA = validate.Length(min=8, max=128, error="La contraseña debe tener de 8 a 128 caracteres.")
LIMITE = validate.Range(min=1, max=200)


@dataclass(frozen=True, kw_only=True)
class Cti:
    """A cuenta de timbrado. `disponible` = balance less holds; `con_contrasena`: it can stamp."""

    id: str
    nic: int
    cuenta_id: UUID
    cliente_id: UUID
    tipo: str
    activa: bool
    motivo_bloqueo: str | None = None
    saldo: int
    disponible: int
    con_contrasena: bool
    creada_en: datetime


@dataclass(frozen=True, kw_only=True)
class CtiConContrasena:
    """A CTI's id and its generated password, shown once: null on a replay or when it was delivered before."""

    id: str
    contrasena: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class EntregarCtiInicial(PeticionConClave):
    """Make sure that a new cliente's first CTI exists, and deliver its generated password once."""

    cuenta_id: UUID
    cliente_id: UUID
    nic: int
    cti: str
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class ListarCtis:
    """CTIs of a CM, optionally of one cliente, by id."""

    cuenta_id: UUID
    nic: int | None = None
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaCtis:
    datos: list[Cti]
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class ObtenerCti:
    cuenta_id: UUID
    cti: str


@dataclass(frozen=True, kw_only=True)
class BloquearCti(PeticionConClave):
    """Block (`bloqueada`) or reactivate a CTI. No debit begins after this is answered."""

    cuenta_id: UUID
    cti: str
    bloqueada: bool
    motivo: str | None = field(default=None, metadata={"validate": validate.Length(max=500)})
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class RestablecerContrasena(PeticionConClave):
    """Set a CTI's password, or have one generated when `contrasena` is null."""

    # The password stays out of the stored hash of the request: a fast hash of it could be guessed.
    NO_HASH: ClassVar[frozenset[str]] = PeticionConClave.NO_HASH | {"contrasena"}

    cuenta_id: UUID
    cti: str
    contrasena: str | None = field(default=None, metadata={"validate": CONTRASENA}, repr=False)
    actor: str = ""


ENTREGAR_CTI_INICIAL = Rpc(
    "timbrado", "entregar_cti_inicial_v1", EntregarCtiInicial, CtiConContrasena, cambia=True,
    secretos=frozenset({"contrasena"}),
)  # fmt: skip
LISTAR_CTIS = Rpc("timbrado", "listar_ctis_v1", ListarCtis, PaginaCtis)
OBTENER_CTI = Rpc("timbrado", "obtener_cti_v1", ObtenerCti, Cti)
BLOQUEAR_CTI = Rpc("timbrado", "bloquear_cti_v1", BloquearCti, Cti, cambia=True)
RESTABLECER_CONTRASENA = Rpc(
    "timbrado", "restablecer_contrasena_v1", RestablecerContrasena, CtiConContrasena, cambia=True,
    secretos=frozenset({"contrasena"}),
)  # fmt: skip
