"""Bulk transfers."""

from alembic import op

revision = "0005"
down_revision = "0004"

DDL = """
-- One bulk transfer. Its rows wait here as columns until they are applied, so that receiving 50,000 of them
-- writes one row, and each becomes a row of its own once, with its result.
CREATE TABLE transferencias_masivas (
    id uuid NOT NULL,
    cuenta_id uuid NOT NULL,
    actor text NOT NULL DEFAULT '',
    todo_o_nada boolean NOT NULL,
    estado text NOT NULL DEFAULT 'recibida',
    filas integer NOT NULL,
    aplicadas integer NOT NULL DEFAULT 0,
    rechazadas integer NOT NULL DEFAULT 0,
    timbres_pedidos bigint NOT NULL,
    importe_pedido numeric(20, 2) NOT NULL,
    timbres bigint NOT NULL DEFAULT 0,
    importe numeric(20, 2) NOT NULL DEFAULT 0,
    ctis text[],
    cantidades bigint[],
    importes numeric(14, 2)[],
    turno timestamptz NOT NULL DEFAULT now(),
    creada_en timestamptz NOT NULL DEFAULT now(),
    iniciada_en timestamptz,
    terminada_en timestamptz,
    CONSTRAINT pk_transferencias_masivas PRIMARY KEY (id),
    CONSTRAINT ck_transferencias_masivas_estado
        CHECK (estado IN ('recibida', 'aplicando', 'aplicada', 'aplicada_con_rechazos', 'rechazada')),
    CONSTRAINT ck_transferencias_masivas_filas CHECK (filas BETWEEN 1 AND 50000),
    CONSTRAINT ck_transferencias_masivas_avance
        CHECK (aplicadas >= 0 AND rechazadas >= 0 AND aplicadas + rechazadas <= filas),
    CONSTRAINT ck_transferencias_masivas_pedido CHECK (timbres_pedidos >= filas AND importe_pedido >= 0),
    CONSTRAINT ck_transferencias_masivas_hecho
        CHECK (timbres BETWEEN aplicadas AND timbres_pedidos AND importe BETWEEN 0 AND importe_pedido),
    CONSTRAINT ck_transferencias_masivas_inicio CHECK ((estado = 'recibida') = (iniciada_en IS NULL)),
    CONSTRAINT ck_transferencias_masivas_fin
        CHECK ((estado IN ('recibida', 'aplicando')) = (terminada_en IS NULL)),
    CONSTRAINT ck_transferencias_masivas_terminada
        CHECK (terminada_en IS NULL OR aplicadas + rechazadas = filas),
    CONSTRAINT ck_transferencias_masivas_resultado CHECK (CASE estado
        WHEN 'aplicada' THEN rechazadas = 0
        WHEN 'aplicada_con_rechazos' THEN aplicadas > 0 AND rechazadas > 0 AND NOT todo_o_nada
        WHEN 'rechazada' THEN aplicadas = 0
        ELSE true END),
    CONSTRAINT ck_transferencias_masivas_pendientes CHECK (CASE WHEN terminada_en IS NULL
        THEN (cardinality(ctis), cardinality(cantidades), cardinality(importes))
            IS NOT DISTINCT FROM (filas, filas, filas)
        ELSE ctis IS NULL AND cantidades IS NULL AND importes IS NULL END)
);
-- Read by slices and soon dropped: compressing them would only cost.
ALTER TABLE transferencias_masivas
    ALTER COLUMN ctis SET STORAGE EXTERNAL,
    ALTER COLUMN cantidades SET STORAGE EXTERNAL,
    ALTER COLUMN importes SET STORAGE EXTERNAL;
CREATE INDEX ix_transferencias_masivas_cuenta_id_creada_en_id
    ON transferencias_masivas (cuenta_id, creada_en DESC, id DESC);
CREATE INDEX ix_transferencias_masivas_por_aplicar
    ON transferencias_masivas (turno) WHERE estado IN ('recibida', 'aplicando');

-- A row that was worked on: `operacion` is its movement, or `rechazo` says why there is none. No foreign key to
-- its operation on purpose: it would look the same parent up 50,000 times (a third of the insert), and rows are
-- written only by who has that parent locked; `make verify` compares them.
CREATE TABLE transferencias_masivas_filas (
    masiva_id uuid NOT NULL,
    numero integer NOT NULL,
    cti text NOT NULL,
    cantidad bigint NOT NULL,
    importe numeric(14, 2) NOT NULL,
    libro_id bigint,
    cliente_id uuid,
    nic bigint,
    operacion uuid,
    rechazo text,
    CONSTRAINT pk_transferencias_masivas_filas PRIMARY KEY (masiva_id, numero),
    CONSTRAINT ck_transferencias_masivas_filas_numero CHECK (numero BETWEEN 1 AND 50000),
    CONSTRAINT ck_transferencias_masivas_filas_cantidad CHECK (cantidad BETWEEN 1 AND 100000000),
    CONSTRAINT ck_transferencias_masivas_filas_importe CHECK (importe >= 0),
    CONSTRAINT ck_transferencias_masivas_filas_rechazo
        CHECK (rechazo IN ('no_existe', 'ilimitada', 'existencia', 'bloqueada', 'otra_fila')),
    CONSTRAINT ck_transferencias_masivas_filas_resultado
        CHECK (CASE WHEN rechazo IS NULL THEN (operacion, libro_id, cliente_id, nic) IS NOT NULL
        ELSE operacion IS NULL END)
);
CREATE INDEX ix_transferencias_masivas_filas_rechazadas
    ON transferencias_masivas_filas (masiva_id, numero) WHERE rechazo IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(DDL)
