"""Which version of a cliente its name is of."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

# 0: a name from before versions were told, which any gives way to. The last bigint: an erased one, which never does.
DDL = r"""
ALTER TABLE monederos_cliente ADD COLUMN nombre_version bigint NOT NULL DEFAULT 0;
UPDATE monederos_cliente SET nombre_version = 9223372036854775807 WHERE nombre = 'Cliente suprimido';
ALTER TABLE monederos_cliente ADD CONSTRAINT ck_monederos_cliente_nombre_version CHECK (nombre_version >= 0
    AND (nombre_version < 9223372036854775807 OR nombre = 'Cliente suprimido'));
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
