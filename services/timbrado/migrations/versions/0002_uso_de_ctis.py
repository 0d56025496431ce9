"""Who may use a CTI, from where and how much; what an ilimitada paid; notices; the ledger's thresholds."""

from alembic import op

from shared.ledger.tables import LEDGER_V2

revision = "0002"
down_revision = "0001"

DDL = """
ALTER TABLE ctis
    ADD COLUMN hash_anterior text,
    ADD COLUMN anterior_hasta timestamptz,
    ADD COLUMN rfcs text[] NOT NULL DEFAULT '{}',
    ADD COLUMN redes text[] NOT NULL DEFAULT '{}',
    ADD COLUMN por_minuto integer,
    ADD COLUMN rfc_contratado text,
    ADD COLUMN vigente_hasta timestamptz,
    ADD CONSTRAINT ck_ctis_anterior CHECK ((hash_anterior IS NULL) = (anterior_hasta IS NULL)),
    ADD CONSTRAINT ck_ctis_por_minuto CHECK (por_minuto BETWEEN 1 AND 100000),
    ADD CONSTRAINT ck_ctis_rfcs CHECK (cardinality(rfcs) <= 100),
    ADD CONSTRAINT ck_ctis_redes CHECK (cardinality(redes) <= 100),
    ADD CONSTRAINT ck_ctis_ilimitada
        CHECK (tipo = 'ilimitada' OR (rfc_contratado IS NULL AND vigente_hasta IS NULL));

CREATE TABLE avisos (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    cuenta_id uuid NOT NULL,
    tipo text NOT NULL,
    cti text,
    mensaje text NOT NULL,
    clave text NOT NULL,
    creado_en timestamptz NOT NULL DEFAULT now(),
    leido_en timestamptz,
    CONSTRAINT pk_avisos PRIMARY KEY (id),
    -- The same thing is told once: a key names the occasion, such as a crossing or a day.
    CONSTRAINT uq_avisos_cuenta_id_clave UNIQUE (cuenta_id, clave)
);
CREATE INDEX ix_avisos_cuenta_id_creado_en_id ON avisos (cuenta_id, creado_en DESC, id DESC);
"""


def upgrade() -> None:
    op.execute(LEDGER_V2)
    op.execute(DDL)
