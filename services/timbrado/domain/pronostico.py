"""Forecast: for how many days the balance of a CTI estándar lasts.

1. The window is the 28 whole days that ended yesterday (four of each weekday), or fewer for a CTI that began to
   consume within them: then it begins on that first day. One that began today has today alone, unfinished.
2. The rate of a weekday is what was consumed on those weekdays, divided by how many of them the window has. A
   weekday that the window does not have (only windows under a week lack some) takes the mean of all its days.
3. From today on, each day takes its weekday's rate from what is available, for as long as it covers the day whole.
   `dias` is how many it covers, and `termina` the day that it does not. Today counts whole, so the forecast errs
   on the early side.

Rates are integers: sixtieths of a timbre a day. A weekday is divided by 1 to 4, a mean under a week by 1 to 6, and
60 is a multiple of them all, so nothing is ever rounded. Days are those of central Mexico.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

ESCALA = 60
VENTANA = 28
#: With fewer days than these the forecast is flagged.
DIAS_SUFICIENTES = 3
#: A hundred years: whatever lasts longer is told as this, without a date.
DIAS_MAXIMO = 36_500


@dataclass(frozen=True, slots=True)
class Pronostico:
    """`promedio_diario` in timbres, two decimals; None without consumption, and then nothing ends either."""

    promedio_diario: Decimal | None
    dias: int | None
    termina: date | None
    poca_historia: bool


def tasas(sumas: Sequence[int], de_hoy: int, desde: date, hoy: date) -> tuple[int, list[int]]:
    """Days of the window and the rate of each weekday, Monday first.

    `sumas`: consumption by weekday in the window; `de_hoy`: of today so far; `desde`: first day with consumption.
    """
    dias = min(VENTANA, (hoy - desde).days)
    if dias <= 0:
        return 1, [de_hoy * ESCALA] * 7
    media = sum(sumas) * ESCALA // dias
    veces = [0] * 7
    for n in range(1, dias + 1):
        veces[(hoy - timedelta(days=n)).weekday()] += 1
    return dias, [s * ESCALA // v if v else media for s, v in zip(sumas, veces, strict=True)]


def pronosticar(disponible: int, rates: Sequence[int], dias_de_historia: int, hoy: date) -> Pronostico:
    """How long `disponible` timbres last. The repository sorts its list by the same rule, written in SQL."""
    semana = sum(rates)
    poca = dias_de_historia < DIAS_SUFICIENTES
    if semana == 0:
        return Pronostico(None, None, None, poca)
    dias = dias_cubiertos(disponible, rates, hoy)
    return Pronostico(
        promedio_diario=(Decimal(semana) / (7 * ESCALA)).quantize(Decimal("0.01"), ROUND_HALF_UP),
        dias=dias,
        termina=hoy + timedelta(days=dias) if dias < DIAS_MAXIMO else None,
        poca_historia=poca,
    )


def dias_cubiertos(disponible: int, rates: Sequence[int], hoy: date) -> int:
    """Whole days from today that the balance covers; none with an empty balance. `rates` are not all zero."""
    if disponible <= 0:
        return 0
    semanas, resto = divmod(disponible * ESCALA, sum(rates))
    dias = 7 * semanas
    dia = hoy
    while resto >= rates[dia.weekday()]:
        resto -= rates[dia.weekday()]
        dia += timedelta(days=1)
        dias += 1
    return min(dias, DIAS_MAXIMO)


def al_mes(rates: Sequence[int], abonar: int, tope_mensual: int | None) -> int:
    """Timbres that automatic sales of `abonar` move in 30 days at this consumption, within the cap: whole sales."""
    ventas = -(-sum(rates) * 30 // (7 * ESCALA * abonar))
    if tope_mensual is not None:
        ventas = min(ventas, tope_mensual // abonar)
    return ventas * abonar
