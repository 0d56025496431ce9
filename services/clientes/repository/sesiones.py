"""SQL of sessions: a renewal is locked with its session."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, update

from services.clientes.domain import (
    Renovacion,
)
from services.clientes.models import Renovacion as RenovacionModel
from services.clientes.models import Sesion
from services.clientes.repository.base import Base


class Sesiones(Base):
    """SQL of sessions: a renewal is locked with its session."""

    def agregar_sesion(
        self, *, sesion_id: UUID, perfil_id: UUID, origen_ip: str, creada_en: datetime, vence_en: datetime
    ) -> None:
        self.session.execute(
            insert(Sesion).values(
                sesion_id=sesion_id,
                perfil_id=perfil_id,
                origen_ip=origen_ip,
                creada_en=creada_en,
                vence_en=vence_en,
            )
        )

    def agregar_renovacion(self, *, huella: bytes, sesion_id: UUID, vence_en: datetime) -> None:
        self.session.execute(
            insert(RenovacionModel).values(huella=huella, sesion_id=sesion_id, vence_en=vence_en)
        )

    def tomar_renovacion(self, huella: bytes) -> Renovacion | None:
        """A renewal token and its session, both locked."""
        return self.una(
            Renovacion,
            select(
                RenovacionModel.huella,
                RenovacionModel.sesion_id,
                Sesion.perfil_id,
                RenovacionModel.vence_en,
                RenovacionModel.usada_en,
                Sesion.vence_en.label("sesion_vence_en"),
                Sesion.revocada_en,
            )
            .join(Sesion, Sesion.sesion_id == RenovacionModel.sesion_id)
            .where(RenovacionModel.huella == huella)
            .with_for_update(),
        )

    def usar_renovacion(self, huella: bytes, en: datetime) -> None:
        self.session.execute(
            update(RenovacionModel).where(RenovacionModel.huella == huella).values(usada_en=en)
        )

    def revocar_sesion(self, sesion_id: UUID, en: datetime, *, perfil_id: UUID) -> None:
        """End a session and with it every renewal token of its family. Ending it twice is no error."""
        self.session.execute(
            update(Sesion)
            .where(Sesion.sesion_id == sesion_id, Sesion.perfil_id == perfil_id, Sesion.revocada_en.is_(None))
            .values(revocada_en=en)
        )
