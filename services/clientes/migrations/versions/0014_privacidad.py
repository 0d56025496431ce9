"""Consents and erasures."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"

DDL = r"""
SELECT 1;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
