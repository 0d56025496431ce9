"""SQL of the notices to a CM."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from services.timbrado.repository.base import Base

_TELL = text(
    "INSERT INTO avisos (cuenta_id, tipo, cti, mensaje, clave) VALUES (:cuenta_id, :tipo, :cti, :mensaje, :clave)"
    " ON CONFLICT (cuenta_id, clave) DO NOTHING RETURNING id"
)


class Avisos(Base):
    """Notices: what a CM has to know."""

    def avisar(self, cuenta_id: UUID, tipo: str, cti: str | None, mensaje: str, clave: str) -> UUID | None:
        """Tell the CM something once; its id, or None when `clave` was told before. Spanish, says what to do."""
        id_: UUID | None = self._session.execute(
            _TELL, {"cuenta_id": cuenta_id, "tipo": tipo, "cti": cti, "mensaje": mensaje, "clave": clave}
        ).scalar()
        return id_
