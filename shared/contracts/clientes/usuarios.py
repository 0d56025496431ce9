"""RPC of clientes: who administers a cuenta maestra."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc, Vacio
from shared.contracts.clientes.campos import CORREO, LARGO, LIMITE, MOVIL, SIN_NULOS, TEXTO

ROLES_DE_USUARIO = ("administrador", "operador", "consulta")
_ROL = validate.OneOf(ROLES_DE_USUARIO, error="El rol debe ser uno de: {choices}.")


@dataclass(frozen=True, kw_only=True)
class Usuario:
    """A usuario (`estado` activo) or an open invitation (`invitado`: no perfil yet, until `vence_en`)."""

    perfil_id: UUID | None = None
    invitacion_id: UUID | None = None
    nombre: str | None = None
    correo: str
    movil: str | None = None
    rol: str
    estado: str
    creado_en: datetime
    vence_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ListarUsuarios:
    """Usuarios and open invitations of a CM, the oldest first."""

    cuenta_id: UUID
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaUsuarios:
    datos: list[Usuario] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class BuscarPerfilDeUsuario:
    """Whom `ADMITIR_USUARIO` would admit. Both must be right."""

    cuenta_id: UUID
    actor: UUID
    correo: str = field(metadata={"validate": CORREO})
    movil: str = field(metadata={"validate": MOVIL})


@dataclass(frozen=True, kw_only=True)
class PerfilDeUsuario:
    """Not `hallado`: no confirmed perfil has both, and admitting it would send an invitation."""

    hallado: bool
    nombre: str | None = None
    es_usuario: bool = False


@dataclass(frozen=True, kw_only=True)
class AdmitirUsuario(PeticionConClave):
    """The confirmed perfil with both, or an invitation to the correo."""

    cuenta_id: UUID
    actor: UUID
    correo: str = field(metadata={"validate": CORREO})
    movil: str = field(metadata={"validate": MOVIL})
    rol: str = field(metadata={"validate": _ROL})


@dataclass(frozen=True, kw_only=True)
class CambiarRolDeUsuario(PeticionConClave):
    cuenta_id: UUID
    actor: UUID
    perfil_id: UUID
    rol: str = field(metadata={"validate": _ROL})


@dataclass(frozen=True, kw_only=True)
class EliminarUsuario(PeticionConClave):
    """`confirmar` is needed to remove oneself."""

    cuenta_id: UUID
    actor: UUID
    perfil_id: UUID
    confirmar: bool = False


@dataclass(frozen=True, kw_only=True)
class CancelarInvitacion(PeticionConClave):
    cuenta_id: UUID
    actor: UUID
    invitacion_id: UUID


@dataclass(frozen=True, kw_only=True)
class CederTitularidad(PeticionConClave):
    """`perfil_id`, the titular who asks, gives it to `sucesor_id`, a usuario of the CM, and stays as administrador."""

    NO_HASH: ClassVar[frozenset[str]] = PeticionConClave.NO_HASH | {"contrasena"}

    cuenta_id: UUID
    perfil_id: UUID
    sucesor_id: UUID
    contrasena: str = field(metadata={"validate": validate.And(SIN_NULOS, LARGO)}, repr=False)


@dataclass(frozen=True, kw_only=True)
class AceptarInvitacion(PeticionConClave):
    """`token`: the one of the mail, which proves the mailbox."""

    NO_HASH: ClassVar[frozenset[str]] = PeticionConClave.NO_HASH | {"token"}

    token: str = field(metadata={"validate": TEXTO}, repr=False)


@dataclass(frozen=True, kw_only=True)
class InvitacionAceptada:
    cuenta_id: UUID
    cuenta: str
    correo: str
    rol: str


_AMBOS_LADOS = "that a perfil is on no other side is asked over every CM and its clientes"

LISTAR_USUARIOS = Rpc("clientes", "listar_usuarios_v1", ListarUsuarios, PaginaUsuarios)
BUSCAR_PERFIL_DE_USUARIO = Rpc(
    "clientes", "buscar_perfil_de_usuario_v1", BuscarPerfilDeUsuario, PerfilDeUsuario
)
ADMITIR_USUARIO = Rpc(
    "clientes", "admitir_usuario_v1", AdmitirUsuario, Usuario, cambia=True, sin_aislar=_AMBOS_LADOS
)
CAMBIAR_ROL_DE_USUARIO = Rpc(
    "clientes", "cambiar_rol_de_usuario_v1", CambiarRolDeUsuario, Usuario, cambia=True
)
ELIMINAR_USUARIO = Rpc("clientes", "eliminar_usuario_v1", EliminarUsuario, Vacio, cambia=True)
CANCELAR_INVITACION = Rpc("clientes", "cancelar_invitacion_v1", CancelarInvitacion, Vacio, cambia=True)
CEDER_TITULARIDAD = Rpc("clientes", "ceder_titularidad_v1", CederTitularidad, Usuario, cambia=True)
ACEPTAR_INVITACION = Rpc(
    "clientes", "aceptar_invitacion_v1", AceptarInvitacion, InvitacionAceptada, cambia=True
)
