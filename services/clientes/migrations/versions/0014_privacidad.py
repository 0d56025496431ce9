"""Consents and erasures."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"

DDL = r"""
-- Which notice a person accepted, when and from where. Never edited: only the address goes, when the person does.
CREATE TABLE consentimientos (
    perfil_id uuid NOT NULL,
    version integer NOT NULL,
    en timestamptz NOT NULL,
    origen_ip text NOT NULL,
    CONSTRAINT pk_consentimientos PRIMARY KEY (perfil_id, version),
    CONSTRAINT fk_consentimientos_perfil_id FOREIGN KEY (perfil_id) REFERENCES perfiles,
    CONSTRAINT fk_consentimientos_version FOREIGN KEY (version) REFERENCES avisos_de_privacidad
);
CREATE FUNCTION consentimiento_inmutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.origen_ip = ''
        AND (NEW.perfil_id, NEW.version, NEW.en) = (OLD.perfil_id, OLD.version, OLD.en) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'un consentimiento no cambia' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER consentimientos_inmutables BEFORE UPDATE OR DELETE ON consentimientos
    FOR EACH ROW EXECUTE FUNCTION consentimiento_inmutable();
CREATE TRIGGER consentimientos_sin_vaciar BEFORE TRUNCATE ON consentimientos
    FOR EACH STATEMENT EXECUTE FUNCTION solo_agregar();
-- Who confirmed already accepted what its registration says.
INSERT INTO consentimientos (perfil_id, version, en, origen_ip)
    SELECT p.perfil_id, a.version, p.confirmado_en, '' FROM perfiles p
    JOIN avisos_de_privacidad a ON a.version::text = p.aviso_version WHERE p.confirmado_en IS NOT NULL;

-- An erased perfil is a row without a person: it signs in nowhere, is given nothing and never comes back. No E.164
-- number begins with 0.
CREATE SEQUENCE perfiles_suprimidos MAXVALUE 99999999999999;
ALTER TABLE perfiles ADD COLUMN suprimido_en timestamptz,
    ADD CONSTRAINT ck_perfiles_suprimido CHECK (suprimido_en IS NULL OR (nombre = 'Perfil suprimido'
        AND correo = 'suprimido-' || perfil_id || '@invalid' AND movil ~ '^\+0[0-9]{14}$'
        AND hash_contrasena = '$argon2id$suprimido'));
CREATE FUNCTION suprimido_para_siempre() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'lo suprimido no vuelve' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER perfiles_suprimidos_para_siempre BEFORE UPDATE OR DELETE ON perfiles FOR EACH ROW
    WHEN (OLD.suprimido_en IS NOT NULL) EXECUTE FUNCTION suprimido_para_siempre();
CREATE OR REPLACE FUNCTION exigir_perfil_confirmado() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    quien uuid := CASE TG_TABLE_NAME WHEN 'clientes' THEN (to_jsonb(NEW)->>'perfil_principal_id')::uuid
        ELSE (to_jsonb(NEW)->>'perfil_id')::uuid END;
BEGIN
    IF EXISTS (SELECT FROM perfiles WHERE perfil_id = quien
            AND (confirmado_en IS NULL OR suprimido_en IS NOT NULL)) THEN
        RAISE check_violation USING MESSAGE = 'perfil not confirmed', CONSTRAINT = 'tr_' || TG_TABLE_NAME || '_confirmado';
    END IF;
    RETURN NEW;
END $$;

ALTER TABLE clientes ADD COLUMN suprimido_en timestamptz,
    ADD CONSTRAINT ck_clientes_suprimido CHECK (suprimido_en IS NULL OR (nombre = 'Cliente suprimido' AND num_nonnulls(
        nombre_comercial, rfc, telefono, correo, representante, financiero, tecnico, notas, sitio_web, domicilio,
        otros, perfil_principal_id) = 0));
CREATE TRIGGER clientes_suprimidos_para_siempre BEFORE UPDATE OF suprimido_en ON clientes FOR EACH ROW
    WHEN (OLD.suprimido_en IS NOT NULL AND NEW.suprimido_en IS DISTINCT FROM OLD.suprimido_en)
    EXECUTE FUNCTION suprimido_para_siempre();

-- Mails about somebody, by the beginning of their key.
CREATE INDEX ix_correos_clave ON correos (clave text_pattern_ops);
CREATE INDEX ix_cuentas_maestras_correo ON cuentas_maestras (correo) WHERE correo IS NOT NULL;

-- Stored answers that say who somebody is are found by whom they are about.
CREATE INDEX ix_idempotency_perfil_id ON idempotency ((respuesta ->> 'perfil_id')) WHERE respuesta ? 'perfil_id';
CREATE INDEX ix_idempotency_cliente_id ON idempotency ((respuesta ->> 'cliente_id')) WHERE respuesta ? 'cliente_id';
CREATE INDEX ix_idempotency_correo ON idempotency ((respuesta ->> 'correo')) WHERE respuesta ? 'correo';
CREATE INDEX ix_idempotency_cuenta_id ON idempotency ((respuesta ->> 'cuenta_id'))
    WHERE respuesta ? 'cuenta_id' AND NOT respuesta ? 'cliente_id';
-- Rows of imports that were refused or left out keep an RFC of nobody's NIC.
CREATE INDEX ix_importaciones_filas_sin_cliente ON importaciones_filas (cuenta_id, rfc)
    WHERE rfc IS NOT NULL AND resultado IN ('rechazado', 'omitido');
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
