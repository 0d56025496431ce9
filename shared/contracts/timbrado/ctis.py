"""CTI: creation, lists, block, passwords, and the logbook of what was done to one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc

CONTRASENA = validate.Length(min=8, max=128, error="La contraseña debe tener de 8 a 128 caracteres.")
LIMITE = validate.Range(min=1, max=200)
#: Text that PostgreSQL and UTF-8 can hold.
SIN_NULOS = validate.Regexp(r"[^\x00\ud800-\udfff]*\Z", error="El texto tiene caracteres que no se admiten.")
MOTIVO_DE_BLOQUEO = validate.And(
    SIN_NULOS, validate.Length(max=500, error="El motivo debe tener a lo más 500 caracteres.")
)
CONTRASENA_TEXTO = validate.And(SIN_NULOS, CONTRASENA)
TRASLAPE = validate.Range(min=0, max=168, error="El traslape debe ser de 0 a 168 horas.")
ORDENES = ("id", "saldo", "-saldo")
#: Clientes whose CTI one list is of.
NICS_MAXIMOS = 1_000


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
    anterior_hasta: datetime | None = None
    """Until when the earlier password still works; null when only the present one does."""
    rfc_contratado: str | None = None
    vigente_hasta: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class CtiConContrasena:
    """A CTI's id and its generated password, shown once: null on a replay or when it was delivered before."""

    id: str
    contrasena: str | None = field(default=None, repr=False)
    anterior_hasta: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class CrearCti(PeticionConClave):
    """A further CTI of a cliente (manual: Crear Cuentas de Timbrado adicionales).

    `id` null: one is assigned. `contrasena` null: one is generated and shown once. An ilimitada is unpaid: it can't
    stamp until its year is paid.
    """

    NO_HASH: ClassVar[frozenset[str]] = PeticionConClave.NO_HASH | {"contrasena"}

    cuenta_id: UUID
    nic: int
    tipo: str = field(
        metadata={
            "validate": validate.OneOf(("estandar", "ilimitada"), error="El tipo es estandar o ilimitada.")
        }
    )
    id: str | None = field(
        default=None, metadata={"validate": validate.Length(max=64, error="El id tiene a lo más 64.")}
    )
    contrasena: str | None = field(default=None, metadata={"validate": CONTRASENA_TEXTO}, repr=False)
    actor: str = ""
    origen_ip: str = ""


@dataclass(frozen=True, kw_only=True)
class CtiCreada:
    """`contrasena`: the generated one, shown once; null when it was chosen, or on a replay."""

    id: str
    nic: int
    tipo: str
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
    """CTIs of a CM, optionally of one cliente or of some, by id or by balance (`-saldo`: the largest first).

    `saldo_menor_que`: estándar with a lower balance, since an ilimitada has none. `texto`: how the id begins.
    Balances move while one pages by them: a CTI may be seen twice or not at all.
    """

    cuenta_id: UUID
    nic: int | None = None
    nics: list[int] | None = field(default=None, metadata={"validate": validate.Length(max=NICS_MAXIMOS)})
    tipo: str | None = field(
        default=None,
        metadata={
            "validate": validate.OneOf(("estandar", "ilimitada"), error="El tipo es estandar o ilimitada.")
        },
    )
    activa: bool | None = None
    saldo_menor_que: int | None = field(
        default=None,
        metadata={
            "validate": validate.Range(
                min=1, max=100_000_000_000, error="Escriba un saldo de 1 a 100,000,000,000."
            )
        },
    )
    texto: str | None = field(
        default=None,
        metadata={
            "validate": validate.Regexp(
                r"[A-Za-z0-9._@-]{1,64}\Z",
                error="Escriba el principio del id: letras, números o los signos . _ @ -",
            )
        },
    )
    orden: str = field(
        default="id",
        metadata={"validate": validate.OneOf(ORDENES, error="Ordene por id, saldo o -saldo.")},
    )
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
    motivo: str | None = field(default=None, metadata={"validate": MOTIVO_DE_BLOQUEO})
    actor: str = ""
    origen_ip: str = ""


@dataclass(frozen=True, kw_only=True)
class RestablecerContrasena(PeticionConClave):
    """Set a CTI's password, or have one generated when `contrasena` is null.

    The earlier one still works for `traslape_horas`, so that applications can be reconfigured one by one.
    """

    # The password stays out of the stored hash of the request: a fast hash of it could be guessed.
    NO_HASH: ClassVar[frozenset[str]] = PeticionConClave.NO_HASH | {"contrasena"}

    cuenta_id: UUID
    cti: str
    contrasena: str | None = field(default=None, metadata={"validate": CONTRASENA_TEXTO}, repr=False)
    traslape_horas: int = field(default=0, metadata={"validate": TRASLAPE})
    actor: str = ""
    origen_ip: str = ""


@dataclass(frozen=True, kw_only=True)
class Anotacion:
    """What was done to a CTI. `actor`: a perfil's id, or `guarda` or `sistema`; `detalle`: before and after."""

    id: int
    accion: str
    motivo: str
    detalle: dict[str, Any] = field(default_factory=dict)
    actor: str
    ip: str
    en: datetime


@dataclass(frozen=True, kw_only=True)
class ListarBitacora:
    """The logbook of a CTI, newest first."""

    cuenta_id: UUID
    cti: str
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaBitacora:
    datos: list[Anotacion]
    siguiente: str | None = None


ENTREGAR_CTI_INICIAL = Rpc(
    "timbrado", "entregar_cti_inicial_v1", EntregarCtiInicial, CtiConContrasena, cambia=True,
    secretos=frozenset({"contrasena"}),
)  # fmt: skip
CREAR_CTI = Rpc(
    "timbrado", "crear_cti_v1", CrearCti, CtiCreada, cambia=True, secretos=frozenset({"contrasena"})
)  # fmt: skip
LISTAR_BITACORA = Rpc("timbrado", "listar_bitacora_v1", ListarBitacora, PaginaBitacora)
LISTAR_CTIS = Rpc("timbrado", "listar_ctis_v1", ListarCtis, PaginaCtis)
OBTENER_CTI = Rpc("timbrado", "obtener_cti_v1", ObtenerCti, Cti)
BLOQUEAR_CTI = Rpc("timbrado", "bloquear_cti_v1", BloquearCti, Cti, cambia=True)
RESTABLECER_CONTRASENA = Rpc(
    "timbrado", "restablecer_contrasena_v1", RestablecerContrasena, CtiConContrasena, cambia=True,
    secretos=frozenset({"contrasena"}),
)  # fmt: skip
