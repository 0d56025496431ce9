"""Makes the machine able to run the project: Debian packages and the locked virtual environment.

Runs with whatever `python3` the machine has, before anything is installed: the standard library alone.
A second run finds everything in place and takes a tenth of a second.
"""

from __future__ import annotations

import contextlib
import ctypes.util
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

RAIZ = Path(__file__).resolve().parents[2]
VENV = RAIZ / ".venv"
CERROJO = RAIZ / "requirements-dev.lock"
SELLO = VENV / "cerrojo.sha256"
VERSIONES = ("3.11", "3.12", "3.13")
POLITICA = Path("/usr/sbin/policy-rc.d")
#: What the dialects' tests run: client libraries of other stamping services.
AJENOS = RAIZ / "tests" / "e2e" / "clientes_ajenos"
#: What the browser tests run in the page (tests/e2e/test_alta_externa.py).
NAVEGADOR = RAIZ / "tests" / "e2e" / "navegador"


class Falta(Exception):
    """Something lacks that this program may not or cannot install; the message says what to do."""


def decir(texto: str) -> None:
    """Tell the operator what happens, at once."""
    print(texto, flush=True)


# --- Debian packages ---------------------------------------------------------------------------


def paquetes_faltantes(*, servidores: bool, python: bool) -> list[str]:
    """Return the Debian packages whose programs are not on this machine."""
    faltan = []
    if servidores:
        rabbit = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
        if not rabbit.exists() and not shutil.which("rabbitmq-server"):
            faltan.append("rabbitmq-server")
        if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")) and not shutil.which("initdb"):
            faltan.append("postgresql")
        # PDF: WeasyPrint draws with Pango, and a machine without fonts draws nothing.
        if not ctypes.util.find_library("pangoft2-1.0"):
            faltan += ["libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"]
        if not list(Path("/usr/share/fonts").glob("**/*.ttf")):
            faltan.append("fonts-dejavu-core")
    if python:
        faltan.append("python3-venv")
    return faltan


def paquetes_de_ajenos() -> list[str]:
    """Return the Debian packages that lack for the client programs of other services (tests/e2e/test_dialectos.py)."""
    faltan = [
        paquete for programa, paquete in (("node", "nodejs"), ("npm", "npm")) if not shutil.which(programa)
    ]
    orden = ["php", "-r", "exit(extension_loaded('soap') ? 0 : 1);"]
    if not shutil.which("php") or subprocess.run(orden, capture_output=True).returncode:
        faltan += ["php-cli", "php-soap"]
    return faltan


def paquetes_de_navegador() -> list[str]:
    """Return the Debian packages that lack for the browser tests; a real browser is no Python package."""
    faltan = [] if shutil.which("chromium") else ["chromium"]
    if not list(Path("/usr/share/fonts").glob("**/*.ttf")):
        faltan.append("fonts-dejavu-core")
    return faltan


def instalar_paquetes(paquetes: list[str]) -> None:
    """Install Debian packages as root; otherwise one line that says what to install."""
    orden = f"apt-get install -y --no-install-recommends {' '.join(paquetes)}"
    if not shutil.which("apt-get"):
        raise Falta(
            f"Missing on this machine (Debian's names): {' '.join(paquetes)}. Install them and repeat."
        )
    if os.geteuid() != 0:
        raise Falta(f"Missing packages. Run as root, then repeat:  {orden}")
    decir(f"Installing Debian packages: {' '.join(paquetes)}")
    entorno = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _sin_arrancar():
        # The package lists may be absent or stale; refreshing them costs time only when that is so.
        if subprocess.run(orden.split(), env=entorno, capture_output=True).returncode:
            _correr(["apt-get", "update", "-q"], entorno)
            _correr(orden.split(), entorno)


@contextlib.contextmanager
def _sin_arrancar() -> Iterator[None]:
    """Keep Debian from starting its own servers on the standard ports: ours are private."""
    if POLITICA.exists():
        yield
        return
    POLITICA.write_text("#!/bin/sh\nexit 101\n")
    POLITICA.chmod(0o755)
    try:
        yield
    finally:
        POLITICA.unlink(missing_ok=True)


# --- virtual environment -----------------------------------------------------------------------


def buscar_python() -> str | None:
    """Return an interpreter of a version that the lock was made for."""
    for candidato in (sys.executable, *(f"python{version}" for version in VERSIONES), "python3"):
        ruta = shutil.which(candidato)
        if ruta and _version(ruta) in VERSIONES:
            return ruta
    return None


def _version(ruta: str) -> str:
    programa = "import sys; print('%d.%d' % sys.version_info[:2])"
    # A pyenv shim exists for versions that are not installed, and then fails.
    hecho = subprocess.run([ruta, "-c", programa], capture_output=True, text=True)
    return hecho.stdout.strip()


def _huella() -> str:
    return hashlib.sha256(CERROJO.read_bytes()).hexdigest()


def entorno_al_dia() -> bool:
    """Say whether the virtual environment is the one of the lock."""
    try:
        return SELLO.read_text() == _huella() and (VENV / "bin" / "python").exists()
    except OSError:
        return False


