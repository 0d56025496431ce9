"""Sessions as a perfil sees them, API keys, limits of sign-in."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

DDL = r"""
ALTER TABLE usuarios DROP CONSTRAINT ck_usuarios_rol;
UPDATE usuarios SET rol = 'consulta' WHERE rol = 'lectura';
ALTER TABLE usuarios ADD CONSTRAINT ck_usuarios_rol
    CHECK (rol IN ('titular', 'administrador', 'operador', 'consulta'));

-- Nullable: the version still running writes rows without them.
ALTER TABLE sesiones ADD COLUMN agente text, ADD COLUMN usada_en timestamptz, ADD COLUMN usada_ip text;
CREATE INDEX ix_sesiones_vence_en ON sesiones (vence_en);
CREATE INDEX ix_sesiones_revocada_en ON sesiones (revocada_en) WHERE revocada_en IS NOT NULL;

-- `anterior`: the token whose use made this one. No foreign key: an expired one is purged before its successors.
ALTER TABLE renovaciones ADD COLUMN anterior bytea;
CREATE INDEX ix_renovaciones_anterior ON renovaciones (anterior) WHERE anterior IS NOT NULL;
CREATE INDEX ix_renovaciones_vence_en ON renovaciones (vence_en);

-- Of a key only the SHA-256 of its secret half is kept; it is looked up by its id.
CREATE TABLE llaves_api (
    llave_id uuid NOT NULL,
    cuenta_id uuid NOT NULL,
    nombre text NOT NULL,
    huella bytea NOT NULL,
    alcances text[] NOT NULL,
    redes cidr[] NOT NULL DEFAULT '{}',
    creada_por uuid NOT NULL,
    creada_en timestamptz NOT NULL,
    vence_en timestamptz,
    usada_en timestamptz,
    usada_ip text,
    revocada_en timestamptz,
    revocada_por uuid,
    CONSTRAINT pk_llaves_api PRIMARY KEY (llave_id),
    CONSTRAINT fk_llaves_api_cuenta_id FOREIGN KEY (cuenta_id) REFERENCES cuentas_maestras,
    CONSTRAINT ck_llaves_api_nombre CHECK (btrim(nombre) <> ''),
    CONSTRAINT ck_llaves_api_huella CHECK (octet_length(huella) = 32),
    CONSTRAINT ck_llaves_api_alcances CHECK (cardinality(alcances) BETWEEN 1 AND 50),
    CONSTRAINT ck_llaves_api_redes CHECK (cardinality(redes) <= 50),
    CONSTRAINT ck_llaves_api_vence CHECK (vence_en > creada_en)
);
CREATE INDEX ix_llaves_api_cuenta_id ON llaves_api (cuenta_id, creada_en DESC, llave_id DESC);

-- Sign-ins that failed, as buckets that leak: `libre_en` is when the bucket will be empty, `paso` what one try adds.
-- `clave` is a hash of whom it counts, so that no address or usuario stays here. Emptied rows are purged.
CREATE TABLE intentos (
    clave bytea NOT NULL,
    libre_en timestamptz NOT NULL,
    paso interval NOT NULL,
    rafaga integer NOT NULL,
    CONSTRAINT pk_intentos PRIMARY KEY (clave),
    CONSTRAINT ck_intentos_clave CHECK (octet_length(clave) = 32),
    CONSTRAINT ck_intentos_paso CHECK (paso > interval '0' AND rafaga > 0)
);
CREATE INDEX ix_intentos_libre_en ON intentos (libre_en);

-- Where a perfil has signed in from, as a hash: attackers elsewhere don't keep it out.
CREATE TABLE conocidos (
    perfil_id uuid NOT NULL,
    huella bytea NOT NULL,
    visto_en timestamptz NOT NULL,
    CONSTRAINT pk_conocidos PRIMARY KEY (perfil_id, huella),
    CONSTRAINT fk_conocidos_perfil_id FOREIGN KEY (perfil_id) REFERENCES perfiles ON DELETE CASCADE,
    CONSTRAINT ck_conocidos_huella CHECK (octet_length(huella) = 32)
);
CREATE INDEX ix_conocidos_visto_en ON conocidos (visto_en);
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
