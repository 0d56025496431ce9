"""States of CMs, and conversions of clientes."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

DDL = r"""
-- How each CM stands, as clientes tells; one that is not here is active, or was never told of.
CREATE TABLE cuentas_maestras (
    cuenta_id uuid NOT NULL,
    estado text NOT NULL,
    version bigint NOT NULL,
    cambiada_en timestamptz NOT NULL,
    CONSTRAINT pk_cuentas_maestras PRIMARY KEY (cuenta_id),
    CONSTRAINT ck_cuentas_maestras_version CHECK (version > 0)
);
-- A sale that is due waits also while its CM is not active.
ALTER TABLE ventas_automaticas DROP CONSTRAINT ck_ventas_automaticas_espera,
    ADD CONSTRAINT ck_ventas_automaticas_espera CHECK (espera IN ('existencia', 'tope', 'cuenta'));
CREATE INDEX ix_ventas_automaticas_cuenta ON ventas_automaticas (cuenta_id, cti) WHERE espera = 'cuenta';
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
