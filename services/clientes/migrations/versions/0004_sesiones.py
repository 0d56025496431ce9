"""Sessions as a perfil sees them, API keys, limits of sign-in."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

DDL = r"""
SELECT 1;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
