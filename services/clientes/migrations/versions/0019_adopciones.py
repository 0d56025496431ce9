"""The sub-distributors of a CM that is cancelled go on under the parent of that CM (ADR 21)."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"

DDL = r"""
ALTER TABLE transiciones_de_cuenta DISABLE TRIGGER transiciones_de_cuenta_inmutables;
INSERT INTO transiciones_de_cuenta (accion, de, a) VALUES
    ('adopcion', 'sin_validar', 'sin_validar'),
    ('adopcion', 'sin_activar', 'sin_activar'),
    ('adopcion', 'activo', 'activo'),
    ('adopcion', 'suspendido', 'suspendido'),
    ('adopcion', 'vencido', 'vencido');
ALTER TABLE transiciones_de_cuenta ENABLE TRIGGER transiciones_de_cuenta_inmutables;

-- A tree for ever: a parent changes only to the parent of the one that stopped, which was above it already, so there
-- are no cycles. Only the pairs of the table; nothing is cancelled with living sub-distributors, and nothing is opened,
-- or adopted, under a CM that is not active. The parent's row is locked by both, so that an alta and a cancellation of
-- its parent exclude each other.
CREATE OR REPLACE FUNCTION vida_de_cuenta() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    del_padre text;
    abuelo uuid;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'una cuenta maestra no se borra' USING ERRCODE = 'restrict_violation';
    ELSIF TG_OP = 'INSERT' THEN
        IF NEW.padre_id IS NULL THEN RETURN NEW; END IF;
        SELECT estado INTO del_padre FROM cuentas_maestras WHERE cuenta_id = NEW.padre_id FOR SHARE;
        IF del_padre <> 'activo' OR NEW.estado NOT IN ('sin_validar', 'sin_activar', 'activo') THEN
            RAISE EXCEPTION 'una cuenta no nace % bajo una %', NEW.estado, del_padre USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.cuenta_id <> OLD.cuenta_id THEN
        RAISE EXCEPTION 'una cuenta no cambia de id' USING ERRCODE = 'restrict_violation';
    ELSIF NEW.padre_id IS DISTINCT FROM OLD.padre_id THEN
        SELECT padre_id, estado INTO abuelo, del_padre FROM cuentas_maestras WHERE cuenta_id = OLD.padre_id;
        IF abuelo IS NULL OR NEW.padre_id IS DISTINCT FROM abuelo OR del_padre NOT IN ('suspendido', 'vencido')
            OR NEW.estado <> OLD.estado OR OLD.estado IN ('cancelado', 'eliminado') THEN
            RAISE EXCEPTION 'una cuenta no cambia de padre' USING ERRCODE = 'restrict_violation';
        END IF;
        SELECT estado INTO del_padre FROM cuentas_maestras WHERE cuenta_id = abuelo FOR SHARE;
        IF del_padre <> 'activo' THEN
            RAISE EXCEPTION 'una cuenta no pasa a una %', del_padre USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    ELSIF NEW.estado = OLD.estado THEN
        RETURN NEW;
    ELSIF NOT EXISTS (SELECT FROM transiciones_de_cuenta t WHERE t.de = OLD.estado AND t.a = NEW.estado) THEN
        RAISE EXCEPTION 'una cuenta no pasa de % a %', OLD.estado, NEW.estado USING ERRCODE = 'restrict_violation';
    ELSIF NEW.estado = 'cancelado' AND EXISTS (SELECT FROM cuentas_maestras h
            WHERE h.padre_id = NEW.cuenta_id AND h.estado NOT IN ('cancelado', 'eliminado')) THEN
        RAISE EXCEPTION 'una cuenta con distribuidores no se cancela' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
