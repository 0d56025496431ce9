"""The read model that the cartera is searched in."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

DDL = r"""
SELECT 1;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
