"""SQL of what the sandbox's SAT remembers: another office's database, so each call is a transaction of its own."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from services.timbrado.domain.cancelacion import Expediente

#: As the index ix_timbres_uuid has it.
_UUID = """substring(tfd FROM position(CAST('UUID="' AS bytea) IN tfd) + 6 FOR 36)"""
_STAMP = text(f"SELECT tfd FROM pac_sandbox.timbres WHERE {_UUID} = CAST(:uuid AS bytea)")
_FILE = "SELECT uuid, estado, motivo, estatus, acuse, solicitada_en FROM pac_sandbox.cancelaciones"
_STORE = text(
    "INSERT INTO pac_sandbox.cancelaciones AS c (uuid, estado, motivo, estatus, acuse, solicitada_en)"
    " VALUES (:uuid, :estado, :motivo, :estatus, :acuse, :solicitada_en) ON CONFLICT (uuid) DO UPDATE SET"
    " estado = CASE WHEN c.estado = 'rechazada' THEN excluded.estado ELSE c.estado END,"
    " motivo = CASE WHEN c.estado = 'rechazada' THEN excluded.motivo ELSE c.motivo END,"
    " estatus = CASE WHEN c.estado = 'rechazada' THEN excluded.estatus ELSE c.estatus END,"
    " acuse = CASE WHEN c.estado = 'rechazada' THEN excluded.acuse ELSE c.acuse END,"
    " solicitada_en = CASE WHEN c.estado = 'rechazada' THEN excluded.solicitada_en ELSE c.solicitada_en END,"
    " veces = c.veces + 1 RETURNING uuid, estado, motivo, estatus, acuse, solicitada_en"
)
_END = text(
    "UPDATE pac_sandbox.cancelaciones SET estado = :estado, estatus = :estatus"
    " WHERE uuid = :uuid AND estado = 'en_proceso' RETURNING uuid"
)
# The sandbox is not told the issuer with each stamp; what we know of it serves for the list.
_LIST = text(
    "SELECT s.tfd, coalesce(t.emisor, '') AS emisor, s.creado_en FROM pac_sandbox.timbres s"
    " LEFT JOIN timbrados t ON t.huella = s.huella AND t.estado <> 'rechazado'"
    " WHERE s.creado_en >= :desde AND s.creado_en < :hasta ORDER BY s.creado_en"
)
_FAILURE = text(
    "DELETE FROM pac_sandbox.fallas_de_cancelacion"
    " WHERE id = (SELECT min(id) FROM pac_sandbox.fallas_de_cancelacion) RETURNING modo"
)


class MemoriaSatPostgres:
    """The cancellations that the sandbox's SAT was asked for, and its stamps by UUID and by time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    def timbre(self, uuid: UUID) -> bytes | None:
        """The TFD of that UUID, if the sandbox stamped it."""
        with self._engine.connect() as connection:
            tfd = connection.execute(_STAMP, {"uuid": str(uuid).upper().encode()}).scalar()
            return None if tfd is None else bytes(tfd)

    def expediente(self, uuid: UUID) -> Expediente | None:
        """The cancellation of that document."""
        with self._engine.connect() as connection:
            row = connection.execute(text(f"{_FILE} WHERE uuid = :uuid"), {"uuid": uuid}).first()
            return None if row is None else _expediente(row)

    def guardar_expediente(self, nuevo: Expediente) -> Expediente:
        """Store it unless there is one that was not refused; the stored one, counting how often it was asked."""
        with self._engine.connect() as connection:
            return _expediente(connection.execute(_STORE, asdict(nuevo)).one())

    def resolver(self, uuid: UUID, estado: str, estatus: str) -> bool:
        """End one that is en_proceso; false if there is none."""
        with self._engine.connect() as connection:
            params = {"uuid": uuid, "estado": estado, "estatus": estatus}
            return connection.execute(_END, params).first() is not None

    def timbres(self, desde: datetime, hasta: datetime) -> list[tuple[bytes, str, datetime]]:
        """(TFD, issuer or empty, when) of what was stamped in [desde, hasta)."""
        with self._engine.connect() as connection:
            rows = connection.execute(_LIST, {"desde": desde, "hasta": hasta})
            return [(bytes(r.tfd), r.emisor, r.creado_en) for r in rows]

    def falla_de_cancelacion(self) -> str | None:
        """Take one injected failure."""
        with self._engine.connect() as connection:
            return connection.execute(_FAILURE).scalar()


def _expediente(r: Any) -> Expediente:
    return Expediente(r.uuid, r.estado, r.motivo, r.estatus, bytes(r.acuse), r.solicitada_en)
