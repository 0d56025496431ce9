"""A CTI that is created is told to the cartera by its own row: no way of creating one can forget it."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"

DDL = r"""
CREATE FUNCTION contar_ctis_creadas() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (evento_id, evento, carga)
    SELECT gen_random_uuid(), 'timbrado.ctis_creadas_v1', jsonb_build_object(
        'ctis', string_agg(id, ',' ORDER BY id), 'clientes', string_agg(cliente_id::text, ',' ORDER BY id))
    FROM nuevas HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER ctis_creadas AFTER INSERT ON ctis REFERENCING NEW TABLE AS nuevas
    FOR EACH STATEMENT EXECUTE FUNCTION contar_ctis_creadas();
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
