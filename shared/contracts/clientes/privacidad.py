"""Contracts: versions of the privacy notice, consents, what is held about a person, and its erasure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc
from shared.contracts.clientes.campos import LARGO, LIMITE, SIN_NULOS
from shared.contracts.clientes.clientes import Cliente
from shared.contracts.clientes.perfiles import Perfil

_AVISO = validate.And(
    SIN_NULOS, validate.Length(min=100, max=100_000, error="El aviso lleva de 100 a 100,000 caracteres.")
)


@dataclass(frozen=True, kw_only=True)
class PublicarAviso(PeticionConClave):
    """A new version of the privacy notice, in Markdown. `actor` publishes it; for the root."""

    actor: UUID
    texto: str = field(metadata={"validate": _AVISO})


@dataclass(frozen=True, kw_only=True)
class VersionDeAviso:
    """`huella`: SHA-256 of the text in UTF-8, hex."""

    version: int
    texto: str
    huella: str
    publicado_en: datetime
    publicado_por: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class ListarVersionesDeAviso:
    """Newest first."""

    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaVersionesDeAviso:
    datos: list[VersionDeAviso] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class AceptarAviso(PeticionConClave):
    """Only the version in force can be accepted. Twice is the same as once."""

    perfil_id: UUID
    version: int


@dataclass(frozen=True, kw_only=True)
class Consentimiento:
    """`origen_ip` is empty once the perfil was erased."""

    version: int
    en: datetime
    origen_ip: str = ""


@dataclass(frozen=True, kw_only=True)
class ListarConsentimientos:
    """The latest first."""

    perfil_id: UUID
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaConsentimientos:
    datos: list[Consentimiento] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class ConsultarPrivacidad:
    perfil_id: UUID


@dataclass(frozen=True, kw_only=True)
class Privacidad:
    """`por_aceptar`: the version in force is newer than the last that the perfil accepted."""

    version: int
    publicado_en: datetime
    aceptada: int | None = None
    aceptada_en: datetime | None = None
    por_aceptar: bool


@dataclass(frozen=True, kw_only=True)
class DatosDeSesion:
    sesion_id: UUID
    creada_en: datetime
    vence_en: datetime
    origen_ip: str
    agente: str | None = None
    usada_en: datetime | None = None
    usada_ip: str | None = None
    revocada_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class DatosDeCorreo:
    """A mail to the person; its text is not kept once it is sent."""

    asunto: str
    estado: str
    creado_en: datetime
    enviado_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ClienteDePerfil:
    """A cliente of which the person is the perfil principal, and the CM that has it."""

    nic: int
    nombre: str
    cuenta: str


@dataclass(frozen=True, kw_only=True)
class SegundoFactorDePerfil:
    """Its state; the secret and the codes are never told."""

    activo: bool = False
    desde: datetime | None = None
    codigos_restantes: int = 0


@dataclass(frozen=True, kw_only=True)
class ExportarDatosDePerfil:
    perfil_id: UUID


@dataclass(frozen=True, kw_only=True)
class DatosDePerfil:
    """All that clientes holds about a person, without secrets."""

    generado_en: datetime
    perfil: Perfil
    aviso_al_registrarse: str | None = None
    segundo_factor: SegundoFactorDePerfil
    consentimientos: list[Consentimiento] = field(default_factory=list)
    sesiones: list[DatosDeSesion] = field(default_factory=list)
    clientes: list[ClienteDePerfil] = field(default_factory=list)
    correos: list[DatosDeCorreo] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class ExportarDatosDeCliente:
    cuenta_id: UUID
    nic: int


@dataclass(frozen=True, kw_only=True)
class PersonaDeCliente:
    nombre: str
    correo: str
    movil: str


@dataclass(frozen=True, kw_only=True)
class LineaImportada:
    """A row of an import that was this cliente's."""

    importacion_id: UUID
    linea: int
    resultado: str
    rfc: str | None = None
    en: datetime


@dataclass(frozen=True, kw_only=True)
class DatosDeCliente:
    """All that clientes holds about a cliente of the CM."""

    generado_en: datetime
    cliente: Cliente
    perfil_principal: PersonaDeCliente | None = None
    importaciones: list[LineaImportada] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class SuprimirPerfil(PeticionConClave):
    """Erase a person for good. Refused while a living CM depends on it."""

    NO_HASH: ClassVar[frozenset[str]] = PeticionConClave.NO_HASH | {"contrasena"}

    perfil_id: UUID
    contrasena: str = field(metadata={"validate": validate.And(SIN_NULOS, LARGO)}, repr=False)
    confirmar: bool = False


@dataclass(frozen=True, kw_only=True)
class SuprimirCliente(PeticionConClave):
    """Erase who a cliente is, for good. It has to be in bajas; its NIC, CTI and movements stay."""

    cuenta_id: UUID
    nic: int
    actor: UUID | None = None
    confirmar: bool = False


@dataclass(frozen=True, kw_only=True)
class Supresion:
    """`conservado`: what stays and why, in Spanish."""

    suprimido_en: datetime
    conservado: list[str] = field(default_factory=list)


PUBLICAR_AVISO = Rpc(
    "clientes", "publicar_aviso_de_privacidad_v1", PublicarAviso, VersionDeAviso, cambia=True
)
LISTAR_VERSIONES_DE_AVISO = Rpc(
    "clientes", "listar_avisos_de_privacidad_v1", ListarVersionesDeAviso, PaginaVersionesDeAviso
)
ACEPTAR_AVISO = Rpc("clientes", "aceptar_aviso_v1", AceptarAviso, Consentimiento, cambia=True)
LISTAR_CONSENTIMIENTOS = Rpc(
    "clientes", "listar_consentimientos_v1", ListarConsentimientos, PaginaConsentimientos
)
CONSULTAR_PRIVACIDAD = Rpc("clientes", "consultar_privacidad_v1", ConsultarPrivacidad, Privacidad)
EXPORTAR_DATOS_DE_PERFIL = Rpc(
    "clientes", "exportar_datos_de_perfil_v1", ExportarDatosDePerfil, DatosDePerfil
)
EXPORTAR_DATOS_DE_CLIENTE = Rpc(
    "clientes", "exportar_datos_de_cliente_v1", ExportarDatosDeCliente, DatosDeCliente
)
SUPRIMIR_PERFIL = Rpc("clientes", "suprimir_perfil_v1", SuprimirPerfil, Supresion, cambia=True)
SUPRIMIR_CLIENTE = Rpc(
    "clientes",
    "suprimir_cliente_v1",
    SuprimirCliente,
    Supresion,
    cambia=True,
    sin_aislar="what the CM that had a converted cliente wrote of it goes too",
)
