"""The audit log: append-only, chained."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

DDL = r"""
SELECT 1;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
