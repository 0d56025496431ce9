"""What a mail says, apart from how it looks: `mensajes/` writes them, `use_cases/correos.py` queues them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Boton:
    """A link of the portal: `ruta` is relative to its public address (`/confirmar?token=…`)."""

    texto: str
    ruta: str


@dataclass(frozen=True, kw_only=True)
class Mensaje:
    """`parrafos` are plain Spanish text; `boton` follows them."""

    asunto: str
    parrafos: tuple[str, ...]
    boton: Boton | None = None


@dataclass(frozen=True, kw_only=True)
class CorreoEscrito:
    """A mail ready to be sent. `clave` makes it one, however often it is asked for."""

    clave: str
    para: str
    asunto: str
    texto: str
    html: str
