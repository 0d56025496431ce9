"""Who asks, in the call being served, and for which CM: set at the edges, read where something is written down."""

from __future__ import annotations

import ipaddress
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID


def origen(direccion: str) -> str:
    """The address, or of IPv6 its /64, which is what one subscriber has (RFC 6177); other text as it came."""
    try:
        ip = ipaddress.ip_address(direccion)
    except ValueError:
        return direccion
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, 64), strict=False))


@dataclass(frozen=True, slots=True)
class Quien:
    """`tipo`: perfil, llave (an API key), anonimo (a public route) or sistema (a timer, an event, a tool)."""

    tipo: str = "sistema"
    id: str = ""
    """Of the perfil or the key."""
    ip: str = ""
    """Address of the caller, as the gateway saw it."""

    @property
    def origen(self) -> str:
        """The caller's address as limits count it."""
        return origen(self.ip)

    def escribir(self) -> str:
        """As a message header."""
        return "|".join(parte.replace("|", "") for parte in (self.tipo, self.id, self.ip))

    @classmethod
    def leer(cls, cabecera: object) -> Quien:
        """From a message header; one that is not there, or not ours, is the system's own work."""
        partes = cabecera.split("|") if isinstance(cabecera, str) else []
        return cls(*partes) if len(partes) == 3 else SISTEMA


SISTEMA = Quien()
#: Set by the gateway for a request and by the bus for a call; each greenthread has its own.
quien: ContextVar[Quien] = ContextVar("quien", default=SISTEMA)
#: The only CM whose rows the transactions of this call may see (`shared/persistence/aislamiento.py`); None: several.
acotada: ContextVar[UUID | None] = ContextVar("acotada", default=None)
