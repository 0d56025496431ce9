"""SQL of the notices by mail: what was told, what waits, who wants them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.clientes.domain.avisos import AvisosContados, Destinatario
from services.clientes.repository.base import Base

# The row is the arbiter: of notices that come together the first to have it is mailed, the others are counted.
_CONTAR = text(
    "INSERT INTO avisos_por_correo AS a (cuenta_id, tipo, abre_en)"
    " SELECT cuenta_id, :tipo, :abre_en FROM cuentas_maestras WHERE cuenta_id = :cuenta_id"
    " ON CONFLICT (cuenta_id, tipo) DO UPDATE SET"
    " abre_en = CASE WHEN a.pendientes = 0 AND a.abre_en <= :ahora THEN excluded.abre_en ELSE a.abre_en END,"
    " pendientes = CASE WHEN a.pendientes = 0 AND a.abre_en <= :ahora THEN 0 ELSE a.pendientes + 1 END,"
    " ultimo = CASE WHEN a.pendientes = 0 AND a.abre_en <= :ahora THEN '' ELSE :mensaje END"
    " RETURNING pendientes = 0"
)
_DEBIDOS = text(
    "WITH debidos AS (SELECT cuenta_id, tipo, pendientes, ultimo, abre_en FROM avisos_por_correo"
    " WHERE pendientes > 0 AND abre_en <= :ahora ORDER BY abre_en LIMIT :limite FOR UPDATE SKIP LOCKED)"
    " UPDATE avisos_por_correo a SET pendientes = 0, ultimo = '', abre_en = :abre_en FROM debidos d"
    " WHERE a.cuenta_id = d.cuenta_id AND a.tipo = d.tipo"
    " RETURNING d.cuenta_id, d.tipo, d.pendientes AS cuantos, d.ultimo,"
    " CAST(extract(epoch FROM d.abre_en) * 1000000 AS bigint) AS vez"
)
_DESTINATARIOS = text(
    "SELECT u.cuenta_id, c.nombre AS cuenta, p.perfil_id, p.correo FROM usuarios u"
    " JOIN cuentas_maestras c ON c.cuenta_id = u.cuenta_id JOIN perfiles p ON p.perfil_id = u.perfil_id"
    " LEFT JOIN preferencias_de_avisos x ON x.cuenta_id = u.cuenta_id AND x.perfil_id = u.perfil_id"
    " WHERE u.cuenta_id = ANY(:cuentas) AND u.rol IN ('titular', 'administrador')"
    " AND p.confirmado_en IS NOT NULL AND coalesce(x.por_correo, true) ORDER BY u.cuenta_id, p.perfil_id"
)
_PREFERENCIA = text(
    "SELECT coalesce(x.por_correo, true) FROM usuarios u LEFT JOIN preferencias_de_avisos x"
    " ON x.cuenta_id = u.cuenta_id AND x.perfil_id = u.perfil_id"
    " WHERE u.cuenta_id = :cuenta_id AND u.perfil_id = :perfil_id"
)
_PREFERIR = text(
    "INSERT INTO preferencias_de_avisos (cuenta_id, perfil_id, por_correo)"
    " SELECT cuenta_id, perfil_id, :por_correo FROM usuarios"
    " WHERE cuenta_id = :cuenta_id AND perfil_id = :perfil_id"
    " ON CONFLICT (cuenta_id, perfil_id) DO UPDATE SET por_correo = excluded.por_correo"
)


class Avisos(Base):
    """A CM's notices, as its people get them by mail."""

    def contar_aviso(
        self, cuenta_id: UUID, tipo: str, mensaje: str, ahora: datetime, abre_en: datetime
    ) -> bool:
        """Whether this notice is to be mailed now (the next one not before `abre_en`); otherwise it is counted."""
        datos = {"cuenta_id": cuenta_id, "tipo": tipo, "mensaje": mensaje, "ahora": ahora, "abre_en": abre_en}
        return bool(self.session.execute(_CONTAR, datos).scalar())

    def tomar_avisos(self, ahora: datetime, abre_en: datetime, limite: int) -> list[AvisosContados]:
        """What was counted and may be told now; nobody else gets it, and the count begins again."""
        filas = self.session.execute(_DEBIDOS, {"ahora": ahora, "abre_en": abre_en, "limite": limite})
        return [AvisosContados(**f._mapping) for f in filas]

    def destinatarios_de_avisos(self, cuentas: Sequence[UUID]) -> list[Destinatario]:
        """Titular and administradores of these CMs, but for those who don't want it."""
        filas = self.session.execute(_DESTINATARIOS, {"cuentas": list(cuentas)})
        return [Destinatario(**f._mapping) for f in filas]

    def avisos_por_correo(self, cuenta_id: UUID, perfil_id: UUID) -> bool | None:
        """Whether a usuario wants them; None when it is not one of the CM."""
        valor = self.session.scalar(_PREFERENCIA, {"cuenta_id": cuenta_id, "perfil_id": perfil_id})
        return None if valor is None else bool(valor)

    def preferir_avisos(self, cuenta_id: UUID, perfil_id: UUID, por_correo: bool) -> None:
        """Note what a usuario wants."""
        self.session.execute(
            _PREFERIR, {"cuenta_id": cuenta_id, "perfil_id": perfil_id, "por_correo": por_correo}
        )
