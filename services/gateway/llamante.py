"""Whose a request is: the caller's address, also behind proxies of ours.

    direccion(environ)   # what limits, known places, key lists, sessions and the audit log go by

Only a proxy named in `PROXIES_DE_CONFIANZA` is believed. Each proxy adds, at the right of `X-Forwarded-For`, the address
that called it, so from the right the first that is no proxy of ours is the caller's, and whatever stands left of it
was written by the caller. werkzeug's ProxyFix was weighed and left: it counts hops without asking who connected, so
whoever reaches the port past the proxy may choose his address, and two ways in of different length can't be told.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from shared.config import Red, settings

Environ = dict[str, Any]
_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Proxies of ours in a row; a longer chain is a mistake or an attack, and says nothing.
_SALTOS = 16
#: Longest entry: IPv6 in its longest form, in brackets, with a port.
_LARGO = 64


def direccion(environ: Environ) -> str | None:
    """The caller's address; the connection's own where the header is absent, not of a trusted proxy, or malformed."""
    conexion: str | None = environ.get("REMOTE_ADDR")
    redes = settings().proxies_de_confianza
    if not redes or not conexion or not _de_confianza(_leer(conexion), redes):
        return conexion
    return _reenviada(environ.get("HTTP_X_FORWARDED_FOR", ""), redes) or conexion


def por_https(environ: Environ) -> bool:
    """Whether the caller came by HTTPS: the connection itself, or what a trusted proxy says that it was."""
    if environ.get("wsgi.url_scheme") == "https":
        return True
    redes = settings().proxies_de_confianza
    if not redes or not _de_confianza(_leer(environ.get("REMOTE_ADDR") or ""), redes):
        return False
    dicho: str = environ.get("HTTP_X_FORWARDED_PROTO", "")
    return dicho.partition(",")[0].strip().lower() == "https"


def _reenviada(cabecera: str, redes: tuple[Red, ...]) -> str | None:
    """The right-most address that is no trusted proxy, or the left-most when all are; None when one can't be read."""
    resto, hallada = cabecera, None
    for _ in range(_SALTOS):
        resto, coma, texto = resto.rpartition(",")
        hallada = _leer(texto.strip())
        if hallada is None:
            return None
        if not coma or not _de_confianza(hallada, redes):
            return str(hallada)
    return None


def _leer(texto: str) -> _Ip | None:
    """An address, of whichever family it really is; some proxies add the port."""
    if len(texto) > _LARGO or "%" in texto:
        return None
    if texto.startswith("["):
        texto = texto[1:].partition("]")[0]
    elif texto.count(":") == 1:
        texto = texto.partition(":")[0]
    try:
        hallada = ipaddress.ip_address(texto)
    except ValueError:
        return None
    if isinstance(hallada, ipaddress.IPv6Address) and hallada.ipv4_mapped is not None:
        return hallada.ipv4_mapped
    return hallada


def _de_confianza(ip: _Ip | None, redes: tuple[Red, ...]) -> bool:
    return ip is not None and any(ip in red for red in redes)
