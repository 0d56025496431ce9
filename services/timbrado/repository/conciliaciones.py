"""SQL of the daily reconciliation against the PACs' lists: progress, comparison, differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.timbrado.domain.pac import LineaDePac
from services.timbrado.repository.base import Base
from shared.pagination import Posicion

# Also the days on which nothing of ours ran, a week back at most.
_PLAN = text(
    "INSERT INTO conciliaciones (pac, dia) SELECT p, CAST(d AS date) FROM unnest(CAST(:pacs AS text[])) p"
    " CROSS JOIN LATERAL generate_series(greatest(coalesce((SELECT max(c.dia) + 1 FROM conciliaciones c"
    " WHERE c.pac = p), CAST(:dia AS date)), CAST(:dia AS date) - 6), CAST(:dia AS date), interval '1 day') d"
    " ON CONFLICT (pac, dia) DO NOTHING"
)
_AGAIN = text(
    "INSERT INTO conciliaciones (pac, dia) VALUES (:pac, :dia) ON CONFLICT (pac, dia) DO UPDATE SET"
    " estado = 'pendiente', avance = NULL, intentos = 0, detalle = NULL, tomada_hasta = now(), solicitada_en = now()"
    " WHERE conciliaciones.estado IN ('terminada', 'fallida') RETURNING id"
)
_TAKE = text(
    "UPDATE conciliaciones SET estado = 'en_curso', tomada_hasta = now() + make_interval(secs => :plazo) WHERE id ="
    " (SELECT id FROM conciliaciones WHERE estado IN ('pendiente', 'en_curso') AND tomada_hasta <= now()"
    " AND pac = ANY(:pacs) ORDER BY tomada_hasta LIMIT 1 FOR UPDATE SKIP LOCKED)"
    " RETURNING id, pac, dia, avance, intentos"
)
_LINES = text(
    "INSERT INTO conciliacion_lineas (conciliacion_id, uuid, emisor, en)"
    " SELECT :id, u, e, t FROM unnest(CAST(:uuids AS uuid[]), CAST(:emisores AS text[]), CAST(:en AS timestamptz[]))"
    " x(u, e, t) ON CONFLICT DO NOTHING"
)
_FORWARD = text(
    "UPDATE conciliaciones SET avance = greatest(coalesce(avance, :avance), :avance), intentos = 0, detalle = NULL,"
    " tomada_hasta = now() WHERE id = :id AND estado = 'en_curso'"
)
_LATER = text(
    "UPDATE conciliaciones SET intentos = intentos + 1, detalle = :detalle,"
    " tomada_hasta = now() + make_interval(secs => :espera),"
    " estado = CASE WHEN :fallida THEN 'fallida' ELSE estado END WHERE id = :id AND estado = 'en_curso'"
)
_LOCK = text("SELECT 1 FROM conciliaciones WHERE id = :id AND estado = 'en_curso' FOR UPDATE")
# FechaTimbrado (central time) is inside the TFD: terminado_en narrows what is read (BRIN), the text decides. As
# PACs write it its place is a byte search, many times faster than the expression that takes any XML.
_STAMPED_AT = (
    "CAST(CASE WHEN position(CAST('FechaTimbrado=\"' AS bytea) IN t.tfd) > 0"
    " THEN convert_from(substring(t.tfd FROM position(CAST('FechaTimbrado=\"' AS bytea) IN t.tfd) + 15 FOR 19), 'UTF8')"
    " ELSE substring(convert_from(t.tfd, 'UTF8') FROM 'FechaTimbrado\\s*=\\s*[\"'']\\s*([0-9T:-]{19})') END AS timestamp)"
    " AT TIME ZONE 'America/Mexico_City'"
)
_COMPARE = text(
    f"WITH aqui AS MATERIALIZED (SELECT t.uuid, t.emisor, f.en FROM timbrados t CROSS JOIN LATERAL (SELECT {_STAMPED_AT}"
    " AS en OFFSET 0) f"
    " WHERE t.pac = :pac AND t.estado = 'timbrado' AND t.terminado_en >= CAST(:desde AS timestamptz) - interval '1 hour'"
    " AND t.creado_en < CAST(:hasta AS timestamptz) + interval '1 hour' AND f.en >= :desde AND f.en < :hasta),"
    " lineas AS MATERIALIZED (SELECT uuid, emisor, en FROM conciliacion_lineas WHERE conciliacion_id = :id),"
    " vistas AS ("
    "  SELECT a.uuid, 'falta_en_pac' AS tipo, CAST(NULL AS text) AS emisor_pac, a.emisor AS emisor_aqui, a.en"
    "  FROM aqui a WHERE NOT EXISTS (SELECT 1 FROM lineas l WHERE l.uuid = a.uuid)"
    "  UNION ALL SELECT l.uuid, CASE WHEN t.uuid IS NULL THEN 'falta_aqui' ELSE 'emisor_distinto' END,"
    "  nullif(l.emisor, ''), t.emisor, l.en FROM lineas l LEFT JOIN timbrados t ON t.uuid = l.uuid"
    "  WHERE l.en >= :desde AND l.en < :hasta AND (t.uuid IS NULL OR (l.emisor <> '' AND l.emisor <> t.emisor))),"
    " puestas AS (INSERT INTO diferencias_pac (conciliacion_id, uuid, tipo, emisor_pac, emisor_aqui, timbrado_en)"
    "  SELECT :id, uuid, tipo, emisor_pac, emisor_aqui, en FROM vistas"
    "  ON CONFLICT (conciliacion_id, uuid) DO UPDATE SET tipo = EXCLUDED.tipo, emisor_pac = EXCLUDED.emisor_pac,"
    "  emisor_aqui = EXCLUDED.emisor_aqui, resuelta_en = NULL RETURNING 1),"
    " resueltas AS (UPDATE diferencias_pac d SET resuelta_en = now() WHERE d.conciliacion_id = :id"
    "  AND d.resuelta_en IS NULL AND NOT EXISTS (SELECT 1 FROM vistas v WHERE v.uuid = d.uuid) RETURNING 1)"
    " SELECT (SELECT count(*) FROM aqui) AS aqui,"
    " (SELECT count(*) FROM lineas WHERE en >= :desde AND en < :hasta) AS en_pac,"
    " (SELECT count(*) FROM puestas) AS diferencias, (SELECT count(*) FROM resueltas) AS resueltas,"
    # What one of our own pendientes may yet turn out to be is shown, and is nobody's surprise.
    " (SELECT count(*) FROM vistas v WHERE NOT (v.tipo = 'falta_aqui' AND EXISTS (SELECT 1 FROM timbrados t"
    "  WHERE t.estado = 'pendiente' AND t.pac = :pac AND t.emisor = v.emisor_pac))) AS inesperadas"
)
_DONE = text(
    "UPDATE conciliaciones SET estado = 'terminada', en_pac = :en_pac, aqui = :aqui, diferencias = :diferencias,"
    " detalle = NULL, terminada_en = now(), tomada_hasta = now() WHERE id = :id"
)
_CLEAN = text("DELETE FROM conciliacion_lineas WHERE conciliacion_id = :id")
_FOUND_SINCE = text(
    "UPDATE diferencias_pac d SET resuelta_en = now() FROM timbrados t WHERE d.resuelta_en IS NULL"
    " AND d.tipo = 'falta_aqui' AND t.uuid = d.uuid AND (d.emisor_pac IS NULL OR d.emisor_pac = t.emisor)"
)
_COLUMNS = (
    "c.id, c.pac, c.dia, c.estado, c.en_pac, c.aqui, c.diferencias, c.detalle, c.solicitada_en, c.terminada_en,"
    " (SELECT count(*) FROM diferencias_pac d WHERE d.conciliacion_id = c.id AND d.resuelta_en IS NULL) AS abiertas"
)
_DIFFERENCES = (
    "SELECT id, uuid, tipo, emisor_pac, emisor_aqui, timbrado_en, visto_en, resuelta_en FROM diferencias_pac"
)


@dataclass(frozen=True, slots=True)
class ConciliacionTomada:
    """One reconciliation that this replica works on. `avance`: how far the PAC's list has been read."""

    id: UUID
    pac: str
    dia: date
    avance: datetime | None
    intentos: int


