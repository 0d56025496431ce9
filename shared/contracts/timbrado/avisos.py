"""Notices to a CM."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc


@dataclass(frozen=True, kw_only=True)
class Aviso:
    """Something that the CM has to know; `mensaje` says what to do, in Spanish."""

    id: UUID
    tipo: str
    cti: str | None = None
    mensaje: str
    creado_en: datetime
    leido_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ListarAvisos:
    """Notices of a CM, newest first. `leido`: only those read, or only those not."""

    cuenta_id: UUID
    leido: bool | None = None
    limite: int = field(default=50, metadata={"validate": validate.Range(min=1, max=200)})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaAvisos:
    datos: list[Aviso]
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class LeerAviso(PeticionConClave):
    """Mark one as read."""

    cuenta_id: UUID
    aviso_id: UUID
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class LeerAvisos(PeticionConClave):
    """Mark all that there are as read."""

    cuenta_id: UUID
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class AvisosLeidos:
    """How many became read by this call."""

    leidos: int


LISTAR_AVISOS = Rpc("timbrado", "listar_avisos_v1", ListarAvisos, PaginaAvisos)
_TRIVIAL = "that a notice was read moves nothing"
LEER_AVISO = Rpc("timbrado", "leer_aviso_v1", LeerAviso, Aviso, cambia=True, sin_auditar=_TRIVIAL)
LEER_AVISOS = Rpc("timbrado", "leer_avisos_v1", LeerAvisos, AvisosLeidos, cambia=True, sin_auditar=_TRIVIAL)
