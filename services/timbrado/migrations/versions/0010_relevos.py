"""What lets another worker, or another PAC, take over a stamping safely."""

from alembic import op

revision = "0010"
down_revision = "0009"

DDL = """
ALTER TABLE timbrados
    -- Grows each time the reconciler takes the row: who holds an older turn may no longer decide about it.
    ADD COLUMN turno integer NOT NULL DEFAULT 1,
    -- Surely no PAC has it: any may be asked.
    ADD COLUMN por_enviar boolean NOT NULL DEFAULT false,
    -- When it was last given to a PAC, in whose hands it may still be.
    ADD COLUMN enviado_en timestamptz NOT NULL DEFAULT now();
"""


def upgrade() -> None:
    op.execute(DDL)
