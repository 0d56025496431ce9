"""Altas from an external site, and conversions of clientes."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

DDL = r"""
-- Publishable: kept as they are. What protects is the list of sites and the limits.
CREATE TABLE llaves_publicas (
    llave text NOT NULL,
    cuenta_id uuid NOT NULL,
    nombre text NOT NULL,
    origenes text[] NOT NULL,
    titulo text NOT NULL,
    gracias text NOT NULL,
    aviso_url text,
    aviso_version text,
    creada_por uuid,
    creada_en timestamptz NOT NULL,
    revocada_en timestamptz,
    CONSTRAINT pk_llaves_publicas PRIMARY KEY (llave),
    CONSTRAINT fk_llaves_publicas_cuenta_id FOREIGN KEY (cuenta_id) REFERENCES cuentas_maestras,
    CONSTRAINT ck_llaves_publicas_llave CHECK (llave ~ '^pk_[A-Za-z0-9_-]{32}$'),
    CONSTRAINT ck_llaves_publicas_nombre CHECK (btrim(nombre) <> ''),
    CONSTRAINT ck_llaves_publicas_origenes CHECK (cardinality(origenes) BETWEEN 1 AND 20),
    CONSTRAINT ck_llaves_publicas_aviso CHECK ((aviso_url IS NULL) = (aviso_version IS NULL)),
    CONSTRAINT ck_llaves_publicas_aviso_url CHECK (aviso_url LIKE 'https://_%')
);
CREATE INDEX ix_llaves_publicas_cuenta_id ON llaves_publicas (cuenta_id, creada_en DESC, llave DESC);
-- A preflight names a site and no key.
CREATE INDEX ix_llaves_publicas_origenes ON llaves_publicas USING gin (origenes) WHERE revocada_en IS NULL;
-- A key that is revoked stays so, and is never another CM's.
CREATE FUNCTION llave_publica_revocada() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.llave <> OLD.llave OR NEW.cuenta_id <> OLD.cuenta_id
        OR (OLD.revocada_en IS NOT NULL AND NEW.revocada_en IS DISTINCT FROM OLD.revocada_en) THEN
        RAISE EXCEPTION 'una llave pública no cambia de dueño ni revive' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER llaves_publicas_revocadas BEFORE UPDATE ON llaves_publicas
    FOR EACH ROW EXECUTE FUNCTION llave_publica_revocada();

-- By which way a distributor asked for its account, and which privacy notice was accepted. Who it is stands in
-- cuentas_maestras alone, so that what is erased there is nowhere else.
CREATE TABLE altas (
    distribuidor_id uuid NOT NULL,
    cuenta_id uuid NOT NULL,
    llave text,
    sitio text,
    aviso_url text NOT NULL,
    aviso_version text NOT NULL,
    creada_en timestamptz NOT NULL,
    envios integer NOT NULL DEFAULT 1,
    enviada_en timestamptz NOT NULL,
    CONSTRAINT pk_altas PRIMARY KEY (distribuidor_id),
    CONSTRAINT fk_altas_distribuidor_id FOREIGN KEY (distribuidor_id) REFERENCES cuentas_maestras,
    CONSTRAINT fk_altas_cuenta_id FOREIGN KEY (cuenta_id) REFERENCES cuentas_maestras,
    CONSTRAINT fk_altas_llave FOREIGN KEY (llave) REFERENCES llaves_publicas,
    CONSTRAINT ck_altas_envios CHECK (envios > 0),
    CONSTRAINT ck_altas_otra CHECK (cuenta_id <> distribuidor_id)
);
CREATE INDEX ix_altas_cuenta_id ON altas (cuenta_id, creada_en DESC, distribuidor_id DESC);
CREATE INDEX ix_altas_llave ON altas (llave, creada_en DESC, distribuidor_id DESC) WHERE llave IS NOT NULL;

-- A cliente becomes a distributor once, and a CM is made of one cliente at most. `cuenta_id` had it before; its notes
-- and its price were that CM's own, and do not go to the cliente.
CREATE TABLE conversiones (
    cliente_id uuid NOT NULL,
    nic bigint NOT NULL,
    cuenta_id uuid NOT NULL,
    distribuidor_id uuid NOT NULL,
    actor uuid,
    notas text,
    precio_especifico numeric(10, 4),
    en timestamptz NOT NULL,
    CONSTRAINT pk_conversiones PRIMARY KEY (cliente_id),
    CONSTRAINT uq_conversiones_distribuidor_id UNIQUE (distribuidor_id),
    CONSTRAINT fk_conversiones_cliente_id FOREIGN KEY (cliente_id) REFERENCES clientes,
    CONSTRAINT fk_conversiones_cuenta_id FOREIGN KEY (cuenta_id) REFERENCES cuentas_maestras,
    CONSTRAINT fk_conversiones_distribuidor_id FOREIGN KEY (distribuidor_id) REFERENCES cuentas_maestras,
    CONSTRAINT ck_conversiones_otra CHECK (cuenta_id <> distribuidor_id)
);
CREATE INDEX ix_conversiones_cuenta_id ON conversiones (cuenta_id, en DESC, distribuidor_id DESC);

-- A cliente changes hands by a conversion and by nothing else.
CREATE FUNCTION cliente_de_su_cuenta() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.cliente_id <> OLD.cliente_id OR NEW.nic <> OLD.nic OR NOT EXISTS (SELECT FROM conversiones v
        WHERE v.cliente_id = OLD.cliente_id AND v.cuenta_id = OLD.cuenta_id AND v.distribuidor_id = NEW.cuenta_id) THEN
        RAISE EXCEPTION 'un cliente solo cambia de cuenta al convertirse en distribuidor'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER clientes_de_su_cuenta BEFORE UPDATE OF cliente_id, cuenta_id, nic ON clientes
    FOR EACH ROW WHEN (OLD.cuenta_id <> NEW.cuenta_id OR OLD.nic <> NEW.nic OR OLD.cliente_id <> NEW.cliente_id)
    EXECUTE FUNCTION cliente_de_su_cuenta();
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
