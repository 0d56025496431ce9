"""A cliente that became a distributor is found in its own cartera, and in its earlier CM's no more; searches of
beginnings of names use their trigram index.
"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"

DDL = r"""
-- As in 0007, but a cliente may have passed to another CM.
CREATE OR REPLACE FUNCTION cartera_derivar(ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    quien text := coalesce(current_setting('cm.cuenta', true), '');
    sus_cuentas uuid[];
    inicios text[];
    cuentas uuid[];
    dejadas text[];
    vistos bigint;
BEGIN
    PERFORM set_config('cm.cuenta', '*', true);
    -- Whoever adds a CTI holds this while it does: what is read from here on has it. In order of id, as everybody.
    PERFORM FROM cartera k WHERE k.cliente_id = ANY(ids) ORDER BY k.cliente_id FOR UPDATE;

    -- What names began with and may begin with no more: those that changed, and those of who passed to another CM.
    SELECT array_agg(d.cuenta_id), array_agg(d.inicio) INTO cuentas, dejadas FROM (
        SELECT t.cuenta_id, t.inicio
        FROM clientes c JOIN cartera_texto t ON (t.cuenta_id, t.cliente_id) = (c.cuenta_id, c.cliente_id)
        WHERE c.cliente_id = ANY(ids) AND t.inicio <> cartera_inicio(cartera_nombre(c.nombre))
        UNION ALL
        SELECT t.cuenta_id, t.inicio
        FROM clientes c JOIN cartera k ON k.cliente_id = c.cliente_id AND k.cuenta_id <> c.cuenta_id
            JOIN cartera_texto t ON (t.cuenta_id, t.cliente_id) = (k.cuenta_id, k.cliente_id)
        WHERE c.cliente_id = ANY(ids)
    ) d;
    -- The CM that a cliente has left finds nothing of it any more.
    DELETE FROM cartera_texto t USING clientes c, cartera k
    WHERE c.cliente_id = ANY(ids) AND k.cliente_id = c.cliente_id AND k.cuenta_id <> c.cuenta_id
        AND (t.cuenta_id, t.cliente_id) = (k.cuenta_id, k.cliente_id);

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
    -- Held until the end: nobody clears away one that is in use from here on. One that was being cleared away when we
    -- found it is written again.
    LOOP
        INSERT INTO cartera_inicios (cuenta_id, inicio) SELECT * FROM unnest(sus_cuentas, inicios)
            ON CONFLICT DO NOTHING;
        SELECT count(*) INTO vistos FROM unnest(sus_cuentas, inicios) n(cuenta_id, inicio),
            LATERAL (SELECT FROM cartera_inicios p WHERE p.cuenta_id = n.cuenta_id AND p.inicio = n.inicio
                FOR KEY SHARE) p;
        EXIT WHEN vistos = coalesce(cardinality(inicios), 0);
    END LOOP;

    INSERT INTO cartera AS k (cliente_id, cuenta_id, nic, nombre, alta, ultima_emision, favorito, baja, color,
        b1, b2, b3, b4)
    SELECT c.cliente_id, c.cuenta_id, c.nic, cartera_nombre(c.nombre), c.creado_en, c.ultima_emision,
        c.favorito, c.baja, c.color, b.b1, b.b2, b.b3, b.b4
    FROM clientes c JOIN cartera_texto t ON (t.cuenta_id, t.cliente_id) = (c.cuenta_id, c.cliente_id),
        LATERAL cartera_bits(show_trgm(t.inicio || t.resto)) b
    WHERE c.cliente_id = ANY(ids) ORDER BY c.cliente_id
    ON CONFLICT (cliente_id) DO UPDATE SET cuenta_id = excluded.cuenta_id, nic = excluded.nic,
        nombre = excluded.nombre, alta = excluded.alta, ultima_emision = excluded.ultima_emision,
        favorito = excluded.favorito, baja = excluded.baja, color = excluded.color,
        b1 = excluded.b1, b2 = excluded.b2, b3 = excluded.b3, b4 = excluded.b4
    WHERE (k.cuenta_id, k.nic, k.nombre, k.alta, k.ultima_emision, k.favorito, k.baja, k.color,
        k.b1, k.b2, k.b3, k.b4)
        IS DISTINCT FROM (excluded.cuenta_id, excluded.nic, excluded.nombre, excluded.alta, excluded.ultima_emision,
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

CREATE OR REPLACE FUNCTION cartera_al_cambiar() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE cambiados uuid[];
BEGIN
    SELECT array_agg(n.cliente_id) INTO cambiados FROM nuevas n JOIN viejas v ON v.cliente_id = n.cliente_id
    WHERE (n.cuenta_id, n.nic, n.cti, n.nombre, n.nombre_comercial, n.rfc, n.telefono, n.correo, n.representante,
        n.financiero, n.tecnico, n.favorito, n.baja, n.color)
        IS DISTINCT FROM (v.cuenta_id, v.nic, v.cti, v.nombre, v.nombre_comercial, v.rfc, v.telefono, v.correo,
        v.representante, v.financiero, v.tecnico, v.favorito, v.baja, v.color);
    IF cambiados IS NOT NULL THEN PERFORM cartera_derivar(cambiados); END IF;
    -- Stamping moves this each second: nothing else is worked out for it.
    UPDATE cartera k SET ultima_emision = n.ultima_emision FROM nuevas n
    WHERE k.cliente_id = n.cliente_id AND k.ultima_emision IS DISTINCT FROM n.ultima_emision;
    RETURN NULL;
END $$;

SELECT cartera_derivar(array_agg(c.cliente_id)) FROM conversiones v JOIN clientes c USING (cliente_id)
    JOIN cartera k USING (cliente_id) WHERE k.cuenta_id <> c.cuenta_id HAVING count(*) > 0;

-- PostgreSQL uses no trigram index behind a policy: each search read all beginnings of the CM's names. Nothing is shown
-- of them, as of `cartera` and `cartera_texto`.
DROP POLICY aislamiento ON cartera_inicios;
ALTER TABLE cartera_inicios NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
