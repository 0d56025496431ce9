"""Ends servers whose owner died without a goodbye (a test run that was killed).

The owner starts it with a pipe as standard input and a folder as argument. When the pipe closes, for
whatever reason, every process whose pid file lies in the folder is killed and the folder deleted.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from deploy.local.procesos import descendientes, nacimiento

RAIZ = Path(__file__).resolve().parents[2]


def vigilar(dir: Path) -> subprocess.Popen[bytes]:
    """Start a guardian of the folder; closing its `stdin` or dying sets it to work."""
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.local.guardian", str(dir)],
        stdin=subprocess.PIPE,
        cwd=RAIZ,
        # Control-C reaches the whole foreground group; the guardian must outlive it.
        start_new_session=True,
    )


def limpiar(dir: Path) -> None:
    """Kill every process whose pid file lies under the folder, then delete the folder."""
    for archivo in dir.rglob("*.pid"):
        try:
            pid, nacido = archivo.read_text().split()
        except (OSError, ValueError):
            continue
        if nacimiento(int(pid)) != nacido:
            continue
        for uno in (int(pid), *descendientes(int(pid))):
            try:
                os.kill(uno, signal.SIGKILL)
            except ProcessLookupError:
                continue
    shutil.rmtree(dir, ignore_errors=True)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    limpiar(Path(sys.argv[1]))
