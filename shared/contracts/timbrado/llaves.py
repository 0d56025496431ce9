"""Generated keys of a CTI, used in the place of its password; and its limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc
from shared.contracts.timbrado.ctis import SIN_NULOS

_NOMBRE = validate.And(
    SIN_NULOS, validate.Length(min=1, max=100, error="El nombre debe tener de 1 a 100 caracteres.")
)


@dataclass(frozen=True, kw_only=True)
class Llave:
    """A key, without itself: `termina_en` are its last characters; `usada_el`: its last day of use."""

    id: UUID
    nombre: str
    termina_en: str
    creada_en: datetime
    usada_el: date | None = None
    revocada_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class CrearLlave(PeticionConClave):
    """A further credential of a CTI, named after the application that will use it."""

    cuenta_id: UUID
    cti: str
    nombre: str = field(metadata={"validate": _NOMBRE})
    actor: str = ""
    origen_ip: str = ""


@dataclass(frozen=True, kw_only=True)
class LlaveCreada:
    """`llave` is shown once: null on a replay."""

    id: UUID
    nombre: str
    termina_en: str
    llave: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class ListarLlaves:
    """Keys of a CTI, newest first; revoked ones too."""

    cuenta_id: UUID
    cti: str
    limite: int = field(default=50, metadata={"validate": validate.Range(min=1, max=200)})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaLlaves:
    datos: list[Llave]
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class RevocarLlave(PeticionConClave):
    """No debit with this key begins after this is answered."""

    cuenta_id: UUID
    cti: str
    llave_id: UUID
    actor: str = ""
    origen_ip: str = ""


@dataclass(frozen=True, kw_only=True)
class Limites:
    """What a CTI may be used for. Null or empty: no limit.

    `por_minuto`: stampings in any 60 s. `rfcs`: issuers. `redes`: addresses or networks (CIDR) of the
    applications. `tope_por_hora`: stampings in an hour past which the guard freezes the CTI.
    """

    por_minuto: int | None = None
    rfcs: list[str] = field(default_factory=list)
    redes: list[str] = field(default_factory=list)
    tope_por_hora: int | None = None


@dataclass(frozen=True, kw_only=True)
class ConsultarLimites:
    cuenta_id: UUID
    cti: str


@dataclass(frozen=True, kw_only=True)
class PonerLimites(PeticionConClave):
    """Replace all limits of a CTI at once."""

    cuenta_id: UUID
    cti: str
    por_minuto: int | None = field(
        default=None,
        metadata={
            "validate": validate.Range(
                min=1, max=100_000, error="El límite debe ser de 1 a 100,000 timbrados por minuto."
            )
        },
    )
    rfcs: list[str] = field(
        default_factory=list,
        metadata={"validate": validate.Length(max=100, error="Indique a lo más 100 RFC.")},
    )
    redes: list[str] = field(
        default_factory=list,
        metadata={"validate": validate.Length(max=100, error="Indique a lo más 100 direcciones o redes.")},
    )
    tope_por_hora: int | None = field(
        default=None,
        metadata={
            "validate": validate.Range(
                min=1, max=100_000_000, error="El tope debe ser de 1 a 100,000,000 timbrados por hora."
            )
        },
    )
    actor: str = ""
    origen_ip: str = ""


CREAR_LLAVE = Rpc(
    "timbrado", "crear_llave_v1", CrearLlave, LlaveCreada, cambia=True, secretos=frozenset({"llave"})
)
LISTAR_LLAVES = Rpc("timbrado", "listar_llaves_v1", ListarLlaves, PaginaLlaves)
REVOCAR_LLAVE = Rpc("timbrado", "revocar_llave_v1", RevocarLlave, Llave, cambia=True)
CONSULTAR_LIMITES = Rpc("timbrado", "consultar_limites_v1", ConsultarLimites, Limites)
PONER_LIMITES = Rpc("timbrado", "poner_limites_v1", PonerLimites, Limites, cambia=True)
