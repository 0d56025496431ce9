"""SQL of the registered applications."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.timbrado.domain.aplicaciones import AplicacionRegistrada
from services.timbrado.repository.base import Base

_COLUMNS = "id, nombre, plataforma, llave, creada_en, revocada_en"
_ADD = text(
    "INSERT INTO aplicaciones (id, nombre, plataforma, llave, creada_en)"
    " VALUES (:id, :nombre, :plataforma, :llave, :ahora) ON CONFLICT (llave) DO NOTHING RETURNING id"
)
_REVOKE = text(
    "UPDATE aplicaciones SET revocada_en = coalesce(revocada_en, :ahora) WHERE id = :id RETURNING id"
)
_ONE = text(f"SELECT {_COLUMNS} FROM aplicaciones WHERE id = :id")
_PAGE = text(
    f"SELECT {_COLUMNS} FROM aplicaciones WHERE CAST(:en AS timestamptz) IS NULL OR (creada_en, id) < (:en, :fila)"
    " ORDER BY creada_en DESC, id DESC LIMIT :limite"
)


class Aplicaciones(Base):
    """Applications that may stamp with an ilimitada."""

    def registrar_aplicacion(self, nueva: AplicacionRegistrada, ahora: datetime) -> bool:
        """Add one; false when its key is registered already, revoked or not."""
        params = {
            "id": nueva.id,
            "nombre": nueva.nombre,
            "plataforma": nueva.plataforma,
            "llave": nueva.llave,
        }
        return self._session.execute(_ADD, {**params, "ahora": ahora}).scalar() is not None

    def revocar_aplicacion(self, id_: UUID, ahora: datetime) -> bool:
        """Revoke one for good; false when there is none. Doing it twice keeps the first time."""
        return self._session.execute(_REVOKE, {"id": id_, "ahora": ahora}).scalar() is not None

    def aplicacion(self, id_: UUID) -> AplicacionRegistrada | None:
        """One application, revoked or not."""
        fila = self.detalle_aplicacion(id_)
        if fila is None:
            return None
        return AplicacionRegistrada(
            fila["id"], fila["nombre"], fila["plataforma"], fila["llave"], fila["revocada_en"]
        )

    def detalle_aplicacion(self, id_: UUID) -> dict[str, Any] | None:
        """One application as the root's staff sees it."""
        fila = self._session.execute(_ONE, {"id": id_}).first()
        return None if fila is None else {**fila._mapping, "llave": bytes(fila.llave)}

    def pagina_aplicaciones(self, antes: tuple[datetime, UUID] | None, limite: int) -> list[dict[str, Any]]:
        """Applications, the newest first."""
        en, fila = antes or (None, None)
        filas = self._session.execute(_PAGE, {"en": en, "fila": fila, "limite": limite})
        return [{**f._mapping, "llave": bytes(f.llave)} for f in filas]
