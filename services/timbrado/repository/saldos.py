"""SQL of what a CTI has left and has spent, and of what a CM sold to another's stock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text

from services.timbrado.repository.base import Base

#: Of an ilimitada nothing is left: its timbres are minted as they are spent. Spent ones are counted by the sealer.
_BALANCE = text(
    "SELECT l.saldo - l.retenido AS disponible,"
    " (SELECT coalesce(sum(cantidad), 0) FROM consumo_por_hora WHERE cti = c.id)::bigint AS utilizados"
    " FROM ctis c JOIN cuentas l ON l.id = c.libro_id WHERE c.id = :cti"
)
#: By the destination, whose stock is filled now and then; what leaves it has another index.
_SUPPLIED = text(
    "SELECT coalesce(sum(cantidad), 0)::bigint AS timbres, coalesce(sum(importe), 0) AS importe,"
    " max(creado_en) AS ultimo FROM movimientos WHERE destino = :destino AND origen = :origen AND motivo = 'abasto'"
)

_OF_CLIENTES = text(
    "SELECT c.id, c.cliente_id, coalesce(s.saldo, 0) AS saldo, coalesce(s.secuencia, 0) AS secuencia,"
    " (SELECT m.creado_en FROM movimientos m WHERE m.destino = c.libro_id ORDER BY m.id DESC LIMIT 1) AS compra"
    " FROM ctis c LEFT JOIN LATERAL (SELECT saldo, secuencia FROM cadena WHERE cuenta_id = c.libro_id"
    " AND c.tipo = 'estandar' ORDER BY secuencia DESC LIMIT 1) s ON true WHERE c.cliente_id = ANY(:ids) ORDER BY c.id"
)


class Saldos(Base):
    """Balances as an application sees them."""

    def saldos_de_clientes(self, ids: Sequence[UUID]) -> list[tuple[str, UUID, int, int, datetime | None]]:
        """(cti, cliente, sealed balance, its link, when timbres last came in) of every CTI of these clientes."""
        filas = self._session.execute(_OF_CLIENTES, {"ids": list(ids)})
        return [(r.id, r.cliente_id, r.saldo, r.secuencia, r.compra) for r in filas]

    def saldo_y_uso(self, cti: str) -> tuple[int, int]:
        """Timbres that can be spent now, and those spent so far, seconds behind."""
        fila = self._session.execute(_BALANCE, {"cti": cti}).one()
        return fila.disponible, fila.utilizados

    def abasto(self, origen: int, destino: int) -> tuple[int, Decimal, datetime | None]:
        """Timbres sold from one stock to another, their importe, and when last."""
        fila = self._session.execute(_SUPPLIED, {"origen": origen, "destino": destino}).one()
        return fila.timbres, fila.importe, fila.ultimo
