-- Data of tests/bench/cartera.py: :grande clientes of one CM, :otros of 400 more, 10,000 of one for comparison.
SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0;
SET maintenance_work_mem = '1GB'; SET synchronous_commit = off; SET session_replication_role = replica;
CREATE TEMP TABLE guardados AS SELECT indexname, replace(indexdef, ' ON ONLY ', ' ON ') AS indexdef FROM pg_indexes
    WHERE tablename IN ('cartera', 'cartera_texto', 'clientes') AND indexname NOT LIKE 'pk_%'
    AND indexname NOT IN (SELECT conname FROM pg_constraint);
DO $$ DECLARE i text; BEGIN FOR i IN SELECT indexname FROM guardados LOOP EXECUTE 'DROP INDEX ' || i; END LOOP; END $$;
CREATE FUNCTION pg_temp.az(semilla bigint, m int) RETURNS int IMMUTABLE LANGUAGE sql AS
    $$ SELECT ((hashint8(semilla)::bigint & 2147483647) % m)::int $$;
CREATE TEMP TABLE nombres AS SELECT ARRAY['María Guadalupe','José Luis','Juan Carlos','Ana Sofía','Jorge','Pedro',
    'Luis Miguel','Francisco Javier','Alejandra','Fernando','Ricardo','Roberto','Verónica','Patricia','Gabriela',
    'Miguel Ángel','Leticia','Rosa María','Martha','Silvia','Xóchitl','Itzel','Citlali','Raúl','Sergio','Arturo',
    'Eduardo','Héctor','Óscar','Manuel'] AS n, ARRAY['Hernández','García','Martínez','López','González','Pérez',
    'Rodríguez','Sánchez','Ramírez','Cruz','Flores','Gómez','Morales','Vázquez','Jiménez','Reyes','Torres','Díaz',
    'Gutiérrez','Mendoza','Ruiz','Aguilar','Ortiz','Castillo','Moreno','Romero','Álvarez','Chávez','Rivera','Juárez',
    'Domínguez','Ramos','Méndez','Vargas','Herrera','Medina','Castro','Guzmán','Contreras','Muñoz','Salazar','Luna',
    'Núñez','Peña','Zúñiga','Ibarra','Xicoténcatl','Yáñez','Cervantes','Ochoa'] AS a, ARRAY['Comercializadora',
    'Constructora','Servicios Integrales','Transportes','Ferretería','Papelería','Grupo','Distribuidora'] AS g;
INSERT INTO clientes (cliente_id, cuenta_id, nic, cti, nombre, rfc, telefono, correo, representante, creado_en,
    ultima_emision, favorito, baja)
SELECT md5('b' || i)::uuid,
    ('00000000-0000-0000-0000-' || lpad((CASE WHEN i <= :grande THEN 1 WHEN i <= :grande + 10000 THEN 2
        ELSE 3 + pg_temp.az(i, 400) END)::text, 12, '0'))::uuid,
    1000 + i, 'CTI' || lpad((1000 + i)::text, 7, '0'),
    -- Four of ten companies, five persons, one with a name of its own.
    CASE WHEN pg_temp.az(i * 79, 10) < 4 THEN g[1 + pg_temp.az(i * 3, 8)] || ' ' || a1 || ' ' || a2 || ' SA de CV'
        WHEN pg_temp.az(i * 79, 10) < 9 THEN n1 || ' ' || a1 || ' ' || a2
        ELSE initcap(translate(left(md5((i % 30000)::text), 4 + (i % 6)::int), '0123456789', 'aeiouaeilr')) || ' de México SA de CV' END,
    upper(left(cartera_normal(a1), 3)) || lpad(pg_temp.az(i * 7, 999999)::text, 6, '0') || upper(substr(md5(i || 'r'), 1, 3)),
    '55' || lpad(pg_temp.az(i * 11, 99999999)::text, 8, '0'),
    'contacto@' || cartera_normal(a1) || pg_temp.az(i * 13, 9999) || '.com.mx',
    jsonb_build_object('nombre', n1 || ' ' || a3 || ' ' || a2, 'correo',
        cartera_normal(replace(n1, ' ', '') || '.' || a3) || pg_temp.az(i * 53, 999) || '@gmail.com',
        'telefono', '33' || lpad(pg_temp.az(i * 17, 99999999)::text, 8, '0')),
    timestamptz '2026-11-24' - pg_temp.az(i * 59, 100000000) * interval '1 second',
    CASE WHEN pg_temp.az(i * 61, 10) > 2 THEN timestamptz '2026-11-24' - pg_temp.az(i * 67, 9000000) * interval '1 second' END,
    pg_temp.az(i * 71, 100) = 0, pg_temp.az(i * 73, 20) = 0
FROM (SELECT i, g, n[1 + pg_temp.az(i * 19, 30)] AS n1, a[1 + least(pg_temp.az(i * 23, 50), pg_temp.az(i * 29, 50))] AS a1,
    a[1 + least(pg_temp.az(i * 31, 50), pg_temp.az(i * 37, 50))] AS a2, a[1 + pg_temp.az(i * 41, 50)] AS a3
    FROM nombres, generate_series(1::bigint, :grande + 10000 + :otros) i OFFSET 0) s;
INSERT INTO cartera_texto SELECT c.cuenta_id, c.cliente_id, p.inicio, cartera_normal(concat_ws(' ', '', nic, cti))
    || substr(cartera_normal(' ' || nombre), CASE p.inicio WHEN '' THEN 1 ELSE length(p.inicio) + 2 END) || cartera_normal(concat_ws(' ', '', rfc, correo,
    telefono, representante ->> 'nombre', representante ->> 'correo', representante ->> 'telefono'))
FROM clientes c, LATERAL (SELECT cartera_inicio(cartera_nombre(c.nombre)) AS inicio) p;
INSERT INTO cartera_inicios SELECT DISTINCT cuenta_id, inicio FROM cartera_texto;
INSERT INTO cartera SELECT c.cliente_id, c.cuenta_id, c.nic, cartera_nombre(c.nombre), c.creado_en,
    pg_temp.az(nic * 3, 5000), pg_temp.az(nic * 5, 900000), 0, CASE WHEN pg_temp.az(nic * 7, 10) > 1 THEN
    timestamptz '2026-11-24' - pg_temp.az(nic * 11, 30000000) * interval '1 second' END, c.ultima_emision, c.favorito, c.baja, NULL,
    b.b1, b.b2, b.b3, b.b4
FROM clientes c JOIN cartera_texto t USING (cuenta_id, cliente_id), LATERAL cartera_bits(show_trgm(t.inicio || t.resto)) b;
DO $$ DECLARE i text; BEGIN FOR i IN SELECT indexdef FROM guardados LOOP EXECUTE i; END LOOP; END $$;
SET session_replication_role = origin;
