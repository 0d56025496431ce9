"""Notices told by mail."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

DDL = r"""
SELECT 1;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
