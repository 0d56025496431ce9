"""Invitations of usuarios."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"

DDL = r"""
-- Only what is open stays here: who accepts, cancels or lets it pass leaves no address behind (the audit log says it).
CREATE TABLE invitaciones (
    invitacion_id uuid NOT NULL,
    cuenta_id uuid NOT NULL,
    correo text NOT NULL,
    rol text NOT NULL,
    invitado_por uuid NOT NULL,
    creado_en timestamptz NOT NULL,
    vence_en timestamptz NOT NULL,
    CONSTRAINT pk_invitaciones PRIMARY KEY (invitacion_id),
    CONSTRAINT uq_invitaciones_cuenta_id_correo UNIQUE (cuenta_id, correo),
    CONSTRAINT fk_invitaciones_cuenta_id FOREIGN KEY (cuenta_id) REFERENCES cuentas_maestras,
    CONSTRAINT ck_invitaciones_rol CHECK (rol IN ('administrador', 'operador', 'consulta')),
    CONSTRAINT ck_invitaciones_correo CHECK (correo = lower(btrim(correo)) AND correo <> ''),
    CONSTRAINT ck_invitaciones_vence CHECK (vence_en > creado_en)
);
CREATE INDEX ix_invitaciones_correo ON invitaciones (correo);
CREATE INDEX ix_invitaciones_vence_en ON invitaciones (vence_en);
SELECT aislar('invitaciones');

-- uq_usuarios_titular says at most one; this says at least one, at commit, while somebody administers a living CM.
CREATE FUNCTION usuarios_con_titular() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM usuarios WHERE cuenta_id = OLD.cuenta_id)
        AND NOT EXISTS (SELECT FROM usuarios WHERE cuenta_id = OLD.cuenta_id AND rol = 'titular')
        AND EXISTS (SELECT FROM cuentas_maestras
            WHERE cuenta_id = OLD.cuenta_id AND estado NOT IN ('cancelado', 'eliminado')) THEN
        RAISE EXCEPTION 'la cuenta maestra % se quedaría sin titular', OLD.cuenta_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'tr_usuarios_con_titular';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER tr_usuarios_con_titular AFTER UPDATE OR DELETE ON usuarios
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.rol = 'titular')
    EXECUTE FUNCTION usuarios_con_titular();
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
