"""RPC of clientes: registering, confirming a correo, recovering and changing a password, one's own data."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    opcional,
)
from shared.contracts.clientes.perfiles import Perfil

_DADA = validate.And(SIN_NULOS, LARGO)


@dataclass(frozen=True, kw_only=True)
class RegistrarPerfil(PeticionConClave):
    """Anyone may. The answer is the same whether or not correo and móvil are somebody's already."""

    NO_HASH: ClassVar[frozenset[str]] = PeticionConClave.NO_HASH | {"contrasena"}

    nombre: str = field(metadata={"validate": NOMBRE})
    correo: str = field(metadata={"validate": CORREO})
    movil: str = field(metadata={"validate": MOVIL})
    contrasena: str = field(metadata={"validate": CONTRASENA}, repr=False)
    aviso_version: str | None = opcional(TEXTO)


@dataclass(frozen=True, kw_only=True)
class ReenviarConfirmacion(PeticionConClave):
    """A link to choose the password of the latest claim of this correo. The same answer when there is none."""

    correo: str = field(metadata={"validate": CORREO})


@dataclass(frozen=True, kw_only=True)
class ConfirmarCorreo(PeticionConClave):
    """The token of the mail, of a registration or of a new correo. Twice is the same as once."""

    NO_HASH: ClassVar[frozenset[str]] = PeticionConClave.NO_HASH | {"token"}

    token: str = field(metadata={"validate": TEXTO}, repr=False)


@dataclass(frozen=True, kw_only=True)
class CorreoConfirmado:
    correo: str


@dataclass(frozen=True, kw_only=True)
class RecuperarContrasena(PeticionConClave):
    """`usuario` is a correo or a móvil. The same answer when it is nobody's."""

    usuario: str = field(metadata={"validate": NOMBRE})


@dataclass(frozen=True, kw_only=True)
class RestablecerContrasenaDePerfil(PeticionConClave):
    """The token of the mail, once."""

    NO_HASH: ClassVar[frozenset[str]] = PeticionConClave.NO_HASH | {"token", "nueva"}

    token: str = field(metadata={"validate": TEXTO}, repr=False)
    nueva: str = field(metadata={"validate": CONTRASENA}, repr=False)


@dataclass(frozen=True, kw_only=True)
class CambiarContrasena(PeticionConClave):
    """Every session of the perfil ends but `sesion_id`."""

    NO_HASH: ClassVar[frozenset[str]] = PeticionConClave.NO_HASH | {"actual", "nueva", "sesion_id"}

    perfil_id: UUID
    sesion_id: UUID
    actual: str = field(metadata={"validate": _DADA}, repr=False)
    nueva: str = field(metadata={"validate": CONTRASENA}, repr=False)


@dataclass(frozen=True, kw_only=True)
class EditarPerfil(PeticionConClave):
    """Only fields that are not null change. A new correo needs `contrasena`, and counts once it is confirmed."""

    NO_HASH: ClassVar[frozenset[str]] = PeticionConClave.NO_HASH | {"contrasena"}

    perfil_id: UUID
    nombre: str | None = opcional(NOMBRE)
    movil: str | None = opcional(MOVIL)
    correo: str | None = opcional(CORREO)
    contrasena: str | None = field(default=None, metadata={"validate": _DADA}, repr=False)


REGISTRAR_PERFIL = Rpc("clientes", "registrar_perfil_v1", RegistrarPerfil, Vacio, cambia=True)


REENVIAR_CONFIRMACION = Rpc("clientes", "reenviar_confirmacion_v1", ReenviarConfirmacion, Vacio, cambia=True)


CONFIRMAR_CORREO = Rpc("clientes", "confirmar_correo_v1", ConfirmarCorreo, CorreoConfirmado, cambia=True)


RECUPERAR_CONTRASENA = Rpc("clientes", "recuperar_contrasena_v1", RecuperarContrasena, Vacio, cambia=True)


RESTABLECER_CONTRASENA_DE_PERFIL = Rpc(
    "clientes", "restablecer_contrasena_v1", RestablecerContrasenaDePerfil, Vacio, cambia=True
)


CAMBIAR_CONTRASENA = Rpc("clientes", "cambiar_contrasena_v1", CambiarContrasena, Vacio, cambia=True)


EDITAR_PERFIL = Rpc("clientes", "editar_perfil_v1", EditarPerfil, Perfil, cambia=True)
