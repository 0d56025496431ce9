"""SQL of what CTI consume: kept by the sealer, read by the guard, the forecast and the automatic sale."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from shared.ledger.sealing import Eslabon

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
_DAYS = text(
    "INSERT INTO cortes (cuenta_id, dia, secuencia)"
    " SELECT cuenta_id, (en AT TIME ZONE 'America/Mexico_City')::date, min(secuencia)"
    " FROM unnest(CAST(:cuentas AS bigint[]), CAST(:secuencias AS bigint[]), CAST(:momentos AS timestamptz[]))"
    " s(cuenta_id, secuencia, en) GROUP BY 1, 2 ON CONFLICT DO NOTHING"
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
