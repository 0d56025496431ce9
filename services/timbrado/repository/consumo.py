"""SQL of what CTI consume: kept by the sealer, read by the guard, the forecast and the automatic sale."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from services.timbrado.domain.pronostico import DIAS_MAXIMO, ESCALA, VENTANA
from services.timbrado.repository.base import Base
from shared.ledger.sealing import Eslabon
from shared.persistence.outbox import publicar_seleccion

#: Days of a CTI that consumes nothing, in the list's order: after every other.
SIN_FIN = 2**31 - 1

#: An ilimitada's movement leaves the `emision` account, so it is the stamping that tells the CTI.
_CONSUMED = text(
    "WITH u AS (SELECT t.cti, date_trunc('hour', s.en, 'UTC') AS hora, sum(s.cantidad) AS cantidad"
    " FROM unnest(CAST(:operaciones AS uuid[]), CAST(:cantidades AS bigint[]), CAST(:momentos AS timestamptz[]))"
    " s(operacion, cantidad, en) JOIN timbrados t ON t.id = s.operacion GROUP BY 1, 2),"
    " horas AS (INSERT INTO consumo_por_hora AS h (cti, hora, cantidad) SELECT cti, hora, cantidad FROM u"
    " ON CONFLICT (cti, hora) DO UPDATE SET cantidad = h.cantidad + excluded.cantidad)"
    " INSERT INTO ritmos (cti, desde) SELECT cti, (min(hora) AT TIME ZONE 'America/Mexico_City')::date FROM u"
    " GROUP BY cti ON CONFLICT DO NOTHING"
)
#: A CTI's old hours become one, at the epoch: its sum stays what it stamped, and no window reaches back to there. Those at
#: the epoch are no candidates, or a scan would pass them all each time. Replicas take other rows; the sums are locked in
#: order of CTI.
_FOLD = text(
    "WITH viejas AS (SELECT cti, hora FROM consumo_por_hora WHERE hora > to_timestamp(0) AND hora < :antes"
    " ORDER BY hora LIMIT :limite FOR UPDATE SKIP LOCKED),"
    " quitadas AS (DELETE FROM consumo_por_hora h USING viejas v WHERE h.cti = v.cti AND h.hora = v.hora"
    " RETURNING h.cti, h.cantidad),"
    " sumadas AS (INSERT INTO consumo_por_hora AS h (cti, hora, cantidad)"
    " SELECT cti, to_timestamp(0), sum(cantidad) FROM quitadas GROUP BY cti ORDER BY cti"
    " ON CONFLICT (cti, hora) DO UPDATE SET cantidad = h.cantidad + excluded.cantidad)"
    " SELECT count(*) FROM quitadas"
)
_DAYS = text(
    "INSERT INTO cortes (cuenta_id, dia, secuencia)"
    " SELECT cuenta_id, (en AT TIME ZONE 'America/Mexico_City')::date, min(secuencia)"
    " FROM unnest(CAST(:cuentas AS bigint[]), CAST(:secuencias AS bigint[]), CAST(:momentos AS timestamptz[]))"
    " s(cuenta_id, secuencia, en) GROUP BY 1, 2 ON CONFLICT DO NOTHING"
)
#: Whole days that ended yesterday, by weekday; and today's, for a CTI that began today.
_STALE = text(
    "WITH t AS (SELECT cti, desde FROM ritmos WHERE recalcular_en <= now() ORDER BY recalcular_en LIMIT :limite"
    " FOR UPDATE SKIP LOCKED), d AS (SELECT t.cti, (h.hora AT TIME ZONE 'America/Mexico_City')::date AS dia, h.cantidad"
    " FROM t JOIN consumo_por_hora h ON h.cti = t.cti"
    " AND h.hora >= (CAST(:hoy AS date) - CAST(:ventana AS integer))::timestamp AT TIME ZONE 'America/Mexico_City'"
    " AND h.hora < (CAST(:hoy AS date) + 1)::timestamp AT TIME ZONE 'America/Mexico_City'),"
    " s AS (SELECT cti, extract(isodow FROM dia) AS w, coalesce(sum(cantidad) FILTER (WHERE dia < :hoy), 0)::bigint AS n,"
    " coalesce(sum(cantidad) FILTER (WHERE dia = :hoy), 0)::bigint AS de_hoy FROM d GROUP BY 1, 2)"
    " SELECT t.cti, t.desde, coalesce(sum(s.de_hoy), 0)::bigint AS de_hoy,"
    + ", ".join(f" coalesce(sum(s.n) FILTER (WHERE s.w = {w}), 0)::bigint AS s{w}" for w in range(1, 8))
    + " FROM t LEFT JOIN s ON s.cti = t.cti GROUP BY t.cti, t.desde"
)
_KEEP = text(
    "UPDATE ritmos r SET dias = u.dias, tasas = CAST(u.tasas AS bigint[]), recalcular_en = u.cuando"
    " FROM unnest(CAST(:ctis AS text[]), CAST(:dias AS smallint[]), CAST(:tasas AS text[]),"
    " CAST(:cuando AS timestamptz[])) u(cti, dias, tasas, cuando) WHERE r.cti = u.cti"
)
_RHYTHMS = text("SELECT cti, dias, tasas FROM ritmos WHERE cti = ANY(:ctis)")
#: `domain/pronostico.py` in SQL, for the order of the list: whole weeks, and the days that the rest still covers.
#: OFFSET 0 keeps the planner from copying each sum into every place that uses it (225 ms and not 1,000 at 100,000 CTI).
_FORECASTS = text(
    "WITH acumulado AS (SELECT c.id AS cti, c.nic, l.saldo - l.retenido AS disponible, coalesce(r.dias, 0) AS historia,"
    " coalesce(r.tasas, '{0,0,0,0,0,0,0}') AS tasas, r.tasas[:d1] AS a1, r.tasas[:d1] + r.tasas[:d2] AS a2,"
    " r.tasas[:d1] + r.tasas[:d2] + r.tasas[:d3] AS a3, r.tasas[:d1] + r.tasas[:d2] + r.tasas[:d3] + r.tasas[:d4] AS a4,"
    " r.tasas[:d1] + r.tasas[:d2] + r.tasas[:d3] + r.tasas[:d4] + r.tasas[:d5] AS a5,"
    " r.tasas[:d1] + r.tasas[:d2] + r.tasas[:d3] + r.tasas[:d4] + r.tasas[:d5] + r.tasas[:d6] AS a6,"
    " nullif(r.tasas[1] + r.tasas[2] + r.tasas[3] + r.tasas[4] + r.tasas[5] + r.tasas[6] + r.tasas[7], 0) AS semana"
    " FROM ctis c JOIN cuentas l ON l.id = c.libro_id LEFT JOIN ritmos r ON r.cti = c.id"
    " WHERE c.cuenta_id = :cuenta_id AND c.tipo = 'estandar' OFFSET 0),"
    " restos AS (SELECT *, disponible * :escala / semana AS semanas, disponible * :escala % semana AS resto"
    " FROM acumulado OFFSET 0), plazos AS (SELECT cti, nic, disponible, historia, tasas,"
    f" CASE WHEN semana IS NULL THEN {SIN_FIN} WHEN disponible <= 0 THEN 0 ELSE least(:maximo, 7 * semanas"
    " + (resto >= a1)::int + (resto >= a2)::int + (resto >= a3)::int + (resto >= a4)::int + (resto >= a5)::int"
    " + (resto >= a6)::int) END AS dias FROM restos OFFSET 0)"
    " SELECT * FROM plazos WHERE dias < :menos_de AND (dias, cti) > (:dias, :cti) ORDER BY dias, cti LIMIT :limite"
)

#: Last sealed link of each CTI estándar in a lot, told by the database itself: no row travels. What came in is a purchase.
_BALANCES = (
    "SELECT jsonb_build_object('ctis', string_agg(b.id, ',' ORDER BY b.id),"
    " 'clientes', string_agg(b.cliente_id::text, ',' ORDER BY b.id),"
    " 'saldos', string_agg(b.saldo::text, ',' ORDER BY b.id),"
    " 'versiones', string_agg(b.secuencia::text, ',' ORDER BY b.id),"
    " 'compras', string_agg(b.compra, ',' ORDER BY b.id)) AS carga"
    " FROM (SELECT c.id, c.cliente_id, u.saldo, u.secuencia, u.compra FROM unnest(CAST(:cuentas AS bigint[]),"
    " CAST(:secuencias AS bigint[]), CAST(:saldos AS bigint[]), CAST(:compras AS text[]))"
    " u(cuenta_id, secuencia, saldo, compra) JOIN ctis c ON c.libro_id = u.cuenta_id AND c.tipo = 'estandar') b"
    " HAVING count(*) > 0"
)


def al_sellar(connection: Connection, eslabones: Sequence[Eslabon]) -> None:
    """Beside the chain: consumption per CTI and hour, and the first link of each account's day.

    Runs in the sealing transaction, so that a movement counts exactly once, whatever dies.
    """
    connection.execute(
        _DAYS,
        {
            "cuentas": [e.cuenta for e in eslabones],
            "secuencias": [e.secuencia for e in eslabones],
            "momentos": [e.movimiento.creado_en for e in eslabones],
        },
    )
    timbrados = [
        e.movimiento
        for e in eslabones
        if e.movimiento.motivo == "timbrado" and e.cuenta == e.movimiento.origen
    ]
    if timbrados:
        connection.execute(
            _CONSUMED,
            {
                "operaciones": [m.operacion for m in timbrados],
                "cantidades": [m.cantidad for m in timbrados],
                "momentos": [m.creado_en for m in timbrados],
            },
        )


class Consumo(Base):
    """Rhythms of consumption, and the forecasts that come of them."""

    def contar_saldos(self, evento: str, eslabones: Sequence[Eslabon]) -> None:
        """Tell the balances that a sealed lot left as one `evento`, each CTI once."""
        ultimos = {e.cuenta: e for e in eslabones}
        compras = {e.cuenta: e.movimiento.creado_en for e in eslabones if e.cuenta == e.movimiento.destino}
        publicar_seleccion(
            self._session,
            evento,
            _BALANCES,
            {
                "cuentas": list(ultimos),
                "secuencias": [e.secuencia for e in ultimos.values()],
                "saldos": [e.saldo for e in ultimos.values()],
                "compras": [compras.get(cuenta, "") for cuenta in ultimos],
            },
        )

    def juntar_horas(self, antes: datetime, limite: int) -> int:
        """Make one of the hours before a moment, of at most `limite` rows; how many rows that was."""
        return int(self._session.scalar(_FOLD, {"antes": antes, "limite": limite}) or 0)

    def ritmos_vencidos(self, hoy: date, limite: int) -> list[Any]:
        """Take rhythms that a new day has made old: (cti, desde, de_hoy, sumas by weekday from Monday on)."""
        return list(self._session.execute(_STALE, {"hoy": hoy, "ventana": VENTANA, "limite": limite}))

    def guardar_ritmos(self, ritmos: Sequence[tuple[str, int, list[int], datetime]]) -> None:
        """(cti, days of its window, rates, when to work it out again)."""
        self._session.execute(
            _KEEP,
            {
                "ctis": [r[0] for r in ritmos],
                "dias": [r[1] for r in ritmos],
                # An array of arrays would have to be flattened by PostgreSQL: text casts back to each.
                "tasas": ["{" + ",".join(map(str, r[2])) + "}" for r in ritmos],
                "cuando": [r[3] for r in ritmos],
            },
        )

    def ritmos(self, ctis: Sequence[str]) -> dict[str, tuple[int, list[int]]]:
        """Days known and rates, by CTI; one that never consumed is not there."""
        return {r.cti: (r.dias, list(r.tasas)) for r in self._session.execute(_RHYTHMS, {"ctis": list(ctis)})}

    def pagina_pronosticos(
        self, cuenta_id: UUID, hoy: date, menos_de: int | None, despues: tuple[int, str], limite: int
    ) -> list[Any]:
        """CTI estándar of a CM in the order in which their balance ends, after (days, cti)."""
        orden = [(hoy.isoweekday() - 1 + n) % 7 + 1 for n in range(7)]
        return list(
            self._session.execute(
                _FORECASTS,
                {
                    "cuenta_id": cuenta_id,
                    **{f"d{n}": d for n, d in enumerate(orden, 1)},
                    "escala": ESCALA,
                    "maximo": DIAS_MAXIMO,
                    "menos_de": SIN_FIN + 1 if menos_de is None else menos_de,
                    "dias": despues[0],
                    "cti": despues[1],
                    "limite": limite,
                },
            )
        )
