"""Free TCP ports on the loopback interface."""

from __future__ import annotations

import socket
from contextlib import ExitStack


def libres(cantidad: int) -> list[int]:
    """Return as many different free ports; they are held together while picking so that none repeats."""
    with ExitStack() as pila:
        puertos = []
        for _ in range(cantidad):
            enchufe = pila.enter_context(socket.socket())
            enchufe.bind(("127.0.0.1", 0))
            puertos.append(int(enchufe.getsockname()[1]))
        return puertos


def libre(puerto: int) -> bool:
    """Say whether nothing listens on the port."""
    with socket.socket() as enchufe:
        enchufe.settimeout(1)
        return enchufe.connect_ex(("127.0.0.1", puerto)) != 0
