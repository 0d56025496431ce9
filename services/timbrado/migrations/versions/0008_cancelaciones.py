"""Cancellations."""

from alembic import op

revision = "0008"
down_revision = "0007"

DDL = ""


def upgrade() -> None:
    op.execute(DDL)
