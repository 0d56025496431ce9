"""The life of a distributor: dates, reasons, renewals."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

DDL = r"""
ALTER TABLE cuentas_maestras
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    ADD COLUMN estado_desde timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN correo text,
    ADD COLUMN movil text,
    ADD COLUMN titular_nombre text,
    ADD COLUMN origen text NOT NULL DEFAULT 'interna',
    ADD COLUMN confirmar_antes_de timestamptz,
    ADD COLUMN proximo_aviso timestamptz,
    DROP CONSTRAINT ck_cuentas_maestras_estado,
    DROP CONSTRAINT ck_cuentas_maestras_vence;
-- The expiry is a day: its last second in central Mexico (services/clientes/domain/vigencia.py).
UPDATE cuentas_maestras SET estado_desde = creado_en,
    vence_en = (((vence_en AT TIME ZONE 'America/Mexico_City')::date + 1)::timestamp
        AT TIME ZONE 'America/Mexico_City') - interval '1 second';
-- The next notice of those that run already; the timer goes on from there.
UPDATE cuentas_maestras SET proximo_aviso = now() WHERE estado = 'activo' AND padre_id IS NOT NULL;
ALTER TABLE cuentas_maestras
    ADD CONSTRAINT ck_cuentas_maestras_estado CHECK (estado IN
        ('sin_validar', 'sin_activar', 'activo', 'suspendido', 'vencido', 'cancelado', 'eliminado')),
    ADD CONSTRAINT ck_cuentas_maestras_raiz CHECK (padre_id IS NOT NULL OR (estado = 'activo' AND vence_en IS NULL)),
    -- What began its first year has an end, and what did not has none.
    ADD CONSTRAINT ck_cuentas_maestras_vence CHECK (padre_id IS NULL OR CASE
        WHEN estado IN ('activo', 'suspendido', 'vencido') THEN vence_en IS NOT NULL
        WHEN estado IN ('sin_validar', 'sin_activar') THEN vence_en IS NULL ELSE true END),
    ADD CONSTRAINT ck_cuentas_maestras_confirmar CHECK ((estado = 'sin_validar') = (confirmar_antes_de IS NOT NULL)),
    ADD CONSTRAINT ck_cuentas_maestras_por_validar CHECK
        (estado <> 'sin_validar' OR (correo IS NOT NULL AND movil IS NOT NULL)),
    ADD CONSTRAINT ck_cuentas_maestras_aviso CHECK (proximo_aviso IS NULL OR estado = 'activo'),
    ADD CONSTRAINT ck_cuentas_maestras_origen CHECK (origen IN
        ('portal', 'externa', 'inscripcion', 'conversion', 'interna')),
    ADD CONSTRAINT ck_cuentas_maestras_version CHECK (version > 0);
-- One alta of a correo waits at a time under one parent: a further one is a second mail, not a second account.
CREATE UNIQUE INDEX uq_cuentas_maestras_por_validar ON cuentas_maestras (padre_id, correo)
    WHERE estado = 'sin_validar';
-- The orders of a parent's list.
CREATE INDEX ix_cuentas_maestras_padre_nombre ON cuentas_maestras (padre_id, lower(nombre), cuenta_id);
CREATE INDEX ix_cuentas_maestras_padre_vence ON cuentas_maestras (padre_id, vence_en, cuenta_id);
CREATE INDEX ix_cuentas_maestras_padre_creado ON cuentas_maestras (padre_id, creado_en DESC, cuenta_id DESC);
-- What the timers look for.
CREATE INDEX ix_cuentas_maestras_por_vencer ON cuentas_maestras (vence_en) WHERE estado = 'activo';
CREATE INDEX ix_cuentas_maestras_por_avisar ON cuentas_maestras (proximo_aviso) WHERE proximo_aviso IS NOT NULL;
CREATE INDEX ix_cuentas_maestras_por_caducar ON cuentas_maestras (confirmar_antes_de) WHERE estado = 'sin_validar';
CREATE INDEX ix_cuentas_maestras_por_eliminar ON cuentas_maestras (estado_desde) WHERE estado = 'cancelado';

