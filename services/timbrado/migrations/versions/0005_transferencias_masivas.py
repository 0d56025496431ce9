"""Bulk transfers."""

from alembic import op

revision = "0005"
down_revision = "0004"

DDL = ""


def upgrade() -> None:
    op.execute(DDL)
