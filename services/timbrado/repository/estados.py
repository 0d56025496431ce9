"""SQL of the statements: links of an account's chain with their movements, by days of central Mexico."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import text

from services.timbrado.repository.base import Base
from shared.ledger.domain import GENESIS

#: The first link of the period, the first after it, and the last of all. A link belongs to the first day that was
#: sealed with it or after it, so that periods that follow each other share no link and leave none out.
_SPAN = text(
    "SELECT (SELECT min(secuencia) FROM cortes WHERE cuenta_id = :cuenta AND dia >= :desde) AS primero,"
    " (SELECT min(secuencia) FROM cortes WHERE cuenta_id = :cuenta AND dia > :hasta) AS siguiente,"
    " (SELECT max(secuencia) FROM cadena WHERE cuenta_id = :cuenta) AS ultimo"
)
_LINKS = text(
    "SELECT secuencia, saldo, sello FROM cadena WHERE cuenta_id = :cuenta AND secuencia IN (:uno, :otro)"
)
_ROWS = text(
    "SELECT c.secuencia, m.id, m.operacion, m.origen, m.destino, m.cantidad, m.motivo, m.referencia, m.importe,"
    " to_char(m.creado_en AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS creado_en, c.saldo, c.sello"
    " FROM cadena c JOIN movimientos m ON m.id = c.movimiento_id WHERE c.cuenta_id = :cuenta"
    " AND c.secuencia > :despues AND c.secuencia <= :hasta ORDER BY c.secuencia LIMIT :limite"
)
_UNSEALED = text(
    "SELECT count(*) FROM por_sellar p JOIN movimientos m ON m.id = p.movimiento_id"
    " WHERE m.origen = :cuenta OR m.destino = :cuenta"
)


class Estados(Base):
    """Statements of one account."""

    def periodo(self, cuenta: int, desde: date, hasta: date) -> tuple[int, int]:
        """The links that a period lies between: (last one before it, last one of it)."""
        r = self._session.execute(_SPAN, {"cuenta": cuenta, "desde": desde, "hasta": hasta}).one()
        ultimo = r.ultimo or 0
        return (r.primero or ultimo + 1) - 1, (r.siguiente or ultimo + 1) - 1

    def eslabones(self, cuenta: int, uno: int, otro: int) -> dict[int, tuple[int, bytes]]:
        """Balance and seal of two links; number 0 is before the first."""
        rows = self._session.execute(_LINKS, {"cuenta": cuenta, "uno": uno, "otro": otro})
        return {0: (0, GENESIS)} | {r.secuencia: (r.saldo, bytes(r.sello)) for r in rows}

    def movimientos_sellados(
        self, cuenta: int, despues: int, hasta: int, limite: int
    ) -> list[dict[str, Any]]:
        """Links of an account with their movements, in order, after one and up to another."""
        rows = self._session.execute(
            _ROWS, {"cuenta": cuenta, "despues": despues, "hasta": hasta, "limite": limite}
        )
        return [{**r._mapping, "sello": bytes(r.sello).hex()} for r in rows]

    def sin_sellar(self, cuenta: int) -> int:
        """Movements of an account that the sealer has not chained yet."""
        return int(self._session.execute(_UNSEALED, {"cuenta": cuenta}).scalar_one())
