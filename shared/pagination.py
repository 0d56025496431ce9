"""Keyset pagination: page sizes, and the opaque cursor that names where a page ended (api: Conventions).

A cursor is JSON in base64url. A client sends it back as it came; anything else is refused, never an error
of ours, so each reader checks form and range.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.errors import DomainError, campo_invalido

MAX_LIMITE = 200
_MAX_BIGINT = 2**63 - 1


def limite_valido(limite: int) -> int:
    """Page size, 1 to 200. Raises `datos_invalidos`."""
    if not 1 <= limite <= MAX_LIMITE:
        raise campo_invalido("limite", f"El límite debe estar entre 1 y {MAX_LIMITE}.")
    return limite


@dataclass(frozen=True, slots=True)
class Posicion:
    """End of a page of a list by time, ties by id."""

    en: datetime
    id: UUID

    def cursor(self) -> str:
        """This position as the opaque text that a client sends back."""
        return _escribir([self.en.isoformat(), str(self.id)])


def posicion(cursor: str | None) -> Posicion | None:
    """Position that a cursor of a list by time names. Raises `datos_invalidos`."""
    if cursor is None:
        return None
    try:
        en, fila = _leer(cursor)
        lugar = Posicion(datetime.fromisoformat(en), UUID(fila))
    except (ValueError, TypeError, AttributeError):
        raise _ajeno() from None
    if lugar.en.tzinfo is None:
        raise _ajeno()
    return lugar


def cursor_de(clave: int | str) -> str:
    """Cursor of a list by one key: a number or a text."""
    return _escribir([clave])


def numero(cursor: str | None) -> int | None:
    """The number that a cursor names, 1 to the largest bigint. Raises `datos_invalidos`."""
    clave = _clave(cursor)
    if clave is None:
        return None
    if type(clave) is not int or not 1 <= clave <= _MAX_BIGINT:
        raise _ajeno()
    return clave


def texto(cursor: str | None) -> str | None:
    """The text that a cursor names. Raises `datos_invalidos`."""
    clave = _clave(cursor)
    if clave is None:
        return None
    if not isinstance(clave, str) or "\0" in clave:
        raise _ajeno()
    return clave


def _clave(cursor: str | None) -> Any:
    if cursor is None:
        return None
    datos = _leer(cursor)
    if len(datos) != 1 or datos[0] is None:
        raise _ajeno()
    return datos[0]


def _escribir(datos: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(datos).encode()).decode().rstrip("=")


def _leer(cursor: str) -> list[Any]:
    try:
        crudo = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        datos = json.loads(crudo)
    except (ValueError, RecursionError, binascii.Error):
        raise _ajeno() from None
    if not isinstance(datos, list):
        raise _ajeno()
    return datos


def _ajeno() -> DomainError:
    return campo_invalido("cursor", "El cursor no es válido. Pida de nuevo la primera página.")
