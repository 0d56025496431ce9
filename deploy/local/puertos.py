"""Free TCP ports on the loopback interface."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from pathlib import Path

MINIMO = 10_240


def libres(cantidad: int) -> list[int]:
    """Return as many different free ports.

    They lie below the range from which the kernel takes the ports of outgoing connections: while a server is
    down, one of its own clients could be given its port, or even connect to itself there.
    """
    rango = Path("/proc/sys/net/ipv4/ip_local_port_range")
    maximo = int(rango.read_text().split()[0]) if rango.exists() else 32_768
    if maximo < MINIMO + 1_000:
        maximo = 32_768
    with ExitStack() as pila:
        puertos: list[int] = []
        while len(puertos) < cantidad:
            # They are held together while picking, so that none repeats.
            enchufe = pila.enter_context(socket.socket())
            puerto = random.randrange(MINIMO, maximo)
            try:
                enchufe.bind(("127.0.0.1", puerto))
            except OSError:
                continue
            puertos.append(puerto)
        return puertos


def libre(puerto: int) -> bool:
    """Say whether nothing listens on the port."""
    with socket.socket() as enchufe:
        enchufe.settimeout(1)
        return enchufe.connect_ex(("127.0.0.1", puerto)) != 0
