"""Perfiles, sessions, cuentas maestras and their usuarios, clientes."""

from __future__ import annotations

from alembic import op

from shared.persistence.base import PATTERNS_V1

revision = "0001"
down_revision = None

TABLAS = r"""
CREATE SEQUENCE nic AS bigint START WITH 1001;

CREATE TABLE perfiles (
    perfil_id uuid NOT NULL,
    nombre text NOT NULL,
    correo text NOT NULL,
    movil text NOT NULL,
    hash_contrasena text NOT NULL,
    creado_en timestamptz NOT NULL,
    CONSTRAINT pk_perfiles PRIMARY KEY (perfil_id),
    CONSTRAINT uq_perfiles_correo UNIQUE (correo),
    CONSTRAINT uq_perfiles_movil UNIQUE (movil),
    CONSTRAINT ck_perfiles_correo CHECK (correo = lower(btrim(correo)) AND correo LIKE '%_@_%'),
    CONSTRAINT ck_perfiles_movil CHECK (movil ~ '^\+[0-9]{10,15}$'),
    CONSTRAINT ck_perfiles_hash CHECK (hash_contrasena LIKE '$argon2id$%')
);

CREATE TABLE sesiones (
    sesion_id uuid NOT NULL,
    perfil_id uuid NOT NULL,
    origen_ip text NOT NULL,
    creada_en timestamptz NOT NULL,
    vence_en timestamptz NOT NULL,
    revocada_en timestamptz,
    CONSTRAINT pk_sesiones PRIMARY KEY (sesion_id),
    CONSTRAINT fk_sesiones_perfil_id FOREIGN KEY (perfil_id) REFERENCES perfiles
);
CREATE INDEX ix_sesiones_perfil_id ON sesiones (perfil_id);

CREATE TABLE renovaciones (
    huella bytea NOT NULL,
    sesion_id uuid NOT NULL,
    vence_en timestamptz NOT NULL,
    usada_en timestamptz,
    CONSTRAINT pk_renovaciones PRIMARY KEY (huella),
    CONSTRAINT fk_renovaciones_sesion_id FOREIGN KEY (sesion_id) REFERENCES sesiones ON DELETE CASCADE,
    CONSTRAINT ck_renovaciones_huella CHECK (octet_length(huella) = 32)
);
CREATE INDEX ix_renovaciones_sesion_id ON renovaciones (sesion_id);

CREATE TABLE cuentas_maestras (
    cuenta_id uuid NOT NULL,
    padre_id uuid,
    nombre text NOT NULL,
    rfc text,
    estado text NOT NULL,
    vence_en timestamptz,
    creado_en timestamptz NOT NULL,
    CONSTRAINT pk_cuentas_maestras PRIMARY KEY (cuenta_id),
    CONSTRAINT fk_cuentas_maestras_padre_id FOREIGN KEY (padre_id) REFERENCES cuentas_maestras,
    CONSTRAINT ck_cuentas_maestras_padre CHECK (padre_id <> cuenta_id),
    CONSTRAINT ck_cuentas_maestras_estado CHECK (estado IN
        ('sin_validar', 'sin_activar', 'activo', 'suspendido', 'vencido', 'cancelado')),
    CONSTRAINT ck_cuentas_maestras_vence CHECK ((padre_id IS NULL) = (vence_en IS NULL))
);
CREATE INDEX ix_cuentas_maestras_padre_id ON cuentas_maestras (padre_id);
-- One root, for ever: a second account without a parent hits this index.
CREATE UNIQUE INDEX uq_cuentas_maestras_raiz ON cuentas_maestras ((true)) WHERE padre_id IS NULL;

CREATE TABLE usuarios (
    cuenta_id uuid NOT NULL,
    perfil_id uuid NOT NULL,
    rol text NOT NULL,
    creado_en timestamptz NOT NULL,
    CONSTRAINT pk_usuarios PRIMARY KEY (cuenta_id, perfil_id),
    CONSTRAINT fk_usuarios_cuenta_id FOREIGN KEY (cuenta_id) REFERENCES cuentas_maestras,
    CONSTRAINT fk_usuarios_perfil_id FOREIGN KEY (perfil_id) REFERENCES perfiles,
    CONSTRAINT ck_usuarios_rol CHECK (rol IN ('titular', 'administrador', 'operador', 'lectura'))
);
CREATE INDEX ix_usuarios_perfil_id ON usuarios (perfil_id);
CREATE UNIQUE INDEX uq_usuarios_titular ON usuarios (cuenta_id) WHERE rol = 'titular';

CREATE TABLE clientes (
    cliente_id uuid NOT NULL,
    cuenta_id uuid NOT NULL,
    nic bigint NOT NULL,
    cti text NOT NULL,
    nombre text NOT NULL,
    nombre_comercial text,
    rfc text,
    telefono text,
    correo text,
    representante jsonb,
    financiero jsonb,
    tecnico jsonb,
    notas text,
    precio_especifico numeric(10, 4),
    perfil_principal_id uuid,
    ultima_emision timestamptz,
    creado_en timestamptz NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    CONSTRAINT pk_clientes PRIMARY KEY (cliente_id),
    CONSTRAINT uq_clientes_nic UNIQUE (nic),
    CONSTRAINT uq_clientes_cti UNIQUE (cti),
    CONSTRAINT fk_clientes_cuenta_id FOREIGN KEY (cuenta_id) REFERENCES cuentas_maestras,
    CONSTRAINT fk_clientes_perfil_principal_id FOREIGN KEY (perfil_principal_id) REFERENCES perfiles,
    CONSTRAINT ck_clientes_nic CHECK (nic > 1000),
    CONSTRAINT ck_clientes_nombre CHECK (btrim(nombre) <> ''),
    CONSTRAINT ck_clientes_precio CHECK (precio_especifico >= 0),
    CONSTRAINT ck_clientes_version CHECK (version > 0)
);
CREATE INDEX ix_clientes_cuenta_id ON clientes (cuenta_id, nic DESC);
CREATE INDEX ix_clientes_perfil_principal_id ON clientes (perfil_principal_id);
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(PATTERNS_V1)
    op.get_bind().exec_driver_sql(TABLAS.replace("%", "%%"))
