"""RPC of clientes: API keys of a cuenta maestra."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc
from shared.contracts.clientes.campos import LIMITE, NOMBRE, TEXTO

#: What a key may be given. A closed list: the gateway's routes each ask for one of these.
ALCANCES = (
    "auditoria:leer",
    "clientes:escribir",
    "clientes:leer",
    "cuenta:escribir",
    "cuenta:leer",
    "distribuidores:escribir",
    "distribuidores:leer",
    "facturacion:escribir",
    "facturacion:leer",
    "licencias:escribir",
    "licencias:leer",
    "puntos:leer",
    "puntos:mover",
    "timbres:leer",
    "timbres:mover",
)

_ALCANCES = validate.And(
    validate.Length(min=1, max=len(ALCANCES), error="Elija al menos un alcance."),
    validate.ContainsOnly(ALCANCES),
)


@dataclass(frozen=True, kw_only=True)
class CrearLlaveApi(PeticionConClave):
    """`redes`: addresses or CIDR from which alone the key serves; none: from anywhere."""

    cuenta_id: UUID
    actor: UUID
    nombre: str = field(metadata={"validate": NOMBRE})
    alcances: list[str] = field(metadata={"validate": _ALCANCES})
    redes: list[str] = field(
        default_factory=list,
        metadata={"validate": validate.Length(max=50, error="Indique a lo más 50 direcciones.")},
    )
    vence_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class LlaveApi:
    """A key, without what proves it."""

    llave_id: UUID
    nombre: str
    alcances: list[str]
    redes: list[str] = field(default_factory=list)
    creada_por: UUID
    creada_en: datetime
    vence_en: datetime | None = None
    usada_en: datetime | None = None
    usada_desde: str | None = None
    revocada_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class LlaveApiCreada(LlaveApi):
    """`llave` is the whole key, shown once: null in a repeated answer."""

    llave: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class ListarLlavesApi:
    """Keys of a CM, the newest first; `revocadas` also those that were."""

    cuenta_id: UUID
    revocadas: bool = False
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaLlavesApi:
    datos: list[LlaveApi] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class RevocarLlaveApi(PeticionConClave):
    cuenta_id: UUID
    actor: UUID
    llave_id: UUID


@dataclass(frozen=True, kw_only=True)
class VerificarLlaveApi:
    """`huella`: SHA-256 of the key's secret half, in hex, so that the secret never travels over the bus."""

    llave_id: UUID
    huella: str = field(metadata={"validate": TEXTO}, repr=False)
    origen_ip: str = ""


@dataclass(frozen=True, kw_only=True)
class LlaveApiVigente:
    """What a key may do at this moment. Not `vigente` (unknown, wrong, revoked, expired): nothing.

    The caller checks `redes` and `vence_en` on each use, for it may remember this answer for some seconds.
    """

    vigente: bool
    nombre: str = ""
    cuenta_id: UUID | None = None
    estado: str = ""
    es_raiz: bool = False
    alcances: list[str] = field(default_factory=list)
    redes: list[str] = field(default_factory=list)
    vence_en: datetime | None = None


CREAR_LLAVE_API = Rpc(
    "clientes",
    "crear_llave_api_v1",
    CrearLlaveApi,
    LlaveApiCreada,
    cambia=True,
    secretos=frozenset({"llave"}),
)


LISTAR_LLAVES_API = Rpc("clientes", "listar_llaves_api_v1", ListarLlavesApi, PaginaLlavesApi)


REVOCAR_LLAVE_API = Rpc("clientes", "revocar_llave_api_v1", RevocarLlaveApi, LlaveApi, cambia=True)


VERIFICAR_LLAVE_API = Rpc("clientes", "verificar_llave_api_v1", VerificarLlaveApi, LlaveApiVigente, plazo=1.0)
