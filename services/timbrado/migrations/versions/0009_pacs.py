"""PACs, their routing and their reconciliation."""

from alembic import op

revision = "0009"
down_revision = "0008"

DDL = ""


def upgrade() -> None:
    op.execute(DDL)
