"""The licences of a cliente that became a distributor: its CM sees those that the earlier one issued."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

# The inner SELECT is under the policy of its own table: only a cliente of the CM that asks.
DDL = r"""
SELECT aislar('licencias', 'cuenta_id = (SELECT cm_cuenta())
    OR EXISTS (SELECT FROM clientes c WHERE c.cliente_id = licencias.cliente_id)');
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
