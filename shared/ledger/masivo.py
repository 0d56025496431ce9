"""Many movements out of one account, named by a SELECT: 50,000 cost as many statements as one, and no row travels.

The caller keeps the asked-for movements in a table of its own; `pedidas` is a SELECT over it that gives
`operacion, destino, cantidad, referencia, importe`, in the order in which they are to be made. The same rules
hold as in `ledger.py`: accounts locked in the order of their ids, no negative balance, each operation once,
each movement left for the sealer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.ledger.domain import Cuenta

_COLUMNS = "id, tipo, titular, saldo, retenido, con_limite, bloqueada, version"
# Counting them makes every row be locked; a CTE is otherwise read only as far as it is asked.
_LOCK = (
    "WITH pedidas AS MATERIALIZED ({pedidas}), tomadas AS MATERIALIZED ("
    f"SELECT {_COLUMNS} FROM cuentas WHERE con_limite AND id IN"
    " (SELECT CAST(:origen AS bigint) UNION SELECT destino FROM pedidas) ORDER BY id FOR UPDATE)"
    f" SELECT {_COLUMNS}, (SELECT coalesce(sum(cantidad), 0) FROM pedidas) AS pedido,"
    " (SELECT count(*) FROM tomadas) AS tomadas FROM tomadas WHERE id = :origen"
)
_MOVE = (
    "WITH pedidas AS MATERIALIZED ({pedidas}),"
    " hechos AS (INSERT INTO movimientos (operacion, origen, destino, cantidad, motivo, referencia, importe)"
    " SELECT operacion, :origen, destino, cantidad, :motivo, referencia, importe FROM pedidas RETURNING id),"
    " cola AS (INSERT INTO por_sellar SELECT id FROM hechos),"
    " sumas AS (SELECT destino AS i, sum(cantidad) AS n FROM pedidas GROUP BY destino"
    " UNION ALL SELECT CAST(:origen AS bigint), -coalesce(sum(cantidad), 0) FROM pedidas),"
    " puestas AS (UPDATE cuentas SET saldo = saldo + n FROM sumas WHERE id = i AND con_limite)"
    " SELECT count(*) AS cuantos, coalesce(sum(cantidad), 0) AS cantidad, coalesce(sum(importe), 0) AS importe"
    " FROM pedidas"
)


@dataclass(frozen=True, slots=True)
class Movido:
    """What was moved: how many movements, of how much, for how much money (MXN)."""

    cuantos: int
    cantidad: int
    importe: Decimal


class LedgerMasivo:
    """The movements that `pedidas` names, inside the caller's transaction: first `tomar`, then `mover`."""

    def __init__(self, session: Session, pedidas: str, valores: Mapping[str, Any]) -> None:
        self._session = session
        self._pedidas = pedidas
        self._valores = valores

    def tomar(self, origen: int) -> tuple[Cuenta, int]:
        """Lock `origen` (an account with a limit) and every destination, by id; answers it and what is asked of it.

        The caller then takes out of `pedidas` what does not fit, if anything: the balance can't change any more.
        """
        row = self._session.execute(
            text(_LOCK.format(pedidas=self._pedidas)), {**self._valores, "origen": origen}
        ).one()
        return Cuenta(*row[:8]), int(row.pedido)

    def mover(self, origen: int, motivo: str) -> Movido:
        """Make every movement that `pedidas` now names; the database refuses the lot if the balance lacks."""
        row = self._session.execute(
            text(_MOVE.format(pedidas=self._pedidas)), {**self._valores, "origen": origen, "motivo": motivo}
        ).one()
        return Movido(row.cuantos, int(row.cantidad), row.importe)
