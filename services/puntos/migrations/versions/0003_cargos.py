"""Charges: puntos that a CM pays with."""

from alembic import op

revision = "0003"
down_revision = "0002"

DDL = ""


def upgrade() -> None:
    op.execute(DDL)
