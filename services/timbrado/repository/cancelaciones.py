"""SQL of the cancellations: one live request per document, and whose turn it is to ask about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.timbrado.domain.cancelacion import (
    CancelacionGuardada,
    Desenlace,
    EstadoDeCancelacion,
    TimbradoPorCancelar,
)
from services.timbrado.repository.base import Base

_COLUMNS = (
    "k.id, k.uuid, k.estado, k.motivo, k.sustituye, k.solicitud, k.codigo, k.detalle, k.acuse, k.intentos,"
    " k.solicitada_en, k.terminada_en"
)
_DOCUMENT = (
    "SELECT t.id, t.uuid, t.cti, t.cuenta_id, t.cliente_id, t.emisor, t.receptor, t.tipo, t.total, t.sello, t.pac"
    " FROM timbrados t"
)
_OF_CTI = text(f"{_DOCUMENT} WHERE t.uuid = :uuid AND t.cti = :cti AND t.estado = 'timbrado'")
_OF_ACCOUNT = text(
    f"{_DOCUMENT} JOIN ctis c ON c.id = t.cti WHERE t.uuid = :uuid AND c.cuenta_id = :cuenta_id"
    " AND t.estado = 'timbrado'"
)
_REPLACEMENT = text(
    "SELECT t.emisor, (SELECT k.estado FROM cancelaciones k WHERE k.uuid = t.uuid AND k.estado <> 'rechazada')"
    " AS cancelacion FROM timbrados t WHERE t.uuid = :uuid AND t.estado = 'timbrado'"
)
_LATEST = text(
    f"SELECT {_COLUMNS} FROM cancelaciones k WHERE k.uuid = :uuid ORDER BY k.solicitada_en DESC LIMIT 1"
)
_OPEN = text(
    "INSERT INTO cancelaciones AS k (timbrado_id, uuid, cti, motivo, sustituye, pac, solicitud, proxima_en)"
    " VALUES (:timbrado_id, :uuid, :cti, :motivo, :sustituye, :pac, :solicitud,"
    " now() + make_interval(secs => :plazo))"
    f" ON CONFLICT (uuid) WHERE estado <> 'rechazada' DO NOTHING RETURNING {_COLUMNS}"
)
_TAKE = text(
    "UPDATE cancelaciones SET proxima_en = now() + make_interval(secs => :plazo)"
    " WHERE id = :id AND terminada_en IS NULL AND (proxima_en < now() OR :ya) RETURNING id"
)
_DUE = text(
    "UPDATE cancelaciones k SET proxima_en = now() + make_interval(secs => :plazo) FROM timbrados t"
    " WHERE k.id IN (SELECT id FROM cancelaciones WHERE terminada_en IS NULL AND proxima_en < now()"
    " ORDER BY proxima_en LIMIT :limite FOR UPDATE SKIP LOCKED) AND t.id = k.timbrado_id"
    f" RETURNING {_COLUMNS}, t.id AS timbrado_id, t.cti, t.cuenta_id, t.cliente_id, t.emisor, t.receptor, t.tipo,"
    " t.total, t.sello, t.pac"
)
_SETTLE = text(
    "UPDATE cancelaciones k SET estado = :estado, codigo = coalesce(:codigo, codigo),"
    " detalle = coalesce(:detalle, detalle), acuse = coalesce(:acuse, acuse), intentos = intentos + 1,"
    " proxima_en = CASE WHEN CAST(:espera AS float) IS NULL THEN NULL"
    " ELSE now() + make_interval(secs => :espera) END,"
    " terminada_en = CASE WHEN CAST(:espera AS float) IS NULL THEN now() END"
    f" WHERE id = :id AND terminada_en IS NULL RETURNING {_COLUMNS}"
)
_AGAIN = text(
    "UPDATE cancelaciones SET intentos = intentos + 1, proxima_en = now() + make_interval(secs => :espera),"
    " detalle = coalesce(:detalle, detalle)"
    " WHERE id = :id AND terminada_en IS NULL"
)
_BY_ID = text(f"SELECT {_COLUMNS} FROM cancelaciones k WHERE k.id = :id")


class Cancelaciones(Base):
    """Requests to cancel, and what the documents they are about look like."""

    def por_cancelar(self, cti: str, uuid: UUID) -> TimbradoPorCancelar | None:
        """A document that this CTI stamped."""
        return _documento(self._session.execute(_OF_CTI, {"cti": cti, "uuid": uuid}).first())

    def por_cancelar_de(self, cuenta_id: UUID, uuid: UUID) -> TimbradoPorCancelar | None:
        """A document stamped by a CTI of this CM."""
        return _documento(self._session.execute(_OF_ACCOUNT, {"cuenta_id": cuenta_id, "uuid": uuid}).first())

    def sustituto(self, uuid: UUID) -> tuple[str, str | None] | None:
        """Issuer and live cancellation's state of a document that we stamped, whoever's it is."""
        row = self._session.execute(_REPLACEMENT, {"uuid": uuid}).first()
        return (row.emisor, row.cancelacion) if row else None

    def cancelacion_de(self, uuid: UUID) -> CancelacionGuardada | None:
        """The document's latest request."""
        return _guardada(self._session.execute(_LATEST, {"uuid": uuid}).first())

    def abrir_cancelacion(
        self, d: TimbradoPorCancelar, motivo: str, sustituye: UUID | None, solicitud: bytes, plazo: float
    ) -> CancelacionGuardada | None:
        """Record a request, taken by the caller for `plazo` seconds; None when the document has a live one.

        A concurrent one of the same document is waited for.
        """
        return _guardada(
            self._session.execute(
                _OPEN,
                {
                    "timbrado_id": d.id,
                    "uuid": d.uuid,
                    "cti": d.cti,
                    "motivo": motivo,
                    "sustituye": sustituye,
                    "pac": d.pac,
                    "solicitud": solicitud,
                    "plazo": plazo,
                },
            ).first()
        )

    def tomar_cancelacion(self, id_: UUID, plazo: float, *, ya: bool = False) -> bool:
        """Take a request under way for `plazo` seconds, unless another worker has it (`ya`: even if not due)."""
        return bool(self._session.execute(_TAKE, {"id": id_, "plazo": plazo, "ya": ya}).first())

    def cancelaciones_por_ver(
        self, limite: int, plazo: float
    ) -> list[tuple[CancelacionGuardada, TimbradoPorCancelar]]:
        """Take requests whose time has come, for `plazo` seconds; no two replicas take the same."""
        rows = self._session.execute(_DUE, {"limite": limite, "plazo": plazo})
        return [(_fila(r), _fila_de_documento(r, r.timbrado_id)) for r in rows]

    def asentar_cancelacion(
        self, id_: UUID, d: Desenlace, espera: float | None
    ) -> CancelacionGuardada | None:
        """Record an answer; None when another worker had ended it, and then nothing changes."""
        return _guardada(
            self._session.execute(
                _SETTLE,
                {
                    "id": id_,
                    "estado": d.estado,
                    "codigo": d.codigo,
                    "detalle": d.detalle,
                    "acuse": d.acuse or None,
                    "espera": espera,
                },
            ).first()
        )

    def aplazar_cancelacion(self, id_: UUID, espera: float, detalle: str | None) -> None:
        """Nothing was learned: ask again in so many seconds."""
        self._session.execute(_AGAIN, {"id": id_, "espera": espera, "detalle": detalle})

    def cancelacion(self, id_: UUID) -> CancelacionGuardada | None:
        """A request as it is now."""
        return _guardada(self._session.execute(_BY_ID, {"id": id_}).first())

    def cancelaciones_de(self, uuids: Sequence[UUID]) -> dict[UUID, CancelacionGuardada]:
        """The live request of each document that has one."""
        rows = self._session.execute(
            text(
                f"SELECT {_COLUMNS} FROM cancelaciones k WHERE k.uuid = ANY(:uuids) AND k.estado <> 'rechazada'"
            ),
            {"uuids": list(uuids)},
        )
        return {r.uuid: _fila(r) for r in rows}


def _guardada(row: Any) -> CancelacionGuardada | None:
    return None if row is None else _fila(row)


def _fila(r: Any) -> CancelacionGuardada:
    return CancelacionGuardada(
        id=r.id,
        uuid=r.uuid,
        estado=EstadoDeCancelacion(r.estado),
        motivo=r.motivo,
        sustituye=r.sustituye,
        solicitud=bytes(r.solicitud),
        codigo=r.codigo,
        detalle=r.detalle,
        acuse=None if r.acuse is None else bytes(r.acuse),
        intentos=r.intentos,
        solicitada_en=r.solicitada_en,
        terminada_en=r.terminada_en,
    )


def _documento(row: Any) -> TimbradoPorCancelar | None:
    return None if row is None else _fila_de_documento(row, row.id)


def _fila_de_documento(r: Any, id_: UUID) -> TimbradoPorCancelar:
    return TimbradoPorCancelar(
        id=id_,
        uuid=r.uuid,
        cti=r.cti,
        cuenta_id=r.cuenta_id,
        cliente_id=r.cliente_id,
        emisor=r.emisor,
        receptor=r.receptor,
        tipo=r.tipo,
        total=f"{r.total:f}",
        sello=r.sello,
        pac=r.pac,
    )
