"""The sealer: chains committed movements per account, seconds behind the hot path, and checks the chain.

One sealer at a time (an advisory lock); it takes movements from the queue `por_sellar`, never touches an
account's row, and so never slows a debit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from shared.ledger.domain import GENESIS, Movimiento, sello

LOCK = 7_170_418
#: Movements at a time: some 20 ms of CPU, in which the process serves nobody else. Who seals asks again only after a
#: whole lot: while stampings go on there is always one more, and a lot costs the same six statements however small.
LOT = 500

_FIELDS = (
    "m.id, m.operacion, m.origen, m.destino, m.cantidad, m.motivo, m.referencia, m.importe,"
    " to_char(m.creado_en AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS creado_en"
)
_TAKE = text(
    "WITH t AS (DELETE FROM por_sellar WHERE movimiento_id IN"
    " (SELECT movimiento_id FROM por_sellar ORDER BY movimiento_id LIMIT :lote) RETURNING movimiento_id)"
    f" SELECT {_FIELDS} FROM t JOIN movimientos m ON m.id = t.movimiento_id ORDER BY m.id"
)
#: One look-up per account: one such as `consumo` has a link for every stamping that there ever was.
_LAST = text(
    "SELECT u.cuenta_id, c.secuencia, c.saldo, c.sello FROM unnest(CAST(:cuentas AS bigint[])) u(cuenta_id),"
    " LATERAL (SELECT secuencia, saldo, sello FROM cadena WHERE cuenta_id = u.cuenta_id"
    " ORDER BY secuencia DESC LIMIT 1) c"
)
_APPEND = text(
    "INSERT INTO cadena (cuenta_id, secuencia, movimiento_id, saldo, sello)"
    " SELECT * FROM unnest(CAST(:cuentas AS bigint[]), CAST(:secuencias AS bigint[]),"
    " CAST(:movimientos AS bigint[]), CAST(:saldos AS bigint[]), CAST(:sellos AS bytea[]))"
)
_CHAIN = text(
    f"SELECT c.cuenta_id, c.secuencia, c.saldo, c.sello, {_FIELDS} FROM cadena c"
    " JOIN movimientos m ON m.id = c.movimiento_id ORDER BY c.cuenta_id, c.secuencia"
)


#: A movement that the queue has lost, or whose links someone took off the end of a chain.
_UNSEALED = text(
    "SELECT m.id FROM movimientos m WHERE NOT EXISTS (SELECT FROM por_sellar p WHERE p.movimiento_id = m.id)"
    " AND (NOT EXISTS (SELECT FROM cadena c WHERE c.cuenta_id = m.origen AND c.movimiento_id = m.id)"
    " OR NOT EXISTS (SELECT FROM cadena c WHERE c.cuenta_id = m.destino AND c.movimiento_id = m.id)) ORDER BY m.id"
)


@dataclass(frozen=True, slots=True)
class Eslabon:
    """One link of an account's chain."""

    cuenta: int
    secuencia: int
    saldo: int
    sello: bytes
    movimiento: Movimiento


def encadenar(ultimos: dict[int, tuple[int, int, bytes]], movimientos: Iterable[Movimiento]) -> list[Eslabon]:
    """Links for movements in order; `ultimos` is each account's (sequence, balance, seal) so far."""
    nuevos: list[Eslabon] = []
    for m in movimientos:
        for cuenta, cambio in ((m.origen, -m.cantidad), (m.destino, m.cantidad)):
            secuencia, saldo, anterior = ultimos.get(cuenta, (0, 0, GENESIS))
            secuencia, saldo = secuencia + 1, saldo + cambio
            actual = sello(anterior, cuenta, secuencia, saldo, m)
            ultimos[cuenta] = (secuencia, saldo, actual)
            nuevos.append(Eslabon(cuenta, secuencia, saldo, actual, m))
    return nuevos


#: What a service keeps beside the chain: called in the sealing transaction, so each link comes to it exactly once.
AlSellar = Callable[[Connection, Sequence[Eslabon]], None]


