"""RabbitMQ: what one does with a server, and a private node."""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from deploy.local.procesos import ArranqueFallido, Proceso, cola, esperar

AJUSTES = Path(__file__).resolve().parents[2] / "rabbitmq"
LINEA_AMQP = b"AMQP\x00\x00\x09\x01"


def binario_rabbit() -> Path | None:
    """Return RabbitMQ's start script: Debian's wrapper in PATH would insist on its own user and folder."""
    debian = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    if debian.exists():
        return debian
    otro = shutil.which("rabbitmq-server")
    return Path(otro) if otro else None


@dataclass(frozen=True, slots=True)
class PuertosRabbit:
    """The four ports of a node: clients, management API, Erlang distribution, Erlang's port mapper."""

    amqp: int
    gestion: int
    dist: int
    epmd: int


class Rabbit:
    """What one does with a RabbitMQ server, wherever it runs."""

    def __init__(self, amqp: int, gestion: int, usuario: str, clave: str) -> None:
        self.puerto = amqp
        self._gestion = gestion
        self.usuario = usuario
        self.clave = clave

    def url(self, vhost: str = "/") -> str:
        """Return the AMQP URL of a vhost."""
        credenciales = f"{quote(self.usuario)}:{quote(self.clave)}"
        # kombu reads everything after the first slash as the name, so "/" stays as it is: `…:5672//`.
        return f"amqp://{credenciales}@127.0.0.1:{self.puerto}/{quote(vhost, safe='/')}"

    def listo(self) -> bool:
        """Say whether the node answers the first frame of AMQP."""
        try:
            with socket.create_connection(("127.0.0.1", self.puerto), timeout=2) as enchufe:
                enchufe.sendall(LINEA_AMQP)
                return enchufe.recv(1) == b"\x01"
        except OSError:
            return False

    def api(self, metodo: str, ruta: str, cuerpo: object = None) -> bytes:
        """Call the management API (11 ms; rabbitmqctl takes two seconds). `ruta` follows `/api/`."""
        conexion = http.client.HTTPConnection("127.0.0.1", self._gestion, timeout=10)
        try:
            firma = base64.b64encode(f"{self.usuario}:{self.clave}".encode()).decode()
            cabeceras = {"Authorization": f"Basic {firma}", "Content-Type": "application/json"}
            conexion.request(metodo, f"/api/{ruta}", json.dumps(cuerpo or {}), cabeceras)
            respuesta = conexion.getresponse()
            contenido = respuesta.read()
        finally:
            conexion.close()
        if respuesta.status >= 400:
            raise RuntimeError(f"RabbitMQ refused {metodo} {ruta}: {respuesta.status} {contenido!r}")
        return contenido

    def crear_vhost(self, nombre: str) -> str:
        """Create a vhost, all rights in it for our user; return its AMQP URL."""
        todo = {"configure": ".*", "write": ".*", "read": ".*"}
        self.api("PUT", f"vhosts/{quote(nombre, safe='')}")
        self.api("PUT", f"permissions/{quote(nombre, safe='')}/{quote(self.usuario, safe='')}", todo)
        return self.url(nombre)

    def borrar_vhost(self, nombre: str) -> None:
        """Delete a vhost with its queues and connections."""
        self.api("DELETE", f"vhosts/{quote(nombre, safe='')}")


