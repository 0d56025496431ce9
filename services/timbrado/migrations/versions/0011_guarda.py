"""The hours of now, for the guard that looks at them every ten seconds."""

from alembic import op

revision = "0011"
down_revision = "0010"

DDL = """
CREATE INDEX ix_consumo_por_hora_hora ON consumo_por_hora (hora);
"""


def upgrade() -> None:
    op.execute(DDL)
