"""Which version of a cliente its name is of."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

# 0: a name from before versions were told, which any gives way to. The last bigint: an erased one, which never does.
DDL = r"""
ALTER TABLE clientes ADD COLUMN nombre_version bigint NOT NULL DEFAULT 0;
UPDATE clientes SET nombre_version = 9223372036854775807 WHERE nombre = 'Cliente suprimido';
ALTER TABLE clientes ADD CONSTRAINT ck_clientes_nombre_version CHECK (nombre_version >= 0
    AND (nombre_version < 9223372036854775807 OR nombre = 'Cliente suprimido'));
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
