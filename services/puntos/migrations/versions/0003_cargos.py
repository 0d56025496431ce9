"""Charges: puntos that a CM pays with."""

from alembic import op

revision = "0003"
down_revision = "0002"

DDL = """
-- One row per charge that another service asked for, under the id that it gave: asked twice, charged once.
CREATE TABLE cargos (
    id uuid NOT NULL,
    cuenta_id uuid NOT NULL,
    concepto text NOT NULL,
    referencia text NOT NULL DEFAULT '',
    unidades bigint NOT NULL,
    estado text NOT NULL,
    motivo text,
    faltan bigint,
    creado_en timestamptz NOT NULL,
    devuelto_en timestamptz,
    CONSTRAINT pk_cargos PRIMARY KEY (id),
    CONSTRAINT ck_cargos_unidades CHECK (unidades > 0),
    CONSTRAINT ck_cargos_estado CHECK (estado IN ('cobrado', 'rechazado', 'devuelto')),
    CONSTRAINT ck_cargos_motivo CHECK ((estado = 'rechazado') = (motivo IS NOT NULL)),
    CONSTRAINT ck_cargos_faltan CHECK (faltan IS NULL OR (faltan > 0 AND estado = 'rechazado')),
    CONSTRAINT ck_cargos_devuelto CHECK ((estado = 'devuelto') = (devuelto_en IS NOT NULL))
);
CREATE INDEX ix_cargos_cuenta_id_creado_en_id ON cargos (cuenta_id, creado_en DESC, id DESC);
"""


def upgrade() -> None:
    op.execute(DDL)
