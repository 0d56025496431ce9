"""RPC of clientes: the mails that it sends, as the root's staff sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc
from shared.contracts.clientes.campos import LIMITE, opcional

_ESTADOS = validate.OneOf(
    ("pendiente", "enviado", "fallido"), error="El estado debe ser pendiente, enviado o fallido."
)


@dataclass(frozen=True, kw_only=True)
class ListarCorreos:
    """Newest first; `estado` null: all."""

    estado: str | None = opcional(_ESTADOS)
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class Correo:
    """A mail without its text. `error`: why the last try failed, without addresses. `reintentable`: it was given up and
    its text is kept."""

    correo_id: UUID
    para: str
    asunto: str
    estado: str
    intentos: int
    siguiente_en: datetime
    enviado_en: datetime | None = None
    error: str | None = None
    creado_en: datetime
    reintentable: bool = False


@dataclass(frozen=True, kw_only=True)
class PaginaCorreos:
    datos: list[Correo] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReintentarCorreo(PeticionConClave):
    """Send again a mail that was given up; the answer shows its address masked and no error."""

    correo_id: UUID
    actor: UUID | None = None


LISTAR_CORREOS = Rpc("clientes", "listar_correos_v1", ListarCorreos, PaginaCorreos)


REINTENTAR_CORREO = Rpc("clientes", "reintentar_correo_v1", ReintentarCorreo, Correo, cambia=True)
