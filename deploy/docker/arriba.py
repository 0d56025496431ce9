"""`make up docker=1`: the compose file, with clear words when Docker is not there. Standard library alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

RAIZ = Path(__file__).resolve().parents[2]


def _compose(*argumentos: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", "compose", *argumentos], cwd=RAIZ, text=True)


def main() -> None:
    """Build, start, wait, show the demonstration and leave `.run/demo.json`."""
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True).returncode:
        sys.exit("No Docker engine answers. Without Docker:  make up")
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        sys.exit("Docker's compose plugin is missing (Debian: apt-get install docker-compose-plugin).")
    if _compose("up", "--build", "--wait").returncode:
        _compose("ps", "--all")
        sys.exit("Not everything came up. Look with: docker compose logs")
    _compose("logs", "--no-log-prefix", "demo")
    (RAIZ / ".run").mkdir(exist_ok=True)
    # The file lies on a tmpfs, out of the reach of `docker cp`.
    leer = ["docker", "compose", "exec", "-T", "demo", "cat", "/tmp/demo/demo.json"]  # noqa: S108
    texto = subprocess.run(leer, cwd=RAIZ, text=True, capture_output=True, check=True).stdout
    archivo = RAIZ / ".run" / "demo.json"
    archivo.touch(mode=0o600)
    archivo.write_text(texto)
    demo = json.loads(texto)
    print(f"\nCuenta Maestra runs at {demo['url']}; sign-ins in .run/demo.json. Stop: make down docker=1")


if __name__ == "__main__":
    main()
