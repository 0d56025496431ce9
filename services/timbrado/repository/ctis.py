"""SQL of the CTI: their data, credentials and lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from services.timbrado.domain import CtiGuardada
from services.timbrado.models import Cti
from services.timbrado.repository.base import Base

_CTIS = text(
    "SELECT c.id, c.nic, c.cliente_id, c.cuenta_id, c.tipo, c.libro_id, c.hash_contrasena, l.version, l.bloqueada,"
    " c.hash_anterior, c.anterior_hasta, c.rfcs, c.redes, c.por_minuto, c.rfc_contratado, c.vigente_hasta"
    " FROM ctis c JOIN cuentas l ON l.id = c.libro_id WHERE c.id = ANY(:ids)"
)
_PAGE = (
    "SELECT c.id, c.nic, c.cuenta_id, c.cliente_id, c.tipo, NOT l.bloqueada AS activa, c.motivo_bloqueo, l.saldo,"
    " l.saldo - l.retenido AS disponible, c.hash_contrasena IS NOT NULL AS con_contrasena, c.creada_en"
    " FROM ctis c JOIN cuentas l ON l.id = c.libro_id WHERE c.cuenta_id = :cuenta_id"
)


class Ctis(Base):
    """CTI by id and by CM."""

    def crear_cti(self, id_: str, nic: int, cliente_id: UUID, cuenta_id: UUID) -> None:
        """A CTI estándar with its account, without a password yet. One that exists stays as it is."""
        libro = self.libro.abrir([("cti", id_, True)])[("cti", id_)]
        self._session.execute(
            text(
                "INSERT INTO ctis (id, nic, cliente_id, cuenta_id, libro_id)"
                " VALUES (:id, :nic, :cliente_id, :cuenta_id, :libro_id) ON CONFLICT (id) DO NOTHING"
            ),
            {"id": id_, "nic": nic, "cliente_id": cliente_id, "cuenta_id": cuenta_id, "libro_id": libro.id},
        )

    def ctis(self, ids: Sequence[str]) -> dict[str, CtiGuardada]:
        """CTIs by id, with their credential's state."""
        return {
            r.id: CtiGuardada(**{**r._mapping, "rfcs": tuple(r.rfcs), "redes": tuple(r.redes)})
            for r in self._session.execute(_CTIS, {"ids": list(ids)})
        }

    def cti_de(self, cuenta_id: UUID, id_: str) -> CtiGuardada | None:
        """A CTI of this CM; None if it is not there or is someone else's."""
        cti = self.ctis([id_]).get(id_)
        return cti if cti is not None and cti.cuenta_id == cuenta_id else None

    def tomar_cti(self, id_: str) -> None:
        """Lock a CTI's row, so that two password changes do not cross."""
        self._session.execute(select(Cti.id).where(Cti.id == id_).with_for_update())

    def poner_contrasena(self, id_: str, hash_: str) -> None:
        """Replace the password's hash; the caller bumps the account's version in the same transaction."""
        self._session.execute(
            text("UPDATE ctis SET hash_contrasena = :hash WHERE id = :id"), {"id": id_, "hash": hash_}
        )

    def poner_motivo(self, id_: str, motivo: str | None) -> None:
        """Why a CTI is blocked."""
        self._session.execute(
            text("UPDATE ctis SET motivo_bloqueo = :motivo WHERE id = :id"), {"id": id_, "motivo": motivo}
        )

    def pagina_ctis(
        self, cuenta_id: UUID, nic: int | None, despues: str, limite: int
    ) -> list[dict[str, Any]]:
        """CTIs of a CM by id, after `despues`."""
        where = " AND c.nic = :nic" if nic is not None else ""
        rows = self._session.execute(
            text(f"{_PAGE}{where} AND c.id > :despues ORDER BY c.id LIMIT :limite"),
            {"cuenta_id": cuenta_id, "nic": nic, "despues": despues, "limite": limite},
        )
        return [dict(r._mapping) for r in rows]

    def detalle_cti(self, cuenta_id: UUID, id_: str) -> dict[str, Any] | None:
        """One CTI as the portal shows it."""
        row = self._session.execute(
            text(f"{_PAGE} AND c.id = :id"), {"cuenta_id": cuenta_id, "id": id_}
        ).first()
        return dict(row._mapping) if row else None
