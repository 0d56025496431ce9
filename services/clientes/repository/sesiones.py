"""SQL of sessions: a renewal is locked with its session."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import exists, insert, select, text, update

from services.clientes.domain import (
    Administra,
    Renovacion,
    SesionGuardada,
    SesionVigente,
)
from services.clientes.models import Renovacion as RenovacionModel
from services.clientes.models import Sesion
from services.clientes.repository.base import Base
from shared.pagination import Posicion

_FAMILIA = text(
    "SELECT (SELECT count(*) FROM renovaciones WHERE anterior = :huella) AS sucesoras,"
    " EXISTS (SELECT FROM renovaciones WHERE anterior = :huella AND usada_en IS NOT NULL) AS sucesora_usada,"
    " EXISTS (SELECT FROM renovaciones yo JOIN renovaciones h ON h.anterior = yo.anterior"
    "  WHERE yo.huella = :huella AND h.huella <> :huella AND h.usada_en IS NOT NULL) AS hermana_usada"
)
_VIGENTE = text(
    "SELECT coalesce(s.usada_en, s.creada_en) AS usada_en,"
    " (SELECT coalesce(jsonb_agg(jsonb_build_object('cuenta_id', c.cuenta_id, 'nombre', c.nombre, 'rol', u.rol,"
    "   'estado', c.estado, 'es_raiz', c.padre_id IS NULL)"
    "   ORDER BY c.padre_id IS NOT NULL, c.nombre, c.cuenta_id), '[]')"
    "  FROM usuarios u JOIN cuentas_maestras c USING (cuenta_id) WHERE u.perfil_id = s.perfil_id) AS cuentas,"
    " ARRAY(SELECT nic FROM clientes WHERE perfil_principal_id = s.perfil_id ORDER BY nic) AS nics"
    " FROM sesiones s WHERE s.sesion_id = :sesion_id AND s.perfil_id = :perfil_id AND s.revocada_en IS NULL"
    " AND s.vence_en > :en"
)
_USO = text(
    "UPDATE sesiones SET usada_en = :en, usada_ip = :ip WHERE sesion_id ="
    " (SELECT sesion_id FROM sesiones WHERE sesion_id = :sesion_id FOR UPDATE SKIP LOCKED)"
)
_ABIERTAS = text(
    "SELECT s.sesion_id, coalesce(s.agente, '') AS agente, s.origen_ip, s.creada_en, s.vence_en,"
    " coalesce(s.usada_en, s.creada_en) AS usada_en, coalesce(s.usada_ip, s.origen_ip) AS usada_ip"
    " FROM sesiones s WHERE s.perfil_id = :perfil_id AND s.revocada_en IS NULL AND s.vence_en > :en"
    " AND EXISTS (SELECT FROM renovaciones r WHERE r.sesion_id = s.sesion_id AND r.vence_en > :en)"
    " AND (CAST(:desde_en AS timestamptz) IS NULL"
    "  OR (s.creada_en, s.sesion_id) < (CAST(:desde_en AS timestamptz), CAST(:desde_id AS uuid)))"
    " ORDER BY s.creada_en DESC, s.sesion_id DESC LIMIT :limite"
)
# Locked in order of id, as everything that takes several sessions.
_REVOCAR_TODAS = text(
    "UPDATE sesiones SET revocada_en = :en WHERE sesion_id IN"
    " (SELECT sesion_id FROM sesiones WHERE perfil_id = :perfil_id AND revocada_en IS NULL"
    "  AND sesion_id IS DISTINCT FROM CAST(:salvo AS uuid) ORDER BY sesion_id FOR UPDATE) RETURNING sesion_id"
)
_PURGAR_RENOVACIONES = text(
    "DELETE FROM renovaciones WHERE huella IN (SELECT huella FROM renovaciones WHERE vence_en < :en"
    " ORDER BY vence_en LIMIT :limite FOR UPDATE SKIP LOCKED)"
)
_PURGAR_SESIONES = text(
    "WITH vencidas AS (SELECT sesion_id FROM sesiones WHERE vence_en < :en ORDER BY vence_en LIMIT :limite"
    "  FOR UPDATE SKIP LOCKED),"
    " revocadas AS (SELECT sesion_id FROM sesiones WHERE revocada_en < :ayer ORDER BY revocada_en LIMIT :limite"
    "  FOR UPDATE SKIP LOCKED)"
    " DELETE FROM sesiones WHERE sesion_id IN"
    " (SELECT sesion_id FROM vencidas UNION ALL SELECT sesion_id FROM revocadas)"
)


class Sesiones(Base):
    """SQL of sessions: a renewal is locked with its session."""

    def agregar_sesion(
        self,
        *,
        sesion_id: UUID,
        perfil_id: UUID,
        origen_ip: str,
        creada_en: datetime,
        vence_en: datetime,
        agente: str = "",
    ) -> None:
        self.session.execute(
            insert(Sesion).values(
                sesion_id=sesion_id,
                perfil_id=perfil_id,
                origen_ip=origen_ip,
                creada_en=creada_en,
                vence_en=vence_en,
                agente=agente,
                usada_en=creada_en,
                usada_ip=origen_ip,
            )
        )

    def agregar_renovacion(
        self, *, huella: bytes, sesion_id: UUID, vence_en: datetime, anterior: bytes | None = None
    ) -> None:
        self.session.execute(
            insert(RenovacionModel).values(
                huella=huella, sesion_id=sesion_id, vence_en=vence_en, anterior=anterior
            )
        )

    def tomar_renovacion(self, huella: bytes) -> Renovacion | None:
        """A renewal token and its session, both locked, with what became of its family."""
        tomada = self.una(
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
        if tomada is None:
            return None
        # A statement of its own, after the lock: one that waited for it would not see what the other inserted.
        familia = self.session.execute(_FAMILIA, {"huella": huella}).one()
        return replace(tomada, **familia._mapping)

    def usar_renovacion(self, huella: bytes, en: datetime) -> None:
        """Used from its first use on."""
        self.session.execute(
            update(RenovacionModel)
            .where(RenovacionModel.huella == huella, RenovacionModel.usada_en.is_(None))
            .values(usada_en=en)
        )

    def sesion_vigente(self, sesion_id: UUID, perfil_id: UUID, en: datetime) -> SesionVigente | None:
        """A session that is neither revoked nor over, with what its perfil may do; in one query."""
        fila = self.session.execute(
            _VIGENTE, {"sesion_id": sesion_id, "perfil_id": perfil_id, "en": en}
        ).one_or_none()
        if fila is None:
            return None
        cuentas = tuple(Administra(**{**c, "cuenta_id": UUID(c["cuenta_id"])}) for c in fila.cuentas)
        return SesionVigente(usada_en=fila.usada_en, cuentas=cuentas, nics=tuple(fila.nics))

    def anotar_uso_de_sesion(self, sesion_id: UUID, en: datetime, ip: str) -> None:
        """Where and when it was last used. Skipped while somebody else has its row: nobody waits for a note."""
        self.session.execute(_USO, {"sesion_id": sesion_id, "en": en, "ip": ip})

    def sesiones_abiertas(
        self, perfil_id: UUID, en: datetime, *, desde: Posicion | None, limite: int
    ) -> list[SesionGuardada]:
        """Sessions that can still be renewed or used, the newest first."""
        filas = self.session.execute(
            _ABIERTAS,
            {
                "perfil_id": perfil_id,
                "en": en,
                "desde_en": desde.en if desde else None,
                "desde_id": desde.id if desde else None,
                "limite": limite,
            },
        )
        return [SesionGuardada(**fila._mapping) for fila in filas]

    def es_sesion_de(self, sesion_id: UUID, perfil_id: UUID) -> bool:
        consulta = exists().where(Sesion.sesion_id == sesion_id, Sesion.perfil_id == perfil_id)
        return bool(self.session.scalar(select(consulta)))

    def revocar_sesiones(self, perfil_id: UUID, en: datetime, *, salvo: UUID | None = None) -> list[UUID]:
        """End every session of a perfil, but for one; answers those that ended."""
        return list(self.session.scalars(_REVOCAR_TODAS, {"perfil_id": perfil_id, "en": en, "salvo": salvo}))

    def purgar_sesiones(self, en: datetime, limite: int) -> int:
        """Delete at most `limite` of each: renewals that expired, sessions that are over. Answers how many.

        A used renewal stays until it would have expired, so that its copy is noticed.
        """
        renovaciones = self.session.execute(_PURGAR_RENOVACIONES, {"en": en, "limite": limite})
        sesiones = self.session.execute(
            _PURGAR_SESIONES, {"en": en, "ayer": en - timedelta(days=1), "limite": limite}
        )
        return max(renovaciones.rowcount, sesiones.rowcount)  # type: ignore[attr-defined,no-any-return]

    def revocar_sesion(self, sesion_id: UUID, en: datetime, *, perfil_id: UUID) -> bool:
        """End a session and with it every renewal token of its family; false when it had ended or is another's."""
        consulta = (
            update(Sesion)
            .where(Sesion.sesion_id == sesion_id, Sesion.perfil_id == perfil_id, Sesion.revocada_en.is_(None))
            .values(revocada_en=en)
            .returning(Sesion.sesion_id)
        )
        return self.session.scalar(consulta) is not None
