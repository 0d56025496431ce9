"""Confirmation of correos, recovery of passwords, second factor."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

DDL = r"""
-- The default is for the version that still runs, which creates perfiles that are confirmed at once.
ALTER TABLE perfiles ADD COLUMN confirmado_en timestamptz DEFAULT now(), ADD COLUMN aviso_version text;
UPDATE perfiles SET confirmado_en = creado_en;

-- Who has not confirmed keeps nobody from a correo or a móvil: several may claim one, the first to confirm has it.
ALTER TABLE perfiles DROP CONSTRAINT uq_perfiles_correo, DROP CONSTRAINT uq_perfiles_movil;
CREATE UNIQUE INDEX uq_perfiles_correo ON perfiles (correo) WHERE confirmado_en IS NOT NULL;
CREATE UNIQUE INDEX uq_perfiles_movil ON perfiles (movil) WHERE confirmado_en IS NOT NULL;
CREATE INDEX ix_perfiles_correo_sin_confirmar ON perfiles (correo, creado_en DESC) WHERE confirmado_en IS NULL;
CREATE INDEX ix_perfiles_movil_sin_confirmar ON perfiles (movil, creado_en DESC) WHERE confirmado_en IS NULL;
CREATE INDEX ix_perfiles_sin_confirmar ON perfiles (creado_en) WHERE confirmado_en IS NULL;

CREATE FUNCTION perfil_sigue_confirmado() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE check_violation USING MESSAGE = 'a confirmed perfil stays confirmed', CONSTRAINT = 'tr_perfiles_confirmado';
END $$;
CREATE TRIGGER tr_perfiles_confirmado BEFORE UPDATE OF confirmado_en ON perfiles FOR EACH ROW
    WHEN (OLD.confirmado_en IS NOT NULL AND NEW.confirmado_en IS NULL) EXECUTE FUNCTION perfil_sigue_confirmado();

-- Nobody administers or controls anything before it has confirmed its correo.
CREATE FUNCTION exigir_perfil_confirmado() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    quien uuid := CASE TG_TABLE_NAME WHEN 'clientes' THEN (to_jsonb(NEW)->>'perfil_principal_id')::uuid
        ELSE (to_jsonb(NEW)->>'perfil_id')::uuid END;
BEGIN
    IF EXISTS (SELECT FROM perfiles WHERE perfil_id = quien AND confirmado_en IS NULL) THEN
        RAISE check_violation USING MESSAGE = 'perfil not confirmed', CONSTRAINT = 'tr_' || TG_TABLE_NAME || '_confirmado';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tr_usuarios_confirmado BEFORE INSERT OR UPDATE OF perfil_id ON usuarios
    FOR EACH ROW EXECUTE FUNCTION exigir_perfil_confirmado();
CREATE TRIGGER tr_clientes_confirmado BEFORE INSERT OR UPDATE OF perfil_principal_id ON clientes
    FOR EACH ROW WHEN (NEW.perfil_principal_id IS NOT NULL) EXECUTE FUNCTION exigir_perfil_confirmado();
CREATE TRIGGER tr_sesiones_confirmado BEFORE INSERT ON sesiones
    FOR EACH ROW EXECUTE FUNCTION exigir_perfil_confirmado();

-- When this session last showed a second factor; null: never.
ALTER TABLE sesiones ADD COLUMN segundo_factor_en timestamptz;

-- `secreto` is sealed with a key that only clientes has. Until `confirmado_en` it asks nobody for a code.
CREATE TABLE segundos_factores (
    perfil_id uuid NOT NULL,
    secreto text NOT NULL,
    creado_en timestamptz NOT NULL,
    confirmado_en timestamptz,
    ultimo_paso bigint NOT NULL DEFAULT 0,
    fallos integer NOT NULL DEFAULT 0,
    bloqueado_hasta timestamptz,
    CONSTRAINT pk_segundos_factores PRIMARY KEY (perfil_id),
    CONSTRAINT fk_segundos_factores_perfil_id FOREIGN KEY (perfil_id) REFERENCES perfiles ON DELETE CASCADE,
    CONSTRAINT ck_segundos_factores_fallos CHECK (fallos >= 0)
);
-- A code is accepted once: the last accepted step of time never goes back while the secret is the same.
CREATE FUNCTION paso_no_retrocede() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE check_violation USING MESSAGE = 'a step of time is accepted once',
        CONSTRAINT = 'tr_segundos_factores_paso';
END $$;
CREATE TRIGGER tr_segundos_factores_paso BEFORE UPDATE ON segundos_factores FOR EACH ROW
    WHEN (NEW.secreto = OLD.secreto AND NEW.ultimo_paso < OLD.ultimo_paso) EXECUTE FUNCTION paso_no_retrocede();

CREATE TABLE codigos_de_recuperacion (
    perfil_id uuid NOT NULL,
    huella bytea NOT NULL,
    usado_en timestamptz,
    CONSTRAINT pk_codigos_de_recuperacion PRIMARY KEY (perfil_id, huella),
    CONSTRAINT fk_codigos_de_recuperacion_perfil_id FOREIGN KEY (perfil_id) REFERENCES segundos_factores
        ON DELETE CASCADE,
    CONSTRAINT ck_codigos_de_recuperacion_huella CHECK (octet_length(huella) = 32)
);

-- How many were asked for lately, used ones included; and which are old enough to go.
CREATE INDEX ix_tokens_recientes ON tokens (proposito, sujeto, creado_en);
CREATE INDEX ix_tokens_vence_en ON tokens (vence_en);
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
