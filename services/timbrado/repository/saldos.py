"""SQL of what a CTI has left and has spent, and of what a CM sold to another's stock."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

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


class Saldos(Base):
    """Balances as an application sees them."""

    def saldo_y_uso(self, cti: str) -> tuple[int, int]:
        """Timbres that can be spent now, and those spent so far, seconds behind."""
        fila = self._session.execute(_BALANCE, {"cti": cti}).one()
        return fila.disponible, fila.utilizados

    def abasto(self, origen: int, destino: int) -> tuple[int, Decimal, datetime | None]:
        """Timbres sold from one stock to another, their importe, and when last."""
        fila = self._session.execute(_SUPPLIED, {"origen": origen, "destino": destino}).one()
        return fila.timbres, fila.importe, fila.ultimo
