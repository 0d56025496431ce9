"""Keys of CTI, their logbook, what the guard needs, and indexes for long lists."""

from alembic import op

revision = "0003"
down_revision = "0002"

DDL = """
-- `guarda_desde`: hours before it do not count for the guard, because the CTI was reactivated in them.
ALTER TABLE ctis
    ADD COLUMN tope_por_hora bigint,
    ADD COLUMN guarda_desde timestamptz,
    ADD CONSTRAINT ck_ctis_tope_por_hora CHECK (tope_por_hora > 0);
CREATE INDEX ix_ctis_tope_por_hora ON ctis (id) WHERE tope_por_hora IS NOT NULL;
CREATE INDEX ix_ctis_anterior_hasta ON ctis (anterior_hasta) WHERE anterior_hasta IS NOT NULL;
CREATE INDEX ix_ctis_cuenta_id_tipo_id ON ctis (cuenta_id, tipo, id);
-- Balances are not indexed on purpose: each debit of a hot CTI would then write an index entry (no HOT update).
-- Whether one is blocked changes seldom, and few are.
CREATE INDEX ix_cuentas_bloqueadas ON cuentas (id) WHERE bloqueada;

-- Generated credentials. `lugar` bounds how many a CTI has at a time; a revoked one frees its own.
CREATE TABLE llaves_cti (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    cti text NOT NULL,
    nombre text NOT NULL,
    huella bytea NOT NULL,
    termina_en text NOT NULL,
    lugar smallint NOT NULL,
    actor text NOT NULL,
    creada_en timestamptz NOT NULL DEFAULT now(),
    revocada_en timestamptz,
    usada_el date,
    CONSTRAINT pk_llaves_cti PRIMARY KEY (id),
    CONSTRAINT uq_llaves_cti_huella UNIQUE (huella),
    CONSTRAINT fk_llaves_cti_cti FOREIGN KEY (cti) REFERENCES ctis (id),
    CONSTRAINT ck_llaves_cti_huella CHECK (length(huella) = 32),
    CONSTRAINT ck_llaves_cti_nombre CHECK (length(nombre) BETWEEN 1 AND 100),
    CONSTRAINT ck_llaves_cti_termina_en CHECK (length(termina_en) = 4),
    CONSTRAINT ck_llaves_cti_lugar CHECK (lugar BETWEEN 1 AND 20)
);
CREATE UNIQUE INDEX uq_llaves_cti_cti_lugar ON llaves_cti (cti, lugar) WHERE revocada_en IS NULL;
CREATE INDEX ix_llaves_cti_cti_creada_en_id ON llaves_cti (cti, creada_en DESC, id DESC);

-- What was done to a CTI, by whom, from where and why. `detalle`: before and after, or the key's name.
CREATE TABLE bitacora_ctis (
    id bigint GENERATED ALWAYS AS IDENTITY,
    cti text NOT NULL,
    accion text NOT NULL,
    motivo text NOT NULL DEFAULT '',
    detalle jsonb NOT NULL DEFAULT '{}',
    actor text NOT NULL,
    ip text NOT NULL DEFAULT '',
    en timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_bitacora_ctis PRIMARY KEY (id),
    CONSTRAINT fk_bitacora_ctis_cti FOREIGN KEY (cti) REFERENCES ctis (id),
    CONSTRAINT ck_bitacora_ctis_accion CHECK (accion ~ '^[a-z_]{3,40}$'),
    CONSTRAINT ck_bitacora_ctis_actor CHECK (actor <> '')
);
CREATE INDEX ix_bitacora_ctis_cti_id ON bitacora_ctis (cti, id DESC);
CREATE TRIGGER bitacora_ctis_inmutable BEFORE UPDATE OR DELETE OR TRUNCATE ON bitacora_ctis
    FOR EACH STATEMENT EXECUTE FUNCTION solo_anexar();

-- Wrong passwords by CTI and minute, as each replica tells them; kept for an hour.
CREATE TABLE fallos_cti (
    cti text NOT NULL,
    minuto timestamptz NOT NULL,
    cantidad bigint NOT NULL,
    CONSTRAINT pk_fallos_cti PRIMARY KEY (cti, minuto),
    CONSTRAINT fk_fallos_cti_cti FOREIGN KEY (cti) REFERENCES ctis (id),
    CONSTRAINT ck_fallos_cti_cantidad CHECK (cantidad > 0)
);
CREATE INDEX ix_fallos_cti_minuto ON fallos_cti (minuto);

CREATE INDEX ix_avisos_sin_leer ON avisos (cuenta_id, creado_en DESC, id DESC) WHERE leido_en IS NULL;
"""


def upgrade() -> None:
    op.execute(DDL)
