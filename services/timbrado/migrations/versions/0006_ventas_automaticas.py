"""Automatic sales and daily consumption."""

from alembic import op

revision = "0006"
down_revision = "0005"

DDL = ""


def upgrade() -> None:
    op.execute(DDL)
