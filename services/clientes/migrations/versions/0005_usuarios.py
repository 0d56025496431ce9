"""How a mail ends, and the versions of the privacy notice."""

from __future__ import annotations

import hashlib
from pathlib import Path

from alembic import op
from sqlalchemy import text

revision = "0005"
down_revision = "0004"

DDL = r"""
-- `secreto`: its text holds a token, so that nothing of it stays once it is sent or given up.
-- `efimero`: the address is erased then too.
ALTER TABLE correos
    ADD COLUMN secreto boolean NOT NULL DEFAULT true,
    ADD COLUMN efimero boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT ck_correos_cuerpo CHECK (estado = 'pendiente' OR (texto = '' AND html = '')
        OR (estado = 'fallido' AND NOT secreto)),
    ADD CONSTRAINT ck_correos_efimero CHECK (NOT efimero OR estado = 'pendiente' OR para = ''),
    ADD CONSTRAINT ck_correos_cabeceras CHECK (para !~ '[[:cntrl:]]' AND asunto !~ '[[:cntrl:]]'),
    ADD CONSTRAINT ck_correos_intentos CHECK (intentos >= 0);
CREATE INDEX ix_correos_creado_en ON correos (creado_en DESC, correo_id DESC);
CREATE INDEX ix_correos_fallidos ON correos (creado_en DESC, correo_id DESC) WHERE estado = 'fallido';
CREATE INDEX ix_correos_para ON correos (para);

CREATE FUNCTION solo_agregar() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TABLE avisos_de_privacidad (
    version integer NOT NULL,
    texto text NOT NULL,
    huella bytea NOT NULL,
    publicado_en timestamptz NOT NULL DEFAULT now(),
    publicado_por uuid,
    CONSTRAINT pk_avisos_de_privacidad PRIMARY KEY (version),
    CONSTRAINT fk_avisos_de_privacidad_publicado_por FOREIGN KEY (publicado_por) REFERENCES perfiles,
    CONSTRAINT ck_avisos_de_privacidad_version CHECK (version > 0),
    CONSTRAINT ck_avisos_de_privacidad_huella CHECK (huella = sha256(convert_to(texto, 'UTF8')))
);
CREATE TRIGGER avisos_de_privacidad_solo_agregar BEFORE UPDATE OR DELETE OR TRUNCATE ON avisos_de_privacidad
    FOR EACH STATEMENT EXECUTE FUNCTION solo_agregar();
"""

#: The notice of every installation's first day. Frozen: a change is a new version, which the root publishes.
AVISO = Path(__file__).resolve().parents[2] / "mensajes" / "aviso_de_privacidad_1.md"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
    texto = AVISO.read_text(encoding="utf-8")
    op.get_bind().execute(
        text("INSERT INTO avisos_de_privacidad (version, texto, huella) VALUES (1, :texto, :huella)"),
        {"texto": texto, "huella": hashlib.sha256(texto.encode()).digest()},
    )
