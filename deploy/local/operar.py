"""What one does to a running installation: `make ps`, `logs`, `scale`, `restart`, `down`, `clean`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from deploy.local.arriba import esperar_lista
from deploy.local.instalacion import Instalacion
from deploy.local.procesos import ArranqueFallido, descendientes
from deploy.local.supervision import SERVIDORES, Supervisor


def ps(instalacion: Instalacion) -> None:
    """Print every process with its state, memory and metrics address."""
    supervisor = _vivo(instalacion)
    metricas = {nombre: f":{puerto}" for nombre, (_, puerto) in instalacion.programas().items()}
    print(f"{'process':<16}{'state':<10}{'pid':>8}{'up':>10}{'MiB':>7}  metrics")
    for e in sorted(supervisor.estados(), key=lambda e: (e.nombre not in SERVIDORES, e.nombre)):
        memoria = f"{_memoria(e.pid) / 2**20:.0f}" if e.pid else ""
        horas, resto = divmod(e.desde, 3600)
        tiempo = f"{horas}:{resto // 60:02}:{resto % 60:02}" if e.pid else ""
        renglon = f"{e.nombre:<16}{e.estado:<10}{e.pid or '':>8}{tiempo:>10}{memoria:>7}"
        print(f"{renglon}  {metricas.get(e.nombre, '')}")
    print(f"\n{instalacion.url}   logs: {instalacion.dir / 'registros'}")


def _memoria(pid: int) -> int:
    """Return the proportional memory of a process and its children, in bytes."""
    total = 0
    for uno in (pid, *descendientes(pid)):
        try:
            lineas = Path(f"/proc/{uno}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(linea.split()[1]) for linea in lineas if linea.startswith("Pss:"))
    return total * 1024


def logs(instalacion: Instalacion, servicio: str) -> None:
    """Follow the logs of one service, or of all."""
    carpeta = instalacion.dir / "registros"
    archivos = sorted(str(a) for a in carpeta.glob(f"{servicio}*.log" if servicio else "*.log"))
    if not archivos:
        sys.exit(f"No log of {servicio or 'anything'} in {carpeta}.")
    os.execvp("tail", ["tail", "-n", "50", "-F", *archivos])


def scale(instalacion: Instalacion, cambios: list[str]) -> None:
    """Change how many processes services have: `timbrado=3 gateway=2`."""
    supervisor = _vivo(instalacion)
    nombres = {servicio.nombre for servicio in instalacion.servicios}
    cantidades = {}
    for cambio in cambios:
        nombre, _, cantidad = cambio.partition("=")
        if nombre not in nombres or not cantidad.isdigit() or not 1 <= int(cantidad) <= 64:
            todos = ", ".join(sorted(nombres))
            sys.exit(f"Not understood: {cambio}. Say for example timbrado=3; services: {todos}.")
        cantidades[nombre] = int(cantidad)
    if not cantidades:
        sys.exit("Say which: make scale timbrado=3")
    instalacion.escalar(cantidades)
    supervisor.escribir(servicios=True)
    supervisor.aplicar()
    supervisor.esperar_corriendo()
    esperar_lista(instalacion, supervisor)
    ps(instalacion)


def restart(instalacion: Instalacion, servicio: str) -> None:
    """Restart the processes of one service, or of all; replicas take turns."""
    supervisor = _vivo(instalacion)
    nombres = [e.nombre for e in supervisor.estados()]
    elegidos = (
        [n for n in nombres if n == servicio or n.rpartition("-")[0] == servicio] if servicio else nombres
    )
    if not elegidos:
        sys.exit(f"Nothing is called {servicio}: {', '.join(nombres)}.")
    if not servicio:
        elegidos = [nombre for nombre in elegidos if nombre not in SERVIDORES]
    supervisor.reiniciar(elegidos)
    esperar_lista(instalacion, supervisor)
    ps(instalacion)


def down(instalacion: Instalacion) -> None:
    """Stop everything; the data stays."""
    if not instalacion.dir.exists():
        return
    supervisor = Supervisor(instalacion)
    supervisor.apagar()
    supervisor.terminar_huerfanos()


def clean(instalacion: Instalacion) -> None:
    """Stop everything and delete data, logs, secrets and ports."""
    if not instalacion.dir.exists():
        return
    down(instalacion)
    # The data may live outside, where PostgreSQL's account can reach it.
    instalacion.postgres.borrar()
    shutil.rmtree(instalacion.dir)


def _vivo(instalacion: Instalacion) -> Supervisor:
    if not (instalacion.dir / "supervisord.conf").exists() or not Supervisor(instalacion).vivo():
        sys.exit("Nothing runs here. Start it with: make up")
    return Supervisor(instalacion)


def main() -> None:
    """Read the command line."""
    lector = argparse.ArgumentParser(prog="python -m deploy.local.operar", description=__doc__)
    lector.add_argument("accion", choices=["ps", "logs", "scale", "restart", "down", "clean"])
    lector.add_argument("argumentos", nargs="*")
    opciones = lector.parse_args()
    instalacion = Instalacion.actual()
    servicio = opciones.argumentos[0] if opciones.argumentos else ""
    try:
        match opciones.accion:
            case "ps":
                ps(instalacion)
            case "logs":
                logs(instalacion, servicio)
            case "scale":
                scale(instalacion, opciones.argumentos)
            case "restart":
                restart(instalacion, servicio)
            case "down":
                down(instalacion)
            case "clean":
                clean(instalacion)
    except ArranqueFallido as fallo:
        sys.exit(str(fallo))


if __name__ == "__main__":
    main()
