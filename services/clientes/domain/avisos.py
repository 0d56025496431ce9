"""Notices by mail: a storm of them is one mail an hour, of each type, to those who administer the CM."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

#: Between two mails of one type to one CM.
CADA_AVISO = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Destinatario:
    """Someone who administers a CM and wants its notices by mail."""

    cuenta_id: UUID
    cuenta: str
    perfil_id: UUID
    correo: str


@dataclass(frozen=True, kw_only=True)
class AvisosContados:
    """What came of a type since its last mail: how many, and the newest. `vez` tells one digest from the next."""

    cuenta_id: UUID
    tipo: str
    cuantos: int
    ultimo: str
    vez: int
