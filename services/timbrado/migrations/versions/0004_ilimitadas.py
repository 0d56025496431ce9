"""Contracts of ilimitadas and registered applications."""

from alembic import op

revision = "0004"
down_revision = "0003"

DDL = """
-- When the CM is to be told next that the paid year of a CTI ends; the timer goes by it.
ALTER TABLE ctis
    ADD COLUMN proximo_aviso timestamptz,
    ADD CONSTRAINT ck_ctis_proximo_aviso CHECK (proximo_aviso IS NULL OR vigente_hasta IS NOT NULL);
CREATE INDEX ix_ctis_proximo_aviso ON ctis (proximo_aviso) WHERE proximo_aviso IS NOT NULL;

CREATE TABLE tarifas (
    modalidad text NOT NULL,
    precio numeric(14, 2) NOT NULL,
    actualizada_en timestamptz NOT NULL,
    CONSTRAINT pk_tarifas PRIMARY KEY (modalidad),
    CONSTRAINT ck_tarifas_modalidad CHECK (modalidad IN ('abierta', 'un_rfc')),
    CONSTRAINT ck_tarifas_precio CHECK (precio > 0)
);

CREATE TABLE contrataciones (
    id uuid NOT NULL,
    cti text NOT NULL,
    cuenta_id uuid NOT NULL,
    nic bigint NOT NULL,
    modalidad text NOT NULL,
    rfc text,
    precio numeric(14, 2) NOT NULL,
    estado text NOT NULL DEFAULT 'solicitada',
    solicitada_en timestamptz NOT NULL,
    caduca_en timestamptz NOT NULL,
    motivo text,
    faltan numeric(14, 2),
    resuelta_en timestamptz,
    desde timestamptz,
    hasta timestamptz,
    aplicada_en timestamptz,
    devolucion_en timestamptz,
    CONSTRAINT pk_contrataciones PRIMARY KEY (id),
    CONSTRAINT fk_contrataciones_cti FOREIGN KEY (cti) REFERENCES ctis (id),
    CONSTRAINT ck_contrataciones_modalidad CHECK (modalidad IN ('abierta', 'un_rfc')),
    CONSTRAINT ck_contrataciones_rfc CHECK ((modalidad = 'un_rfc') = (rfc IS NOT NULL)),
    CONSTRAINT ck_contrataciones_precio CHECK (precio > 0),
    CONSTRAINT ck_contrataciones_estado
        CHECK (estado IN ('solicitada', 'activa', 'rechazada', 'cancelada', 'caducada')),
    CONSTRAINT ck_contrataciones_resuelta CHECK ((estado = 'solicitada') = (resuelta_en IS NULL)),
    CONSTRAINT ck_contrataciones_anio
        CHECK ((estado = 'activa') = (desde IS NOT NULL) AND (desde IS NULL) = (hasta IS NULL) AND hasta > desde),
    CONSTRAINT ck_contrataciones_aplicada CHECK (aplicada_en IS NULL OR estado = 'activa'),
    CONSTRAINT ck_contrataciones_faltan CHECK (faltan IS NULL OR (faltan > 0 AND estado = 'rechazada')),
    -- A year that is given and a charge that is given back exclude each other.
    CONSTRAINT ck_contrataciones_devolucion CHECK (devolucion_en IS NULL OR estado IN ('cancelada', 'caducada'))
);
-- One request at a time per CTI: two charges for one year can't be under way.
CREATE UNIQUE INDEX uq_contrataciones_cti ON contrataciones (cti) WHERE estado = 'solicitada';
CREATE INDEX ix_contrataciones_cti_solicitada_en_id ON contrataciones (cti, solicitada_en DESC, id DESC);
CREATE INDEX ix_contrataciones_caduca_en ON contrataciones (caduca_en) WHERE estado = 'solicitada';
CREATE INDEX ix_contrataciones_desde ON contrataciones (desde) WHERE estado = 'activa' AND aplicada_en IS NULL;

CREATE TABLE aplicaciones (
    id uuid NOT NULL,
    nombre text NOT NULL,
    plataforma text NOT NULL,
    llave bytea NOT NULL,
    creada_en timestamptz NOT NULL,
    revocada_en timestamptz,
    CONSTRAINT pk_aplicaciones PRIMARY KEY (id),
    -- For good: a key that was revoked is not registered again under another name.
    CONSTRAINT uq_aplicaciones_llave UNIQUE (llave),
    CONSTRAINT ck_aplicaciones_plataforma CHECK (plataforma IN ('windows', 'web')),
    CONSTRAINT ck_aplicaciones_llave CHECK (length(llave) = 32)
);
CREATE INDEX ix_aplicaciones_creada_en_id ON aplicaciones (creada_en DESC, id DESC);
"""


def upgrade() -> None:
    op.execute(DDL)
