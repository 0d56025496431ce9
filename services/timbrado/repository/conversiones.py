"""SQL of conversions: the CTI of a cliente that became a distributor go to its own CM."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from services.timbrado.repository.base import Base

# The index is by CM and NIC; who has them now is one of the two CMs of the conversion.
_OF_CLIENTE = (
    "SELECT id, libro_id FROM ctis WHERE cuenta_id = :cuenta_id AND nic = :nic AND cliente_id = :cliente_id"
)
_FIND = text(f"{_OF_CLIENTE} ORDER BY id")
_TAKE = text(f"{_OF_CLIENTE} ORDER BY id FOR NO KEY UPDATE")
_MOVE = text(
    "UPDATE ctis SET cuenta_id = :nueva WHERE id = ANY(:ids) AND cuenta_id = :anterior RETURNING libro_id"
)
_END_SALES = text("DELETE FROM ventas_automaticas WHERE libro_id = ANY(:libros)")


class Conversiones(Base):
    """What a conversion changes here: whose the CTI are, and nothing of what hangs from them."""

    def tomar_ctis_de(self, cuenta_id: UUID, nic: int, cliente_id: UUID) -> dict[str, int]:
        """CTI of a cliente of this CM with their accounts, all locked, also those that are being created.

        Accounts first, as every change of a CTI does. Whoever creates a further CTI holds a share of an earlier one
        of the same cliente, so the second look, with those locked, sees every one that there will be.
        """
        claves = {"cuenta_id": cuenta_id, "nic": nic, "cliente_id": cliente_id}
        vistas = {r.id: r.libro_id for r in self._session.execute(_FIND, claves)}
        self.libro.tomar(list(vistas.values()))
        self._session.execute(_TAKE, claves)
        todas = {r.id: r.libro_id for r in self._session.execute(_TAKE, claves)}
        nuevas = [libro for id_, libro in todas.items() if id_ not in vistas]
        if nuevas:
            self.libro.tomar(nuevas)
        return todas

    def pasar_ctis(self, ids: Sequence[str], anterior: UUID, nueva: UUID) -> None:
        """From one CM to another. The caller holds them."""
        self._session.execute(_MOVE, {"ids": list(ids), "anterior": anterior, "nueva": nueva})

    def terminar_ventas_automaticas(self, libros: Sequence[int]) -> None:
        """End the standing orders of these accounts. The caller holds the accounts."""
        self._session.execute(_END_SALES, {"libros": list(libros)})
