"""`python -m tests.bench`: our stamping beside its peers, in one run, on servers of its own.

Every cell (callers × spread or hot) runs the systems one after the other, and rounds repeat the whole,
so that what the machine does besides touches all alike. Then ours alone: at half its load, and with one replica
beside two. Results go to docs/bench as Markdown and JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.local import arriba
from deploy.local.instalacion import RAIZ
from tests.bench import documentos
from tests.bench.aparte import Aparte, a_media_carga, criptografia, replicas
from tests.bench.banco import SISTEMAS, Banco, en_marcha
from tests.bench.informe import Celda, markdown

#: Documents made per second of a cell. A system that is faster ends its cell early; its rate is right all the same.
TASA_MAXIMA = 1300


def _notas(opciones: argparse.Namespace, segundos: float) -> list[str]:
    def git(*argumentos: str) -> str:
        return subprocess.run(["git", *argumentos], cwd=RAIZ, capture_output=True, text=True).stdout.strip()

    sucio = " with uncommitted changes" if git("status", "--porcelain", "shared", "services") else ""
    carga = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    return [
        (
            f"{datetime.now().astimezone():%Y-%m-%d %H:%M}, commit {git('rev-parse', '--short', 'HEAD')}{sucio}; "
            f"{os.cpu_count()} cores, Python {platform.python_version()}, load average at the end {carga}; "
            f"the whole run took {segundos:.0f} s."
        ),
        (
            f"{opciones.rondas} rounds of {opciones.segundos:g} s per cell, the systems in turns. PostgreSQL with "
            "fsync on, RabbitMQ, all services and the load generator share the machine."
        ),
        (
            "Ours: 1 gateway, 2 timbrado. Monolith: one uvicorn worker per core, one statement per transaction. "
            "Plain nameko: http, RPC, ORM; 1 HTTP process, 2 service processes. Our pipeline on stock nameko: the "
            "same with our own pipeline, in lots of one. Each has a database of its own on one server."
        ),
        (
            "Documents are sealed CFDI 4.0 of 4–7 KB, each used once per system; only a 200 with a UUID counts. "
            "pgbench makes the three commits of one stamping, without XML, signature or validation."
        ),
    ]


def main() -> None:
    """Read the command line and do it."""
    lector = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    lector.add_argument("--segundos", type=float, default=4.0, help="per system, cell and round")
    lector.add_argument("--rondas", type=int, default=2)
    lector.add_argument("--celdas", default="1,8,32,64", help="concurrent callers")
    lector.add_argument("--casos", default="repartido,caliente")
    lector.add_argument("--sistemas", default=",".join(SISTEMAS))
    lector.add_argument("--sin-aparte", action="store_true", help="only the cells beside the peers")
    lector.add_argument("--salida", type=Path, default=RAIZ / "docs" / "bench")
    lector.add_argument("--conservar-registros", action="store_true", help="copy the logs to /var/tmp")
    lector.add_argument("--detenerse", type=float, default=0, help="wait so long once all is warm (py-spy)")
    opciones = lector.parse_args()
    sistemas = [s for s in SISTEMAS if s in opciones.sistemas.split(",")]
    celdas = [
        Celda(sistema, caso, int(n))
        for caso in opciones.casos.split(",")
        for n in opciones.celdas.split(",")
        for sistema in sistemas
    ]
    inicio = time.monotonic()
    aparte: list[Aparte] = []
    with en_marcha(sistemas, opciones.conservar_registros) as banco:
        desde = _medir_todo(banco, celdas, sistemas, opciones)
        if "nuestro" in sistemas and not opciones.sin_aparte:
            aparte = _medir_aparte(banco, celdas, desde, opciones)
    _escribir(celdas, aparte, opciones, time.monotonic() - inicio)


def _medir_aparte(
    banco: Banco, celdas: list[Celda], desde: int, opciones: argparse.Namespace
) -> list[Aparte]:
    """What needs no peer; the documents from `desde` on are unused."""
    n = _aparte(opciones)
    lleno = max((c.tasa for c in celdas if c.sistema == "nuestro" and c.caso == "repartido"), default=400.0)
    media = a_media_carga(banco, lleno / 2, (desde, desde + n), opciones.segundos)
    print(f"  half load: {media.texto}", flush=True)
    dos = replicas(banco, (desde + n, desde + 3 * n), opciones.segundos)
    print(f"  replicas: {dos.texto}", flush=True)
    return [media, dos, criptografia(banco.inst.dir / "cfdi")]


def _aparte(opciones: argparse.Namespace) -> int:
    return int(opciones.segundos * TASA_MAXIMA)


def _medir_todo(banco: Banco, celdas: list[Celda], sistemas: list[str], opciones: argparse.Namespace) -> int:
    """All cells in all rounds; answers the first document that is still unused."""
    cargas = list(dict.fromkeys((c.caso, c.concurrentes) for c in celdas))
    # One caller cannot make as many as several.
    cuantos = {k: int(opciones.segundos * min(TASA_MAXIMA, 400 * k[1])) for k in cargas}
    total = opciones.rondas * sum(cuantos.values()) + 3 * _aparte(opciones)
    with arriba.paso(f"{total} sealed documents"):
        documentos.crear(
            banco.inst.dir / "cfdi", banco.carpeta / "documentos", banco.carpeta / "indice", total
        )
    for sistema in sistemas:
        with arriba.paso(f"Warming {sistema}"):
            banco.calentar(sistema)
    if opciones.detenerse:
        print({s.nombre: s.raices for s in banco.sistemas.values()}, flush=True)
        time.sleep(opciones.detenerse)
    desde = 0
    for ronda in range(opciones.rondas):
        for carga in cargas:
            rango = (desde, desde + cuantos[carga])
            desde = rango[1]
            turno = [c for c in celdas if (c.caso, c.concurrentes) == carga]
            # Each round in the other direction, so that nobody always follows the same one.
            for celda in turno if ronda % 2 == 0 else reversed(turno):
                banco.medir(celda, rango, opciones.segundos)
                print(
                    f"  {ronda + 1} {celda.caso} {celda.concurrentes:>3} {celda.sistema:<9}"
                    f" {celda.por_ronda[-1]:8.0f}/s  machine {celda.maquina[-1]:.0%}",
                    flush=True,
                )
    return desde


def _escribir(
    celdas: list[Celda], aparte: list[Aparte], opciones: argparse.Namespace, segundos: float
) -> None:
    opciones.salida.mkdir(parents=True, exist_ok=True)
    notas = _notas(opciones, segundos)
    ahora = datetime.now().astimezone()
    texto = markdown(celdas, aparte, f"Stamping bench, {ahora:%Y-%m-%d}", notas, os.cpu_count() or 1)
    base = opciones.salida / f"{ahora:%Y-%m-%d-%H%M}"
    base.with_suffix(".md").write_text(texto)
    datos: dict[str, Any] = {
        "notas": notas,
        "celdas": [c.json() for c in celdas],
        "aparte": [asdict(a) for a in aparte],
    }
    base.with_suffix(".json").write_text(json.dumps(datos, indent=1, ensure_ascii=False) + "\n")
    print(texto)
    print(f"Written: {base.with_suffix('.md')} and .json")


if __name__ == "__main__":
    main()
