"""`make up`: from a clone with its virtual environment to a running system with a demonstration in it.

Safe to repeat: what runs goes on running, what is missing is made, changed code is migrated and restarted.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from deploy.local.instalacion import RAIZ, Instalacion
from deploy.local.procesos import ArranqueFallido, cola, esperar
from deploy.local.supervision import SERVIDORES, Supervisor
from deploy.secretos import escribir

PLAZO_LISTA = 90


@contextmanager
def paso(texto: str) -> Iterator[None]:
    """Print what is being done and how long it took."""
    print(f"· {texto} … ", end="", flush=True)
    inicio = time.monotonic()
    yield
    print(f"{time.monotonic() - inicio:.1f} s", flush=True)


def levantar(instalacion: Instalacion) -> None:
    """Bring the system up to the point where the gateway says that it is ready."""
    instalacion.dir.mkdir(parents=True, exist_ok=True)
    with (instalacion.dir / "arriba.lock").open("w") as candado:
        # Two `make up` at once: the second one finds everything done.
        fcntl.flock(candado, fcntl.LOCK_EX)
        supervisor = Supervisor(instalacion)
        huella = _huella()
        archivo_huella = instalacion.dir / "huella"
        vivo = supervisor.vivo()
        igual = vivo and archivo_huella.exists() and archivo_huella.read_text() == huella
        if not igual:
            if not vivo:
                supervisor = _arrancar_servidores(instalacion, supervisor)
            _preparar_datos(instalacion)
            _arrancar_servicios(supervisor, reiniciar=vivo)
        with paso(f"Waiting for {instalacion.url}/salud/lista"):
            esperar_lista(instalacion, supervisor)
        escribir(archivo_huella, huella.encode())


def _arrancar_servidores(instalacion: Instalacion, supervisor: Supervisor) -> Supervisor:
    with paso("Secrets, keys and ports"):
        supervisor.terminar_huerfanos()
        ocupados = instalacion.puertos_ocupados()
        if ocupados:
            instalacion.cambiar_puertos(ocupados)
            supervisor = Supervisor(instalacion)
        instalacion.preparar()
    with paso("Private PostgreSQL and RabbitMQ"):
        supervisor.arrancar()
        for nombre, servidor in (("postgres", instalacion.postgres), ("rabbitmq", instalacion.rabbit)):
            if not esperar(servidor.listo, 60):
                raise ArranqueFallido(f"{nombre} does not answer:\n{cola(supervisor.registro(nombre))}")
    return supervisor


def _preparar_datos(instalacion: Instalacion) -> None:
    instalacion.preparar()
    with paso("Databases, migrations and queues"):
        instalacion.asegurar_bases()
        trabajos = [
            (f"migrar-{servicio.nombre}", servicio.nombre, "shared.persistence.migrar", servicio.nombre)
            for servicio in instalacion.servicios
            if servicio.base
        ]
        trabajos.append(("topologia", "herramientas", "shared.messaging.topologia", ""))
        with ThreadPoolExecutor(3) as grupo:
            list(grupo.map(lambda trabajo: _trabajo(instalacion, *trabajo), trabajos))


def _trabajo(instalacion: Instalacion, nombre: str, entorno: str, modulo: str, argumento: str) -> None:
    """Run a job to its end; its output is kept and becomes the message when it fails."""
    registro = instalacion.dir / "registros" / f"{nombre}.log"
    orden = [*_con_entorno(instalacion, entorno), modulo, *([argumento] if argumento else [])]
    with registro.open("wb") as salida:
        hecho = subprocess.run(orden, cwd=RAIZ, stdout=salida, stderr=subprocess.STDOUT)
    if hecho.returncode:
        raise ArranqueFallido(f"The job {nombre} failed ({registro}):\n{cola(registro)}")


def _con_entorno(instalacion: Instalacion, nombre: str) -> list[str]:
    return [sys.executable, "-m", "deploy.lanzar", str(instalacion.archivo_entorno(nombre))]


def _arrancar_servicios(supervisor: Supervisor, *, reiniciar: bool) -> None:
    antes = [e.nombre for e in supervisor.estados() if e.nombre not in SERVIDORES] if reiniciar else []
    with paso("Restarting the services with the changed code" if reiniciar else "Starting the services"):
        supervisor.escribir(servicios=True)
        supervisor.aplicar()
        vigentes = {e.nombre for e in supervisor.estados()}
        supervisor.reiniciar([nombre for nombre in antes if nombre in vigentes])


def esperar_lista(instalacion: Instalacion, supervisor: Supervisor, segundos: float = PLAZO_LISTA) -> None:
    """Wait until the gateway says that the system is ready; otherwise say which process failed and why."""
    ultima = ""

    def lista() -> bool:
        nonlocal ultima
        try:
            with urllib.request.urlopen(f"{instalacion.url}/salud/lista", timeout=5) as respuesta:
                return bool(respuesta.status == 200)
        except urllib.error.HTTPError as fallo:
            ultima = f"{fallo.code} {fallo.read(2000).decode(errors='replace')}"
        except OSError as fallo:
            ultima = str(fallo)
        return False

    if esperar(lista, segundos, pausa=0.2):
        return
    partes = [f"Not ready after {segundos:.0f} s: {ultima}"]
    for estado in supervisor.estados():
        if estado.estado != "RUNNING":
            registro = cola(supervisor.registro(estado.nombre))
            partes.append(f"{estado.nombre} is {estado.estado}; the end of its log:\n{registro}")
    raise ArranqueFallido("\n\n".join(partes))


def _huella() -> str:
    """Return a hash of the code that runs."""
    suma = hashlib.sha256()
    for carpeta in ("shared", "services", "deploy"):
        for archivo in sorted((RAIZ / carpeta).rglob("*.py")):
            suma.update(str(archivo).encode() + archivo.read_bytes())
    return suma.hexdigest()


def herramienta(instalacion: Instalacion, modulo: str) -> None:
    """Run a tool with the environment that sees everything, its output before the operator's eyes."""
    orden = [*_con_entorno(instalacion, "herramientas"), modulo]
    if codigo := subprocess.run(orden, cwd=RAIZ).returncode:
        raise ArranqueFallido(f"python -m {modulo} ended with {codigo}")


def presentar(instalacion: Instalacion) -> None:
    """Print where the system is and the demonstration's sign-ins."""
    archivo = instalacion.dir / "demo.json"
    print(f"\nCuenta Maestra runs at {instalacion.url}   (API: {instalacion.url}/docs)")
    demo = json.loads(archivo.read_text())
    for papel in ("raiz", "distribuidor", "cliente"):
        print(f"  {papel:<13} {demo[papel]['usuario']}  {demo[papel]['contrasena']}")
    print(f"  {'cti':<13} {demo['cti']['id']}  {demo['cti']['contrasena']}")
    print(f"{_relativa(archivo)} has these for programs. Then: make ps, make logs, make down, make help.")


def _relativa(archivo: Path) -> Path:
    return archivo.relative_to(RAIZ) if archivo.is_relative_to(RAIZ) else archivo


def main() -> None:
    """Do it all, and end with one clear message when something fails."""
    instalacion = Instalacion.actual()
    inicio = time.monotonic()
    try:
        levantar(instalacion)
        herramienta(instalacion, "deploy.local.sembrar")
        herramienta(instalacion, "deploy.local.demostracion")
        presentar(instalacion)
    except ArranqueFallido as fallo:
        sys.exit(f"\n{fallo}\n\nmake logs shows everything; make down stops what did start.")
    print(f"({time.monotonic() - inicio:.0f} s)")


if __name__ == "__main__":
    main()
