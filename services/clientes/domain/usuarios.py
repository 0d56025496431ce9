"""Who administers a cuenta maestra: what each role may do to the others (manual: Administración de Usuarios)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.clientes.domain.cuentas import Rol
from shared.errors import Codigo, DomainError

VIDA_INVITACION = timedelta(days=7)
#: Open invitations of one CM, so that it can't be made to write to everybody.
INVITACIONES_MAXIMO = 50
PROPOSITO_INVITACION = "invitacion_usuario"

_NIVEL = {Rol.CONSULTA: 0, Rol.OPERADOR: 1, Rol.ADMINISTRADOR: 2, Rol.TITULAR: 3}


@dataclass(frozen=True, kw_only=True)
class UsuarioGuardado:
    """A perfil that administers a CM, or somebody who was invited to (`perfil_id` null, `vence_en` set)."""

    id: UUID
    perfil_id: UUID | None
    nombre: str | None
    correo: str
    movil: str | None
    rol: str
    creado_en: datetime
    vence_en: datetime | None


@dataclass(frozen=True, kw_only=True)
class InvitacionGuardada:
    """An open invitation: to a correo, whoever proves to have it."""

    invitacion_id: UUID
    cuenta_id: UUID
    correo: str
    rol: str
    invitado_por: UUID
    creado_en: datetime
    vence_en: datetime


def exigir_que_administre(rol: str | None, que: str = "sus usuarios") -> Rol:
    """The role of who asks, as the table says it now. Raises `no_permitido` below administrador.

    `que` of the CM it wants to administer, for the message.
    """
    if rol is None or _NIVEL[Rol(rol)] < _NIVEL[Rol.ADMINISTRADOR]:
        raise DomainError(
            Codigo.NO_PERMITIDO,
            f"Sólo el titular o un administrador de la cuenta puede administrar {que}. Pídaselo a uno de ellos.",
        )
    return Rol(rol)


def exigir_rol_dable(quien: Rol, rol: str) -> Rol:
    """A role that `quien` may give: none above its own, and titular only by handing it over."""
    dado = Rol(rol)
    if dado is Rol.TITULAR:
        raise DomainError(
            Codigo.NO_PERMITIDO,
            "La cuenta tiene un solo titular. Para que lo sea otro, el titular la cede en POST /v1/usuarios/titularidad.",
        )
    if _NIVEL[dado] > _NIVEL[quien]:
        raise DomainError(
            Codigo.NO_PERMITIDO, "No puede dar un rol mayor que el suyo. Elija otro o pídalo al titular."
        )
    return dado


def exigir_que_no_sea_titular(rol: str) -> None:
    """The titular is neither removed nor given another role, not even by itself."""
    if rol == Rol.TITULAR:
        raise DomainError(
            Codigo.NO_PERMITIDO,
            "El titular no se puede eliminar ni cambiar de rol. Primero debe ceder la titularidad a otro usuario.",
        )


def exigir_titular(rol: str | None) -> None:
    """Raises `no_permitido` for anybody else."""
    if rol != Rol.TITULAR:
        raise DomainError(Codigo.NO_PERMITIDO, "Sólo el titular de la cuenta puede ceder la titularidad.")


def es_perfil_principal() -> DomainError:
    """The perfil controls the account of a cliente (manual: never both sides)."""
    return DomainError(
        Codigo.CONFLICTO,
        "Ese perfil es el perfil principal de un cliente y no puede administrar una Cuenta Maestra. Use otro perfil.",
    )


def administra_el_otro_lado() -> DomainError:
    """The perfil administers the parent of this CM, or one of its sub-distributors."""
    return DomainError(
        Codigo.CONFLICTO,
        "Ese perfil administra el distribuidor del que depende esta cuenta, o uno a su cargo, y no puede estar en ambos"
        " lados. Use otro perfil.",
    )


def ya_es_usuario() -> DomainError:
    """It is in the list."""
    return DomainError(
        Codigo.CONFLICTO, "Ese perfil ya es usuario de la cuenta. Si quiere otro rol, cámbielo en la lista."
    )


def demasiadas_invitaciones() -> DomainError:
    """Another one would be one too many."""
    return DomainError(
        Codigo.CONFLICTO,
        f"La cuenta ya tiene {INVITACIONES_MAXIMO} invitaciones sin aceptar. Cancele las que no hagan falta y repita.",
    )
