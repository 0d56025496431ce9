"""The chain of a CM's audit log: each entry is sealed with a hash over the seal before it and all that it says.

Canonical form of an entry, the bytes that are hashed: the fields of `CAMPOS` in that order, as text, in UTF-8, joined
by the unit separator (0x1F), which none of them contains. `en` is UTC with six decimals and a Z; `detalle` is the
stored JSON as it stands. `shared/auditoria/verificar.py` does the same with nothing but Python.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

#: The log of what belongs to no CM has a chain too.
PLATAFORMA = UUID(int=0)
GENESIS = bytes(32)
CAMPOS = (
    "id", "en", "accion", "actor_tipo", "actor", "ip", "correlacion", "objeto", "resultado", "detalle",
)  # fmt: skip


def sello(anterior: bytes, cadena: UUID, secuencia: int, asiento: Mapping[str, Any]) -> bytes:
    """SHA-256 of one entry behind the one before it. `asiento` has `CAMPOS`, `en` already as text."""
    partes = (anterior.hex(), cadena, secuencia, *(asiento[c] for c in CAMPOS))
    return hashlib.sha256("\x1f".join(str(p) for p in partes).encode()).digest()


def encadenar(
    ultimos: dict[UUID, tuple[int, bytes]], asientos: Iterable[Mapping[str, Any]]
) -> list[tuple[UUID, int, UUID, bytes, bytes]]:
    """Links `(cadena, secuencia, id, anterior, sello)` of entries in order, each with its `cadena`."""
    nuevos = []
    for a in asientos:
        secuencia, anterior = ultimos.get(a["cadena"], (0, GENESIS))
        secuencia += 1
        actual = sello(anterior, a["cadena"], secuencia, a)
        ultimos[a["cadena"]] = (secuencia, actual)
        nuevos.append((a["cadena"], secuencia, a["id"], anterior, actual))
    return nuevos
