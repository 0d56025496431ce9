"""Row-level security."""

from __future__ import annotations

from alembic import op

from shared.persistence.aislamiento import aislar_v1

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(aislar_v1("puntos").replace("%", "%%"))