-- The state machine as data (domain.md: Distributors; services/clientes/domain/distribuidores.py).
CREATE TABLE transiciones_de_cuenta (
    accion text NOT NULL,
    de text NOT NULL,
    a text NOT NULL,
    CONSTRAINT pk_transiciones_de_cuenta PRIMARY KEY (accion, de, a)
);
INSERT INTO transiciones_de_cuenta (accion, de, a) VALUES
    ('validacion', 'sin_validar', 'sin_activar'),
    ('activacion', 'sin_activar', 'activo'),
    ('suspension', 'activo', 'suspendido'),
    ('reactivacion', 'suspendido', 'activo'),
    ('vencimiento', 'activo', 'vencido'),
    ('renovacion', 'activo', 'activo'),
    ('renovacion', 'vencido', 'activo'),
    ('renovacion', 'suspendido', 'suspendido'),
    ('cancelacion', 'sin_validar', 'cancelado'),
    ('cancelacion', 'sin_activar', 'cancelado'),
    ('cancelacion', 'suspendido', 'cancelado'),
    ('cancelacion', 'vencido', 'cancelado'),
    ('eliminacion', 'cancelado', 'eliminado'),
    ('alta', '', 'sin_validar'),
    ('alta', '', 'sin_activar'),
    ('alta', '', 'activo');

-- What happened to each CM, for ever. `de` is empty at its alta.
CREATE TABLE estados_de_cuenta_maestra (
    id bigint GENERATED ALWAYS AS IDENTITY,
    cuenta_id uuid NOT NULL,
    accion text NOT NULL,
    de text NOT NULL,
    a text NOT NULL,
    quien text NOT NULL,
    actor uuid,
    motivo text,
    en timestamptz NOT NULL,
    CONSTRAINT pk_estados_de_cuenta_maestra PRIMARY KEY (id),
    CONSTRAINT fk_estados_de_cuenta_maestra_cuenta_id FOREIGN KEY (cuenta_id) REFERENCES cuentas_maestras,
    CONSTRAINT fk_estados_de_cuenta_maestra_accion FOREIGN KEY (accion, de, a) REFERENCES transiciones_de_cuenta,
    CONSTRAINT ck_estados_de_cuenta_maestra_quien CHECK (quien IN ('padre', 'propia', 'sistema')),
    CONSTRAINT ck_estados_de_cuenta_maestra_motivo CHECK (accion NOT IN ('suspension', 'cancelacion')
        OR btrim(motivo) <> '')
);
CREATE INDEX ix_estados_de_cuenta_maestra_cuenta_id ON estados_de_cuenta_maestra (cuenta_id, id DESC);
INSERT INTO estados_de_cuenta_maestra (cuenta_id, accion, de, a, quien, en)
    SELECT cuenta_id, 'alta', '', 'activo', 'sistema', creado_en FROM cuentas_maestras WHERE estado = 'activo';

CREATE FUNCTION historia_inmutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'la historia de una cuenta no cambia' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER estados_de_cuenta_maestra_inmutables BEFORE UPDATE OR DELETE OR TRUNCATE ON estados_de_cuenta_maestra
    FOR EACH STATEMENT EXECUTE FUNCTION historia_inmutable();
CREATE TRIGGER transiciones_de_cuenta_inmutables BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON transiciones_de_cuenta
    FOR EACH STATEMENT EXECUTE FUNCTION historia_inmutable();

-- A tree for ever: the parent never changes, so there are no cycles. Only the pairs above; nothing is cancelled with
-- living sub-distributors, and nothing is opened under a CM that is not active. The parent's row is locked by both, so
-- that an alta and a cancellation of its parent exclude each other.
CREATE FUNCTION vida_de_cuenta() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE del_padre text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'una cuenta maestra no se borra' USING ERRCODE = 'restrict_violation';
    ELSIF TG_OP = 'INSERT' THEN
        IF NEW.padre_id IS NULL THEN RETURN NEW; END IF;
        SELECT estado INTO del_padre FROM cuentas_maestras WHERE cuenta_id = NEW.padre_id FOR SHARE;
        IF del_padre <> 'activo' OR NEW.estado NOT IN ('sin_validar', 'sin_activar', 'activo') THEN
            RAISE EXCEPTION 'una cuenta no nace % bajo una %', NEW.estado, del_padre USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.padre_id IS DISTINCT FROM OLD.padre_id OR NEW.cuenta_id <> OLD.cuenta_id THEN
        RAISE EXCEPTION 'una cuenta no cambia de padre' USING ERRCODE = 'restrict_violation';
    ELSIF NEW.estado = OLD.estado THEN
        RETURN NEW;
    ELSIF NOT EXISTS (SELECT FROM transiciones_de_cuenta t WHERE t.de = OLD.estado AND t.a = NEW.estado) THEN
        RAISE EXCEPTION 'una cuenta no pasa de % a %', OLD.estado, NEW.estado USING ERRCODE = 'restrict_violation';
    ELSIF NEW.estado = 'cancelado' AND EXISTS (SELECT FROM cuentas_maestras h
            WHERE h.padre_id = NEW.cuenta_id AND h.estado NOT IN ('cancelado', 'eliminado')) THEN
        RAISE EXCEPTION 'una cuenta con distribuidores no se cancela' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER cuentas_maestras_vida BEFORE INSERT OR UPDATE OR DELETE ON cuentas_maestras
    FOR EACH ROW EXECUTE FUNCTION vida_de_cuenta();

