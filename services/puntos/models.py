"""Tables of puntos besides the ledger's own. The constraints are written in `migrations/`."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import MetaData
from sqlalchemy.orm import Mapped, mapped_column

from shared.persistence import base


class Base(base.Base):
    """This service's own tables, apart from those of the others."""

    __abstract__ = True
    metadata = MetaData(naming_convention=base.NAMING)


class MonederoCMModel(Base):
    """Wallets of CMs: which ledger account is whose."""

    __tablename__ = "monederos_cm"
    cuenta_id: Mapped[UUID] = mapped_column(primary_key=True)
    padre_id: Mapped[UUID | None]
    nombre: Mapped[str]
    libro_id: Mapped[int]


class MonederoClienteModel(Base):
    """Wallets of clientes."""

    __tablename__ = "monederos_cliente"
    cliente_id: Mapped[UUID] = mapped_column(primary_key=True)
    cuenta_id: Mapped[UUID]
    nic: Mapped[int]
    nombre: Mapped[str]
    libro_id: Mapped[int]
