"""States of CMs, and conversions of clientes."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

DDL = r"""
-- The CM that had a cliente before it was made a distributor, whose licences to it stay as they were signed.
ALTER TABLE clientes ADD COLUMN cuenta_anterior_id uuid,
    ADD CONSTRAINT ck_clientes_cuenta_anterior CHECK (cuenta_anterior_id <> cuenta_id);

ALTER TABLE mkl ADD COLUMN precio_anual numeric(12, 2) NOT NULL DEFAULT 0,
    ADD CONSTRAINT ck_mkl_precio CHECK (precio_anual >= 0);
-- clientes keeps what each CM has contracted from events: the contracts made before are told now.
INSERT INTO outbox (evento_id, evento, carga)
    SELECT gen_random_uuid(), 'licencias.mkl_contratada_v1', jsonb_build_object('mkl_id', id, 'cuenta_id', cuenta_id,
        'producto', producto, 'inicia_en', inicia_en, 'vence_en', vence_en, 'precio_anual', precio_anual::text)
    FROM mkl;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
