"""`python -m tests.bench.masivas`: a bulk transfer of 50,000 rows beside the single statement that does the same.

Three ways on one PostgreSQL, each in a database of its own with 50,000 CTI, in turns and several rounds:
reference   one CTE inserts the movements and updates the balances, from one `unnest`, and commits
direct      our use cases in this process: receive, then apply by portions
system      over HTTP, through the bus, applied by the running service while it seals and tells
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg
from sqlalchemy import Engine

from deploy.local.instalacion import RAIZ
from services.gateway.masivas import leer
from services.timbrado.repository import Repositorio
from services.timbrado.use_cases import masivas
from shared.contracts import timbrado as c
from shared.contracts.base import load, request_hash
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from tests.sistema import Sistema, hasta, sistema_en_marcha

RUTA = "/v1/transferencias-masivas"
CANTIDAD, IMPORTE = 10, "12.50"

#: What the others do besides (locks in order, results per row, ventas, the sealer's queue) is not in it.
REFERENCIA = """
WITH pedidas AS (SELECT * FROM unnest(%(destinos)s::bigint[], %(cantidades)s::bigint[], %(importes)s::numeric[])
 t(destino, cantidad, importe)),
hechos AS (INSERT INTO movimientos (operacion, origen, destino, cantidad, motivo, referencia, importe)
 SELECT gen_random_uuid(), %(origen)s, destino, cantidad, 'referencia', '', importe FROM pedidas),
sumas AS (SELECT destino AS i, sum(cantidad) AS n FROM pedidas GROUP BY destino
 UNION ALL SELECT %(origen)s, -sum(cantidad) FROM pedidas)
