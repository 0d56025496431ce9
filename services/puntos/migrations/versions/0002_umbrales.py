"""The ledger's thresholds."""

from alembic import op

from shared.ledger.tables import LEDGER_V2

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(LEDGER_V2)
