"""LCO and retention receipts."""

from alembic import op

revision = "0007"
down_revision = "0006"

DDL = ""


def upgrade() -> None:
    op.execute(DDL)
