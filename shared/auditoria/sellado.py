"""The sealer of the audit log, and its check. One sealer at a time; entries wait for it in `auditoria_por_sellar`."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, Engine, text

from shared.auditoria.cadena import GENESIS, PLATAFORMA, encadenar, sello
from shared.crash import crash_point

LOCK = 7_170_419
_LOTE = 500

_CAMPOS = (
    "a.id, to_char(a.en AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS en, a.accion, a.actor_tipo,"
    " a.actor, a.ip, a.correlacion, a.objeto, a.resultado, a.detalle"
)
_TOMAR = text(
    "WITH t AS (DELETE FROM auditoria_por_sellar WHERE orden IN"
    " (SELECT orden FROM auditoria_por_sellar ORDER BY orden LIMIT :lote) RETURNING orden, asiento_id)"
    f" SELECT coalesce(a.cuenta_id, '{PLATAFORMA}') AS cadena, {_CAMPOS}"
    " FROM t JOIN auditoria a ON a.id = t.asiento_id ORDER BY t.orden"
)
_ULTIMOS = text(
    "SELECT u.cadena, c.secuencia, c.sello FROM unnest(CAST(:cadenas AS uuid[])) u(cadena), LATERAL"
    " (SELECT secuencia, sello FROM auditoria_cadena WHERE cadena = u.cadena ORDER BY secuencia DESC LIMIT 1) c"
)
_ANEXAR = text(
    "INSERT INTO auditoria_cadena (cadena, secuencia, asiento_id, anterior, sello)"
    " SELECT * FROM unnest(CAST(:cadenas AS uuid[]), CAST(:secuencias AS bigint[]), CAST(:asientos AS uuid[]),"
    " CAST(:anteriores AS bytea[]), CAST(:sellos AS bytea[]))"
)
_CADENA = text(
    f"SELECT c.cadena, c.secuencia, c.anterior, c.sello, a.cuenta_id, {_CAMPOS} FROM auditoria_cadena c"
    " JOIN auditoria a ON a.id = c.asiento_id ORDER BY c.cadena, c.secuencia"
)
_SUELTOS = text(
    "SELECT a.id FROM auditoria a WHERE NOT EXISTS (SELECT FROM auditoria_cadena c WHERE c.asiento_id = a.id)"
    " AND NOT EXISTS (SELECT FROM auditoria_por_sellar p WHERE p.asiento_id = a.id) ORDER BY a.id LIMIT 20"
)


def sellar(engine: Engine) -> int:
    """Chain one lot of entries; returns how many. Zero when there is nothing, or another replica seals."""
    with engine.begin() as connection:
        if not connection.execute(text("SELECT pg_try_advisory_xact_lock(:k)"), {"k": LOCK}).scalar():
            return 0
        asientos = [dict(r) for r in connection.execute(_TOMAR, {"lote": _LOTE}).mappings()]
        if not asientos:
            return 0
        cadenas = sorted({a["cadena"] for a in asientos})
        ultimos = {
            r.cadena: (r.secuencia, bytes(r.sello))
            for r in connection.execute(_ULTIMOS, {"cadenas": cadenas})
        }
        nuevos = encadenar(ultimos, asientos)
        nombres = ("cadenas", "secuencias", "asientos", "anteriores", "sellos")
        connection.execute(
            _ANEXAR, {n: list(c) for n, c in zip(nombres, zip(*nuevos, strict=True), strict=True)}
        )
        crash_point("auditoria.antes_de_sellar")
    return len(asientos)


def verificar(connection: Connection) -> list[str]:
    """Every broken rule of the audit log, in words: a chain with a gap, a changed entry, one outside its chain."""
    problemas: list[str] = []
    lugar: dict[UUID, tuple[int, bytes]] = {}
    for r in connection.execution_options(yield_per=1000).execute(_CADENA).mappings():
        secuencia, anterior = lugar.get(r["cadena"], (0, GENESIS))
        esperado = sello(anterior, r["cadena"], secuencia + 1, dict(r))
        dicho = (r["secuencia"], bytes(r["anterior"]), bytes(r["sello"]), r["cuenta_id"] or PLATAFORMA)
        if dicho != (secuencia + 1, anterior, esperado, r["cadena"]):
            problemas.append(f"audit log of {r['cadena']}: the chain breaks at entry {r['secuencia']}")
        lugar[r["cadena"]] = (r["secuencia"], bytes(r["sello"]))
    problemas += [
        f"audit entry {id_}: neither sealed nor waiting" for id_ in connection.execute(_SUELTOS).scalars()
    ]
    return problemas
