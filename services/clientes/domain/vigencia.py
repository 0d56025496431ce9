"""When a cuenta maestra ends: natural days of America/Mexico_City, its paid years, its notices.

The expiry is a day, and the CM works through the whole of it: `vence_en` is the last second of that day there. A
year from 29 February ends on 1 March, as a term whose day does not exist ends on the next one (Código Fiscal de la
Federación, art. 12): never less than a year.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONA = ZoneInfo("America/Mexico_City")
#: Days before the expiry on which the CM is told by mail.
AVISOS = (30, 15, 7, 1)
#: Natural days from the cancellation to the removal (manual: Distribuidores).
DIAS_PARA_ELIMINAR = 30
#: Natural days that a new distributor has to confirm.
DIAS_PARA_CONFIRMAR = 30
#: A year more can be paid while no more than this is left: one year ahead, not five by mistake.
DIAS_DE_ANTICIPACION = 366


def dia_en_mexico(momento: datetime) -> date:
    """The calendar day of a moment in central Mexico."""
    return momento.astimezone(ZONA).date()


def inicio_del_dia(dia: date) -> datetime:
    """The first instant of a day of central Mexico, in UTC. Its offset is that day's: there was summer time until 2022."""
    return datetime.combine(dia, time.min, ZONA).astimezone(UTC)


def fin_del_dia(dia: date) -> datetime:
    """The last second of a day of central Mexico, in UTC."""
    return inicio_del_dia(dia + timedelta(days=1)) - timedelta(seconds=1)


def un_anio_despues(dia: date) -> date:
    """The same day of the next year; 29 February becomes 1 March."""
    try:
        return dia.replace(year=dia.year + 1)
    except ValueError:
        return date(dia.year + 1, 3, 1)


def primer_vencimiento(ahora: datetime) -> datetime:
    """Expiry of a CM that begins its first year now."""
    return fin_del_dia(un_anio_despues(dia_en_mexico(ahora)))


def vencimiento_renovado(vence_en: datetime | None, ahora: datetime) -> datetime:
    """Expiry after one more paid year: it follows the present one, or begins today when that is over.

    So nobody loses days by renewing early, and nobody pays for the days that the CM was expired.
    """
    hoy = dia_en_mexico(ahora)
    desde = hoy if vence_en is None else max(hoy, dia_en_mexico(vence_en))
    return fin_del_dia(un_anio_despues(desde))


def dias_restantes(vence_en: datetime, ahora: datetime) -> int:
    """Natural days from today to the expiry day; 0 on that day, negative after it."""
    return (dia_en_mexico(vence_en) - dia_en_mexico(ahora)).days


def corte_de_vencidas(ahora: datetime) -> datetime:
    """A CM whose `vence_en` is before this moment is expired: its expiry day is over."""
    return inicio_del_dia(dia_en_mexico(ahora))


def corte_de_canceladas(ahora: datetime) -> datetime:
    """A CM that was cancelled before this moment is removed: 30 whole natural days have passed since that day."""
    return inicio_del_dia(dia_en_mexico(ahora) - timedelta(days=DIAS_PARA_ELIMINAR))


def se_elimina_el(cancelada_en: datetime) -> date:
    """The day on which a CM cancelled at this moment is removed."""
    return dia_en_mexico(cancelada_en) + timedelta(days=DIAS_PARA_ELIMINAR + 1)


def confirmar_hasta(ahora: datetime) -> datetime:
    """Last moment to confirm an alta made, or sent again, now."""
    return fin_del_dia(dia_en_mexico(ahora) + timedelta(days=DIAS_PARA_CONFIRMAR))


def proximo_aviso(vence_en: datetime, ahora: datetime) -> datetime | None:
    """When the CM has to be told next; None when every notice is due already."""
    momentos = (inicio_del_dia(dia_en_mexico(vence_en) - timedelta(days=d)) for d in AVISOS)
    return min((m for m in momentos if m > ahora), default=None)


def aviso_vigente(vence_en: datetime, ahora: datetime) -> int | None:
    """The latest notice that is due (one of `AVISOS`), so that a late timer tells no stale ones."""
    quedan = dias_restantes(vence_en, ahora)
    return min((d for d in AVISOS if d >= quedan), default=None) if quedan >= 0 else None


def en_palabras(momento: datetime) -> str:
    """`29/02/2028`, by the calendar of central Mexico."""
    return f"{dia_en_mexico(momento):%d/%m/%Y}"
