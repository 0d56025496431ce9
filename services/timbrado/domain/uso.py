"""Who may use a CTI, from where and for whom: what a request is checked against before it spends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from services.timbrado.domain.cti import CtiGuardada
from shared.errors import Codigo, DomainError


@dataclass(frozen=True, slots=True)
class Ocupacion:
    """Stampings of a CTI in the last minute, and whole seconds until the oldest of them no longer counts."""

    cuantos: int
    libre_en: int


def demasiadas(por_minuto: int, libre_en: int) -> DomainError:
    """More stampings a minute than the CTI may; `reintentar_en` says when the next one has room."""
    return DomainError(
        Codigo.DEMASIADOS_INTENTOS,
        f"Esta cuenta de timbrado admite {por_minuto:,} timbrados por minuto. Espere {libre_en} segundos y envíe de"
        " nuevo el comprobante, o pida a su distribuidor que cambie el límite.",
        datos={"reintentar_en": libre_en},
    )


def revisar(cti: CtiGuardada, emisor: str, ip: str | None) -> None:
    """Raise `no_permitido` when the CTI is limited to other issuers or other addresses."""
    if cti.rfcs and emisor not in cti.rfcs:
        raise DomainError(
            Codigo.NO_PERMITIDO,
            f"Esta cuenta de timbrado no admite comprobantes del RFC {emisor}. Timbre con la cuenta de ese RFC o"
            " pida a su distribuidor que lo agregue.",
        )
    if cti.redes and not en_redes(ip, cti.redes):
        raise DomainError(
            Codigo.NO_PERMITIDO,
            f"Esta cuenta de timbrado no admite peticiones desde la dirección {ip or 'desconocida'}. Pida a su"
            " distribuidor que la agregue.",
        )


def en_redes(ip: str | None, redes: tuple[str, ...]) -> bool:
    """Whether an address is in one of the networks (CIDR, or a single address)."""
    if ip is None:
        return False
    try:
        direccion = ip_address(ip)
    except ValueError:
        return False
    # A server that listens on both families sees an IPv4 caller as ::ffff:a.b.c.d.
    direccion = getattr(direccion, "ipv4_mapped", None) or direccion
    return any(direccion.version == red.version and direccion in red for red in map(_red, redes))


@lru_cache(maxsize=4096)
def _red(texto: str) -> IPv4Network | IPv6Network:
    return ip_network(texto, strict=False)
