"""SQL of what a CTI has left and has spent."""

from __future__ import annotations

from sqlalchemy import text

from services.timbrado.repository.base import Base

#: Of an ilimitada nothing is left: its timbres are minted as they are spent. Spent ones are counted by the sealer.
_BALANCE = text(
    "SELECT l.saldo - l.retenido AS disponible,"
    " (SELECT coalesce(sum(cantidad), 0) FROM consumo_por_hora WHERE cti = c.id)::bigint AS utilizados"
    " FROM ctis c JOIN cuentas l ON l.id = c.libro_id WHERE c.id = :cti"
)


class Saldos(Base):
    """Balances as an application sees them."""

    def saldo_y_uso(self, cti: str) -> tuple[int, int]:
        """Timbres that can be spent now, and those spent so far, seconds behind."""
        fila = self._session.execute(_BALANCE, {"cti": cti}).one()
        return fila.disponible, fila.utilizados
