"""States of CMs, and conversions of clientes."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

DDL = r"""
SELECT 1;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
