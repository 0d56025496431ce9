"""Ledger, CTI, stampings, and the sandbox PAC's own memory in a schema of its own."""

from alembic import op

from shared.ledger.tables import LEDGER_V1
from shared.persistence.base import PATTERNS_V1

revision = "0001"
down_revision = None

DDL = """
CREATE TABLE ctis (
    id text NOT NULL,
    nic bigint NOT NULL,
    cliente_id uuid NOT NULL,
    cuenta_id uuid NOT NULL,
    tipo text NOT NULL DEFAULT 'estandar',
    libro_id bigint NOT NULL,
    hash_contrasena text,
    motivo_bloqueo text,
    creada_en timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_ctis PRIMARY KEY (id),
    CONSTRAINT uq_ctis_libro_id UNIQUE (libro_id),
    CONSTRAINT fk_ctis_libro_id FOREIGN KEY (libro_id) REFERENCES cuentas (id),
    CONSTRAINT ck_ctis_tipo CHECK (tipo IN ('estandar', 'ilimitada')),
    CONSTRAINT ck_ctis_id CHECK (id ~ '^[A-Za-z0-9._@-]{3,64}$')
);
CREATE INDEX ix_ctis_cuenta_id_id ON ctis (cuenta_id, id);
CREATE INDEX ix_ctis_cuenta_id_nic ON ctis (cuenta_id, nic, id);

-- No foreign key to ctis on purpose: each insert would take a key-share lock on the CTI's row, and many
-- concurrent stampings of one hot CTI would pile up multixacts on it. A CTI is never deleted.
CREATE TABLE timbrados (
    id uuid NOT NULL,
    huella bytea NOT NULL,
    cti text NOT NULL,
    cuenta_id uuid NOT NULL,
    cliente_id uuid NOT NULL,
    idd text,
    emisor text NOT NULL,
    receptor text NOT NULL,
    tipo text NOT NULL,
    total numeric(24, 6) NOT NULL,
    sello text NOT NULL,
    no_certificado text NOT NULL,
    estado text NOT NULL DEFAULT 'pendiente',
    pac text NOT NULL,
    xml bytea NOT NULL,
    uuid uuid,
    tfd bytea,
    rechazo text,
    tomado_hasta timestamptz NOT NULL,
    creado_en timestamptz NOT NULL DEFAULT now(),
    terminado_en timestamptz,
    CONSTRAINT pk_timbrados PRIMARY KEY (id),
    CONSTRAINT uq_timbrados_uuid UNIQUE (uuid),
    CONSTRAINT ck_timbrados_huella CHECK (length(huella) = 32),
    CONSTRAINT ck_timbrados_estado CHECK (estado IN ('pendiente', 'timbrado', 'rechazado')),
    CONSTRAINT ck_timbrados_timbre CHECK ((estado = 'timbrado') = (uuid IS NOT NULL AND tfd IS NOT NULL))
);
CREATE UNIQUE INDEX uq_timbrados_huella ON timbrados (huella) WHERE estado <> 'rechazado';
CREATE UNIQUE INDEX uq_timbrados_cti_idd ON timbrados (cti, idd) WHERE estado <> 'rechazado' AND idd IS NOT NULL;
CREATE INDEX ix_timbrados_pendientes ON timbrados (tomado_hasta) WHERE estado = 'pendiente';
CREATE INDEX ix_timbrados_cti_creado_en ON timbrados (cti, creado_en DESC);

CREATE SCHEMA pac_sandbox;
CREATE TABLE pac_sandbox.timbres (
    huella bytea NOT NULL,
    tfd bytea NOT NULL,
    creado_en timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_timbres PRIMARY KEY (huella)
);
CREATE TABLE pac_sandbox.fallas (
    id bigint GENERATED ALWAYS AS IDENTITY,
    modo text NOT NULL,
    CONSTRAINT pk_fallas PRIMARY KEY (id)
);
"""


def upgrade() -> None:
    op.execute(PATTERNS_V1)
    op.execute(LEDGER_V1)
    op.execute(DDL)
    op.execute(
        "INSERT INTO cuentas (tipo, titular, con_limite) VALUES ('emision', '', false), ('consumo', '', false)"
    )
