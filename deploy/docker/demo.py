"""Compose's last container: seeds, runs the demonstration once, then waits to be stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Leave `demo.json` with the address seen from outside, and a file that says that all is done."""
    carpeta = Path(os.environ["CUENTA_MAESTRA_RUN"])
    carpeta.mkdir(parents=True, exist_ok=True)
    for modulo in ("deploy.local.sembrar", "deploy.local.demostracion"):
        subprocess.run([sys.executable, "-m", modulo], check=True)
    archivo = carpeta / "demo.json"
    demo = json.loads(archivo.read_text()) | {"url": os.environ["URL_PUBLICA"]}
    archivo.write_text(json.dumps(demo, indent=2, ensure_ascii=False))
    (carpeta / "lista").touch()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.pause()


if __name__ == "__main__":
    main()
