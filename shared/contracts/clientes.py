"""RPC of clientes: perfiles and their sessions, the tree of cuentas maestras, and the cartera of clientes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc, Vacio

#: Neither PostgreSQL nor JSON in UTF-8 can carry these.
SIN_NULOS = validate.Regexp(r"[^\x00\ud800-\udfff]*\Z", error="El texto tiene caracteres que no se admiten.")
_NOMBRE = validate.And(SIN_NULOS, validate.Length(min=1, max=200, error="Escriba de 1 a 200 caracteres."))
_CORREO = validate.And(
    SIN_NULOS,
    validate.Length(max=254, error="El correo no puede pasar de 254 caracteres."),
    validate.Email(error="El correo no tiene la forma correcta, por ejemplo ana@empresa.mx."),
)
_MOVIL = validate.Regexp(
    r"^\+?[\d\s().-]{10,24}$", error="El móvil debe tener 10 dígitos, o empezar con + y la clave del país."
)
_CONTRASENA = validate.And(
    SIN_NULOS, validate.Length(min=10, max=128, error="La contraseña debe tener de 10 a 128 caracteres.")
)
_TEXTO = validate.And(SIN_NULOS, validate.Length(max=200, error="Escriba a lo más 200 caracteres."))
_NOTAS = validate.And(SIN_NULOS, validate.Length(max=4000, error="Escriba a lo más 4,000 caracteres."))
_PRECIO = validate.Range(
    min=Decimal(0), max=Decimal("999999.9999"), error="El precio debe ser de 0 a 999,999.9999 pesos."
)
_LARGO = validate.Length(max=1024, error="La contraseña es demasiado larga.")
_LIMITE = validate.Range(min=1, max=200, error="El límite debe ser de 1 a 200.")
#: An idea of "not sent" would need a marker on the wire; an edit names the fields it clears instead.
_BORRABLES = (
    "nombre_comercial", "rfc", "telefono", "correo", "representante", "financiero", "tecnico", "notas",
    "precio_especifico",
)  # fmt: skip


def _opcional(*reglas: Any) -> Any:
    return field(default=None, metadata={"validate": validate.And(*reglas)})


# ── Sessions and perfiles ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class IniciarSesion:
    """`usuario` is a correo or a móvil."""

    usuario: str = field(metadata={"validate": _NOMBRE})
    contrasena: str = field(metadata={"validate": validate.And(SIN_NULOS, _LARGO)}, repr=False)
    origen_ip: str = ""


@dataclass(frozen=True, kw_only=True)
class CuentaDePerfil:
    """A CM that a perfil administers. `rol`: titular, administrador, operador or lectura."""

    cuenta_id: UUID
    nombre: str
    rol: str
    estado: str
    es_raiz: bool


@dataclass(frozen=True, kw_only=True)
class Sesion:
    """`acceso` is a signed token until `expira_en`; `renovacion` is used once, with `RENOVAR_SESION`.

    `nics` are the clientes of which this perfil is the perfil principal.
    """

    sesion_id: UUID
    perfil_id: UUID
    nombre: str
    acceso: str = field(repr=False)
    renovacion: str = field(repr=False)
    expira_en: datetime
    cuentas: list[CuentaDePerfil] = field(default_factory=list)
    nics: list[int] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class RenovarSesion:
    """A renewal token that was used before revokes the whole session."""

    renovacion: str = field(metadata={"validate": _TEXTO}, repr=False)
    origen_ip: str = ""


@dataclass(frozen=True, kw_only=True)
class CerrarSesion:
    sesion_id: UUID
    perfil_id: UUID


@dataclass(frozen=True, kw_only=True)
class CrearPerfil(PeticionConClave):
    # The password stays out of the stored hash of the request: a fast hash of it could be guessed.
    NO_HASH: ClassVar[frozenset[str]] = PeticionConClave.NO_HASH | {"contrasena"}

    nombre: str = field(metadata={"validate": _NOMBRE})
    correo: str = field(metadata={"validate": _CORREO})
    movil: str = field(metadata={"validate": _MOVIL})
    contrasena: str = field(metadata={"validate": _CONTRASENA}, repr=False)


@dataclass(frozen=True, kw_only=True)
class ObtenerPerfil:
    perfil_id: UUID


@dataclass(frozen=True, kw_only=True)
class Perfil:
    perfil_id: UUID
    nombre: str
    correo: str
    movil: str
    creado_en: datetime
    cuentas: list[CuentaDePerfil] = field(default_factory=list)
    nics: list[int] = field(default_factory=list)


# ── Cuentas maestras ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class CrearCuentaMaestra(PeticionConClave):
    """`padre_id` is null once: for the root."""

    padre_id: UUID | None = None
    nombre: str = field(metadata={"validate": _NOMBRE})
    rfc: str | None = _opcional(_TEXTO)
    titular_perfil_id: UUID
    actor: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class ObtenerCuenta:
    cuenta_id: UUID


@dataclass(frozen=True, kw_only=True)
class CuentaMaestra:
    """`vence_en` is null for the root, which never expires."""

    cuenta_id: UUID
    nombre: str
    rfc: str | None = None
    padre_id: UUID | None = None
    es_raiz: bool
    estado: str
    vence_en: datetime | None = None
    creado_en: datetime


# ── Clientes ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Contacto:
    nombre: str | None = _opcional(_TEXTO)
    correo: str | None = _opcional(_CORREO)
    telefono: str | None = _opcional(_TEXTO)


@dataclass(frozen=True, kw_only=True)
class CrearCliente(PeticionConClave):
    cuenta_id: UUID
    actor: UUID | None = None
    nombre: str = field(metadata={"validate": _NOMBRE})
    nombre_comercial: str | None = _opcional(_TEXTO)
    rfc: str | None = _opcional(_TEXTO)
    telefono: str | None = _opcional(_TEXTO)
    correo: str | None = _opcional(_CORREO)
    representante: Contacto | None = None
    financiero: Contacto | None = None
    tecnico: Contacto | None = None
    notas: str | None = _opcional(_NOTAS)
    precio_especifico: Decimal | None = field(default=None, metadata={"validate": _PRECIO})


@dataclass(frozen=True, kw_only=True)
class EditarCliente(PeticionConClave):
    """Only fields that are not null change; `borrar` names those to empty. `version`: refuse another one."""

    cuenta_id: UUID
    actor: UUID | None = None
    nic: int
    version: int | None = None
    nombre: str | None = _opcional(_NOMBRE)
    nombre_comercial: str | None = _opcional(_TEXTO)
    rfc: str | None = _opcional(_TEXTO)
    telefono: str | None = _opcional(_TEXTO)
    correo: str | None = _opcional(_CORREO)
    representante: Contacto | None = None
    financiero: Contacto | None = None
    tecnico: Contacto | None = None
    notas: str | None = _opcional(_NOTAS)
    precio_especifico: Decimal | None = field(default=None, metadata={"validate": _PRECIO})
    borrar: list[str] = field(
        default_factory=list,
        metadata={"validate": validate.ContainsOnly(_BORRABLES, error="Ese campo no se puede vaciar.")},
    )


@dataclass(frozen=True, kw_only=True)
class Cliente:
    """`cti` is the id of the cliente's first CTI; `ultima_emision` is the time of its last stamping."""

    cuenta_id: UUID
    cliente_id: UUID
    nic: int
    cti: str
    nombre: str
    nombre_comercial: str | None = None
    rfc: str | None = None
    telefono: str | None = None
    correo: str | None = None
    representante: Contacto | None = None
    financiero: Contacto | None = None
    tecnico: Contacto | None = None
    notas: str | None = None
    precio_especifico: Decimal | None = None
    perfil_principal_id: UUID | None = None
    ultima_emision: datetime | None = None
    creado_en: datetime
    version: int


