"""supervisord: its configuration, its life, and talking to it."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from deploy.local.instalacion import RAIZ, Instalacion
from deploy.local.procesos import ArranqueFallido, cola, esperar, nacimiento
from deploy.secretos import clave, escribir

SERVIDORES = ("postgres", "epmd", "rabbitmq")
SIN_FIN = 1_000_000
"""startretries: supervisord waits one second longer before each, and gives up never."""

PYTHON = f'"{sys.executable}"'.replace("%", "%%")
"""As supervisord reads a command: quoted because the clone's path may have spaces."""


@dataclass(frozen=True, slots=True)
class Estado:
    """A supervised process as supervisord sees it."""

    nombre: str
    estado: str
    pid: int
    desde: int


class Supervisor:
    """The supervisord of one installation."""

    def __init__(self, instalacion: Instalacion) -> None:
        self.instalacion = instalacion
        self.conf = instalacion.dir / "supervisord.conf"
        self._clave = clave(instalacion.dir / "secretos" / "claves" / "supervisor")
        self._puerto = instalacion.puertos["supervisor"]
        # Its attributes are remote procedures, whose answers have no static type.
        self._proxy: Any = ServerProxy(
            f"http://yo:{self._clave}@127.0.0.1:{self._puerto}/RPC2", allow_none=True
        )

    def registro(self, proceso: str) -> Path:
        """Return the log of a process."""
        return self.instalacion.dir / "registros" / f"{proceso}.log"

    # --- supervisord itself --------------------------------------------------------------------

    def vivo(self) -> bool:
        """Say whether our supervisord answers."""
        try:
            return str(self._proxy.supervisor.getState()["statename"]) == "RUNNING"
        except (OSError, Fault, KeyError):
            return False

    def arrancar(self) -> None:
        """Start supervisord with the servers alone; the services come once the database is ready."""
        self.escribir(servicios=False)
        orden = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.conf)]
        hecho = subprocess.run(orden, cwd=RAIZ, capture_output=True, text=True)
        if hecho.returncode or not esperar(self.vivo, 15):
            raise ArranqueFallido(f"supervisord does not start:\n{hecho.stderr}{cola(self._registro_propio)}")

    @property
    def _registro_propio(self) -> Path:
        return self.instalacion.dir / "registros" / "supervisord.log"

    @property
    def pid(self) -> int | None:
        """supervisord's pid, or None."""
        return int(self._proxy.supervisor.getPID()) if self.vivo() else None

    def terminar_huerfanos(self) -> int:
        """Kill what a supervisord that was killed left behind; return how many. Only without supervisord."""
        marca = f"SUPERVISADO_EN={self.instalacion.dir}\0".encode()
        hallados = []
        for archivo in Path("/proc").glob("[0-9]*/environ"):
            try:
                if marca in archivo.read_bytes():
                    hallados.append(int(archivo.parent.name))
                    os.kill(hallados[-1], signal.SIGKILL)
            except OSError:
                continue
        # Their ports are free only when they are gone.
        esperar(lambda: all(nacimiento(pid) is None for pid in hallados), 10)
        return len(hallados)

    def apagar(self) -> None:
        """Stop every service at once, then the servers, then supervisord."""
        pid = self.pid
        if pid is None:
            return
        servicios = [e.nombre for e in self.estados() if e.nombre not in SERVIDORES]
        self.detener(servicios)
        self.detener(["postgres", "rabbitmq"])
        self.detener(["epmd"])
        # Asked to shut down, supervisord would take a second for each process to see that it has ended.
        os.kill(pid, signal.SIGKILL)
        esperar(lambda: nacimiento(pid) is None, 10)

    # --- configuration -------------------------------------------------------------------------

    def escribir(self, *, servicios: bool) -> None:
        """Write the configuration: the servers, and every service process."""
        partes = [self._cabeza(), *(self._servidor(nombre) for nombre in SERVIDORES)]
        if servicios:
            partes += [
                self._servicio(nombre, servicio.nombre, servicio.modulo, puerto)
                for nombre, (servicio, puerto) in self.instalacion.programas().items()
            ]
        escribir(self.conf, "\n".join(partes).encode())

    def _cabeza(self) -> str:
        # A TCP port with a password: a socket's path in a deep folder passes the 107 bytes that Linux allows.
        return (
            _seccion(
                "inet_http_server",
                {"port": f"127.0.0.1:{self._puerto}", "username": "yo", "password": _sha(self._clave)},
            )
            + _seccion(
                "supervisord",
                {
                    "logfile": _escapar(str(self._registro_propio)),
                    "logfile_maxbytes": "5MB",
                    "loglevel": "info",
                    "pidfile": _escapar(str(self.instalacion.dir / "supervisord.pid")),
                    "directory": RAIZ,
                    "nocleanup": "true",
                    "minfds": 4096,
                    **({"user": "root"} if os.geteuid() == 0 else {}),
                },
            )
            + _seccion(
                "rpcinterface:supervisor",
                {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
            )
        )

    def _servidor(self, nombre: str) -> str:
        return self._programa(
            nombre,
            f"{PYTHON} -m deploy.local.servidor {nombre}",
            {
                "priority": 20 if nombre == "rabbitmq" else 10,
                # PostgreSQL's fast shutdown: it does not wait for its clients to leave.
                "stopsignal": "INT" if nombre == "postgres" else "TERM",
                "stopwaitsecs": 40,
                "environment": self._entorno(CUENTA_MAESTRA_RUN=str(self.instalacion.dir)),
            },
        )

    def _servicio(self, proceso: str, servicio: str, modulo: str, metricas: int) -> str:
        archivo = self.instalacion.archivo_entorno(servicio)
        return self._programa(
            proceso,
            f'{PYTHON} -m deploy.lanzar "{_escapar(str(archivo))}" {modulo} {servicio}',
            {
                "priority": 30,
                "stopwaitsecs": 20,
                "stopasgroup": "true",
                "killasgroup": "true",
                "environment": self._entorno(METRICS_PORT=str(metricas), PROCESO=proceso),
            },
        )

    def _entorno(self, **variables: str) -> str:
        variables["SUPERVISADO_EN"] = str(self.instalacion.dir)
        return ",".join(f'{nombre}="{_escapar(valor)}"' for nombre, valor in variables.items())

    def _programa(self, nombre: str, orden: str, opciones: dict[str, object]) -> str:
        return _seccion(
            f"program:{nombre}",
            {
                "command": orden,
                "directory": RAIZ,
                "autostart": "true",
                "autorestart": "true",
                "startsecs": 2,
                "startretries": SIN_FIN,
                "redirect_stderr": "true",
                "stdout_logfile": _escapar(str(self.registro(nombre))),
                "stdout_logfile_maxbytes": "20MB",
                "stdout_logfile_backups": 3,
                **opciones,
            },
        )

    def aplicar(self) -> None:
        """Make supervisord run what the configuration says, and touch nothing else."""
        nuevos, cambiados, quitados = self._proxy.supervisor.reloadConfig()[0]
        self.detener([*quitados, *cambiados])
        for nombre in [*quitados, *cambiados]:
            self._proxy.supervisor.removeProcessGroup(nombre)
        for nombre in [*nuevos, *cambiados]:
            self._proxy.supervisor.addProcessGroup(nombre)

    def esperar_corriendo(self, segundos: float = 60) -> None:
        """Wait until every process runs, and has for as long as supervisord wants to believe it."""
        esperar(lambda: all(e.estado == "RUNNING" for e in self.estados()), segundos, pausa=0.2)

    # --- processes -----------------------------------------------------------------------------

    def estados(self) -> list[Estado]:
        """Return every supervised process."""
        return [
            Estado(p["name"], p["statename"], p["pid"], p["now"] - p["start"] if p["pid"] else 0)
            for p in self._proxy.supervisor.getAllProcessInfo()
        ]

    def estado(self, nombre: str) -> Estado:
        """Return one supervised process."""
        return next(estado for estado in self.estados() if estado.nombre == nombre)

    def detener(self, nombres: list[str]) -> None:
        """Stop processes, all at once, and wait for them."""
        for nombre in nombres:
            try:
                self._proxy.supervisor.stopProcess(nombre, False)
            except Fault as fallo:
                if "NOT_RUNNING" not in fallo.faultString:
                    raise
        detenidos = ("STOPPED", "EXITED", "FATAL")
        esperar(lambda: all(e.estado in detenidos for e in self.estados() if e.nombre in nombres), 60)

    def reiniciar(self, nombres: list[str]) -> None:
        """Restart processes: all services at once, but the replicas of one service in turns."""
        turnos: dict[str, list[str]] = {}
        for nombre in nombres:
            turnos.setdefault(nombre.rpartition("-")[2], []).append(nombre)
        for turno in turnos.values():
            self.detener(turno)
            for nombre in turno:
                self._proxy.supervisor.startProcess(nombre, False)
            self.esperar_corriendo()


def _seccion(nombre: str, opciones: dict[str, object]) -> str:
    return f"[{nombre}]\n" + "".join(f"{clave} = {valor}\n" for clave, valor in opciones.items()) + "\n"


def _sha(texto: str) -> str:
    return "{SHA}" + hashlib.sha1(texto.encode(), usedforsecurity=False).hexdigest()


def _escapar(texto: str) -> str:
    # supervisord expands %(name)s everywhere.
    return texto.replace("%", "%%")
