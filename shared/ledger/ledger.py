"""The ledger on PostgreSQL: set-based, so N movements cost a fixed number of statements.

Rows are locked in the order of their ids (domain: Balances, 2), so that lots never deadlock. Accounts
without a limit are never locked: no row that every debit would wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.ledger.domain import (
    Captura,
    Cuenta,
    Rechazo,
    Retencion,
    Transferencia,
    netos,
    resolver_retenciones,
    resolver_transferencias,
)

_COLUMNS = "id, tipo, titular, saldo, retenido, con_limite, bloqueada, version"
_OPEN = text(
    "INSERT INTO cuentas (tipo, titular, con_limite)"
    " SELECT * FROM unnest(CAST(:tipos AS text[]), CAST(:titulares AS text[]), CAST(:limites AS boolean[]))"
    " ON CONFLICT DO NOTHING"
)
_BY_OWNER = text(
    f"SELECT {_COLUMNS} FROM cuentas WHERE (tipo, titular) IN"
    " (SELECT * FROM unnest(CAST(:tipos AS text[]), CAST(:titulares AS text[])))"
)
_LOCK = text(f"SELECT {_COLUMNS} FROM cuentas WHERE id = ANY(:ids) AND con_limite ORDER BY id FOR UPDATE")
_UNLIMITED = text(f"SELECT {_COLUMNS} FROM cuentas WHERE id = ANY(:ids) AND NOT con_limite")
_ADD = text(
    "UPDATE cuentas SET saldo = saldo + n FROM unnest(CAST(:ids AS bigint[]), CAST(:netos AS bigint[])) t(i, n)"
    " WHERE id = i AND con_limite AND n <> 0"
)
_MOVE = text(
    "WITH hechos AS (INSERT INTO movimientos (operacion, origen, destino, cantidad, motivo, referencia, importe)"
    " SELECT * FROM unnest(CAST(:operaciones AS uuid[]), CAST(:origenes AS bigint[]), CAST(:destinos AS bigint[]),"
    " CAST(:cantidades AS bigint[]), CAST(:motivos AS text[]), CAST(:referencias AS text[]),"
    " CAST(:importes AS numeric[])) RETURNING id)"
    " INSERT INTO por_sellar SELECT id FROM hechos"
)
_HOLD = text(
    "WITH nuevas AS (INSERT INTO retenciones (id, cuenta_id, cantidad)"
    " SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:cuentas AS bigint[]), CAST(:cantidades AS bigint[]))"
    " RETURNING cuenta_id, cantidad),"
    " sumas AS (SELECT cuenta_id, sum(cantidad) AS n FROM nuevas GROUP BY cuenta_id)"
    " UPDATE cuentas SET retenido = retenido + n FROM sumas WHERE cuentas.id = sumas.cuenta_id AND con_limite"
)
_LOCK_HELD = text(
    "SELECT id FROM cuentas WHERE con_limite AND (id = ANY(:destinos) OR id IN"
    " (SELECT cuenta_id FROM retenciones WHERE id = ANY(:ids))) ORDER BY id FOR UPDATE"
)
#: A capture as the beginning of a statement, so that a service may add what it has to write with it: it ends in
#: `hechos (id, operacion)`, the movements made. Accounts are locked in order of their ids before anything is written,
#: and written from what the lock read: an update checks its constraints first on the row as the statement's snapshot
#: has it, which a debit that ended meanwhile has made old, and would refuse what fits.
CAPTURE = (
    "WITH pedidas AS (SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:operaciones AS uuid[]),"
    " CAST(:destinos AS bigint[]), CAST(:motivos AS text[]), CAST(:referencias AS text[]))"
    " t(retencion, operacion, destino, motivo, referencia)),"
    " bloqueadas AS MATERIALIZED (SELECT id, saldo, retenido FROM cuentas WHERE con_limite AND (id = ANY(:destinos) OR id IN"
    " (SELECT cuenta_id FROM retenciones WHERE id = ANY(:ids))) ORDER BY id FOR UPDATE),"
    " tomadas AS (DELETE FROM retenciones r USING pedidas p WHERE r.id = p.retencion"
    " AND (SELECT count(*) FROM bloqueadas) >= 0"
    " RETURNING r.cuenta_id, r.cantidad, p.operacion, p.destino, p.motivo, p.referencia),"
    " cambios AS (SELECT cuenta_id AS id, -sum(cantidad) AS saldo, -sum(cantidad) AS retenido FROM tomadas"
    " GROUP BY cuenta_id UNION ALL SELECT destino, sum(cantidad), 0 FROM tomadas GROUP BY destino),"
    " sumas AS (SELECT id, sum(saldo) AS saldo, sum(retenido) AS retenido FROM cambios GROUP BY id),"
    " puestas AS (UPDATE cuentas c SET saldo = b.saldo + s.saldo, retenido = b.retenido + s.retenido"
    " FROM sumas s JOIN bloqueadas b ON b.id = s.id WHERE c.id = s.id RETURNING c.id, c.saldo, c.umbral),"
    " bajas AS (INSERT INTO bajo_umbral (cuenta_id) SELECT id FROM puestas WHERE saldo < umbral ON CONFLICT DO NOTHING),"
    " hechos AS (INSERT INTO movimientos (operacion, origen, destino, cantidad, motivo, referencia)"
    " SELECT operacion, cuenta_id, destino, cantidad, motivo, referencia FROM tomadas RETURNING id, operacion),"
    " cola AS (INSERT INTO por_sellar SELECT id FROM hechos)"
)
_CAPTURE = text(f"{CAPTURE} SELECT operacion FROM hechos")
_RELEASE = text(
    "WITH tomadas AS (DELETE FROM retenciones WHERE id = ANY(:ids) RETURNING cuenta_id, cantidad),"
    " sumas AS (SELECT cuenta_id, sum(cantidad) AS n FROM tomadas GROUP BY cuenta_id)"
    " UPDATE cuentas SET retenido = retenido - n FROM sumas WHERE cuentas.id = sumas.cuenta_id AND con_limite"
)
_STATEMENT = text(
    "SELECT m.id, m.operacion, m.motivo, m.referencia, m.importe, m.creado_en, c.secuencia, c.saldo, c.sello,"
    " CASE WHEN m.destino = :cuenta THEN m.cantidad ELSE -m.cantidad END AS cantidad"
    " FROM (SELECT * FROM movimientos WHERE origen = :cuenta AND id < :antes"
    " UNION ALL SELECT * FROM movimientos WHERE destino = :cuenta AND id < :antes"
    " ORDER BY id DESC LIMIT :limite) m"
    " LEFT JOIN cadena c ON c.cuenta_id = :cuenta AND c.movimiento_id = m.id ORDER BY m.id DESC"
)
_THRESHOLD = text("UPDATE cuentas SET umbral = :umbral WHERE id = :id RETURNING saldo")
_BELOW = text("INSERT INTO bajo_umbral (cuenta_id) VALUES (:id) ON CONFLICT DO NOTHING")
_FREEZE = text("UPDATE cuentas SET bloqueada = :bloqueada WHERE id = :id")
_FENCE = text("UPDATE cuentas SET version = version + 1 WHERE id = :id RETURNING version")


def capture_params(pedidas: Sequence[Captura]) -> dict[str, Any]:
    """What `CAPTURE` needs."""
    return {
        "ids": [c.retencion for c in pedidas],
        "operaciones": [c.operacion for c in pedidas],
        "destinos": [c.destino for c in pedidas],
        "motivos": [c.motivo for c in pedidas],
        "referencias": [c.referencia for c in pedidas],
    }


class Ledger:
    """Accounts, movements and holds of one service, inside the caller's transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def abrir(self, cuentas: Sequence[tuple[str, str, bool]]) -> dict[tuple[str, str], Cuenta]:
        """Open accounts `(tipo, titular, con_limite)`; those that exist stay as they are."""
        self._session.execute(
            _OPEN,
            {
                "tipos": [c[0] for c in cuentas],
                "titulares": [c[1] for c in cuentas],
                "limites": [c[2] for c in cuentas],
            },
        )
        return self.buscar([(c[0], c[1]) for c in cuentas])

    def buscar(self, claves: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Cuenta]:
        """Accounts by `(tipo, titular)`, without locking."""
        rows = self._session.execute(
            _BY_OWNER, {"tipos": [k[0] for k in claves], "titulares": [k[1] for k in claves]}
        )
        return {(r.tipo, r.titular): Cuenta(*r) for r in rows}

    def tomar(self, ids: Sequence[int]) -> dict[int, Cuenta]:
        """Accounts by id, locked in the order of their ids (those without a limit are only read)."""
        unicos = sorted(set(ids))
        rows = [
            *self._session.execute(_LOCK, {"ids": unicos}),
        ]
        if len(rows) < len(unicos):
            rows += self._session.execute(_UNLIMITED, {"ids": unicos})
        return {r.id: Cuenta(*r) for r in rows}

    def transferir(self, pedidas: Sequence[Transferencia]) -> list[Rechazo | None]:
        """Make the transfers that fit, in order; answers one refusal or None per request.

        For all-or-nothing the caller raises when any is refused, and the transaction rolls back.
        """
        cuentas = self.tomar([i for t in pedidas for i in (t.origen, t.destino)])
        resultado = resolver_transferencias(cuentas, pedidas)
        hechas = [t for t, rechazo in zip(pedidas, resultado, strict=True) if rechazo is None]
        if hechas:
            cambio = netos(hechas)
            self._session.execute(_ADD, {"ids": list(cambio), "netos": list(cambio.values())})
            self._session.execute(
                _MOVE,
                {
                    "operaciones": [t.operacion for t in hechas],
                    "origenes": [t.origen for t in hechas],
                    "destinos": [t.destino for t in hechas],
                    "cantidades": [t.cantidad for t in hechas],
                    "motivos": [t.motivo for t in hechas],
                    "referencias": [t.referencia for t in hechas],
                    "importes": [t.importe for t in hechas],
                },
            )
        return resultado

    def retener(self, pedidas: Sequence[Retencion]) -> list[Rechazo | None]:
        """Hold what fits, in order; answers one refusal or None per request."""
        cuentas = self.tomar([i for r in pedidas for i in (r.cuenta, r.paga)])
        resultado = resolver_retenciones(cuentas, pedidas)
        hechas = [r for r, rechazo in zip(pedidas, resultado, strict=True) if rechazo is None]
        if hechas:
            self._session.execute(
                _HOLD,
                {
                    "ids": [r.id for r in hechas],
                    "cuentas": [r.paga for r in hechas],
                    "cantidades": [r.cantidad for r in hechas],
                },
            )
        return resultado

    def capturar(self, pedidas: Sequence[Captura]) -> set[UUID]:
        """Turn holds into movements; answers the operations made. A hold that is gone is skipped."""
        return {r.operacion for r in self._session.execute(_CAPTURE, capture_params(pedidas))}

    def liberar(self, retenciones: Sequence[UUID]) -> None:
        """Give holds back. One that is gone is skipped."""
        if retenciones:
            self._session.execute(_LOCK_HELD, {"ids": list(retenciones), "destinos": []})
            self._session.execute(_RELEASE, {"ids": list(retenciones)})

    def bloquear(self, cuenta: int, bloqueada: bool) -> None:
        """Freeze or thaw: takes the account's lock, so a debit under way ends before and none begins after."""
        self._session.execute(_FREEZE, {"id": cuenta, "bloqueada": bloqueada})

    def cambiar_version(self, cuenta: int) -> int:
        """Cut off everyone who holds the present version; answers the new one."""
        return int(self._session.execute(_FENCE, {"id": cuenta}).scalar_one())

    def poner_umbral(self, cuenta: int, umbral: int | None) -> None:
        """Have a balance below `umbral` told in the queue `bajo_umbral`, at once if it is so already; None ends it."""
        saldo = self._session.execute(_THRESHOLD, {"id": cuenta, "umbral": umbral}).scalar_one()
        if umbral is not None and saldo < umbral:
            self._session.execute(_BELOW, {"id": cuenta})

    def estado_de_cuenta(self, cuenta: int, limite: int, antes: int | None = None) -> list[dict[str, Any]]:
        """The newest movements of an account before `antes`; `saldo` and `sello` are null until sealed."""
        rows = self._session.execute(
            _STATEMENT, {"cuenta": cuenta, "limite": limite, "antes": antes or 2**62}
        )
        return [dict(r._mapping) for r in rows]