@dataclass(frozen=True, kw_only=True)
class ObtenerCliente:
    cuenta_id: UUID
    nic: int


@dataclass(frozen=True, kw_only=True)
class ListarClientes:
    """A CM's cartera by NIC, newest first; `q` looks in names, RFC, correo and NIC."""

    cuenta_id: UUID
    q: str | None = _opcional(_TEXTO)
    limite: int = field(default=50, metadata={"validate": _LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaClientes:
    datos: list[Cliente] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class AsignarPerfilPrincipal(PeticionConClave):
    """Correo and móvil must be those of one existing perfil that administers no CM."""

    cuenta_id: UUID
    actor: UUID | None = None
    nic: int
    correo: str = field(metadata={"validate": _CORREO})
    movil: str = field(metadata={"validate": _MOVIL})


@dataclass(frozen=True, kw_only=True)
class PerfilPrincipal:
    nic: int
    perfil_id: UUID
    nombre: str
    correo: str
    movil: str


INICIAR_SESION = Rpc("clientes", "iniciar_sesion_v1", IniciarSesion, Sesion)
RENOVAR_SESION = Rpc("clientes", "renovar_sesion_v1", RenovarSesion, Sesion)
CERRAR_SESION = Rpc("clientes", "cerrar_sesion_v1", CerrarSesion, Vacio)
CREAR_PERFIL = Rpc("clientes", "crear_perfil_v1", CrearPerfil, Perfil, cambia=True)
OBTENER_PERFIL = Rpc("clientes", "obtener_perfil_v1", ObtenerPerfil, Perfil)
CREAR_CUENTA_MAESTRA = Rpc(
    "clientes", "crear_cuenta_maestra_v1", CrearCuentaMaestra, CuentaMaestra, cambia=True
)
OBTENER_CUENTA = Rpc("clientes", "obtener_cuenta_v1", ObtenerCuenta, CuentaMaestra)
CREAR_CLIENTE = Rpc("clientes", "crear_cliente_v1", CrearCliente, Cliente, cambia=True)
EDITAR_CLIENTE = Rpc("clientes", "editar_cliente_v1", EditarCliente, Cliente, cambia=True)
OBTENER_CLIENTE = Rpc("clientes", "obtener_cliente_v1", ObtenerCliente, Cliente)
LISTAR_CLIENTES = Rpc("clientes", "listar_clientes_v1", ListarClientes, PaginaClientes)
ASIGNAR_PERFIL_PRINCIPAL = Rpc(
    "clientes", "asignar_perfil_principal_v1", AsignarPerfilPrincipal, PerfilPrincipal, cambia=True
)
