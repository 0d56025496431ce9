"""The guard: when the use of a CTI is so unusual that it is frozen, or that its CM is told.

A stolen credential shows as a sudden burst. Freezing is for spending only; many wrong passwords are told and never
freeze, or anyone who knows an id could stop somebody else's invoicing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

#: An hour with fewer stampings than these is never unusual by itself.
PISO = 500
#: Times the busiest hour of the history.
VECES = 20
#: How far back an hour counts as history, and how long a CTI must have been used for it to have one.
HISTORIA = timedelta(days=28)
HISTORIA_MINIMA = timedelta(days=7)
#: Wrong passwords in `VENTANA_DE_FALLOS` for one CTI that are told.
FALLOS = 200
VENTANA_DE_FALLOS = timedelta(minutes=10)
#: The hour that has just ended is still looked at for this long: what it sealed last is told some seconds later.
GRACIA = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Actividad:
    """An hour of a CTI beside its history. `maxima`: busiest earlier hour of the history; `desde`: its first."""

    cti: str
    hora: datetime
    cantidad: int
    maxima: int = 0
    desde: datetime | None = None
    tope: int | None = None


def umbral(a: Actividad) -> int | None:
    """Stampings in the hour past which the CTI is frozen; None when nothing says what is usual for it.

    The CTI's own `tope` stands beside the history: the lower of the two decides.
    """
    umbrales = []
    if a.tope is not None:
        umbrales.append(a.tope)
    if a.desde is not None and a.hora - a.desde >= HISTORIA_MINIMA:
        umbrales.append(max(PISO, VECES * a.maxima))
    return min(umbrales, default=None)


def motivo_de_congelar(a: Actividad) -> str | None:
    """Why the CTI has to be frozen, in Spanish; None when it need not be."""
    limite = umbral(a)
    if limite is None or a.cantidad <= limite:
        return None
    causa = (
        f"su tope es de {limite:,} por hora"
        if limite == a.tope
        else f"su hora más activa de los últimos {HISTORIA.days} días tuvo {a.maxima:,}"
    )
    return f"Congelada por la guarda: {a.cantidad:,} timbrados en una hora; {causa}."


def aviso_de_congelada(cti: str, motivo: str) -> str:
    """What the CM is told of a frozen CTI."""
    return (
        f"La cuenta de timbrado {cti} dejó de timbrar. {motivo} Si el uso es legítimo, reactívela (y suba su tope por"
        " hora si lo tiene); si no, restablezca su contraseña y revoque sus llaves antes de reactivarla."
    )


def aviso_de_fallos(cti: str, cuantos: int) -> str:
    """What the CM is told of many wrong passwords."""
    minutos = int(VENTANA_DE_FALLOS.total_seconds() // 60)
    return (
        f"La cuenta de timbrado {cti} recibió {cuantos:,} contraseñas equivocadas en {minutos} minutos. Sigue activa."
        " Revise que sus aplicaciones tengan la contraseña vigente; si no son ellas, limite sus direcciones."
    )
