"""The read model that the cartera is searched in."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

DDL = r"""
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS btree_gin;

-- unaccent is only STABLE because a dictionary may change; ours is PostgreSQL's own.
CREATE FUNCTION cartera_normal(t text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
    $$ SELECT lower(public.unaccent('public.unaccent'::regdictionary, t)) $$;

-- A phone as people look for it: digits, without Mexico's 52 or 521 in front of ten of them.
CREATE FUNCTION cartera_telefono(t text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
    $$ SELECT regexp_replace(regexp_replace(t, '\D', '', 'g'), '^521?(\d{10})$', '\1') $$;

-- What is sorted by, and its first two words (what sorts before a ! is a space), unless the name is cut in them.
CREATE FUNCTION cartera_nombre(t text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
    $$ SELECT left(cartera_normal(btrim(t)), 80) $$;
CREATE FUNCTION cartera_inicio(nombre text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT CASE WHEN length(substring(nombre from '^[^\x01-\x20]*(?:[\x01-\x20]+[^\x01-\x20]+)?')) < 80
        THEN substring(nombre from '^[^\x01-\x20]*(?:[\x01-\x20]+[^\x01-\x20]+)?') ELSE '' END $$;

-- 256 bits that say which trigrams may be in a text: a row that lacks one of a search is passed over in the index,
-- without reading its text. hashtext is PostgreSQL's own: after a major upgrade run make reconstruir-cartera.
CREATE FUNCTION cartera_bits(trigramas text[], OUT b1 bigint, OUT b2 bigint, OUT b3 bigint, OUT b4 bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(bit_or(1::bigint << (h & 63)) FILTER (WHERE (h >> 6) & 3 = 0), 0),
        coalesce(bit_or(1::bigint << (h & 63)) FILTER (WHERE (h >> 6) & 3 = 1), 0),
        coalesce(bit_or(1::bigint << (h & 63)) FILTER (WHERE (h >> 6) & 3 = 2), 0),
        coalesce(bit_or(1::bigint << (h & 63)) FILTER (WHERE (h >> 6) & 3 = 3), 0)
    FROM (SELECT hashtext(g) AS h FROM unnest(trigramas) g) x
$$;

-- What is sorted and filtered by. No text here: each change of a balance writes every index of this table anew, and
-- a text's trigrams would be two hundred entries of them.
CREATE TABLE cartera (
    cliente_id uuid NOT NULL,
    cuenta_id uuid NOT NULL,
    nic bigint NOT NULL,
    nombre text COLLATE "C" NOT NULL,
    alta timestamptz NOT NULL,
    saldo_timbres bigint NOT NULL DEFAULT 0,
    saldo_puntos bigint NOT NULL DEFAULT 0,
    version_puntos bigint NOT NULL DEFAULT 0,
    ultima_compra timestamptz,
    ultima_emision timestamptz,
    favorito boolean NOT NULL DEFAULT false,
    baja boolean NOT NULL DEFAULT false,
    color text,
    b1 bigint NOT NULL,
    b2 bigint NOT NULL,
    b3 bigint NOT NULL,
    b4 bigint NOT NULL,
    CONSTRAINT pk_cartera PRIMARY KEY (cliente_id),
    CONSTRAINT fk_cartera_cliente_id FOREIGN KEY (cliente_id) REFERENCES clientes ON DELETE CASCADE,
    CONSTRAINT ck_cartera_saldos CHECK (saldo_timbres >= 0 AND saldo_puntos >= 0)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);

-- What is searched in: every field that the manual names, normalised, a space before each word. In parts, so that
-- the lists of the trigram index are one CM's and some neighbours', not everybody's.
-- A name's first two words stand apart: by name all that begin alike are side by side, and are found in that order's
-- index.
CREATE TABLE cartera_texto (
    cuenta_id uuid NOT NULL,
    cliente_id uuid NOT NULL,
    inicio text COLLATE "C" NOT NULL,
    resto text NOT NULL,
    CONSTRAINT pk_cartera_texto PRIMARY KEY (cuenta_id, cliente_id),
    CONSTRAINT fk_cartera_texto_cliente_id FOREIGN KEY (cliente_id) REFERENCES clientes ON DELETE CASCADE
) PARTITION BY HASH (cuenta_id);
DO $$ BEGIN
    FOR n IN 0..15 LOOP
        EXECUTE format('CREATE TABLE cartera_texto_%s PARTITION OF cartera_texto FOR VALUES WITH (MODULUS 16, REMAINDER %s)'
            ' WITH (autovacuum_vacuum_insert_scale_factor = 0.02)', n, n);
    END LOOP;
END $$;
CREATE INDEX ix_cartera_texto_cuenta_id_resto ON cartera_texto USING gin (cuenta_id, resto gin_trgm_ops);

-- What the names of a CM's clientes begin with, and which names these are: up to the name itself if it has one word.
CREATE TABLE cartera_inicios (
    cuenta_id uuid NOT NULL,
    inicio text COLLATE "C" NOT NULL,
    fin text COLLATE "C" NOT NULL GENERATED ALWAYS AS
        (inicio || CASE WHEN inicio ~ '[\x01-\x20]' THEN '!' ELSE chr(1) END) STORED,
    CONSTRAINT pk_cartera_inicios PRIMARY KEY (cuenta_id, inicio)
);
CREATE INDEX ix_cartera_inicios_cuenta_id_inicio ON cartera_inicios USING gin (cuenta_id, inicio gin_trgm_ops);

-- Balance of each CTI as timbrado told it last; `version` is its link of the account's chain.
CREATE TABLE cartera_ctis (
    cti text NOT NULL,
    cliente_id uuid NOT NULL,
    saldo bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    CONSTRAINT pk_cartera_ctis PRIMARY KEY (cti),
    CONSTRAINT fk_cartera_ctis_cliente_id FOREIGN KEY (cliente_id) REFERENCES clientes ON DELETE CASCADE,
    CONSTRAINT ck_cartera_ctis_saldo CHECK (saldo >= 0 AND version >= 0)
);
CREATE INDEX ix_cartera_ctis_cliente_id ON cartera_ctis (cliente_id);

-- How far the last make reconstruir-cartera has come; null when it ended.
CREATE TABLE cartera_reconstruccion (
    unica boolean NOT NULL DEFAULT true,
    despues_de uuid,
    CONSTRAINT pk_cartera_reconstruccion PRIMARY KEY (unica),
    CONSTRAINT ck_cartera_reconstruccion_unica CHECK (unica)
);
INSERT INTO cartera_reconstruccion DEFAULT VALUES;
"""

#: One index per order, read in either direction. INCLUDE lets a page be found without reading a row.
INDICES = "".join(
    f"CREATE INDEX ix_cartera_{clave} ON cartera (cuenta_id, {clave}, cliente_id)"
    " INCLUDE (b1, b2, b3, b4, favorito, baja, color);\n"
    for clave in (
        "nombre", "nic", "saldo_timbres", "saldo_puntos", "ultima_compra", "alta", "ultima_emision",
    )
) + """
CREATE INDEX ix_cartera_favorito ON cartera (cuenta_id, cliente_id) INCLUDE (baja) WHERE favorito;
CREATE INDEX ix_cartera_baja ON cartera (cuenta_id, cliente_id) WHERE baja;
CREATE INDEX ix_cartera_color ON cartera (cuenta_id, color, cliente_id) INCLUDE (baja) WHERE color IS NOT NULL;
-- The counter of all: entries of one CM are alike, and so are packed.
CREATE INDEX ix_cartera_cuenta_id ON cartera (cuenta_id);
"""  # fmt: skip

DERIVAR = r"""
-- Local fields of these clientes, from what `clientes` and `cartera_ctis` say. For every CM: whoever changed the row
-- was let through by its policy, and nothing is answered.
CREATE FUNCTION cartera_derivar(ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    quien text := coalesce(current_setting('cm.cuenta', true), '');
    sus_cuentas uuid[];
    inicios text[];
    cuentas uuid[];
    dejadas text[];
BEGIN
    PERFORM set_config('cm.cuenta', '*', true);
    -- What a name began with and may begin with no more.
    SELECT array_agg(t.cuenta_id), array_agg(t.inicio) INTO cuentas, dejadas
    FROM clientes c JOIN cartera_texto t ON (t.cuenta_id, t.cliente_id) = (c.cuenta_id, c.cliente_id)
    WHERE c.cliente_id = ANY(ids) AND t.inicio <> cartera_inicio(cartera_nombre(c.nombre));

    INSERT INTO cartera_texto AS t (cuenta_id, cliente_id, inicio, resto)
    SELECT c.cuenta_id, c.cliente_id, p.inicio, cartera_normal(concat_ws(' ', '', c.nic, c.cti))
        || substr(cartera_normal(' ' || btrim(c.nombre)), CASE p.inicio WHEN '' THEN 1 ELSE length(p.inicio) + 2 END)
        || cartera_normal(concat_ws(' ', '', c.nombre_comercial, c.rfc, c.correo, cartera_telefono(c.telefono),
            c.representante ->> 'nombre', c.representante ->> 'correo',
            cartera_telefono(c.representante ->> 'telefono'), cartera_telefono(c.representante ->> 'movil'),
            c.financiero ->> 'nombre', c.financiero ->> 'correo',
            cartera_telefono(c.financiero ->> 'telefono'), cartera_telefono(c.financiero ->> 'movil'),
            c.tecnico ->> 'nombre', c.tecnico ->> 'correo',
            cartera_telefono(c.tecnico ->> 'telefono'), cartera_telefono(c.tecnico ->> 'movil'),
            (SELECT string_agg(k.cti, ' ' ORDER BY k.cti) FROM cartera_ctis k
                WHERE k.cliente_id = c.cliente_id AND k.cti <> c.cti)))
    FROM clientes c, LATERAL (SELECT cartera_inicio(cartera_nombre(c.nombre)) AS inicio) p
    WHERE c.cliente_id = ANY(ids) ORDER BY c.cliente_id
    ON CONFLICT (cuenta_id, cliente_id) DO UPDATE SET inicio = excluded.inicio, resto = excluded.resto
    WHERE (t.inicio, t.resto) IS DISTINCT FROM (excluded.inicio, excluded.resto);

    SELECT array_agg(i.cuenta_id), array_agg(i.inicio) INTO sus_cuentas, inicios FROM (SELECT DISTINCT t.cuenta_id, t.inicio
        FROM clientes c JOIN cartera_texto t ON (t.cuenta_id, t.cliente_id) = (c.cuenta_id, c.cliente_id)
        WHERE c.cliente_id = ANY(ids) ORDER BY t.cuenta_id, t.inicio) i;
    INSERT INTO cartera_inicios (cuenta_id, inicio) SELECT * FROM unnest(sus_cuentas, inicios) ON CONFLICT DO NOTHING;
    -- Held until the end: nobody clears away one that is in use from here on.
    PERFORM FROM unnest(sus_cuentas, inicios) n(cuenta_id, inicio), LATERAL (SELECT FROM cartera_inicios p
        WHERE p.cuenta_id = n.cuenta_id AND p.inicio = n.inicio FOR KEY SHARE) p;

    INSERT INTO cartera AS k (cliente_id, cuenta_id, nic, nombre, alta, ultima_emision, favorito, baja, color,
        b1, b2, b3, b4)
    SELECT c.cliente_id, c.cuenta_id, c.nic, cartera_nombre(c.nombre), c.creado_en, c.ultima_emision,
        c.favorito, c.baja, c.color, b.b1, b.b2, b.b3, b.b4
    FROM clientes c JOIN cartera_texto t ON (t.cuenta_id, t.cliente_id) = (c.cuenta_id, c.cliente_id),
        LATERAL cartera_bits(show_trgm(t.inicio || t.resto)) b
    WHERE c.cliente_id = ANY(ids) ORDER BY c.cliente_id
    ON CONFLICT (cliente_id) DO UPDATE SET nic = excluded.nic,
        nombre = excluded.nombre, alta = excluded.alta, ultima_emision = excluded.ultima_emision,
        favorito = excluded.favorito, baja = excluded.baja, color = excluded.color,
        b1 = excluded.b1, b2 = excluded.b2, b3 = excluded.b3, b4 = excluded.b4
    WHERE (k.nic, k.nombre, k.alta, k.ultima_emision, k.favorito, k.baja, k.color, k.b1, k.b2, k.b3, k.b4)
        IS DISTINCT FROM (excluded.nic, excluded.nombre, excluded.alta, excluded.ultima_emision,
        excluded.favorito, excluded.baja, excluded.color, excluded.b1, excluded.b2, excluded.b3, excluded.b4);

    -- Nothing of an erased name stays. First the locks, then a look that sees what those who held them have written.
    IF dejadas IS NOT NULL THEN
        PERFORM FROM (SELECT DISTINCT * FROM unnest(cuentas, dejadas) d(cuenta_id, inicio) ORDER BY 1, 2) d,
            LATERAL (SELECT FROM cartera_inicios p WHERE p.cuenta_id = d.cuenta_id AND p.inicio = d.inicio FOR UPDATE) p;
        DELETE FROM cartera_inicios p USING unnest(cuentas, dejadas) d(cuenta_id, inicio)
            WHERE (p.cuenta_id, p.inicio) = (d.cuenta_id, d.inicio)
            AND NOT EXISTS (SELECT FROM cartera k WHERE k.cuenta_id = p.cuenta_id AND k.nombre >= p.inicio
                AND k.nombre < p.fin);
    END IF;
    PERFORM set_config('cm.cuenta', quien, true);
END $$;

-- One call per statement, however many rows it wrote.
CREATE FUNCTION cartera_al_crear() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cartera_derivar(array_agg(n.cliente_id)) FROM nuevas n;
    RETURN NULL;
END $$;
CREATE TRIGGER cartera_crear AFTER INSERT ON clientes REFERENCING NEW TABLE AS nuevas
    FOR EACH STATEMENT EXECUTE FUNCTION cartera_al_crear();

CREATE FUNCTION cartera_al_cambiar() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE cambiados uuid[];
BEGIN
    SELECT array_agg(n.cliente_id) INTO cambiados FROM nuevas n JOIN viejas v ON v.cliente_id = n.cliente_id
    WHERE (n.nic, n.cti, n.nombre, n.nombre_comercial, n.rfc, n.telefono, n.correo, n.representante,
        n.financiero, n.tecnico, n.favorito, n.baja, n.color)
        IS DISTINCT FROM (v.nic, v.cti, v.nombre, v.nombre_comercial, v.rfc, v.telefono, v.correo,
        v.representante, v.financiero, v.tecnico, v.favorito, v.baja, v.color);
    IF cambiados IS NOT NULL THEN PERFORM cartera_derivar(cambiados); END IF;
    -- Stamping moves this each second: nothing else is worked out for it.
    UPDATE cartera k SET ultima_emision = n.ultima_emision FROM nuevas n
    WHERE k.cliente_id = n.cliente_id AND k.ultima_emision IS DISTINCT FROM n.ultima_emision;
    RETURN NULL;
END $$;
CREATE TRIGGER cartera_cambiar AFTER UPDATE ON clientes REFERENCING OLD TABLE AS viejas NEW TABLE AS nuevas
    FOR EACH STATEMENT EXECUTE FUNCTION cartera_al_cambiar();

SELECT cartera_derivar(array_agg(cliente_id)) FROM clientes;
"""


def upgrade() -> None:
    for ddl in (DDL, INDICES, DERIVAR):
        op.get_bind().exec_driver_sql(ddl.replace("%", "%%"))
