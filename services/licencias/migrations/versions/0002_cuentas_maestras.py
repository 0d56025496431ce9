"""States of CMs, and conversions of clientes."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

DDL = r"""
-- The CM that had a cliente before it was made a distributor, whose licences to it stay as they were signed.
ALTER TABLE clientes ADD COLUMN cuenta_anterior_id uuid,
    ADD CONSTRAINT ck_clientes_cuenta_anterior CHECK (cuenta_anterior_id <> cuenta_id);
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
