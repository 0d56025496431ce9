"""Tables of facturacion. The constraints are written in `migrations/`; the database keeps them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ARRAY, MetaData, Numeric, Uuid
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
    """Projection of the clientes."""

    __tablename__ = "clientes"
    cliente_id: Mapped[UUID] = mapped_column(primary_key=True)
    cuenta_id: Mapped[UUID]
    nic: Mapped[int]
    nombre: Mapped[str]
    nombre_version: Mapped[int] = mapped_column(server_default="0")


class FacturaModel(Base):
    """Invoices that CMs registered. `ventas` is what each covered; it is never rewritten."""

    __tablename__ = "facturas"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    cuenta_id: Mapped[UUID]
    cliente_id: Mapped[UUID]
    nic: Mapped[int]
    referencia: Mapped[str]
    importe: Mapped[Decimal] = mapped_column(Numeric(16, 2))
    ventas: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    en: Mapped[datetime]
    anulada_en: Mapped[datetime | None]


class VentaModel(Base):
    """Ventas. `factura_id` is one column, so a venta is on one invoice at most."""

    __tablename__ = "ventas"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tipo: Mapped[str]
    origen: Mapped[str]
    cuenta_id: Mapped[UUID]
    cliente_id: Mapped[UUID]
    nic: Mapped[int]
    cantidad: Mapped[Decimal] = mapped_column(Numeric(18, 2))
    importe: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    factura_id: Mapped[UUID | None]
    en: Mapped[datetime]
