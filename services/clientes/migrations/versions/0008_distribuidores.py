"""The life of a distributor: dates, reasons, renewals."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

DDL = r"""
SELECT 1;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
