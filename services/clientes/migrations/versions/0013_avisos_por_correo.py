"""Notices told by mail."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

DDL = r"""
-- What was told of one type to one CM: until `abre_en` no further mail leaves, and what comes meanwhile is counted.
CREATE TABLE avisos_por_correo (
    cuenta_id uuid NOT NULL,
    tipo text NOT NULL,
    abre_en timestamptz NOT NULL,
    pendientes integer NOT NULL DEFAULT 0,
    ultimo text NOT NULL DEFAULT '',
    CONSTRAINT pk_avisos_por_correo PRIMARY KEY (cuenta_id, tipo),
    CONSTRAINT fk_avisos_por_correo_cuenta_id FOREIGN KEY (cuenta_id) REFERENCES cuentas_maestras,
    CONSTRAINT ck_avisos_por_correo_pendientes CHECK (pendientes >= 0),
    CONSTRAINT ck_avisos_por_correo_ultimo CHECK ((pendientes = 0) = (ultimo = ''))
);
CREATE INDEX ix_avisos_por_correo_abre_en ON avisos_por_correo (abre_en) WHERE pendientes > 0;
SELECT aislar('avisos_por_correo');

-- Whoever has no row here is written to.
CREATE TABLE preferencias_de_avisos (
    cuenta_id uuid NOT NULL,
    perfil_id uuid NOT NULL,
    por_correo boolean NOT NULL,
    CONSTRAINT pk_preferencias_de_avisos PRIMARY KEY (cuenta_id, perfil_id),
    CONSTRAINT fk_preferencias_de_avisos_cuenta_id FOREIGN KEY (cuenta_id, perfil_id) REFERENCES usuarios ON DELETE CASCADE
);
SELECT aislar('preferencias_de_avisos');
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
