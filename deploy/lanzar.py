"""Becomes another program with the variables of a file: `python -m deploy.lanzar FILE MODULE [ARGUMENTS]`.

Secrets then live in one file of mode 0600 and not in supervisord's configuration or in the compose file,
and a process run by hand has the environment that the supervised one has.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def leer(archivo: Path) -> dict[str, str]:
    """Read `NAME=value` lines; the value is everything after the first equals sign."""
    pares = (linea.partition("=") for linea in archivo.read_text().splitlines() if linea[:1] not in ("", "#"))
    return {nombre: valor for nombre, _, valor in pares}


def formatear(variables: dict[str, str]) -> bytes:
    """Return the file's content for some variables."""
    return "".join(f"{nombre}={valor}\n" for nombre, valor in variables.items()).encode()


if __name__ == "__main__":
    archivo, modulo, *argumentos = sys.argv[1:]
    entorno = {**os.environ, **leer(Path(archivo))}
    os.execve(sys.executable, [sys.executable, "-m", modulo, *argumentos], entorno)
