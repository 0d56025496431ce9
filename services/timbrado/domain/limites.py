"""Limits that a CM puts on one of its CTI: how they are written, and in what form they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from shared.errors import DomainError, campo_invalido
from shared.rfc import validar_rfc


@dataclass(frozen=True, slots=True)
class Limites:
    """Null or empty: no limit. `por_minuto` and `tope_por_hora` in stampings; `redes` as CIDR."""

    por_minuto: int | None = None
    rfcs: tuple[str, ...] = ()
    redes: tuple[str, ...] = ()
    tope_por_hora: int | None = None


def normalizar_rfcs(rfcs: Sequence[str]) -> tuple[str, ...]:
    """Each RFC once, in upper case and in order. Raises `datos_invalidos` naming the one that is wrong."""
    return tuple(sorted({validar_rfc(rfc, f"rfcs.{i}") for i, rfc in enumerate(rfcs)}))


def normalizar_redes(redes: Sequence[str]) -> tuple[str, ...]:
    """Each network once, as CIDR without host bits: `10.1.2.3/8` is `10.0.0.0/8`, one address is a /32 or /128.

    Raises `datos_invalidos` naming the one that is wrong.
    """
    leidas = {_red(red, f"redes.{i}") for i, red in enumerate(redes)}
    return tuple(
        str(r) for r in sorted(leidas, key=lambda r: (r.version, int(r.network_address), r.prefixlen))
    )


def _red(texto: str, campo: str) -> IPv4Network | IPv6Network:
    try:
        red = ip_network(texto.strip(), strict=False)
    except ValueError:
        raise _mala(campo) from None
    if isinstance(red, IPv6Network):
        if red.network_address.scope_id is not None:
            raise _mala(campo)
        # What a server that listens on both families calls an IPv4 caller is that IPv4 network.
        mapeada = red.network_address.ipv4_mapped
        if mapeada is not None and red.prefixlen >= 96:
            return IPv4Network((mapeada, red.prefixlen - 96))
    return red


def _mala(campo: str) -> DomainError:
    return campo_invalido(
        campo, "Escriba una dirección IP o una red, por ejemplo 203.0.113.7, 203.0.113.0/24 o 2001:db8::/48."
    )
