"""The servers that tests use: one fixture, containers where a Docker engine answers, else the machine's own.

- `servidores`: session; PostgreSQL without fsync and RabbitMQ, for everything that does not kill them.
- `servidores_caos`: session; a second pair with fsync on, that chaos tests kill, restart and freeze.
- `base_de_datos(servicio)` → URL of a fresh database; `vhost()` → AMQP URL of a fresh vhost. Both are
  cleaned after the test; `base_de_datos_modulo` and `vhost_modulo` live as long as the module.

`PRUEBAS_SERVIDORES=local|docker` forces the kind of servers.
"""

from __future__ import annotations

import itertools
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.local.guardian import limpiar, vigilar
from deploy.local.procesos import nacimiento
from deploy.local.puertos import libres
from deploy.local.servidores import PostgresPrivado, PuertosRabbit, RabbitPrivado

if TYPE_CHECKING:
    from deploy.local.contenedores import PostgresContenedor, RabbitContenedor

RAIZ = Path(__file__).resolve().parents[1]

BaseDeDatos = Callable[..., str]
Vhost = Callable[..., str]


class Servidores:
    """A PostgreSQL and a RabbitMQ that nobody else uses, started when first asked for."""

    def __init__(self, dir: Path, *, fsync: bool, docker: bool) -> None:
        self.dir = dir
        self._numeros = itertools.count(1)
        self._plantillas: dict[str, str] = {}
        self._esperados: set[str] = set()
        pg, *otros = libres(5)
        clave, puertos = secrets.token_urlsafe(18), PuertosRabbit(*otros)
        self._postgres: PostgresPrivado | PostgresContenedor
        self._rabbit: RabbitPrivado | RabbitContenedor
        if docker:
            # testcontainers takes half a second to import, and most runs have no engine.
            from deploy.local.contenedores import PostgresContenedor, RabbitContenedor

            self._postgres = PostgresContenedor(pg, clave, fsync=fsync)
            self._rabbit = RabbitContenedor(puertos, "pruebas", clave)
        else:
            self._postgres = PostgresPrivado(dir / "postgres", pg, clave, fsync=fsync)
            self._rabbit = RabbitPrivado(dir / "rabbitmq", puertos, "pruebas", clave)

    @property
    def postgres(self) -> PostgresPrivado | PostgresContenedor:
        """The database server, running at first use."""
        if "postgres" not in self._esperados:
            self._postgres.arrancar()
            self._esperados.add("postgres")
        return self._postgres

    @property
    def rabbit(self) -> RabbitPrivado | RabbitContenedor:
        """The broker, running at first use (4 s)."""
        if "rabbit" not in self._esperados:
            self._rabbit.arrancar()
            self._esperados.add("rabbit")
        return self._rabbit

    def base_de_datos(self, servicio: str, *, migrada: bool = True) -> str:
        """Return the URL of a fresh database of a service: migrated, or empty."""
        nombre = f"{servicio}_{next(self._numeros)}"
        if not migrada:
            return self.postgres.asegurar_base(nombre, self._postgres.clave)
        if servicio not in self._plantillas:
            self._plantillas[servicio] = self._migrar(servicio)
        self.postgres.copiar_base(self._plantillas[servicio], nombre, servicio)
        return self.postgres.url(nombre, servicio, self._postgres.clave)

    def _migrar(self, servicio: str) -> str:
        url = self.postgres.asegurar_base(servicio, self._postgres.clave)
        correr_modulo("shared.persistence.migrar", servicio, SERVICIO=servicio, DATABASE_URL=url)
        return servicio

    def vhost(self, *, topologia: bool = False) -> str:
        """Return the AMQP URL of a fresh vhost, with every exchange and queue declared if asked."""
        url = self.rabbit.crear_vhost(f"v{next(self._numeros)}")
        if topologia:
            correr_modulo("shared.messaging.topologia", SERVICIO="topologia", AMQP_URL=url)
        return url

    def borrar_base(self, url: str) -> None:
        """Drop a database given by its URL."""
        self.postgres.borrar_base(url.rpartition("/")[2])

    def borrar_vhost(self, url: str) -> None:
        """Delete a vhost given by its URL."""
        self.rabbit.borrar_vhost(url.rpartition("/")[2])

    def registrar(self, pid: int) -> None:
        """Have a process that a test started killed with the servers, even if this run is killed."""
        (self.dir / f"registrado-{pid}.pid").write_text(f"{pid} {nacimiento(pid)}")

    def borrar(self) -> None:
        """Kill both servers and delete their data."""
        self._postgres.borrar()
        self._rabbit.borrar()


