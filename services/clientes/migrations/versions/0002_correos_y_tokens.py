"""Mails waiting to be sent, and tokens that are used once."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

DDL = r"""
CREATE TABLE correos (
    correo_id uuid NOT NULL,
    clave text NOT NULL,
    para text NOT NULL,
    asunto text NOT NULL,
    texto text NOT NULL,
    html text NOT NULL,
    estado text NOT NULL DEFAULT 'pendiente',
    intentos integer NOT NULL DEFAULT 0,
    siguiente_en timestamptz NOT NULL DEFAULT now(),
    enviado_en timestamptz,
    error text,
    creado_en timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_correos PRIMARY KEY (correo_id),
    CONSTRAINT uq_correos_clave UNIQUE (clave),
    CONSTRAINT ck_correos_estado CHECK (estado IN ('pendiente', 'enviado', 'fallido')),
    CONSTRAINT ck_correos_enviado CHECK ((estado = 'enviado') = (enviado_en IS NOT NULL))
);
CREATE INDEX ix_correos_pendientes ON correos (siguiente_en) WHERE estado = 'pendiente';

-- Only the token's SHA-256 is kept: whoever reads the table can't use one.
CREATE TABLE tokens (
    huella bytea NOT NULL,
    proposito text NOT NULL,
    sujeto text NOT NULL,
    datos jsonb NOT NULL DEFAULT '{}',
    creado_en timestamptz NOT NULL DEFAULT now(),
    vence_en timestamptz NOT NULL,
    usado_en timestamptz,
    CONSTRAINT pk_tokens PRIMARY KEY (huella),
    CONSTRAINT ck_tokens_huella CHECK (octet_length(huella) = 32)
);
CREATE INDEX ix_tokens_proposito_sujeto ON tokens (proposito, sujeto) WHERE usado_en IS NULL;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
