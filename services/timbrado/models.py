"""Tables of timbrado. The ledger's own tables are `shared/ledger/tables.py`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Integer, MetaData, Numeric, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.persistence import base


class Base(base.Base):
    """This service's own tables, apart from those of the others."""

    __abstract__ = True
    metadata = MetaData(naming_convention=base.NAMING)


class Cti(Base):
    """A cuenta de timbrado. Whether it is blocked, and its credential's version, are on its ledger account,
    because the debit checks both under that account's lock."""

    __tablename__ = "ctis"
    id: Mapped[str] = mapped_column(primary_key=True)
    nic: Mapped[int]
    cliente_id: Mapped[UUID]
    cuenta_id: Mapped[UUID]
    tipo: Mapped[str] = mapped_column(server_default="estandar")
    libro_id: Mapped[int] = mapped_column(unique=True)
    hash_contrasena: Mapped[str | None]
    motivo_bloqueo: Mapped[str | None]
    hash_anterior: Mapped[str | None]
    anterior_hasta: Mapped[datetime | None]
    rfcs: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    redes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    por_minuto: Mapped[int | None] = mapped_column(Integer)
    rfc_contratado: Mapped[str | None]
    vigente_hasta: Mapped[datetime | None]
    proximo_aviso: Mapped[datetime | None]
    tope_por_hora: Mapped[int | None]
    guarda_desde: Mapped[datetime | None]
    creada_en: Mapped[datetime] = mapped_column(server_default=func.now())
    __table_args__ = (CheckConstraint("tipo IN ('estandar', 'ilimitada')", name="tipo"),)


class Timbrado(Base):
    """A stamping, from its hold to its TFD. `huella` identifies the invoice; refused ones free it."""

    __tablename__ = "timbrados"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    huella: Mapped[bytes]
    cti: Mapped[str]
    cuenta_id: Mapped[UUID]
    cliente_id: Mapped[UUID]
    idd: Mapped[str | None]
    emisor: Mapped[str]
    receptor: Mapped[str]
    tipo: Mapped[str]
    total: Mapped[Decimal] = mapped_column(Numeric(24, 6))
    sello: Mapped[str]
    no_certificado: Mapped[str]
    estado: Mapped[str] = mapped_column(server_default="pendiente")
    pac: Mapped[str]
    xml: Mapped[bytes]
    uuid: Mapped[UUID | None] = mapped_column(unique=True)
    tfd: Mapped[bytes | None]
    rechazo: Mapped[str | None]
    tomado_hasta: Mapped[datetime]
    creado_en: Mapped[datetime] = mapped_column(server_default=func.now())
    terminado_en: Mapped[datetime | None]
    turno: Mapped[int] = mapped_column(Integer, server_default="1")
    por_enviar: Mapped[bool] = mapped_column(server_default="false")
    enviado_en: Mapped[datetime] = mapped_column(server_default=func.now())


class Aviso(Base):
    """Something that a CM has to know, told once: `clave` names the occasion."""

    __tablename__ = "avisos"
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    cuenta_id: Mapped[UUID]
    tipo: Mapped[str]
    cti: Mapped[str | None]
    mensaje: Mapped[str]
    clave: Mapped[str]
    creado_en: Mapped[datetime] = mapped_column(server_default=func.now())
    leido_en: Mapped[datetime | None]
