"""A PAC's health as all replicas see it: paused by an operator, or resting after failures (circuit breaker).

The state is a row that replicas share; these are its transitions, pure, with the clock and the chance handed in.
A failure counts when the PAC did not answer or did not answer sense; a document that it refuses is an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

FALLAS_PARA_ABRIR = 5
"""Failures in a row after which a PAC rests."""
ESPERA = 30.0
"""Seconds that a PAC rests the first time; each failed probe doubles it."""
ESPERA_MAXIMA = 300.0
AZAR = 0.2
"""Share of the rest that chance adds or takes, so that replicas and PACs do not come back all at once."""
PLAZO_DE_SONDA = 15.0
"""Seconds for which the one that probes keeps the others out; if it dies, another probes after them."""


class Disyuntor(StrEnum):
    """What a PAC's breaker lets pass."""

    CERRADO = "cerrado"
    """Everything: the PAC is well."""
    ABIERTO = "abierto"
    """Nothing, until `abierto_hasta`."""
    SEMIABIERTO = "semiabierto"
    """One request, to see; whoever gets it took the probe (`Pacs.tomar_sonda`)."""


@dataclass(frozen=True, slots=True)
class EstadoDePac:
    """What the replicas share of one PAC. A PAC without a row is in its initial state."""

    nombre: str
    prioridad: int | None = None
    """An operator's override; None: as configured. The lower goes first."""
    pausado: bool = False
    motivo: str | None = None
    fallas_seguidas: int = 0
    abierto_hasta: datetime | None = None
    aperturas: int = 0
    """Times in a row that it was opened: how long the next rest is."""
    en_sonda: bool = False
    """Somebody is trying it: it is open for the others until `abierto_hasta`."""
    ultimo_error: str | None = None
    ultimo_error_en: datetime | None = None

    def disyuntor(self, ahora: datetime) -> Disyuntor:
        """What the breaker lets pass now."""
        if self.abierto_hasta is None:
            return Disyuntor.CERRADO
        return Disyuntor.ABIERTO if ahora < self.abierto_hasta else Disyuntor.SEMIABIERTO

    def disponible(self, ahora: datetime) -> bool:
        """May be asked to stamp without taking the probe first."""
        return not self.pausado and self.disyuntor(ahora) is Disyuntor.CERRADO


@dataclass(frozen=True, slots=True)
class LineaDePac:
    """One line of a PAC's list, as it is kept to be compared. `en` is aware."""

    uuid: UUID
    emisor: str
    en: datetime


def tras_falla(estado: EstadoDePac, ahora: datetime, azar: float, motivo: str) -> EstadoDePac:
    """The state after one more failure. `azar` in [0, 1) places the rest within its jitter.

    Failures that arrive while it is open (calls that had begun before) count, but do not lengthen the rest:
    only a failed probe does.
    """
    fallas = estado.fallas_seguidas + 1
    nuevo = replace(estado, fallas_seguidas=fallas, ultimo_error=motivo[:300], ultimo_error_en=ahora)
    match estado.disyuntor(ahora):
        case Disyuntor.CERRADO if fallas < FALLAS_PARA_ABRIR:
            return nuevo
        case Disyuntor.ABIERTO if not estado.en_sonda:
            return nuevo
        case _:
            aperturas = estado.aperturas + 1
            hasta = ahora + timedelta(seconds=descanso(aperturas, azar))
            return replace(nuevo, aperturas=aperturas, abierto_hasta=hasta, en_sonda=False)


def en_sonda(estado: EstadoDePac, ahora: datetime) -> EstadoDePac:
    """The state once one caller took the probe of a PAC whose rest is over."""
    return replace(estado, en_sonda=True, abierto_hasta=ahora + timedelta(seconds=PLAZO_DE_SONDA))


def tras_exito(estado: EstadoDePac) -> EstadoDePac:
    """The state after an answer that makes sense, a refusal of the document included. The last error stays to be seen."""
    return replace(estado, fallas_seguidas=0, aperturas=0, abierto_hasta=None, en_sonda=False)


def descanso(aperturas: int, azar: float) -> float:
    """Seconds of the n-th rest in a row: 30, 60, 120, 240, 300, 300…, give or take a fifth."""
    base = min(ESPERA * 2 ** (min(aperturas, 10) - 1), ESPERA_MAXIMA)
    return float(base * (1 + AZAR * (2 * azar - 1)))
