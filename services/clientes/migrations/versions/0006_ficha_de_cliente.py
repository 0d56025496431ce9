"""The whole form of a cliente, classification, imports."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

DDL = r"""
SELECT 1;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
