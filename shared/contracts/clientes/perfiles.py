"""RPC of clientes: perfiles and their sessions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc, Vacio
from shared.contracts.clientes.campos import (
    CONTRASENA,
    CORREO,
    LARGO,
    MOVIL,
    NOMBRE,
    SIN_NULOS,
    TEXTO,
)
from shared.contracts.clientes.cuentas import CuentaDePerfil


@dataclass(frozen=True, kw_only=True)
class IniciarSesion:
    """`usuario` is a correo or a móvil.

    `origen_red` is the address as failures are counted (of IPv6 its /64), `agente` the User-Agent, `dispositivo`
    the token that an earlier sign-in of this device was given.
    """

    usuario: str = field(metadata={"validate": NOMBRE})
    contrasena: str = field(metadata={"validate": validate.And(SIN_NULOS, LARGO)}, repr=False)
    codigo: str | None = field(
        default=None, metadata={"validate": validate.And(SIN_NULOS, LARGO)}, repr=False
    )
    """Of the second factor, when the perfil has one."""
    origen_ip: str = ""
    origen_red: str = ""
    agente: str = ""
    dispositivo: str = field(default="", repr=False)


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
    dispositivo: str = field(default="", repr=False)
    """Token that makes this device a known one at later sign-ins. Empty in a renewal."""


@dataclass(frozen=True, kw_only=True)
class RenovarSesion:
    """A renewal token that was used before revokes the whole session, but for a repeat within seconds
    whose first answer nobody used: that one was lost."""

    renovacion: str = field(metadata={"validate": TEXTO}, repr=False)
    origen_ip: str = ""


@dataclass(frozen=True, kw_only=True)
class CerrarSesion:
    sesion_id: UUID
    perfil_id: UUID


@dataclass(frozen=True, kw_only=True)
class CrearPerfil(PeticionConClave):
    # The password stays out of the stored hash of the request: a fast hash of it could be guessed.
    NO_HASH: ClassVar[frozenset[str]] = PeticionConClave.NO_HASH | {"contrasena"}

    nombre: str = field(metadata={"validate": NOMBRE})
    correo: str = field(metadata={"validate": CORREO})
    movil: str = field(metadata={"validate": MOVIL})
    contrasena: str = field(metadata={"validate": CONTRASENA}, repr=False)


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
    correo_pendiente: str | None = None
    """The correo that takes the other's place once it is confirmed."""
    segundo_factor: bool = False


INICIAR_SESION = Rpc("clientes", "iniciar_sesion_v1", IniciarSesion, Sesion)


RENOVAR_SESION = Rpc("clientes", "renovar_sesion_v1", RenovarSesion, Sesion)


CERRAR_SESION = Rpc("clientes", "cerrar_sesion_v1", CerrarSesion, Vacio)


CREAR_PERFIL = Rpc("clientes", "crear_perfil_v1", CrearPerfil, Perfil, cambia=True)


OBTENER_PERFIL = Rpc("clientes", "obtener_perfil_v1", ObtenerPerfil, Perfil)
