"""Balances of clientes are told and asked for by whose each account is: `uq_monederos_cliente_libro_id` serves both."""

from __future__ import annotations

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Nothing to make: the index is there since 0001."""