def correr_modulo(modulo: str, *argumentos: str, **variables: str) -> None:
    """Run `python -m modulo` as the deployment's jobs do; its output is the failure message."""
    entorno = {**os.environ, "PSYCOPG_WAIT_FUNC": "wait_selector", **variables}
    hecho = subprocess.run(
        [sys.executable, "-m", modulo, *argumentos], cwd=RAIZ, env=entorno, capture_output=True, text=True
    )
    if hecho.returncode:
        pytest.fail(f"python -m {modulo} {' '.join(argumentos)} failed:\n{hecho.stdout}{hecho.stderr}")


def _hay_docker() -> bool:
    """Say whether a Docker engine answers."""
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=5).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _sesion(*, fsync: bool) -> Iterator[Servidores]:
    clase = os.environ.get("PRUEBAS_SERVIDORES") or ("docker" if _hay_docker() else "local")
    carpeta = Path(tempfile.mkdtemp(prefix="cuenta-maestra-pruebas-", dir="/var/tmp"))
    # PostgreSQL runs as another account when we are root, and has to get through this folder.
    carpeta.chmod(0o711)
    guardian = vigilar(carpeta)
    servidores = Servidores(carpeta, fsync=fsync, docker=clase == "docker")
    try:
        yield servidores
    finally:
        servidores.borrar()
        limpiar(carpeta)
        guardian.communicate()


@pytest.fixture(scope="session")
def servidores() -> Iterator[Servidores]:
    """One PostgreSQL (fsync off) and one RabbitMQ for the whole session. Do not kill these."""
    yield from _sesion(fsync=False)


@pytest.fixture(scope="session")
def servidores_caos() -> Iterator[Servidores]:
    """A second pair with fsync on, to be killed, restarted and frozen."""
    yield from _sesion(fsync=True)


def _bases(servidores: Servidores) -> Iterator[BaseDeDatos]:
    urls: list[str] = []

    def crear(servicio: str, *, migrada: bool = True) -> str:
        urls.append(servidores.base_de_datos(servicio, migrada=migrada))
        return urls[-1]

    yield crear
    for url in urls:
        servidores.borrar_base(url)


def _vhosts(servidores: Servidores) -> Iterator[Vhost]:
    urls: list[str] = []

    def crear(*, topologia: bool = False) -> str:
        urls.append(servidores.vhost(topologia=topologia))
        return urls[-1]

    yield crear
    for url in urls:
        servidores.borrar_vhost(url)


@pytest.fixture
def base_de_datos(servidores: Servidores) -> Iterator[BaseDeDatos]:
    """`base_de_datos("timbrado")` → URL of a fresh migrated database (75 ms); `migrada=False`: empty."""
    yield from _bases(servidores)


@pytest.fixture(scope="module")
def base_de_datos_modulo(servidores: Servidores) -> Iterator[BaseDeDatos]:
    """The same, kept for the whole module."""
    yield from _bases(servidores)


@pytest.fixture
def vhost(servidores: Servidores) -> Iterator[Vhost]:
    """`vhost()` → AMQP URL of a fresh vhost (11 ms); `topologia=True` declares every exchange and queue."""
    yield from _vhosts(servidores)


@pytest.fixture(scope="module")
def vhost_modulo(servidores: Servidores) -> Iterator[Vhost]:
    """The same, kept for the whole module."""
    yield from _vhosts(servidores)
