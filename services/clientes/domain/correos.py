"""What a mail says, apart from how it looks: `mensajes/` writes them, `use_cases/correos.py` queues and sends them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from services.clientes.domain.clientes import con_control
from shared.errors import campo_invalido

#: Stands for the portal's public address until the mail is sent.
PORTAL = "{{portal}}"

#: How long after the first, second … failed try the next one comes. Seven waits: eight tries in a day.
ESPERAS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(hours=12),
)
INTENTOS = len(ESPERAS) + 1

#: How long the row of a mail stays after it was sent, and after it was given up.
VIDA_DE_ENVIADO = timedelta(days=30)
VIDA_DE_FALLIDO = timedelta(days=90)

_DIRECCION = re.compile(r"[^\s<>\"'(),;:]*@[^\s<>\"'(),;:]*")
_ALGUIEN = "(correo)"
#: A name before the @ that is shorter is a part of too many words.
_NOMBRE_CORTO = 3


class EstadoCorreo(StrEnum):
    """States of a mail."""

    PENDIENTE = "pendiente"
    ENVIADO = "enviado"
    FALLIDO = "fallido"


@dataclass(frozen=True, kw_only=True)
class Boton:
    """A link of the portal: `ruta` is relative to its public address (`/confirmar?token=…`)."""

    texto: str
    ruta: str


@dataclass(frozen=True, kw_only=True)
class Mensaje:
    """`parrafos` are plain Spanish text; `boton` follows them.

    `sin_secretos`: neither text nor link would harm in other hands, so that its text is kept when sending fails
    and an operator can send it again. Of any other nothing stays.
    """

    asunto: str
    parrafos: tuple[str, ...]
    boton: Boton | None = None
    sin_secretos: bool = False


@dataclass(frozen=True, kw_only=True)
class CorreoEscrito:
    """A mail ready to be sent. `clave` makes it one, however often it is asked for.

    `efimero`: once it is sent or given up, the address is erased too. `perfil_id`: whose mail it is, where its address
    is not (yet) that perfil's. `sobre_perfil_id`: another person whom its text names; it goes when that one is erased.
    """

    clave: str
    para: str
    asunto: str
    texto: str
    html: str
    secreto: bool = True
    efimero: bool = False
    perfil_id: UUID | None = None
    sobre_perfil_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class CorreoTomado:
    """A mail that this process is sending; `intentos` counts this try."""

    correo_id: UUID
    para: str
    asunto: str
    texto: str
    html: str
    intentos: int
    creado_en: datetime


@dataclass(frozen=True, kw_only=True)
class CorreoGuardado:
    """A mail as an operator sees it, without its text."""

    correo_id: UUID
    para: str
    asunto: str
    estado: str
    intentos: int
    siguiente_en: datetime
    enviado_en: datetime | None
    error: str | None
    creado_en: datetime
    reintentable: bool


class EnvioFallido(Exception):
    """A mail was not sent. `definitivo`: it was refused for good; otherwise a later try may do."""

    def __init__(self, motivo: str, *, definitivo: bool) -> None:
        super().__init__(motivo)
        self.motivo = motivo
        self.definitivo = definitivo


class Transporte(Protocol):
    """What carries mails away (`services/clientes/transporte.py`)."""

    #: Seconds that one sending takes at the most; after them another process may try.
    plazo: float

    def enviar(self, correo: CorreoTomado) -> None:
        """Hand one mail over. Raises `EnvioFallido`."""

    def soltar(self) -> None:
        """Nothing more for now: close what is open."""


def cabecera_valida(texto: str, campo: str) -> str:
    """A text that may stand in a header. Raises `datos_invalidos`: with a line break one could write headers."""
    if con_control(texto):
        raise campo_invalido(campo, "Este texto no puede tener saltos de línea ni caracteres de control.")
    return texto


def en_cabecera(texto: str) -> str:
    """A text of ours, with a name in it that may be older than today's rules, as it may stand in a header."""
    return "".join(" " if con_control(letra) else letra for letra in texto)


def sin_direcciones(motivo: str, para: str) -> str:
    """Why a mail was not sent, without whom it was for: servers repeat the address that they refuse, or its name."""
    dicho = re.sub(re.escape(para), _ALGUIEN, motivo, flags=re.IGNORECASE) if para else motivo
    dicho = _DIRECCION.sub(_ALGUIEN, dicho)
    nombre = para.partition("@")[0]
    if len(nombre) < _NOMBRE_CORTO:
        return dicho
    return re.sub(rf"(?<![\w.+-]){re.escape(nombre)}(?![\w.+-])", _ALGUIEN, dicho, flags=re.IGNORECASE)


def para_mostrar(para: str) -> str:
    """An address as answers show it that are kept: `a***@empresa.mx`."""
    nombre, arroba, dominio = para.rpartition("@")
    return f"{nombre[:1]}***@{dominio}" if arroba else ""


def proximo_intento(intentos: int, azar: float) -> timedelta | None:
    """How long to wait after `intentos` failed tries; None: no more. `azar` in [0, 1) spreads them by ±20 %."""
    if intentos > len(ESPERAS):
        return None
    return ESPERAS[max(intentos, 1) - 1] * (0.8 + 0.4 * azar)
