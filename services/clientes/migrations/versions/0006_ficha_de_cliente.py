"""The whole form of a cliente, classification, imports."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

DDL = r"""
ALTER TABLE clientes
    ADD COLUMN favorito boolean NOT NULL DEFAULT false,
    ADD COLUMN baja boolean NOT NULL DEFAULT false,
    ADD COLUMN color text,
    ADD COLUMN regimen_fiscal text,
    ADD COLUMN uso_cfdi text,
    ADD COLUMN sitio_web text,
    ADD COLUMN domicilio jsonb,
    ADD COLUMN otros jsonb,
    ADD CONSTRAINT ck_clientes_color CHECK (color IN
        ('rojo', 'naranja', 'amarillo', 'verde', 'azul', 'morado', 'rosa', 'gris')),
    ADD CONSTRAINT ck_clientes_regimen_fiscal CHECK (regimen_fiscal ~ '^[0-9]{3}$'),
    ADD CONSTRAINT ck_clientes_uso_cfdi CHECK (uso_cfdi ~ '^[A-Z]{1,2}[0-9]{2}$'),
    ADD CONSTRAINT ck_clientes_domicilio CHECK (jsonb_typeof(domicilio) = 'object'
        AND coalesce(domicilio ->> 'codigo_postal', '00000') ~ '^[0-9]{5}$'),
    -- One by one, because a CHECK can't count with a subselect.
    ADD CONSTRAINT ck_clientes_otros CHECK (jsonb_typeof(otros) = 'object'
        AND jsonb_array_length(jsonb_path_query_array(otros, '$.keyvalue()')) BETWEEN 1 AND 20);
-- Duplicates: an RFC is asked for on every creation, and a thousand at once by an import.
CREATE INDEX ix_clientes_cuenta_id_rfc ON clientes (cuenta_id, rfc) WHERE rfc IS NOT NULL;

-- A CSV of clientes. It comes in pieces, each of which is worked on once, in one transaction with its results
-- and the counts here: wherever a worker dies, no row is done twice and none is left out.
CREATE TABLE importaciones (
    id uuid NOT NULL,
    cuenta_id uuid NOT NULL,
    actor uuid,
    archivo text NOT NULL DEFAULT '',
    simular boolean NOT NULL,
    actualizar boolean NOT NULL,
    duplicados text NOT NULL,
    columnas text[] NOT NULL,
    estado text NOT NULL DEFAULT 'recibiendo',
    filas integer NOT NULL,
    piezas integer NOT NULL,
    piezas_hechas integer NOT NULL DEFAULT 0,
    creadas integer NOT NULL DEFAULT 0,
    actualizadas integer NOT NULL DEFAULT 0,
    sin_cambios integer NOT NULL DEFAULT 0,
    omitidas integer NOT NULL DEFAULT 0,
    rechazadas integer NOT NULL DEFAULT 0,
    motivo text,
    turno timestamptz NOT NULL DEFAULT now(),
    creada_en timestamptz NOT NULL DEFAULT now(),
    iniciada_en timestamptz,
    terminada_en timestamptz,
    CONSTRAINT pk_importaciones PRIMARY KEY (id),
    CONSTRAINT fk_importaciones_cuenta_id FOREIGN KEY (cuenta_id) REFERENCES cuentas_maestras,
    CONSTRAINT ck_importaciones_estado CHECK (estado IN
        ('recibiendo', 'recibida', 'trabajando', 'terminada', 'terminada_con_rechazos', 'cancelada')),
    CONSTRAINT ck_importaciones_duplicados CHECK (duplicados IN ('crear', 'omitir', 'actualizar')),
    CONSTRAINT ck_importaciones_filas CHECK (filas BETWEEN 1 AND 100000),
    CONSTRAINT ck_importaciones_piezas
        CHECK (piezas BETWEEN 1 AND filas AND piezas_hechas BETWEEN 0 AND piezas),
    CONSTRAINT ck_importaciones_avance CHECK (least(creadas, actualizadas, sin_cambios, omitidas, rechazadas) >= 0
        AND creadas + actualizadas + sin_cambios + omitidas + rechazadas <= filas),
    CONSTRAINT ck_importaciones_inicio
        CHECK (CASE estado WHEN 'cancelada' THEN true
        ELSE (estado IN ('recibiendo', 'recibida')) = (iniciada_en IS NULL) END),
    CONSTRAINT ck_importaciones_fin
        CHECK ((estado IN ('recibiendo', 'recibida', 'trabajando')) = (terminada_en IS NULL)),
    CONSTRAINT ck_importaciones_resultado CHECK (CASE estado
        WHEN 'terminada' THEN rechazadas = 0 AND creadas + actualizadas + sin_cambios + omitidas = filas
        WHEN 'terminada_con_rechazos' THEN rechazadas > 0
            AND creadas + actualizadas + sin_cambios + omitidas + rechazadas = filas
        ELSE true END)
);
CREATE INDEX ix_importaciones_cuenta_id_creada_en_id ON importaciones (cuenta_id, creada_en DESC, id DESC);
CREATE INDEX ix_importaciones_por_trabajar ON importaciones (turno) WHERE estado IN ('recibida', 'trabajando');

-- Rows that wait: JSON `[[linea, celda, celda, …], …]` in the order of `importaciones.columnas`.
CREATE TABLE importaciones_piezas (
    importacion_id uuid NOT NULL,
    numero integer NOT NULL,
    cuenta_id uuid NOT NULL,
    filas integer NOT NULL,
    contenido text NOT NULL,
    CONSTRAINT pk_importaciones_piezas PRIMARY KEY (importacion_id, numero),
    CONSTRAINT fk_importaciones_piezas_importacion_id
        FOREIGN KEY (importacion_id) REFERENCES importaciones ON DELETE CASCADE,
    CONSTRAINT ck_importaciones_piezas_filas CHECK (filas BETWEEN 1 AND 1000)
);

-- A row that was worked on. No foreign key, as with bulk transfers: it would look the same parent up 100,000
-- times, and rows are written only by who has that parent locked.
CREATE TABLE importaciones_filas (
    importacion_id uuid NOT NULL,
    linea integer NOT NULL,
    cuenta_id uuid NOT NULL,
    resultado text NOT NULL,
    nic bigint,
    rfc text,
    columna text,
    mensaje text,
    advertencia text,
    CONSTRAINT pk_importaciones_filas PRIMARY KEY (importacion_id, linea),
    CONSTRAINT ck_importaciones_filas_resultado CHECK (resultado IN
        ('creado', 'actualizado', 'sin_cambios', 'omitido', 'rechazado')),
    CONSTRAINT ck_importaciones_filas_mensaje
        CHECK ((resultado IN ('omitido', 'rechazado')) = (mensaje IS NOT NULL))
);
CREATE INDEX ix_importaciones_filas_resultado ON importaciones_filas (importacion_id, resultado, linea);
-- Whether an earlier row of the same file had this RFC or NIC.
CREATE INDEX ix_importaciones_filas_rfc ON importaciones_filas (importacion_id, rfc)
    WHERE rfc IS NOT NULL AND resultado <> 'rechazado';
CREATE INDEX ix_importaciones_filas_nic ON importaciones_filas (importacion_id, nic)
    WHERE nic IS NOT NULL AND resultado <> 'rechazado';
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
