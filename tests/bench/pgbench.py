"""pgbench of the same debit: the three committed steps of one stamping without its XML."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.local.servidores import PostgresPrivado
from deploy.local.servidores.postgres import binarios_postgres

# Ids are derived from one random number, so that nothing has to be read back.
GUION = r"""
\set n random(1, 9000000000000000000)
\set libro random({primero}, {ultimo})
WITH nuevo AS (INSERT INTO timbrados (id, huella, cti, cuenta_id, cliente_id, emisor, receptor, tipo, total, sello,
 no_certificado, pac, xml, tomado_hasta) VALUES (md5(:n::text)::uuid, decode(md5(:n::text) || md5(:n::text), 'hex'),
 'bench', md5('c')::uuid, md5('d')::uuid, 'EMP010101AA1', 'XAXX010101000', 'I', 116.00, 'sello', '30001', 'sandbox',
 '', now() + interval '10 s') ON CONFLICT DO NOTHING RETURNING id),
 tomada AS (UPDATE cuentas SET retenido = retenido + 1 WHERE id = :libro AND version = 1 AND NOT bloqueada
 AND saldo - retenido >= 1 AND EXISTS (SELECT 1 FROM nuevo) RETURNING id)
 INSERT INTO retenciones (id, cuenta_id, cantidad) SELECT nuevo.id, tomada.id, 1 FROM nuevo, tomada;
INSERT INTO pac_sandbox.timbres (huella, tfd) VALUES (decode(md5(:n::text) || md5(:n::text), 'hex'), '')
 ON CONFLICT DO NOTHING;
WITH tomada AS (DELETE FROM retenciones WHERE id = md5(:n::text)::uuid RETURNING cuenta_id),
 puesta AS (UPDATE cuentas SET saldo = saldo - 1, retenido = retenido - 1 FROM tomada
 WHERE cuentas.id = tomada.cuenta_id),
 hecho AS (INSERT INTO movimientos (operacion, origen, destino, cantidad, motivo, referencia)
 SELECT md5(:n::text)::uuid, cuenta_id, {consumo}, 1, 'timbrado', md5(:n::text) FROM tomada RETURNING id),
 cola AS (INSERT INTO por_sellar SELECT id FROM hecho),
 marcado AS (UPDATE timbrados SET estado = 'timbrado', uuid = id, tfd = '', terminado_en = now()
 WHERE id = md5(:n::text)::uuid AND estado = 'pendiente')
 INSERT INTO outbox (evento_id, evento, carga) SELECT md5(:n::text)::uuid, 'timbrado.timbres_consumidos_v1',
 '{{"consumos": []}}'::jsonb FROM tomada;
"""


def correr(
    postgres: PostgresPrivado,
    base: str,
    libros: tuple[int, int],
    consumo: int,
    clientes: int,
    segundos: float,
) -> tuple[int, float, list[float]]:
    """Run it; answers debits made, seconds and latencies. Raises RuntimeError with pgbench's words."""
    binarios = binarios_postgres()
    assert binarios is not None
    with TemporaryDirectory(prefix="pgbench-", dir="/var/tmp") as carpeta:
        guion = Path(carpeta) / "debito.sql"
        guion.write_text(
            GUION.format(primero=libros[0], ultimo=libros[1], consumo=consumo).replace("\n ", " ")
        )
        hecho = subprocess.run(
            [
                str(binarios / "pgbench"), "-n", "-M", "prepared", "-c", str(clientes), "-j", "1",
                "-T", str(max(1, round(segundos))), "-f", str(guion), "-l", "--log-prefix=latencias",
                "-h", "127.0.0.1", "-p", str(postgres.puerto), "-U", "postgres", base,
            ],
            cwd=carpeta, capture_output=True, text=True, env={**os.environ, "PGPASSWORD": postgres.clave},
        )  # fmt: skip
        if hecho.returncode:
            raise RuntimeError(f"pgbench: {hecho.stderr[-2000:]}")
        latencias = [
            int(linea.split(" ", 3)[2]) / 1e6
            for archivo in Path(carpeta).glob("latencias*")
            for linea in archivo.read_text().splitlines()
        ]
    hallado = re.search(r"tps = ([\d.]+)", hecho.stdout)
    assert hallado is not None, hecho.stdout
    return len(latencias), len(latencias) / max(float(hallado[1]), 0.001), latencias