-- What each CM has contracted with licencias, as its events tell. Contracts are only ever extended.
CREATE TABLE capacidades (
    mkl_id uuid NOT NULL,
    cuenta_id uuid NOT NULL,
    producto text NOT NULL,
    inicia_en date NOT NULL,
    vence_en date NOT NULL,
    precio_anual numeric(12, 2) NOT NULL DEFAULT 0,
    CONSTRAINT pk_capacidades PRIMARY KEY (mkl_id),
    CONSTRAINT ck_capacidades_plazo CHECK (inicia_en <= vence_en),
    CONSTRAINT ck_capacidades_precio CHECK (precio_anual >= 0)
);
CREATE INDEX ix_capacidades_cuenta_id_producto ON capacidades (cuenta_id, producto, vence_en);

-- What a year costs, in puntos. Never edited: the last one rules, and a renewal keeps what it was asked at.
CREATE TABLE cuotas_anuales (
    id bigint GENERATED ALWAYS AS IDENTITY,
    cuota numeric(12, 2) NOT NULL,
    actor uuid,
    desde timestamptz NOT NULL,
    CONSTRAINT pk_cuotas_anuales PRIMARY KEY (id),
    CONSTRAINT ck_cuotas_anuales_cuota CHECK (cuota > 0)
);

-- A saga with puntos: asked, charged, applied; or nothing. `conceptos`: [{tipo, id, descripcion, importe}].
CREATE TABLE renovaciones_de_cuenta (
    id uuid NOT NULL,
    cuenta_id uuid NOT NULL,
    paga_id uuid NOT NULL,
    quien text NOT NULL,
    actor uuid,
    conceptos jsonb NOT NULL,
    total numeric(12, 2) NOT NULL,
    estado text NOT NULL DEFAULT 'solicitada',
    motivo text,
    faltan numeric(14, 2),
    vencia_en timestamptz NOT NULL,
    vence_en timestamptz,
    solicitada_en timestamptz NOT NULL,
    caduca_en timestamptz NOT NULL,
    resuelta_en timestamptz,
    devolucion_en timestamptz,
    CONSTRAINT pk_renovaciones_de_cuenta PRIMARY KEY (id),
    CONSTRAINT fk_renovaciones_de_cuenta_cuenta_id FOREIGN KEY (cuenta_id) REFERENCES cuentas_maestras,
    CONSTRAINT fk_renovaciones_de_cuenta_paga_id FOREIGN KEY (paga_id) REFERENCES cuentas_maestras,
    CONSTRAINT ck_renovaciones_de_cuenta_quien CHECK (quien IN ('padre', 'propia')),
    CONSTRAINT ck_renovaciones_de_cuenta_total CHECK (total > 0),
    CONSTRAINT ck_renovaciones_de_cuenta_estado CHECK (estado IN ('solicitada', 'aplicada', 'rechazada', 'caducada')),
    CONSTRAINT ck_renovaciones_de_cuenta_resuelta CHECK ((estado = 'solicitada') = (resuelta_en IS NULL)),
    CONSTRAINT ck_renovaciones_de_cuenta_aplicada CHECK ((estado = 'aplicada') = (vence_en IS NOT NULL)),
    CONSTRAINT ck_renovaciones_de_cuenta_devolucion CHECK (devolucion_en IS NULL OR estado IN ('rechazada', 'caducada'))
);
-- One at a time for one CM, whoever pays.
CREATE UNIQUE INDEX uq_renovaciones_de_cuenta_en_proceso ON renovaciones_de_cuenta (cuenta_id)
    WHERE estado = 'solicitada';
CREATE INDEX ix_renovaciones_de_cuenta_cuenta_id ON renovaciones_de_cuenta (cuenta_id, solicitada_en DESC, id DESC);
CREATE INDEX ix_renovaciones_de_cuenta_caducas ON renovaciones_de_cuenta (caduca_en) WHERE estado = 'solicitada';
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
