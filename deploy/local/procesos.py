"""One server process that this program started, or that it finds by its pid file."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class ArranqueFallido(RuntimeError):
    """A server did not start; the message ends with the tail of its log."""


def cola(archivo: Path, lineas: int = 25) -> str:
    """Return the last lines of a log, or nothing when there is none."""
    try:
        texto = archivo.read_text(errors="replace")
    except OSError:
        return ""
    return "\n".join(texto.splitlines()[-lineas:])


def nacimiento(pid: int) -> str | None:
    """Return the start time that tells a process from a later one of the same pid; None when it is gone."""
    try:
        campos = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if campos[0] in ("Z", "X") else campos[19]


def descendientes(pid: int) -> list[int]:
    """Return the children of a process, their children and so on."""
    hallados: list[int] = []
    for tarea in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            hijos = [int(hijo) for hijo in tarea.read_text().split()]
        except OSError:
            continue
        for hijo in hijos:
            hallados += [hijo, *descendientes(hijo)]
    return hallados


def esperar(condicion: Callable[[], bool], segundos: float, pausa: float = 0.05) -> bool:
    """Wait until the condition holds; False when the time is over."""
    limite = time.monotonic() + segundos
    while not condicion():
        if time.monotonic() > limite:
            return False
        time.sleep(pausa)
    return True


class Proceso:
    """A process in its own session, with its output in a file and its pid in another."""

    def __init__(self, nombre: str, dir: Path) -> None:
        self.nombre = nombre
        self.registro = dir / f"{nombre}.log"
        self._archivo_pid = dir / f"{nombre}.pid"
        self._proceso: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The pid of the live process, or None."""
        if self._proceso is not None:
            return self._proceso.pid if self._proceso.poll() is None else None
        try:
            pid, nacido = self._archivo_pid.read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if nacimiento(int(pid)) == nacido else None

    def arrancar(self, orden: Sequence[str], entorno: Mapping[str, str]) -> None:
        """Start the process unless it runs already."""
        if self.pid is not None:
            return
        with self.registro.open("ab") as salida:
            self._proceso = subprocess.Popen(
                list(orden),
                env=dict(entorno),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=salida,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        pid = self._proceso.pid
        self._archivo_pid.write_text(f"{pid} {nacimiento(pid)}")

    def enviar(self, numero: signal.Signals, *, familia: bool = False) -> None:
        """Send a signal to the process, or to it and everything it started; nothing when it is gone."""
        pid = self.pid
        if pid is None:
            return
        hijos = descendientes(pid) if familia else []
        _enviar(pid, numero)
        # PostgreSQL forks while we look: with its parent stopped or dead, a second look is complete.
        for hijo in {*hijos, *(descendientes(pid) if familia else [])}:
            _enviar(hijo, numero)

    def terminar(self, numero: signal.Signals = signal.SIGTERM, segundos: float = 20) -> None:
        """Ask the process to end, and end it by force when it does not within the time."""
        # A frozen process would not see the request.
        self.enviar(signal.SIGCONT, familia=True)
        self.enviar(numero)
        if not esperar(lambda: self.pid is None, segundos):
            self.matar()
        self._olvidar()

    def matar(self) -> None:
        """End the process and everything it started at once, as a power cut would."""
        self.enviar(signal.SIGKILL, familia=True)
        esperar(lambda: self.pid is None, 5)
        self._olvidar()

    def _olvidar(self) -> None:
        self._archivo_pid.unlink(missing_ok=True)
        self._proceso = None


def _enviar(pid: int, numero: signal.Signals) -> None:
    try:
        os.kill(pid, numero)
    except ProcessLookupError:
        return
