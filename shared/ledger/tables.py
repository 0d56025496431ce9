"""Tables of the ledger and their DDL. Each service that keeps balances has its own copy in its database."""

from __future__ import annotations

#: Frozen: a change is a new constant, run by a new migration of each service that has a ledger.
LEDGER_V1 = """
CREATE TABLE cuentas (
    id bigint GENERATED ALWAYS AS IDENTITY,
    tipo text NOT NULL,
    titular text NOT NULL,
    saldo bigint NOT NULL DEFAULT 0,
    retenido bigint NOT NULL DEFAULT 0,
    con_limite boolean NOT NULL DEFAULT true,
    bloqueada boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1,
    creada_en timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_cuentas PRIMARY KEY (id),
    CONSTRAINT uq_cuentas_tipo_titular UNIQUE (tipo, titular),
    CONSTRAINT ck_cuentas_saldo CHECK (saldo >= 0),
    CONSTRAINT ck_cuentas_retenido CHECK (retenido >= 0 AND retenido <= saldo),
    CONSTRAINT ck_cuentas_sin_limite CHECK (con_limite OR (saldo = 0 AND retenido = 0))
) WITH (fillfactor = 50);

CREATE TABLE movimientos (
    id bigint GENERATED ALWAYS AS IDENTITY,
    operacion uuid NOT NULL,
    origen bigint NOT NULL,
    destino bigint NOT NULL,
    cantidad bigint NOT NULL,
    motivo text NOT NULL,
    referencia text NOT NULL DEFAULT '',
    importe numeric(14, 2),
    precio_unitario numeric(20, 6) GENERATED ALWAYS AS (importe / cantidad) STORED,
    creado_en timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_movimientos PRIMARY KEY (id),
    CONSTRAINT uq_movimientos_operacion UNIQUE (operacion),
    CONSTRAINT ck_movimientos_cantidad CHECK (cantidad > 0),
    CONSTRAINT ck_movimientos_distintas CHECK (origen <> destino),
    CONSTRAINT ck_movimientos_importe CHECK (importe IS NULL OR importe >= 0)
);
CREATE INDEX ix_movimientos_origen_id ON movimientos (origen, id);
CREATE INDEX ix_movimientos_destino_id ON movimientos (destino, id);

CREATE TABLE retenciones (
    id uuid NOT NULL,
    cuenta_id bigint NOT NULL,
    cantidad bigint NOT NULL,
    creada_en timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_retenciones PRIMARY KEY (id),
    CONSTRAINT ck_retenciones_cantidad CHECK (cantidad > 0)
);

-- Movements that the sealer has not chained yet; a queue of its own, so that sealing needs no update of
-- a movement and no assumption about the order of commits.
CREATE TABLE por_sellar (
    movimiento_id bigint NOT NULL,
    CONSTRAINT pk_por_sellar PRIMARY KEY (movimiento_id)
);

CREATE TABLE cadena (
    cuenta_id bigint NOT NULL,
    secuencia bigint NOT NULL,
    movimiento_id bigint NOT NULL,
    saldo bigint NOT NULL,
    sello bytea NOT NULL,
    CONSTRAINT pk_cadena PRIMARY KEY (cuenta_id, secuencia),
    CONSTRAINT uq_cadena_cuenta_id_movimiento_id UNIQUE (cuenta_id, movimiento_id)
);

CREATE FUNCTION solo_anexar() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'la tabla % es de solo anexar', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER movimientos_inmutables BEFORE UPDATE OR DELETE OR TRUNCATE ON movimientos
    FOR EACH STATEMENT EXECUTE FUNCTION solo_anexar();
CREATE TRIGGER cadena_inmutable BEFORE UPDATE OR DELETE OR TRUNCATE ON cadena
    FOR EACH STATEMENT EXECUTE FUNCTION solo_anexar();
"""

#: A balance that falls below its threshold is told in a queue, in the very statement of the debit.
LEDGER_V2 = """
ALTER TABLE cuentas ADD COLUMN umbral bigint, ADD CONSTRAINT ck_cuentas_umbral CHECK (umbral > 0);

-- Whoever works on a row locks its account before the row, because a debit does it in that order.
CREATE TABLE bajo_umbral (
    cuenta_id bigint NOT NULL,
    desde timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_bajo_umbral PRIMARY KEY (cuenta_id)
);
"""
