"""Automatic sales; what each CTI consumes by hour, its rhythm by weekday; where each account's days begin."""

from alembic import op

revision = "0006"
down_revision = "0005"

DDL = """
-- Filled by the sealer, in the transaction that seals the movement: each stamping counts once.
CREATE TABLE consumo_por_hora (
    cti text NOT NULL,
    hora timestamptz NOT NULL,
    cantidad bigint NOT NULL,
    CONSTRAINT pk_consumo_por_hora PRIMARY KEY (cti, hora),
    CONSTRAINT ck_consumo_por_hora_cantidad CHECK (cantidad > 0),
    CONSTRAINT ck_consumo_por_hora_hora CHECK (hora = date_trunc('hour', hora, 'UTC'))
);

-- Consumption per weekday, in sixtieths of a timbre a day, Monday first (domain/pronostico.py says how and why).
-- `desde`: first day with consumption; `dias`: how many days it was worked out from; 0: not yet.
CREATE TABLE ritmos (
    cti text NOT NULL,
    desde date NOT NULL,
    dias smallint NOT NULL DEFAULT 0,
    tasas bigint[] NOT NULL DEFAULT '{0,0,0,0,0,0,0}',
    recalcular_en timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_ritmos PRIMARY KEY (cti),
    CONSTRAINT ck_ritmos_dias CHECK (dias BETWEEN 0 AND 28),
    CONSTRAINT ck_ritmos_tasas CHECK (cardinality(tasas) = 7 AND 0 <= ALL (tasas))
);
CREATE INDEX ix_ritmos_recalcular_en ON ritmos (recalcular_en);

-- First link of each account's chain in each day of central Mexico: a statement's period begins and ends at one.
CREATE TABLE cortes (
    cuenta_id bigint NOT NULL,
    dia date NOT NULL,
    secuencia bigint NOT NULL,
    CONSTRAINT pk_cortes PRIMARY KEY (cuenta_id, dia),
    CONSTRAINT ck_cortes_secuencia CHECK (secuencia > 0)
);

-- A standing order: when the balance of `cti` falls below `minimo`, sell it `abonar` timbres for `importe` MXN.
-- While `espera` says what a sale waits for, the account's `umbral` is null, so that debits queue nothing.
-- `mes`: first day of the month of central Mexico in which `vendido` timbres were sold (`facturado` MXN).
-- No foreign keys on purpose: a new order would lock its CTI and its stock's account out of the order in which
-- transfers and password changes lock them, and deadlock. Neither a CTI nor an account is ever deleted.
CREATE TABLE ventas_automaticas (
    cti text NOT NULL,
    cuenta_id uuid NOT NULL,
    libro_id bigint NOT NULL,
    existencia_id bigint NOT NULL,
    minimo bigint NOT NULL,
    abonar bigint NOT NULL,
    importe numeric(14, 2) NOT NULL,
    tope_mensual bigint,
    espera text,
    espera_desde timestamptz,
    mes date NOT NULL,
    vendido bigint NOT NULL DEFAULT 0,
    facturado numeric(14, 2) NOT NULL DEFAULT 0,
    ultima_operacion uuid,
    ultima_venta timestamptz,
    ultima_cantidad bigint,
    actor text NOT NULL DEFAULT '',
    creada_en timestamptz NOT NULL DEFAULT now(),
    actualizada_en timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_ventas_automaticas PRIMARY KEY (cti),
    CONSTRAINT uq_ventas_automaticas_libro_id UNIQUE (libro_id),
    CONSTRAINT ck_ventas_automaticas_minimo CHECK (minimo BETWEEN 1 AND 100000000),
    CONSTRAINT ck_ventas_automaticas_abonar CHECK (abonar BETWEEN 1 AND 100000000),
    CONSTRAINT ck_ventas_automaticas_importe CHECK (importe >= 0),
    CONSTRAINT ck_ventas_automaticas_tope CHECK (tope_mensual >= abonar),
    CONSTRAINT ck_ventas_automaticas_espera CHECK (espera IN ('existencia', 'tope')),
    CONSTRAINT ck_ventas_automaticas_espera_desde CHECK ((espera IS NULL) = (espera_desde IS NULL)),
    CONSTRAINT ck_ventas_automaticas_mes CHECK (extract(day FROM mes) = 1),
    CONSTRAINT ck_ventas_automaticas_vendido CHECK (vendido >= 0 AND facturado >= 0),
    CONSTRAINT ck_ventas_automaticas_ultima CHECK
        (num_nulls(ultima_operacion, ultima_venta, ultima_cantidad) IN (0, 3))
);
CREATE INDEX ix_ventas_automaticas_cuenta_id_cti ON ventas_automaticas (cuenta_id, cti);
-- What waits for stock, to be found by stock; what waits for the month to end. Both are empty as a rule.
CREATE INDEX ix_ventas_automaticas_existencia ON ventas_automaticas (existencia_id, abonar)
    WHERE espera = 'existencia';
CREATE INDEX ix_ventas_automaticas_tope ON ventas_automaticas (mes) WHERE espera = 'tope';

-- A CTI that is reactivated below its threshold may be unable to spend, and so would never be queued by a debit.
-- Fires only for statements that set `bloqueada`: no debit does.
CREATE FUNCTION avisar_reactivada() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bajo_umbral (cuenta_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER cuentas_reactivada AFTER UPDATE OF bloqueada ON cuentas
    FOR EACH ROW WHEN (OLD.bloqueada AND NOT NEW.bloqueada AND NEW.saldo < NEW.umbral)
    EXECUTE FUNCTION avisar_reactivada();
"""

#: What was sealed before the sealer filled these tables.
BACKFILL = """
INSERT INTO consumo_por_hora (cti, hora, cantidad)
    SELECT t.cti, date_trunc('hour', m.creado_en, 'UTC'), sum(m.cantidad)
    FROM movimientos m JOIN timbrados t ON t.id = m.operacion
    WHERE m.motivo = 'timbrado' AND NOT EXISTS (SELECT FROM por_sellar p WHERE p.movimiento_id = m.id)
    GROUP BY 1, 2;
INSERT INTO ritmos (cti, desde)
    SELECT cti, (min(hora) AT TIME ZONE 'America/Mexico_City')::date FROM consumo_por_hora GROUP BY cti;
INSERT INTO cortes (cuenta_id, dia, secuencia)
    SELECT c.cuenta_id, (m.creado_en AT TIME ZONE 'America/Mexico_City')::date, min(c.secuencia)
    FROM cadena c JOIN movimientos m ON m.id = c.movimiento_id GROUP BY 1, 2;
"""


def upgrade() -> None:
    op.execute(DDL)
    op.execute(BACKFILL)
