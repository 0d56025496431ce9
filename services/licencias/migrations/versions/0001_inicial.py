"""MKL contracts, licences, and the projections of cuentas and clientes."""

from alembic import op

from shared.persistence.base import PATTERNS_V1

revision = "0001"
down_revision = None

TABLAS = """
CREATE TABLE cuentas (
    cuenta_id uuid NOT NULL,
    padre_id uuid,
    nombre text NOT NULL,
    CONSTRAINT pk_cuentas PRIMARY KEY (cuenta_id)
);

CREATE TABLE clientes (
    cliente_id uuid NOT NULL,
    cuenta_id uuid NOT NULL,
    nic bigint NOT NULL,
    nombre text NOT NULL,
    CONSTRAINT pk_clientes PRIMARY KEY (cliente_id),
    CONSTRAINT uq_clientes_nic UNIQUE (nic)
);

CREATE TABLE mkl (
    id uuid NOT NULL,
    cuenta_id uuid NOT NULL,
    producto text NOT NULL,
    inicia_en date NOT NULL,
    vence_en date NOT NULL,
    creado_en timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_mkl PRIMARY KEY (id),
    CONSTRAINT ck_mkl_plazo CHECK (inicia_en <= vence_en)
);
CREATE INDEX ix_mkl_cuenta_id_vence_en_id ON mkl (cuenta_id, vence_en DESC, id DESC);
CREATE INDEX ix_mkl_cuenta_id_producto ON mkl (cuenta_id, producto, vence_en);

CREATE TABLE licencias (
    id uuid NOT NULL,
    cuenta_id uuid NOT NULL,
    cliente_id uuid NOT NULL,
    nic bigint NOT NULL,
    producto text NOT NULL,
    caracteristicas text[] NOT NULL,
    emitida_en timestamptz NOT NULL,
    vence_en timestamptz NOT NULL,
    revocada_en timestamptz,
    documento text NOT NULL,
    CONSTRAINT pk_licencias PRIMARY KEY (id),
    CONSTRAINT fk_licencias_cliente_id FOREIGN KEY (cliente_id) REFERENCES clientes (cliente_id),
    CONSTRAINT ck_licencias_plazo CHECK (emitida_en < vence_en)
);
CREATE INDEX ix_licencias_cuenta_id_nic ON licencias (cuenta_id, nic, emitida_en DESC, id DESC);
CREATE INDEX ix_licencias_revocadas ON licencias (vence_en) WHERE revocada_en IS NOT NULL;

-- A signed licence is out of our hands: nothing of it changes, and a revocation is for good.
CREATE FUNCTION licencia_inmutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.revocada_en IS NOT NULL
        OR to_jsonb(NEW) - 'revocada_en' <> to_jsonb(OLD) - 'revocada_en' THEN
        RAISE EXCEPTION 'una licencia emitida no cambia' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER licencias_inmutables BEFORE UPDATE OR DELETE ON licencias
    FOR EACH ROW EXECUTE FUNCTION licencia_inmutable();
"""


def upgrade() -> None:
    """Create everything."""
    op.execute(PATTERNS_V1)
    op.execute(TABLAS)
