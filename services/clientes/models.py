"""Tables of clientes. The constraints live in `migrations/versions`; the names are the same."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, MetaData, Numeric, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.persistence import base


class Base(base.Base):
    """This service's own tables, apart from those of the others."""

    __abstract__ = True
    metadata = MetaData(naming_convention=base.NAMING)


class Perfil(Base):
    __tablename__ = "perfiles"
    perfil_id: Mapped[UUID] = mapped_column(primary_key=True)
    nombre: Mapped[str]
    correo: Mapped[str]
    movil: Mapped[str]
    hash_contrasena: Mapped[str]
    creado_en: Mapped[datetime]
    confirmado_en: Mapped[datetime | None]
    aviso_version: Mapped[str | None]
    suprimido_en: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "uq_perfiles_correo", "correo", unique=True, postgresql_where=text("confirmado_en IS NOT NULL")
        ),
        Index("uq_perfiles_movil", "movil", unique=True, postgresql_where=text("confirmado_en IS NOT NULL")),
    )


class Sesion(Base):
    __tablename__ = "sesiones"
    sesion_id: Mapped[UUID] = mapped_column(primary_key=True)
    perfil_id: Mapped[UUID] = mapped_column(ForeignKey("perfiles.perfil_id"), index=True)
    origen_ip: Mapped[str]
    creada_en: Mapped[datetime]
    vence_en: Mapped[datetime]
    revocada_en: Mapped[datetime | None]
    segundo_factor_en: Mapped[datetime | None]
    agente: Mapped[str | None]
    usada_en: Mapped[datetime | None]
    usada_ip: Mapped[str | None]


class Renovacion(Base):
    __tablename__ = "renovaciones"
    huella: Mapped[bytes] = mapped_column(primary_key=True)
    sesion_id: Mapped[UUID] = mapped_column(ForeignKey("sesiones.sesion_id", ondelete="CASCADE"), index=True)
    vence_en: Mapped[datetime]
    usada_en: Mapped[datetime | None]
    anterior: Mapped[bytes | None] = mapped_column(index=True)


class CuentaMaestra(Base):
    __tablename__ = "cuentas_maestras"
    cuenta_id: Mapped[UUID] = mapped_column(primary_key=True)
    padre_id: Mapped[UUID | None] = mapped_column(ForeignKey("cuentas_maestras.cuenta_id"), index=True)
    nombre: Mapped[str]
    rfc: Mapped[str | None]
    estado: Mapped[str]
    vence_en: Mapped[datetime | None]
    creado_en: Mapped[datetime]
    version: Mapped[int] = mapped_column(server_default="1")
    estado_desde: Mapped[datetime] = mapped_column(server_default=text("now()"))
    correo: Mapped[str | None]
    movil: Mapped[str | None]
    titular_nombre: Mapped[str | None]
    origen: Mapped[str] = mapped_column(server_default="interna")
    confirmar_antes_de: Mapped[datetime | None]
    proximo_aviso: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "uq_cuentas_maestras_raiz", text("(true)"), unique=True, postgresql_where=text("padre_id IS NULL")
        ),
    )


class Usuario(Base):
    __tablename__ = "usuarios"
    cuenta_id: Mapped[UUID] = mapped_column(ForeignKey("cuentas_maestras.cuenta_id"), primary_key=True)
    perfil_id: Mapped[UUID] = mapped_column(ForeignKey("perfiles.perfil_id"), primary_key=True, index=True)
    rol: Mapped[str]
    creado_en: Mapped[datetime]


class Cliente(Base):
    __tablename__ = "clientes"
    cliente_id: Mapped[UUID] = mapped_column(primary_key=True)
    cuenta_id: Mapped[UUID] = mapped_column(ForeignKey("cuentas_maestras.cuenta_id"))
    nic: Mapped[int] = mapped_column(unique=True)
    cti: Mapped[str] = mapped_column(unique=True)
    nombre: Mapped[str]
    nombre_comercial: Mapped[str | None]
    rfc: Mapped[str | None]
    telefono: Mapped[str | None]
    correo: Mapped[str | None]
    representante: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    financiero: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    tecnico: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    notas: Mapped[str | None]
    precio_especifico: Mapped[Decimal | None] = mapped_column(Numeric(10, 4))
    perfil_principal_id: Mapped[UUID | None] = mapped_column(ForeignKey("perfiles.perfil_id"), index=True)
    ultima_emision: Mapped[datetime | None]
    creado_en: Mapped[datetime]
    version: Mapped[int] = mapped_column(server_default="1")
    favorito: Mapped[bool] = mapped_column(server_default=text("false"))
    baja: Mapped[bool] = mapped_column(server_default=text("false"))
    color: Mapped[str | None]
    regimen_fiscal: Mapped[str | None]
    uso_cfdi: Mapped[str | None]
    sitio_web: Mapped[str | None]
    domicilio: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    otros: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    suprimido_en: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("precio_especifico >= 0", name="precio"),
        CheckConstraint("version > 0", name="version"),
        Index("ix_clientes_cuenta_id", "cuenta_id", text("nic DESC")),
        Index("ix_clientes_cuenta_id_rfc", "cuenta_id", "rfc", postgresql_where=text("rfc IS NOT NULL")),
    )
