"""The audit log: append-only, chained."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

DDL = r"""
-- `cuenta_id` null: what belongs to no CM. `detalle` is JSON as text, since its very bytes are sealed; it holds no
-- secret and no personal data in clear (shared/auditoria/asiento.py), so that nothing of it is ever to be erased.
CREATE TABLE auditoria (
    id uuid NOT NULL,
    cuenta_id uuid,
    en timestamptz NOT NULL,
    accion text NOT NULL,
    actor_tipo text NOT NULL,
    actor text NOT NULL,
    ip text NOT NULL,
    correlacion text NOT NULL,
    objeto text NOT NULL,
    resultado text NOT NULL,
    detalle text NOT NULL,
    recibido_en timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_auditoria PRIMARY KEY (id),
    CONSTRAINT ck_auditoria_accion CHECK (accion ~ '^[a-z_]+\.[a-z0-9_]+$'),
    CONSTRAINT ck_auditoria_actor_tipo CHECK (actor_tipo IN ('perfil', 'llave', 'anonimo', 'sistema')),
    CONSTRAINT ck_auditoria_resultado CHECK (resultado IN ('hecho', 'rechazado')),
    CONSTRAINT ck_auditoria_detalle CHECK (octet_length(detalle) <= 16384),
    -- The chain joins fields with this character.
    CONSTRAINT ck_auditoria_separador CHECK
        (strpos(concat(accion, actor, ip, correlacion, objeto, detalle), chr(31)) = 0)
);
CREATE INDEX ix_auditoria_cuenta_id_en_id ON auditoria (cuenta_id, en DESC, id DESC);
CREATE INDEX ix_auditoria_cuenta_id_actor_en_id ON auditoria (cuenta_id, actor, en DESC, id DESC);
CREATE INDEX ix_auditoria_cuenta_id_accion_en_id ON auditoria (cuenta_id, accion, en DESC, id DESC);
CREATE INDEX ix_auditoria_cuenta_id_objeto_en_id ON auditoria (cuenta_id, objeto, en DESC, id DESC);

CREATE TABLE auditoria_por_sellar (
    orden bigint GENERATED ALWAYS AS IDENTITY,
    asiento_id uuid NOT NULL,
    CONSTRAINT pk_auditoria_por_sellar PRIMARY KEY (orden),
    CONSTRAINT uq_auditoria_por_sellar_asiento_id UNIQUE (asiento_id),
    CONSTRAINT fk_auditoria_por_sellar_asiento_id FOREIGN KEY (asiento_id) REFERENCES auditoria
);

-- A chain per CM, and one of zeros for the platform's own log.
CREATE TABLE auditoria_cadena (
    cadena uuid NOT NULL,
    secuencia bigint NOT NULL,
    asiento_id uuid NOT NULL,
    anterior bytea NOT NULL,
    sello bytea NOT NULL,
    CONSTRAINT pk_auditoria_cadena PRIMARY KEY (cadena, secuencia),
    CONSTRAINT uq_auditoria_cadena_asiento_id UNIQUE (asiento_id),
    CONSTRAINT fk_auditoria_cadena_asiento_id FOREIGN KEY (asiento_id) REFERENCES auditoria,
    CONSTRAINT ck_auditoria_cadena_secuencia CHECK (secuencia > 0),
    CONSTRAINT ck_auditoria_cadena_sellos CHECK (octet_length(anterior) = 32 AND octet_length(sello) = 32)
);

CREATE FUNCTION auditoria_solo_anexar() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'la tabla % es de solo anexar', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER auditoria_inmutable BEFORE UPDATE OR DELETE OR TRUNCATE ON auditoria
    FOR EACH STATEMENT EXECUTE FUNCTION auditoria_solo_anexar();
CREATE TRIGGER auditoria_cadena_inmutable BEFORE UPDATE OR DELETE OR TRUNCATE ON auditoria_cadena
    FOR EACH STATEMENT EXECUTE FUNCTION auditoria_solo_anexar();

SELECT aislar('auditoria');
SELECT aislar('auditoria_cadena', 'cadena = (SELECT cm_cuenta())');
SELECT aislar('auditoria_por_sellar', 'EXISTS (SELECT FROM auditoria a WHERE a.id = auditoria_por_sellar.asiento_id)');
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