def seal(engine: Engine, al_sellar: AlSellar | None = None) -> int:
    """Chain one lot of movements; returns how many. Zero when there is nothing or another replica seals.

    `al_sellar` gets the lot's links, two per movement, before the commit; one sealer runs at a time, so it
    never meets itself.
    """
    with engine.begin() as connection:
        if not connection.execute(text("SELECT pg_try_advisory_xact_lock(:k)"), {"k": LOCK}).scalar():
            return 0
        movimientos = [Movimiento(*r) for r in connection.execute(_TAKE, {"lote": LOT})]
        if not movimientos:
            return 0
        cuentas = sorted({c for m in movimientos for c in (m.origen, m.destino)})
        ultimos = {
            r.cuenta_id: (r.secuencia, r.saldo, bytes(r.sello))
            for r in connection.execute(_LAST, {"cuentas": cuentas})
        }
        nuevos = encadenar(ultimos, movimientos)
        connection.execute(
            _APPEND,
            {
                "cuentas": [e.cuenta for e in nuevos],
                "secuencias": [e.secuencia for e in nuevos],
                "movimientos": [e.movimiento.id for e in nuevos],
                "saldos": [e.saldo for e in nuevos],
                "sellos": [e.sello for e in nuevos],
            },
        )
        if al_sellar is not None:
            al_sellar(connection, nuevos)
        return len(movimientos)


def verify(connection: Connection) -> list[str]:
    """Every broken invariant of the ledger, in words; empty when all hold.

    Balances equal the movements, holds equal `retenido`, nothing is negative, every link of every chain
    follows from the one before, and every movement is in both its chains or waits for the sealer.
    """
    problems: list[str] = []
    rows = connection.execute(
        text(
            "SELECT c.id, c.tipo, c.titular, c.saldo, coalesce(e.n, 0) - coalesce(s.n, 0) AS debido"
            " FROM cuentas c LEFT JOIN (SELECT destino, sum(cantidad) n FROM movimientos GROUP BY 1) e"
            " ON e.destino = c.id LEFT JOIN (SELECT origen, sum(cantidad) n FROM movimientos GROUP BY 1) s"
            " ON s.origen = c.id"
        )
    ).all()
    total = 0
    for r in rows:
        total += r.debido
        if r.tipo not in ("emision", "consumo") and r.saldo != r.debido:
            problems.append(f"account {r.tipo} {r.titular}: balance {r.saldo}, movements say {r.debido}")
        if r.saldo < 0:
            problems.append(f"account {r.tipo} {r.titular}: negative balance {r.saldo}")
    if total != 0:
        problems.append(f"the sum over all accounts is {total}, not zero")
    held = connection.execute(
        text(
            "SELECT c.id, c.retenido, coalesce(sum(r.cantidad), 0) AS debido FROM cuentas c"
            " LEFT JOIN retenciones r ON r.cuenta_id = c.id GROUP BY c.id"
            " HAVING c.retenido <> coalesce(sum(r.cantidad), 0)"
        )
    ).all()
    problems += [f"account {r.id}: retenido {r.retenido}, holds say {r.debido}" for r in held]
    anterior: dict[int, tuple[int, int, bytes]] = {}
    for r in connection.execute(_CHAIN):
        m = Movimiento(*r[4:])
        secuencia, saldo, previo = anterior.get(r.cuenta_id, (0, 0, GENESIS))
        saldo += m.cantidad if m.destino == r.cuenta_id else -m.cantidad
        esperado = sello(previo, r.cuenta_id, secuencia + 1, saldo, m)
        if (r.secuencia, r.saldo, bytes(r.sello)) != (secuencia + 1, saldo, esperado):
            problems.append(f"account {r.cuenta_id}: the chain breaks at link {r.secuencia}")
        anterior[r.cuenta_id] = (r.secuencia, r.saldo, bytes(r.sello))
    problems += [
        f"movement {r.id}: neither sealed nor waiting to be sealed" for r in connection.execute(_UNSEALED)
    ]
    return problems
