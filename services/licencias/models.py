"""Tables of licencias. The constraints are written in `migrations/`; the database keeps them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ARRAY, MetaData, Numeric, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.persistence import base


class Base(base.Base):
    """This service's own tables, apart from those of the others."""

    __abstract__ = True
    metadata = MetaData(naming_convention=base.NAMING)


class CuentaModel(Base):
    """Projection of the CMs."""

    __tablename__ = "cuentas"
    cuenta_id: Mapped[UUID] = mapped_column(primary_key=True)
    padre_id: Mapped[UUID | None]
    nombre: Mapped[str]


class ClienteModel(Base):
    """Projection of the clientes: NIC → CM."""

    __tablename__ = "clientes"
    cliente_id: Mapped[UUID] = mapped_column(primary_key=True)
    cuenta_id: Mapped[UUID]
    nic: Mapped[int]
    nombre: Mapped[str]
    nombre_version: Mapped[int] = mapped_column(server_default="0")
    cuenta_anterior_id: Mapped[UUID | None]


class MklModel(Base):
    """MKL contracts."""

    __tablename__ = "mkl"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    cuenta_id: Mapped[UUID]
    producto: Mapped[str]
    inicia_en: Mapped[date]
    vence_en: Mapped[date]
    precio_anual: Mapped[Decimal] = mapped_column(Numeric(12, 2), server_default="0")
    creado_en: Mapped[datetime] = mapped_column(server_default=func.now())


class LicenciaModel(Base):
    """Licences with their signed documents. Only `revocada_en` ever changes, once."""

    __tablename__ = "licencias"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    cuenta_id: Mapped[UUID]
    cliente_id: Mapped[UUID]
    nic: Mapped[int]
    producto: Mapped[str]
    caracteristicas: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    emitida_en: Mapped[datetime]
    vence_en: Mapped[datetime]
    revocada_en: Mapped[datetime | None]
    documento: Mapped[str]
