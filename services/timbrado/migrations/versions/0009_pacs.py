"""PACs, their shared health, and the daily reconciliation against their lists."""

from alembic import op

revision = "0009"
down_revision = "0008"

DDL = """
-- What replicas share of each PAC: an operator's pause and the circuit breaker (domain/pac.py).
-- A PAC without a row is well. No secret here: those are files that PACS_FILE names.
CREATE TABLE pacs (
    nombre text NOT NULL,
    prioridad integer,
    pausado boolean NOT NULL DEFAULT false,
    motivo text,
    pausado_en timestamptz,
    fallas_seguidas integer NOT NULL DEFAULT 0,
    aperturas integer NOT NULL DEFAULT 0,
    abierto_hasta timestamptz,
    en_sonda boolean NOT NULL DEFAULT false,
    ultimo_error text,
    ultimo_error_en timestamptz,
    CONSTRAINT pk_pacs PRIMARY KEY (nombre),
    CONSTRAINT ck_pacs_nombre CHECK (nombre ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
    CONSTRAINT ck_pacs_pausa CHECK (pausado = (motivo IS NOT NULL) AND pausado = (pausado_en IS NOT NULL)),
    CONSTRAINT ck_pacs_prioridad CHECK (prioridad BETWEEN 0 AND 1000),
    CONSTRAINT ck_pacs_fallas CHECK (fallas_seguidas >= 0 AND aperturas >= 0),
    CONSTRAINT ck_pacs_sonda CHECK (NOT en_sonda OR abierto_hasta IS NOT NULL)
);

-- The root's account, to which what concerns no single CM is told.
CREATE TABLE raices (
    cuenta_id uuid NOT NULL,
    CONSTRAINT pk_raices PRIMARY KEY (cuenta_id)
);

-- One per PAC and day (central time, as FechaTimbrado). `avance` is how far of the day the PAC's list has been
-- read, so that a death resumes there; `tomada_hasta` is the lease of who works on it.
CREATE TABLE conciliaciones (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    pac text NOT NULL,
    dia date NOT NULL,
    estado text NOT NULL DEFAULT 'pendiente',
    avance timestamptz,
    en_pac bigint,
    aqui bigint,
    diferencias bigint,
    intentos integer NOT NULL DEFAULT 0,
    detalle text,
    tomada_hasta timestamptz NOT NULL DEFAULT now(),
    solicitada_en timestamptz NOT NULL DEFAULT now(),
    terminada_en timestamptz,
    CONSTRAINT pk_conciliaciones PRIMARY KEY (id),
    CONSTRAINT uq_conciliaciones_pac_dia UNIQUE (pac, dia),
    CONSTRAINT ck_conciliaciones_estado CHECK (estado IN ('pendiente', 'en_curso', 'terminada', 'fallida')),
    CONSTRAINT ck_conciliaciones_terminada CHECK (
        (estado = 'terminada') <= (terminada_en IS NOT NULL AND en_pac IS NOT NULL AND aqui IS NOT NULL
            AND diferencias IS NOT NULL)),
    CONSTRAINT ck_conciliaciones_totales CHECK (en_pac >= 0 AND aqui >= 0 AND diferencias >= 0)
);
CREATE INDEX ix_conciliaciones_dia_id ON conciliaciones (solicitada_en DESC, id DESC);
CREATE INDEX ix_conciliaciones_por_hacer ON conciliaciones (tomada_hasta)
    WHERE estado IN ('pendiente', 'en_curso');

-- The PAC's list of a reconciliation under way; emptied when it ends.
CREATE TABLE conciliacion_lineas (
    conciliacion_id uuid NOT NULL,
    uuid uuid NOT NULL,
    emisor text NOT NULL,
    en timestamptz NOT NULL,
    CONSTRAINT pk_conciliacion_lineas PRIMARY KEY (conciliacion_id, uuid),
    CONSTRAINT fk_conciliacion_lineas_conciliacion_id FOREIGN KEY (conciliacion_id) REFERENCES conciliaciones (id)
);

CREATE TABLE diferencias_pac (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    conciliacion_id uuid NOT NULL,
    uuid uuid NOT NULL,
    tipo text NOT NULL,
    emisor_pac text,
    emisor_aqui text,
    timbrado_en timestamptz,
    visto_en timestamptz NOT NULL DEFAULT now(),
    resuelta_en timestamptz,
    CONSTRAINT pk_diferencias_pac PRIMARY KEY (id),
    CONSTRAINT uq_diferencias_pac_conciliacion_id UNIQUE (conciliacion_id, uuid),
    CONSTRAINT fk_diferencias_pac_conciliacion_id FOREIGN KEY (conciliacion_id) REFERENCES conciliaciones (id),
    CONSTRAINT ck_diferencias_pac_tipo CHECK (tipo IN ('falta_en_pac', 'falta_aqui', 'emisor_distinto'))
);
CREATE INDEX ix_diferencias_pac_conciliacion_id_visto_en_id ON diferencias_pac (conciliacion_id, visto_en, id);

-- The day's stampings for the reconciliation. BRIN, since rows come in order of time and the hot path must not
-- pay for another B-tree.
CREATE INDEX ix_timbrados_terminado_en ON timbrados USING brin (terminado_en);
"""


def upgrade() -> None:
    op.execute(DDL)
