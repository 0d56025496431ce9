"""`make check` and `make test`: every step in order, with durations; the first failure ends it."""

from __future__ import annotations

import subprocess
import sys
import time

from deploy.local.instalacion import RAIZ

PYTHON = sys.executable
PYTEST = (PYTHON, "-m", "pytest", "-q", "--durations=5")
#: Whole files on both cores, each with servers of its own: most tests wait more than they compute.
EN_DOS = ("-n", "2", "--dist", "loadfile")

RAPIDAS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("format", (PYTHON, "-m", "ruff", "format", "--check", "--quiet", ".")),
    ("lint", (PYTHON, "-m", "ruff", "check", "--quiet", ".")),
    ("types", (PYTHON, "-m", "mypy")),
    # import-linter has no module to run; its command lies beside the interpreter.
    ("imports", (PYTHON.rpartition("/")[0] + "/lint-imports", "--no-cache")),
    ("unit and contract tests", (*PYTEST, *EN_DOS, "tests/unit", "tests/contract")),
)
COMPLETAS = (
    *RAPIDAS,
    ("integration tests", (*PYTEST, *EN_DOS, "tests/integration")),
    ("other services' client programs, a browser", (PYTHON, "deploy/local/instalar.py", "--ajenos")),
    ("end-to-end tests", (*PYTEST, *EN_DOS, "tests/e2e")),
    ("chaos, the short form", (*PYTEST, "-m", "not largo", "tests/chaos")),
)
SIN_PRUEBAS = 5
"""pytest's exit code when a folder has no test."""


def main(pasos: tuple[tuple[str, tuple[str, ...]], ...]) -> int:
    """Run the steps and print the durations; return the exit code."""
    tiempos = []
    codigo = 0
    for nombre, orden in pasos:
        print(f"\n=== {nombre}", flush=True)
        inicio = time.monotonic()
        codigo = subprocess.run(orden, cwd=RAIZ).returncode
        if codigo == SIN_PRUEBAS and orden[: len(PYTEST)] == PYTEST:
            print("no tests yet")
            codigo = 0
        tiempos.append((nombre, time.monotonic() - inicio))
        if codigo:
            break
    print()
    for nombre, segundos in tiempos:
        print(f"{segundos:7.1f} s  {nombre}")
    total = sum(segundos for _, segundos in tiempos)
    print(f"{total:7.1f} s  {'FAILED at ' + tiempos[-1][0] if codigo else 'all green'}", flush=True)
    return codigo


if __name__ == "__main__":
    sys.exit(main(COMPLETAS if sys.argv[1:] == ["test"] else RAPIDAS))