@dataclass(frozen=True, slots=True)
class Comparacion:
    """What a day came to. `inesperadas` leaves out what one of our pendientes may explain."""

    aqui: int
    en_pac: int
    diferencias: int
    resueltas: int
    inesperadas: int


class Conciliaciones(Base):
    """Reconciliations by PAC and day."""

    def programar_conciliaciones(self, pacs: Sequence[str], dia: date) -> None:
        """One for each PAC and each day up to that one, where there is none yet."""
        self._session.execute(_PLAN, {"pacs": list(pacs), "dia": dia})

    def conciliar_de_nuevo(self, pac: str, dia: date) -> UUID:
        """The reconciliation of that day, to be done from the start; one under way goes on as it is."""
        id_: UUID | None = self._session.execute(_AGAIN, {"pac": pac, "dia": dia}).scalar()
        if id_ is None:
            id_ = self._session.execute(
                text("SELECT id FROM conciliaciones WHERE pac = :pac AND dia = :dia"),
                {"pac": pac, "dia": dia},
            ).scalar_one()
        else:
            self._session.execute(_CLEAN, {"id": id_})
        return id_

    def tomar_conciliacion(self, pacs: Sequence[str], plazo: float) -> ConciliacionTomada | None:
        """The next one to work on, for `plazo` seconds; no two replicas take the same."""
        row = self._session.execute(_TAKE, {"pacs": list(pacs), "plazo": plazo}).first()
        return ConciliacionTomada(*row) if row else None

    def anotar_lineas(self, id_: UUID, lineas: Sequence[LineaDePac], avance: datetime) -> None:
        """Keep a piece of the PAC's list and how far it goes. The same piece twice is the same."""
        if lineas:
            self._session.execute(
                _LINES,
                {
                    "id": id_,
                    "uuids": [x.uuid for x in lineas],
                    "emisores": [x.emisor for x in lineas],
                    "en": [x.en for x in lineas],
                },
            )
        self._session.execute(_FORWARD, {"id": id_, "avance": avance})

    def aplazar_conciliacion(self, id_: UUID, detalle: str, espera: float, *, fallida: bool) -> None:
        """The PAC did not give its list: try in `espera` seconds, or never again by ourselves."""
        self._session.execute(
            _LATER, {"id": id_, "detalle": detalle[:300], "espera": espera, "fallida": fallida}
        )

    def comparar(self, t: ConciliacionTomada, desde: datetime, hasta: datetime) -> Comparacion | None:
        """Compare the whole day in one statement and end the reconciliation; None if somebody else ended it.

        A day of a million stamps takes some seconds: this transaction has a limit of its own.
        """
        self._session.execute(text("SET LOCAL statement_timeout = '120s'"))
        if self._session.execute(_LOCK, {"id": t.id}).first() is None:
            return None
        row = self._session.execute(
            _COMPARE, {"id": t.id, "pac": t.pac, "desde": desde, "hasta": hasta}
        ).one()
        hecha = Comparacion(*row)
        self._session.execute(
            _DONE,
            {"id": t.id, "en_pac": hecha.en_pac, "aqui": hecha.aqui, "diferencias": hecha.diferencias},
        )
        self._session.execute(_CLEAN, {"id": t.id})
        return hecha

    def resolver_diferencias(self) -> int:
        """Those that we lacked and have since (a pendiente that was finished) are resolved; how many."""
        return int(self._session.execute(_FOUND_SINCE).rowcount)  # type: ignore[attr-defined]

    def conciliacion(self, id_: UUID) -> dict[str, Any] | None:
        """One, as operators see it."""
        row = self._session.execute(
            text(f"SELECT {_COLUMNS} FROM conciliaciones c WHERE c.id = :id"), {"id": id_}
        ).first()
        return dict(row._mapping) if row else None

    def pagina_conciliaciones(
        self, pac: str | None, limite: int, despues: Posicion | None
    ) -> list[dict[str, Any]]:
        """Those asked for last, first."""
        where = " AND c.pac = :pac" if pac is not None else ""
        where += " AND (c.solicitada_en, c.id) < (:en, :id)" if despues else ""
        rows = self._session.execute(
            text(
                f"SELECT {_COLUMNS} FROM conciliaciones c WHERE true{where}"
                " ORDER BY c.solicitada_en DESC, c.id DESC LIMIT :limite"
            ),
            {"pac": pac, "limite": limite} | ({"en": despues.en, "id": despues.id} if despues else {}),
        )
        return [dict(r._mapping) for r in rows]

    def pagina_diferencias(
        self, conciliacion_id: UUID, abiertas: bool | None, limite: int, despues: Posicion | None
    ) -> list[dict[str, Any]]:
        """Differences of a reconciliation, oldest first; `abiertas` None: all."""
        where = "" if abiertas is None else f" AND resuelta_en IS {'' if abiertas else 'NOT '}NULL"
        where += " AND (visto_en, id) > (:en, :id)" if despues else ""
        rows = self._session.execute(
            text(
                f"{_DIFFERENCES} WHERE conciliacion_id = :conciliacion_id{where}"
                " ORDER BY visto_en, id LIMIT :limite"
            ),
            {"conciliacion_id": conciliacion_id, "limite": limite}
            | ({"en": despues.en, "id": despues.id} if despues else {}),
        )
        return [dict(r._mapping) for r in rows]
