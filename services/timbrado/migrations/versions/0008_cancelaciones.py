"""Cancellations, the order of a CTI's documents, and what the sandbox's SAT remembers."""

from alembic import op

revision = "0008"
down_revision = "0007"

DDL = """
CREATE TABLE cancelaciones (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    timbrado_id uuid NOT NULL,
    uuid uuid NOT NULL,
    cti text NOT NULL,
    motivo text NOT NULL,
    sustituye uuid,
    estado text NOT NULL DEFAULT 'solicitada',
    pac text NOT NULL,
    -- The request as it was signed: what is sent again. The key that signed it is nowhere.
    solicitud bytea NOT NULL,
    codigo text,
    detalle text,
    acuse bytea,
    intentos integer NOT NULL DEFAULT 0,
    -- When to ask about it next. Whoever asks moves it ahead first, so that it is also the lease.
    proxima_en timestamptz,
    solicitada_en timestamptz NOT NULL DEFAULT now(),
    terminada_en timestamptz,
    CONSTRAINT pk_cancelaciones PRIMARY KEY (id),
    CONSTRAINT fk_cancelaciones_timbrado_id FOREIGN KEY (timbrado_id) REFERENCES timbrados (id),
    CONSTRAINT ck_cancelaciones_motivo CHECK (motivo IN ('01', '02', '03', '04')),
    CONSTRAINT ck_cancelaciones_sustituye CHECK ((motivo = '01') = (sustituye IS NOT NULL)),
    CONSTRAINT ck_cancelaciones_otro CHECK (sustituye <> uuid),
    CONSTRAINT ck_cancelaciones_estado CHECK (estado IN ('solicitada', 'en_proceso', 'cancelada', 'rechazada')),
    CONSTRAINT ck_cancelaciones_terminada
        CHECK ((estado IN ('cancelada', 'rechazada')) = (terminada_en IS NOT NULL)),
    CONSTRAINT ck_cancelaciones_proxima CHECK ((terminada_en IS NULL) = (proxima_en IS NOT NULL)),
    CONSTRAINT ck_cancelaciones_intentos CHECK (intentos >= 0)
);
-- One request at a time for a document; a refused one stays as history and gives way.
CREATE UNIQUE INDEX uq_cancelaciones_uuid ON cancelaciones (uuid) WHERE estado <> 'rechazada';
CREATE INDEX ix_cancelaciones_uuid_solicitada_en ON cancelaciones (uuid, solicitada_en DESC);
CREATE INDEX ix_cancelaciones_pendientes ON cancelaciones (proxima_en) WHERE terminada_en IS NULL;
CREATE INDEX ix_cancelaciones_cti_estado ON cancelaciones (cti, estado);
CREATE INDEX ix_cancelaciones_timbrado_id ON cancelaciones (timbrado_id);

-- Pages of a CTI's documents: ties of one instant have an order too.
DROP INDEX ix_timbrados_cti_creado_en;
CREATE INDEX ix_timbrados_cti_creado_en_id ON timbrados (cti, creado_en DESC, id DESC);

-- The sandbox plays the SAT too: it finds its stamps by UUID and by time. Our TFD (ASCII) say UUID="…".
CREATE INDEX ix_timbres_uuid ON pac_sandbox.timbres
    (substring(tfd FROM position(CAST('UUID="' AS bytea) IN tfd) + 6 FOR 36));
CREATE INDEX ix_timbres_creado_en ON pac_sandbox.timbres USING brin (creado_en);
CREATE TABLE pac_sandbox.cancelaciones (
    uuid uuid NOT NULL,
    estado text NOT NULL,
    motivo text NOT NULL,
    estatus text NOT NULL,
    acuse bytea NOT NULL,
    veces integer NOT NULL DEFAULT 1,
    solicitada_en timestamptz NOT NULL,
    CONSTRAINT pk_cancelaciones PRIMARY KEY (uuid),
    CONSTRAINT ck_cancelaciones_estado CHECK (estado IN ('en_proceso', 'cancelada', 'rechazada'))
);
CREATE TABLE pac_sandbox.fallas_de_cancelacion (
    id bigint GENERATED ALWAYS AS IDENTITY,
    modo text NOT NULL,
    CONSTRAINT pk_fallas_de_cancelacion PRIMARY KEY (id)
);
"""


def upgrade() -> None:
    op.execute(DDL)
