"""Contracts: the audit log of a CM, and that of the platform."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from shared.contracts.base import Rpc


@dataclass(frozen=True, kw_only=True)
class ListarAuditoria:
    """Newest first. `actor`: id of a perfil or a key; `accion` and `objeto` as an entry has them."""

    cuenta_id: UUID
    actor: str | None = None
    accion: str | None = None
    objeto: str | None = None
    desde: datetime | None = None
    hasta: datetime | None = None
    """Exclusive."""
    limite: int = 50
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class ListarAuditoriaDePlataforma:
    """The same of what belongs to no CM; for the root."""

    actor: str | None = None
    accion: str | None = None
    objeto: str | None = None
    desde: datetime | None = None
    hasta: datetime | None = None
    limite: int = 50
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class Asiento:
    """One entry, with all that its seal is worked out from (`shared/auditoria/verificar.py`).

    `en` has six decimals and a Z, as it is sealed; `detalle` is the sealed JSON. `cadena` is the CM, or zeros.
    `secuencia`, `anterior` and `sello` (hex) are null for the second or so until it is sealed.
    """

    id: UUID
    en: str
    accion: str
    actor_tipo: str
    actor: str
    ip: str
    correlacion: str
    objeto: str
    resultado: str
    detalle: str
    cadena: UUID
    secuencia: int | None = None
    anterior: str | None = None
    sello: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaAuditoria:
    datos: list[Asiento] = field(default_factory=list)
    siguiente: str | None = None


LISTAR_AUDITORIA = Rpc("clientes", "listar_auditoria_v1", ListarAuditoria, PaginaAuditoria)
LISTAR_AUDITORIA_DE_PLATAFORMA = Rpc(
    "clientes", "listar_auditoria_de_plataforma_v1", ListarAuditoriaDePlataforma, PaginaAuditoria
)
