"""RPC of clientes: altas of distributors from an external site with a publishable key, and under the root."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc
from shared.contracts.clientes.campos import (
    CORREO,
    LIMITE,
    MOVIL,
    NOMBRE,
    SIN_NULOS,
    TEXTO,
    opcional,
)

LLAVE_PUBLICA = validate.Regexp(
    r"pk_[A-Za-z0-9_-]{32}\Z", error="La llave no tiene la forma correcta: empieza con pk_."
)
GRACIAS = validate.And(SIN_NULOS, validate.Length(max=1000, error="Escriba a lo más 1,000 caracteres."))
DIRECCION = validate.And(SIN_NULOS, validate.Length(max=500, error="Escriba a lo más 500 caracteres."))


def _de_texto(valores: list[str]) -> None:
    for valor in valores:
        SIN_NULOS(valor)


ORIGENES = validate.And(validate.Length(min=1, max=20, error="Escriba de 1 a 20 sitios."), _de_texto)


@dataclass(frozen=True, kw_only=True)
class CrearLlavePublica(PeticionConClave):
    """A publishable key of a CM. It is no secret: what protects is the list of sites and the limits.

    `origenes`: exact origins (`https://www.empresa.mx`) whose pages may use it; `http` only for localhost and
    127.0.0.1. Without `aviso_url` the form shows the privacy notice of Cuenta Maestra.
    """

    cuenta_id: UUID
    actor: UUID | None = None
    nombre: str = field(metadata={"validate": NOMBRE})
    origenes: list[str] = field(metadata={"validate": ORIGENES})
    titulo: str | None = opcional(TEXTO)
    gracias: str | None = opcional(GRACIAS)
    aviso_url: str | None = opcional(DIRECCION)
    aviso_version: str | None = opcional(TEXTO)


@dataclass(frozen=True, kw_only=True)
class LlavePublica:
    """A key, always shown whole. One with `revocada_en` makes no more altas."""

    llave: str
    nombre: str
    origenes: list[str]
    titulo: str
    gracias: str
    aviso_url: str | None = None
    aviso_version: str | None = None
    creada_en: datetime
    revocada_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ListarLlavesPublicas:
    """Keys of a CM, newest first, the revoked ones too."""

    cuenta_id: UUID
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaLlavesPublicas:
    datos: list[LlavePublica] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class RevocarLlavePublica(PeticionConClave):
    """For good; revoking twice is harmless."""

    cuenta_id: UUID
    actor: UUID | None = None
    llave: str


@dataclass(frozen=True, kw_only=True)
class ConsultarFormulario:
    """What a page needs to show the form. `origen`: of the page that asks, null for our own."""

    llave: str
    origen: str | None = None


@dataclass(frozen=True, kw_only=True)
class Formulario:
    """`boleto` proves when the form was asked for. `aviso_version` has to come back with the consent."""

    llave: str
    cuenta: str
    titulo: str
    aviso_url: str
    aviso_version: str
    boleto: str
    origenes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class PermitirOrigen:
    """May a page of this origin use this key, or any key when none is named (a preflight carries no key)?"""

    origen: str
    llave: str | None = None


@dataclass(frozen=True, kw_only=True)
class OrigenPermitido:
    permitido: bool


@dataclass(frozen=True, kw_only=True)
class SolicitarAlta(PeticionConClave):
    """Someone asks to be a distributor: of the key's CM, or of the root without a key.

    `origen`: of the page, null for our own pages. The answer never says whether the correo is known.
    """

    llave: str | None = None
    origen: str | None = None
    origen_ip: str = ""
    nombre: str = field(metadata={"validate": NOMBRE})
    rfc: str | None = opcional(TEXTO)
    titular: str = field(metadata={"validate": NOMBRE})
    correo: str = field(metadata={"validate": CORREO})
    movil: str = field(metadata={"validate": MOVIL})
    acepta_aviso: bool
    aviso_version: str = field(metadata={"validate": TEXTO})


@dataclass(frozen=True, kw_only=True)
class AltaRecibida:
    """The same for every correo. `mensaje` is what the person reads."""

    mensaje: str


@dataclass(frozen=True, kw_only=True)
class ListarAltas:
    """Altas that came to a CM by its keys or its inscription, newest first. `estado`: of the CM that was opened."""

    cuenta_id: UUID
    estado: str | None = opcional(TEXTO)
    llave: str | None = opcional(TEXTO)
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class Alta:
    """`distribuidor_id` is the CM that was opened; `llave` and `sitio` are null for an inscription on our own page.

    `aviso_version` is the privacy notice that was accepted, at `creada_en`.
    """

    distribuidor_id: UUID
    llave: str | None = None
    llave_nombre: str | None = None
    sitio: str | None = None
    nombre: str
    rfc: str | None = None
    titular: str | None = None
    correo: str | None = None
    movil: str | None = None
    estado: str
    aviso_version: str
    creada_en: datetime


@dataclass(frozen=True, kw_only=True)
class PaginaAltas:
    datos: list[Alta] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class LeerAviso:
    """The privacy notice of Cuenta Maestra, as the form of an alta links it."""


@dataclass(frozen=True, kw_only=True)
class AvisoPublicado:
    """`texto` in Markdown: headings, paragraphs and lists."""

    version: str
    texto: str
    publicado_en: datetime


CREAR_LLAVE_PUBLICA = Rpc("clientes", "crear_llave_publica_v1", CrearLlavePublica, LlavePublica, cambia=True)


LISTAR_LLAVES_PUBLICAS = Rpc(
    "clientes", "listar_llaves_publicas_v1", ListarLlavesPublicas, PaginaLlavesPublicas
)


REVOCAR_LLAVE_PUBLICA = Rpc(
    "clientes", "revocar_llave_publica_v1", RevocarLlavePublica, LlavePublica, cambia=True
)


CONSULTAR_FORMULARIO = Rpc("clientes", "consultar_formulario_v1", ConsultarFormulario, Formulario)


PERMITIR_ORIGEN = Rpc("clientes", "permitir_origen_v1", PermitirOrigen, OrigenPermitido)


LEER_AVISO = Rpc("clientes", "leer_aviso_de_privacidad_v1", LeerAviso, AvisoPublicado)


SOLICITAR_ALTA = Rpc("clientes", "solicitar_alta_v1", SolicitarAlta, AltaRecibida, cambia=True)


LISTAR_ALTAS = Rpc(
    "clientes",
    "listar_altas_v1",
    ListarAltas,
    PaginaAltas,
    sin_aislar="a parent sees the titular of those that came to it, who is in the child's rows",
)
