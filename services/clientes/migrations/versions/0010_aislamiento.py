"""Row-level security."""

from __future__ import annotations

from alembic import op

from shared.persistence.aislamiento import aislar_v1

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(aislar_v1("clientes").replace("%", "%%"))
