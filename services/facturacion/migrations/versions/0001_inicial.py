"""Ventas, invoices, and the projections of cuentas and clientes."""

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

CREATE TABLE facturas (
    id uuid NOT NULL,
    cuenta_id uuid NOT NULL,
    cliente_id uuid NOT NULL,
    nic bigint NOT NULL,
    referencia text NOT NULL,
    importe numeric(16, 2) NOT NULL,
    ventas uuid[] NOT NULL,
    en timestamptz NOT NULL,
    anulada_en timestamptz,
    CONSTRAINT pk_facturas PRIMARY KEY (id),
    CONSTRAINT uq_facturas_id_cuenta_id_cliente_id UNIQUE (id, cuenta_id, cliente_id),
    CONSTRAINT ck_facturas_importe CHECK (importe >= 0),
    CONSTRAINT ck_facturas_referencia CHECK (length(referencia) BETWEEN 1 AND 100),
    CONSTRAINT ck_facturas_ventas CHECK (cardinality(ventas) > 0)
);
CREATE INDEX ix_facturas_cuenta_id_en_id ON facturas (cuenta_id, en DESC, id DESC);
CREATE INDEX ix_facturas_cuenta_id_nic_en_id ON facturas (cuenta_id, nic, en DESC, id DESC);

CREATE TABLE ventas (
    id uuid NOT NULL,
    tipo text NOT NULL,
    origen text NOT NULL,
    cuenta_id uuid NOT NULL,
    cliente_id uuid NOT NULL,
    nic bigint NOT NULL,
    cantidad numeric(18, 2) NOT NULL,
    importe numeric(14, 2) NOT NULL,
    factura_id uuid,
    en timestamptz NOT NULL,
    CONSTRAINT pk_ventas PRIMARY KEY (id),
    CONSTRAINT ck_ventas_tipo CHECK (tipo IN ('timbres', 'puntos')),
    CONSTRAINT ck_ventas_cantidad CHECK (cantidad > 0 AND (tipo <> 'timbres' OR cantidad = trunc(cantidad))),
    CONSTRAINT ck_ventas_importe CHECK (importe >= 0),
    -- A venta is only on an invoice of its own CM and its own cliente.
    CONSTRAINT fk_ventas_factura_id FOREIGN KEY (factura_id, cuenta_id, cliente_id)
        REFERENCES facturas (id, cuenta_id, cliente_id)
);
CREATE INDEX ix_ventas_cuenta_id_en_id ON ventas (cuenta_id, en DESC, id DESC);
CREATE INDEX ix_ventas_cuenta_id_nic_en_id ON ventas (cuenta_id, nic, en DESC, id DESC);
CREATE INDEX ix_ventas_por_facturar ON ventas (cuenta_id, en DESC, id DESC) WHERE factura_id IS NULL;
CREATE INDEX ix_ventas_factura_id ON ventas (factura_id) WHERE factura_id IS NOT NULL;

-- One invoice at most: it is freed by annulling that invoice, never moved from one to another.
CREATE FUNCTION una_factura_a_la_vez() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.factura_id IS NOT NULL AND NEW.factura_id IS NOT NULL AND OLD.factura_id <> NEW.factura_id THEN
        RAISE EXCEPTION 'la venta % ya está en otra factura', OLD.id USING ERRCODE = 'unique_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ventas_una_factura BEFORE UPDATE OF factura_id ON ventas
    FOR EACH ROW EXECUTE FUNCTION una_factura_a_la_vez();
"""


def upgrade() -> None:
    """Create everything."""
    op.execute(PATTERNS_V1)
    op.execute(TABLAS)
