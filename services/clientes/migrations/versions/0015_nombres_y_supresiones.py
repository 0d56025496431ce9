"""Names that changed are told, and the reasons in a removed CM's history can be erased."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"

DDL = r"""
-- The other services keep each cliente's first name; those that changed since are told now, 500 at a time.
INSERT INTO outbox (evento_id, evento, carga)
    SELECT gen_random_uuid(), 'clientes.clientes_cambiados_v1', jsonb_build_object(
        'clientes', string_agg(cliente_id::text, ',' ORDER BY nic),
        'versiones', string_agg(version::text, ',' ORDER BY nic), 'nombres', jsonb_agg(nombre ORDER BY nic))
    FROM (SELECT cliente_id, nic, version, nombre, (row_number() OVER (ORDER BY nic) - 1) / 500 AS lote FROM clientes
        WHERE version > 1 AND suprimido_en IS NULL) c GROUP BY lote;

-- What happened to a CM is never edited; only what somebody wrote as the reason goes, once the CM is removed.
CREATE FUNCTION historia_sin_motivos() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.motivo = '(suprimido)'
        AND (NEW.id, NEW.cuenta_id, NEW.accion, NEW.de, NEW.a, NEW.quien, NEW.en)
            = (OLD.id, OLD.cuenta_id, OLD.accion, OLD.de, OLD.a, OLD.quien, OLD.en)
        AND NEW.actor IS NOT DISTINCT FROM OLD.actor
        AND EXISTS (SELECT FROM cuentas_maestras c WHERE c.cuenta_id = OLD.cuenta_id AND c.estado = 'eliminado') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'la historia de una cuenta no cambia' USING ERRCODE = 'restrict_violation';
END $$;
DROP TRIGGER estados_de_cuenta_maestra_inmutables ON estados_de_cuenta_maestra;
CREATE TRIGGER estados_de_cuenta_maestra_inmutables BEFORE DELETE OR TRUNCATE ON estados_de_cuenta_maestra
    FOR EACH STATEMENT EXECUTE FUNCTION historia_inmutable();
CREATE TRIGGER estados_de_cuenta_maestra_sin_motivos BEFORE UPDATE ON estados_de_cuenta_maestra
    FOR EACH ROW EXECUTE FUNCTION historia_sin_motivos();
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