class RabbitPrivado(Rabbit):
    """A node of its own in `dir`, with its own port mapper."""

    def __init__(self, dir: Path, puertos: PuertosRabbit, usuario: str, clave: str) -> None:
        super().__init__(puertos.amqp, puertos.gestion, usuario, clave)
        self.dir = dir
        self._puertos = puertos
        self._epmd = Proceso("epmd", dir)
        self._proceso = Proceso("rabbitmq", dir)

    def preparar(self) -> None:
        """Write configuration and cookie; the credentials apply when the node first starts."""
        hogar = self.dir / "hogar"
        hogar.mkdir(parents=True, exist_ok=True, mode=0o700)
        galleta = hogar / ".erlang.cookie"
        if not galleta.exists():
            galleta.write_text(secrets.token_hex(24))
            galleta.chmod(0o400)
        shutil.copyfile(AJUSTES / "enabled_plugins", self.dir / "enabled_plugins")
        conf = self.dir / "rabbitmq.conf"
        conf.touch(mode=0o600)
        conf.write_text(
            (AJUSTES / "rabbitmq.conf").read_text() + f"\nlisteners.tcp.1 = 127.0.0.1:{self._puertos.amqp}\n"
            f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self._puertos.gestion}\n"
            f"default_user = {self.usuario}\ndefault_pass = {self.clave}\n"
            "default_user_tags.administrator = true\n"
        )

    def orden(self) -> list[str]:
        """Return the command that runs the node in the foreground; its pid becomes the node's own."""
        binario = binario_rabbit()
        if binario is None:
            raise ArranqueFallido("RabbitMQ is not installed (Debian: apt-get install rabbitmq-server)")
        return [str(binario)]

    def orden_epmd(self) -> list[str]:
        """Return the command that runs Erlang's port mapper; it must be there before the node.

        The node would start one itself, but as a daemon that outlives it.
        """
        return [shutil.which("epmd") or "epmd", "-address", "127.0.0.1", "-port", str(self._puertos.epmd)]

    def entorno(self) -> dict[str, str]:
        """Return the whole environment of the node, of its port mapper and of rabbitmqctl."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(self.dir / "hogar"),
            "ERL_EPMD_PORT": str(self._puertos.epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "cuenta_maestra@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._puertos.amqp),
            "RABBITMQ_DIST_PORT": str(self._puertos.dist),
            "RABBITMQ_MNESIA_BASE": str(self.dir / "datos"),
            "RABBITMQ_LOG_BASE": str(self.dir / "registros"),
            "RABBITMQ_PID_FILE": str(self.dir / "nodo.pid"),
            "RABBITMQ_CONFIG_FILE": str(self.dir / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.dir / "enabled_plugins"),
            # A file that is not there, so that Debian's /etc/rabbitmq does not apply.
            "RABBITMQ_CONF_ENV_FILE": str(self.dir / "ninguno.conf"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            # Makes the start script `exec` the node, so that signals reach it and not a shell before it.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    @property
    def pid(self) -> int | None:
        """The node's pid when this object, or one before it, started it."""
        return self._proceso.pid

    def lanzar(self) -> None:
        """Start the node without waiting for it."""
        self.preparar()
        self._epmd.arrancar(self.orden_epmd(), self.entorno())
        if not esperar(lambda: _escucha(self._puertos.epmd), 5):
            raise ArranqueFallido(f"epmd does not listen:\n{cola(self._epmd.registro)}")
        self._proceso.arrancar(self.orden(), self.entorno())

    def esperar(self, segundos: float = 60) -> None:
        """Wait until the node answers (4 s on an idle machine)."""

        def responde() -> bool:
            if self.pid is None:
                raise ArranqueFallido(f"RabbitMQ ended:\n{cola(self._proceso.registro)}")
            return self.listo()

        if not esperar(responde, segundos):
            raise ArranqueFallido(f"RabbitMQ does not answer:\n{cola(self._proceso.registro)}")

    def arrancar(self, segundos: float = 60) -> None:
        """Start the node and wait until it answers."""
        self.lanzar()
        self.esperar(segundos)

    def detener(self) -> None:
        """Stop the node in good order (6 s), then its port mapper."""
        self._proceso.terminar(signal.SIGTERM, segundos=30)
        self._epmd.terminar()

    def matar(self) -> None:
        """kill -9 of the node; the port mapper stays, as on a real machine."""
        self._proceso.matar()

    def congelar(self) -> None:
        """Freeze the node: connections stay open and nothing answers."""
        self._proceso.enviar(signal.SIGSTOP, familia=True)

    def descongelar(self) -> None:
        """Let a frozen node go on."""
        self._proceso.enviar(signal.SIGCONT, familia=True)

    def borrar(self) -> None:
        """Kill the node and delete its data."""
        self._proceso.matar()
        self._epmd.terminar()
        shutil.rmtree(self.dir, ignore_errors=True)


def _escucha(puerto: int) -> bool:
    with socket.socket() as enchufe:
        enchufe.settimeout(1)
        return enchufe.connect_ex(("127.0.0.1", puerto)) == 0
