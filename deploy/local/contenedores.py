"""The same two servers in Docker containers, for tests on machines where an engine answers.

They offer what `deploy.local.servidores` offers, so that a test does not know which ones it has.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from testcontainers.core.container import DockerContainer

from deploy.local.procesos import ArranqueFallido, esperar
from deploy.local.servidores import Postgres, PuertosRabbit, Rabbit

PLANTILLAS = Path(__file__).resolve().parents[1]

IMAGEN_POSTGRES = "postgres:15-bookworm"
IMAGEN_RABBIT = "rabbitmq:4.1-management"


class _Contenedor:
    """What a chaos test does to a container."""

    _contenedor: DockerContainer

    def lanzar(self) -> None:
        """Start the container without waiting for the server inside."""
        if self._contenedor.get_wrapped_container() is None:
            self._contenedor.start()
        else:
            self._contenedor.get_wrapped_container().start()

    def listo(self) -> bool:
        """Say whether the server inside answers."""
        raise NotImplementedError

    def esperar(self, segundos: float = 90) -> None:
        """Wait until the server inside answers."""
        if not esperar(self.listo, segundos, pausa=0.2):
            raise ArranqueFallido(str(self._contenedor.get_logs()))

    def arrancar(self, segundos: float = 90) -> None:
        """Start the container and wait until the server inside answers."""
        self.lanzar()
        self.esperar(segundos)

    def detener(self) -> None:
        """Stop in good order."""
        self._contenedor.get_wrapped_container().stop(timeout=20)

    def matar(self) -> None:
        """kill -9."""
        self._contenedor.get_wrapped_container().kill()

    def congelar(self) -> None:
        """Freeze every process of the container."""
        self._contenedor.get_wrapped_container().pause()

    def descongelar(self) -> None:
        """Let a frozen container go on."""
        self._contenedor.get_wrapped_container().unpause()

    def borrar(self) -> None:
        """Stop and delete the container with its data."""
        self._contenedor.stop()


class PostgresContenedor(_Contenedor, Postgres):
    """PostgreSQL in a container, on a fixed port because a restart would change a free one."""

    def __init__(self, puerto: int, clave: str, *, fsync: bool = True) -> None:
        Postgres.__init__(self, puerto, clave)
        ajustes = "" if fsync else " -c fsync=off -c full_page_writes=off"
        self._contenedor = (
            DockerContainer(IMAGEN_POSTGRES)
            .with_env("POSTGRES_PASSWORD", clave)
            .with_bind_ports(5432, puerto)
            .with_volume_mapping(str(PLANTILLAS / "postgres"), "/etc/cuenta-maestra", "ro")
            .with_command(
                "postgres -c config_file=/etc/cuenta-maestra/postgresql.conf -c listen_addresses=*" + ajustes
            )
        )

    def listo(self) -> bool:
        """Say whether the server answers a query."""
        return Postgres.listo(self)


class RabbitContenedor(_Contenedor, Rabbit):
    """RabbitMQ in a container, on fixed ports because a restart would change free ones."""

    def __init__(self, puertos: PuertosRabbit, usuario: str, clave: str) -> None:
        Rabbit.__init__(self, puertos.amqp, puertos.gestion, usuario, clave)
        self._conf = tempfile.TemporaryDirectory(prefix="cuenta-maestra-")
        conf = Path(self._conf.name) / "10-cuenta-maestra.conf"
        conf.write_text(
            (PLANTILLAS / "rabbitmq" / "rabbitmq.conf").read_text()
            + f"default_user = {usuario}\ndefault_pass = {clave}\n"
        )
        Path(self._conf.name).chmod(0o755)
        self._contenedor = (
            DockerContainer(IMAGEN_RABBIT)
            .with_bind_ports(5672, puertos.amqp)
            .with_bind_ports(15672, puertos.gestion)
            .with_volume_mapping(str(conf), "/etc/rabbitmq/conf.d/90-cuenta-maestra.conf", "ro")
        )

    def listo(self) -> bool:
        """Say whether the node answers the first frame of AMQP."""
        return Rabbit.listo(self)