def crear_entorno() -> None:
    """Create or refresh `.venv` from the lock; every file is checked against its hash."""
    python = buscar_python()
    if python is None:
        raise Falta(f"No Python {VERSIONES[0]} to {VERSIONES[-1]} here (Debian 12: apt-get install python3).")
    interprete = VENV / "bin" / "python"
    if not interprete.exists() or _version(str(interprete)) not in VERSIONES:
        decir(f"Creating .venv with {python}")
        shutil.rmtree(VENV, ignore_errors=True)
        _correr([python, "-m", "venv", str(VENV)])
    decir("Installing the locked Python packages")
    uv = _uv(interprete)
    if uv is None:
        _correr(_pip(interprete, CERROJO))
    else:
        orden = [*uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(interprete), str(CERROJO)]
        if subprocess.run(orden).returncode:
            # uv reads no pip configuration, so a machine with a mirror of its own may need pip.
            decir("uv could not; trying pip")
            _correr(_pip(interprete, CERROJO))
    # Once here, or in every process at its start where PYTHONDONTWRITEBYTECODE is set: 3 s of CPU each time. The
    # files of packages that no Python 3 compiles, templates and the like, do not matter.
    subprocess.run([interprete, "-m", "compileall", "-q", "-j", "0", VENV / "lib"], capture_output=True)
    SELLO.write_text(_huella())


def _pip(interprete: Path, archivo: Path) -> list[str]:
    return [str(interprete), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(archivo)]


def _uv(interprete: Path) -> list[str] | None:
    """Return uv's command: the machine's, or the locked one installed first because it saves a minute."""
    ruta = shutil.which("uv")
    if ruta and subprocess.run([ruta, "--version"], capture_output=True).returncode == 0:
        return [ruta]
    renglon = re.search(r"^uv==.*?(?=^\S|\Z)", CERROJO.read_text(), re.MULTILINE | re.DOTALL)
    if renglon is None:
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as archivo:
        archivo.write(renglon.group())
        archivo.flush()
        if subprocess.run(_pip(interprete, Path(archivo.name))).returncode:
            return None
    return [str(interprete), "-m", "uv"]


def _correr(orden: list[str], entorno: dict[str, str] | None = None) -> None:
    hecho = subprocess.run(orden, env=entorno, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if hecho.returncode:
        raise Falta(f"Failed: {' '.join(orden)}\n{hecho.stderr.strip()}")


def asegurar(*, servidores: bool) -> None:
    """Install whatever lacks. Two runs at once in the same clone wait for each other."""
    (RAIZ / ".run").mkdir(exist_ok=True, mode=0o711)
    with (RAIZ / ".run" / "instalar.lock").open("w") as candado:
        fcntl.flock(candado, fcntl.LOCK_EX)
        al_dia = entorno_al_dia()
        faltan = paquetes_faltantes(servidores=servidores, python=not al_dia and not _hay_ensurepip())
        inicio = time.monotonic()
        if faltan:
            instalar_paquetes(faltan)
            decir(f"  done in {time.monotonic() - inicio:.0f} s")
        if not al_dia:
            inicio = time.monotonic()
            crear_entorno()
            decir(f"  done in {time.monotonic() - inicio:.0f} s")


def preparar_ajenos() -> None:
    """Install the client libraries of other services from npm."""
    _preparar_npm(AJENOS)


def _preparar_npm(carpeta: Path) -> None:
    """Install from npm as the folder's lock says, without running any script of a package. Once per lock."""
    cerrojo = carpeta / "package-lock.json"
    sello = carpeta / "node_modules" / ".cerrojo.sha256"
    huella = hashlib.sha256(cerrojo.read_bytes()).hexdigest()
    if sello.exists() and sello.read_text() == huella:
        return
    decir(f"Installing the npm packages of {carpeta.name}")
    hecho = subprocess.run(
        ["npm", "ci", "--ignore-scripts"],
        cwd=carpeta,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if hecho.returncode:
        raise Falta(f"Failed: npm ci --ignore-scripts in {carpeta}\n{hecho.stderr.strip()}")
    sello.write_text(huella)


def asegurar_ajenos() -> None:
    """Install whatever the client programs of other services and the browser tests need; nothing else runs them."""
    (RAIZ / ".run").mkdir(exist_ok=True, mode=0o711)
    with (RAIZ / ".run" / "instalar.lock").open("w") as candado:
        fcntl.flock(candado, fcntl.LOCK_EX)
        faltan = [*paquetes_de_ajenos(), *paquetes_de_navegador()]
        if faltan:
            instalar_paquetes(faltan)
        preparar_ajenos()
        _preparar_npm(NAVEGADOR)


def _hay_ensurepip() -> bool:
    python = buscar_python()
    orden = [python or "python3", "-c", "import ensurepip, venv"]
    return python is not None and not subprocess.run(orden, capture_output=True).returncode


if __name__ == "__main__":
    try:
        if "--ajenos" in sys.argv:
            asegurar_ajenos()
        else:
            asegurar(servidores="--solo-python" not in sys.argv)
    except Falta as falta:
        sys.exit(str(falta))