UPDATE cuentas SET saldo = saldo + n FROM sumas WHERE id = i
"""


@dataclass
class Medidas:
    """Milliseconds of each part, one per round."""

    partes: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def parte(self, nombre: str) -> Any:
        """Time what is done within."""
        inicio = time.perf_counter()
        yield
        self.anotar(nombre, time.perf_counter() - inicio)

    def anotar(self, nombre: str, segundos: float) -> None:
        """Keep a time measured elsewhere."""
        self.partes.setdefault(nombre, []).append(segundos * 1000)

    def ms(self, nombre: str) -> float:
        """The median of the rounds."""
        return statistics.median(self.partes[nombre])

    def razon(self, nombre: str) -> float:
        """Median over the rounds of its ratio to the reference of the same round."""
        return statistics.median(
            a / b for a, b in zip(self.partes[nombre], self.partes["reference"], strict=True)
        )


def llenar(url: str, cm: UUID, ctis: list[str], existencia: int) -> None:
    """CTI of a CM without balance, and timbres in its stock, minted so that the books balance."""
    with psycopg.connect(url.replace("+psycopg", "")) as db:
        db.execute("INSERT INTO cuentas (tipo, titular) SELECT 'cti', t FROM unnest(%s::text[]) t", (ctis,))
        db.execute(
            "INSERT INTO ctis (id, nic, cliente_id, cuenta_id, libro_id) SELECT titular, 1000000 + id,"
            " gen_random_uuid(), %s, id FROM cuentas WHERE tipo = 'cti' AND titular = ANY(%s)",
            (cm, ctis),
        )
        db.execute(
            "INSERT INTO cuentas (tipo, titular) VALUES ('existencia', %s) ON CONFLICT DO NOTHING", (str(cm),)
        )
        db.execute(
            "WITH m AS (INSERT INTO movimientos (operacion, origen, destino, cantidad, motivo)"
            " SELECT gen_random_uuid(), e.id, x.id, %(n)s, 'emision' FROM cuentas e, cuentas x"
            " WHERE e.tipo = 'emision' AND x.tipo = 'existencia' AND x.titular = %(cm)s RETURNING id, destino),"
            " q AS (INSERT INTO por_sellar SELECT id FROM m)"
            " UPDATE cuentas SET saldo = saldo + %(n)s FROM m WHERE cuentas.id = m.destino",
            {"n": existencia, "cm": str(cm)},
        )
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as db:
        db.execute("VACUUM ANALYZE")


def base_aparte(sistema: Sistema, nombre: str) -> str:
    """A migrated database of timbrado on the same server, for nobody else."""
    url = sistema.instalacion.postgres.asegurar_base(nombre, uuid4().hex)
    subprocess.run(
        [sys.executable, "-m", "shared.persistence.migrar", "timbrado"],
        cwd=RAIZ,
        env={**os.environ, "SERVICIO": "timbrado", "DATABASE_URL": url, "PSYCOPG_WAIT_FUNC": "wait_selector"},
        check=True,
        capture_output=True,
    )
    return url


class Banco:
    """The three ways, with the same rows."""

    def __init__(self, sistema: Sistema, filas: int, rondas: int) -> None:
        self.sistema = sistema
        self.medidas = Medidas()
        self.ctis = [f"BENCH{n:07}" for n in range(filas)]
        self.pedidas = random.Random(7).sample(self.ctis, filas)
        self.cm = UUID(sistema.demo["distribuidor"]["cuenta"])
        existencia = (rondas + 1) * filas * CANTIDAD
        self._referencia = base_aparte(sistema, "bench_referencia")
        directo = base_aparte(sistema, "bench_directo")
        for url in (self._referencia, directo, sistema.instalacion.base("timbrado")):
            llenar(url, self.cm, self.ctis, existencia)
        self._directo: Engine = new_engine(directo, 2)
        self.sesion = sistema.sesion("distribuidor")
        self.cuerpo = orjson.dumps(
            {
                "filas": [{"cti": cti, "cantidad": CANTIDAD, "importe": IMPORTE} for cti in self.pedidas],
                "confirmar": True,
            }
        )
        self.csv = "".join(
            ["cti,cantidad,importe\n", *(f"{cti},{CANTIDAD},{IMPORTE}\n" for cti in self.pedidas)]
        ).encode()

    def referencia(self) -> None:
        """The single statement, with its commit."""
        with psycopg.connect(self._referencia.replace("+psycopg", "")) as db:
            libros: dict[str, int] = dict(
                db.execute("SELECT titular, id FROM cuentas WHERE tipo IN ('cti', 'existencia')").fetchall()
            )
            db.commit()
            destinos = [libros[cti] for cti in self.pedidas]
            with self.medidas.parte("reference"):
                db.execute(
                    REFERENCIA,
                    {
                        "origen": libros[str(self.cm)],
                        "destinos": destinos,
                        "cantidades": [CANTIDAD] * len(destinos),
                        "importes": [IMPORTE] * len(destinos),
                    },
                )
                db.commit()

    def directo(self) -> None:
        """Parse, receive and apply in this process: what the parts cost without the bus and the others."""

        def abrir() -> UnitOfWork[Repositorio]:
            return UnitOfWork(self._directo, Repositorio)

        with self.medidas.parte("direct total"):
            with self.medidas.parte("parse JSON"):
                filas = leer(self.cuerpo, es_csv=False)
            with self.medidas.parte("check and hash"):
                datos = {"cuenta_id": str(self.cm), "clave": uuid4().hex, **filas.columnas}
                peticion = load(c.TransferirMasivamente, datos)
                request_hash(peticion)
            with self.medidas.parte("receive"), abrir() as uow:
                masivas.transferir_masivamente(uow, peticion)
                uow.commit()
            with self.medidas.parte("apply"):
                while masivas.aplicar_una(abrir):
                    pass
        with self.medidas.parte("parse CSV"):
            leer(self.csv, es_csv=True)

    def por_http(self) -> None:
        """The whole way, from the request's first byte to the operation's end."""
        inicio = time.time()
        r = self.sesion.post(RUTA, data=self.cuerpo, headers={"Content-Type": "application/json"})
        assert r.status_code == 202, r.text
        self.medidas.anotar("system until 202", time.time() - inicio)
        ruta = f"{RUTA}/{r.json()['id']}"
        m = hasta(lambda: (v := self.sesion.get(ruta).json())["terminada_en"] and v, 120, 0.1)
        assert m["estado"] == "aplicada", m
        en = {k: datetime.fromisoformat(m[k]) for k in ("creada_en", "iniciada_en", "terminada_en")}
        self.medidas.anotar("system wait", (en["iniciada_en"] - en["creada_en"]).total_seconds())
        self.medidas.anotar("system apply", (en["terminada_en"] - en["iniciada_en"]).total_seconds())
        self.medidas.anotar("system total", en["terminada_en"].timestamp() - inicio)
        self._asentar()
        self.medidas.anotar("system settled", time.time() - inicio)

    def _asentar(self) -> None:
        """Until everything is sealed and told, so that the next turn has the machine to itself."""
        with psycopg.connect(
            self.sistema.instalacion.base("timbrado").replace("+psycopg", ""), autocommit=True
        ) as db:

            def quieto() -> bool:
                fila = db.execute(
                    "SELECT (SELECT count(*) FROM por_sellar) + (SELECT count(*) FROM outbox)"
                ).fetchone()
                return fila is not None and not fila[0]

            hasta(quieto, 180, 0.25)


def correr(banco: Banco, rondas: int) -> None:
    """One round to warm up, which is not counted; then each round in the other direction."""
    turnos: list[Callable[[], None]] = [banco.referencia, banco.directo, banco.por_http]
    for ronda in range(rondas + 1):
        for turno in turnos if ronda % 2 == 0 else reversed(turnos):
            turno()
        if ronda == 0:
            banco.medidas = Medidas()
            continue
        ultimas = {n: round(v[-1]) for n, v in banco.medidas.partes.items()}
        print(f"  {ronda} {ultimas}", flush=True)


def informe(m: Medidas, filas: int, notas: list[str]) -> str:
    """The figures as Markdown: medians, and the ratios that the target is about."""
    lineas = [
        f"# Bulk transfer of {filas:,} rows, {datetime.now().astimezone():%Y-%m-%d}",
        "",
        *(f"- {nota}" for nota in notas),
        "",
        "| what | median ms | of the reference |",
        "| --- | ---: | ---: |",
        *(f"| {nombre} | {m.ms(nombre):,.0f} | {m.razon(nombre):.2f} |" for nombre in m.partes),
        "",
        (
            f"**system total / reference = {m.razon('system total'):.2f}** (target ≤ 3);"
            f" direct total / reference = {m.razon('direct total'):.2f}."
        ),
    ]
    return "\n".join(lineas) + "\n"


def main() -> None:
    """Read the command line and do it."""
    lector = argparse.ArgumentParser(prog="python -m tests.bench.masivas", description=__doc__)
    lector.add_argument("--filas", type=int, default=c.FILAS_MAXIMAS)
    lector.add_argument("--rondas", type=int, default=5)
    lector.add_argument("--salida", type=Path, default=RAIZ / "docs" / "bench")
    opciones = lector.parse_args()
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    with sistema_en_marcha() as sistema:
        banco = Banco(sistema, opciones.filas, opciones.rondas)
        correr(banco, opciones.rondas)
        sistema.cuadrar()
        version = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=RAIZ, capture_output=True, text=True
        ).stdout.strip()
        carga = ", ".join(f"{x:.1f}" for x in os.getloadavg())
        texto = informe(
            banco.medidas,
            opciones.filas,
            [
                (
                    f"commit {version}, {os.cpu_count()} cores, load average at the end {carga}; {opciones.rondas} rounds,"
                    " the three ways in turns on one PostgreSQL with fsync on; `make verify` clean afterwards."
                ),
                f"body {len(banco.cuerpo) / 1e6:.1f} MB of JSON; each row another CTI, in random order.",
                (
                    "`system total`: from the request's first byte to the commit of the last portion; `system settled`:"
                    " until every movement is sealed and every event published."
                ),
            ],
        )
    base = opciones.salida / f"masivas-{datetime.now().astimezone():%Y-%m-%d-%H%M}"
    opciones.salida.mkdir(parents=True, exist_ok=True)
    base.with_suffix(".md").write_text(texto)
    base.with_suffix(".json").write_bytes(orjson.dumps(banco.medidas.partes, option=orjson.OPT_INDENT_2))
    print(texto)
    print(f"Written: {base.with_suffix('.md')} and .json")


if __name__ == "__main__":
    main()
