"""RPC of clientes: the sessions of a perfil, and whether one still holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from shared.contracts.base import Rpc, Vacio
from shared.contracts.clientes.campos import LIMITE
from shared.contracts.clientes.cuentas import CuentaDePerfil


@dataclass(frozen=True, kw_only=True)
class VerificarSesion:
    """`origen_ip` is noted as where the session was last used, at most once a minute."""

    sesion_id: UUID
    perfil_id: UUID
    origen_ip: str = ""


@dataclass(frozen=True, kw_only=True)
class SesionVigente:
    """What a session may do at this moment, whatever its access token says. Not `vigente`: nothing, for ever.

    `cuentas` and `nics` are those of the perfil now: a role that was changed, a CM that was suspended.
    """

    vigente: bool
    cuentas: list[CuentaDePerfil] = field(default_factory=list)
    nics: list[int] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class ListarSesiones:
    perfil_id: UUID
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class SesionAbierta:
    """A session that can still be used. `dispositivo` is read from its User-Agent, so it is what that said."""

    sesion_id: UUID
    dispositivo: str
    direccion: str
    creada_en: datetime
    usada_en: datetime
    usada_desde: str
    vence_en: datetime


@dataclass(frozen=True, kw_only=True)
class PaginaSesiones:
    datos: list[SesionAbierta] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class RevocarSesion:
    """One session of a perfil; another's does not exist for it. Revoking it twice is no error."""

    sesion_id: UUID
    perfil_id: UUID


@dataclass(frozen=True, kw_only=True)
class RevocarOtrasSesiones:
    """Every session of a perfil but one: `sesion_id`, the one that asks."""

    sesion_id: UUID
    perfil_id: UUID


@dataclass(frozen=True, kw_only=True)
class SesionesRevocadas:
    sesiones: list[UUID] = field(default_factory=list)


VERIFICAR_SESION = Rpc("clientes", "verificar_sesion_v1", VerificarSesion, SesionVigente, plazo=1.0)


LISTAR_SESIONES = Rpc("clientes", "listar_sesiones_v1", ListarSesiones, PaginaSesiones)


REVOCAR_SESION = Rpc("clientes", "revocar_sesion_v1", RevocarSesion, Vacio)


REVOCAR_OTRAS_SESIONES = Rpc("clientes", "revocar_otras_sesiones_v1", RevocarOtrasSesiones, SesionesRevocadas)
