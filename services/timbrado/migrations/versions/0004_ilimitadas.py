"""Contracts of ilimitadas and registered applications."""

from alembic import op

revision = "0004"
down_revision = "0003"

DDL = ""


def upgrade() -> None:
    op.execute(DDL)
