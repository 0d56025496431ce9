"""What every part of the repository has: the session and the ledger, inside one transaction."""

from __future__ import annotations

from sqlalchemy.orm import Session

from shared.ledger.domain import Cuenta
from shared.ledger.ledger import Ledger


class Base:
    """One transaction of timbrado's database. Locks are taken here and in the ledger, accounts by id."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.libro = Ledger(session)

    def cuenta(self, tipo: str, titular: str) -> Cuenta | None:
        """A ledger account, unlocked."""
        return self.libro.buscar([(tipo, titular)]).get((tipo, titular))
