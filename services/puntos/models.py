"""Tables of puntos besides the ledger's own. The constraints are written in `migrations/`."""

from __future__ import annotations

from datetime import datetime
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
    nombre_version: Mapped[int] = mapped_column(server_default="0")
    libro_id: Mapped[int]


class CargoModel(Base):
    """Charges that other services asked for, by the id that they gave."""

    __tablename__ = "cargos"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    cuenta_id: Mapped[UUID]
    concepto: Mapped[str]
    referencia: Mapped[str] = mapped_column(server_default="")
    unidades: Mapped[int]
    estado: Mapped[str]
    motivo: Mapped[str | None]
    faltan: Mapped[int | None]
    creado_en: Mapped[datetime]
    devuelto_en: Mapped[datetime | None]
