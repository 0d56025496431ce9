"""Sessions: when a renewal token was copied, and what a User-Agent says of a device."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.clientes.domain.cuentas import Administra
from services.clientes.domain.perfiles import Renovacion

#: Within this, a repeat of a renewal whose answer nobody used is taken for a repeat (Auth0: reuse interval).
GRACIA = timedelta(seconds=10)
#: Repeats in the grace: a browser with many tabs renews in each when it starts.
REPETICIONES = 20
#: A session's last use is written at most this often.
CADA_USO = timedelta(minutes=1)
AGENTE_MAXIMO = 200

_NAVEGADORES = (
    ("Edge", r"Edg(?:e|A|iOS)?/"),
    ("Opera", r"OPR/|Opera"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrome/|CriOS/"),
    ("Safari", r"Safari/"),
)
_SISTEMAS = (
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Android", r"Android"),
    ("Windows", r"Windows"),
    ("Mac", r"Mac OS X|Macintosh"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux|X11"),
)


@dataclass(frozen=True, kw_only=True)
class SesionGuardada:
    """A session as its perfil sees it. `usada_en`: its latest use, to the minute."""

    sesion_id: UUID
    agente: str
    origen_ip: str
    creada_en: datetime
    vence_en: datetime
    usada_en: datetime
    usada_ip: str


@dataclass(frozen=True, kw_only=True)
class SesionVigente:
    """A session that holds, and what its perfil may do now."""

    usada_en: datetime
    cuentas: tuple[Administra, ...]
    nics: tuple[int, ...]


def reusada(renovacion: Renovacion, ahora: datetime) -> bool:
    """Whether its use now means that someone copied it, so that the whole session has to end.

    A token is used once. But an answer can get lost, and several tabs of a browser renew with the same cookie at
    once; so within `GRACIA` of its first use it may be used again, as long as none of the tokens that were given
    for it has been. Each repeat gets a token of its own, and the first of these sisters that is used ends the
    others: who copied a token and used it in the grace is found out when the second of the two renews. The
    session's row is locked by every renewal, so two at one instant come here one after the other.
    """
    if renovacion.hermana_usada:
        return True
    if renovacion.usada_en is None:
        return False
    return (
        ahora > renovacion.usada_en + GRACIA
        or renovacion.sucesora_usada
        or renovacion.sucesoras >= REPETICIONES
    )


def agente_de(texto: str) -> str:
    """A User-Agent as stored: one line, bounded."""
    return re.sub(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\uffff]", " ", texto).strip()[:AGENTE_MAXIMO]


def dispositivo_de(agente: str) -> str:
    """What a person recognises: «Firefox en Windows», or the program's own name. Never more than it claimed."""
    if not agente.startswith("Mozilla/"):
        return agente.split(" ", 1)[0].split("/", 1)[0][:40] or "Programa sin nombre"
    navegador = next((n for n, patron in _NAVEGADORES if re.search(patron, agente)), "Navegador")
    sistema = next((n for n, patron in _SISTEMAS if re.search(patron, agente)), None)
    return f"{navegador} en {sistema}" if sistema else navegador
