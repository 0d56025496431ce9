"""SQL of the notices to a CM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.timbrado.repository.base import Base
from shared.pagination import Posicion
from shared.persistence.outbox import publicar_seleccion

_TELL = text(
    "INSERT INTO avisos (cuenta_id, tipo, cti, mensaje, clave)"
    " SELECT * FROM unnest(CAST(:cuentas AS uuid[]), CAST(:tipos AS text[]), CAST(:ctis AS text[]),"
    " CAST(:mensajes AS text[]), CAST(:claves AS text[]))"
    " ON CONFLICT (cuenta_id, clave) DO NOTHING RETURNING id"
)
#: `AVISO_CREADO`: contracts are not for a repository to import, so a test compares.
_EVENTO = "timbrado.aviso_creado_v1"
#: The payload of `AvisoCreado`, of each notice that was made now. Times as `dump` writes them, in UTC.
_TOLD = (
    "SELECT jsonb_build_object('aviso_id', id, 'cuenta_id', cuenta_id, 'tipo', tipo, 'cti', cti,"
    " 'mensaje', mensaje, 'en', to_char(creado_en AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))"
    " AS carga FROM avisos WHERE id = ANY(:ids)"
)
_COLUMNS = "id, tipo, cti, mensaje, creado_en, leido_en"
_READ_ONE = text(
    "UPDATE avisos SET leido_en = coalesce(leido_en, now()) WHERE id = :id AND cuenta_id = :cuenta_id"
    f" RETURNING {_COLUMNS}"
)
_READ_ALL = text("UPDATE avisos SET leido_en = now() WHERE cuenta_id = :cuenta_id AND leido_en IS NULL")


class Avisos(Base):
    """Notices: what a CM has to know."""

    def avisar(self, cuenta_id: UUID, tipo: str, cti: str | None, mensaje: str, clave: str) -> UUID | None:
        """Tell the CM something once; its id, or None when `clave` was told before. Spanish, says what to do."""
        return next(iter(self.avisar_varios([(cuenta_id, tipo, cti, mensaje, clave)])), None)

    def avisar_varios(self, avisos: Sequence[tuple[UUID, str, str | None, str, str]]) -> list[UUID]:
        """The same for many `(cuenta_id, tipo, cti, mensaje, clave)` in one statement; ids of those told now.

        Each is told to clientes as well, which mails it (`AvisoCreado`).
        """
        cuentas, tipos, ctis, mensajes, claves = zip(*avisos, strict=True) if avisos else ((),) * 5
        rows = self._session.execute(
            _TELL,
            {
                "cuentas": list(cuentas),
                "tipos": list(tipos),
                "ctis": list(ctis),
                "mensajes": list(mensajes),
                "claves": list(claves),
            },
        )
        ids = [r.id for r in rows]
        if ids:
            publicar_seleccion(self._session, _EVENTO, _TOLD, {"ids": ids})
        return ids

    def pagina_avisos(
        self, cuenta_id: UUID, leido: bool | None, limite: int, despues: Posicion | None
    ) -> list[dict[str, Any]]:
        """Notices of a CM, newest first; `leido` None: all."""
        where = "" if leido is None else f" AND leido_en IS {'NOT ' if leido else ''}NULL"
        where += " AND (creado_en, id) < (:en, :id)" if despues else ""
        rows = self._session.execute(
            text(
                f"SELECT {_COLUMNS} FROM avisos WHERE cuenta_id = :cuenta_id{where}"
                " ORDER BY creado_en DESC, id DESC LIMIT :limite"
            ),
            {"cuenta_id": cuenta_id, "limite": limite}
            | ({"en": despues.en, "id": despues.id} if despues else {}),
        )
        return [dict(r._mapping) for r in rows]

    def leer_aviso(self, cuenta_id: UUID, id_: UUID) -> dict[str, Any] | None:
        """Mark a notice as read, the first time; None when it is not this CM's."""
        row = self._session.execute(_READ_ONE, {"id": id_, "cuenta_id": cuenta_id}).first()
        return dict(row._mapping) if row else None

    def leer_avisos(self, cuenta_id: UUID) -> int:
        """Mark all that are unread; answers how many."""
        result = self._session.execute(_READ_ALL, {"cuenta_id": cuenta_id})
        return int(result.rowcount)  # type: ignore[attr-defined]
