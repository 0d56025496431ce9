"""Rules of a CTI ilimitada: its paid year, whom it may stamp for, and when its end is told (manual: CTI Ilimitada).

Years and days are those of the calendar in central Mexico. A year that begins on 29 February ends on 1 March: a
term of years whose day does not exist ends on the first day of the next month (Código Fiscal de la Federación,
art. 12), so nobody gets less than a year.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from services.timbrado.domain.cti import CtiGuardada
from shared.errors import Codigo, DomainError, campo_invalido
from shared.rfc import validar_rfc

CENTRO: Final = ZoneInfo("America/Mexico_City")
#: A request that puntos has not answered by then is given up; a charge that comes later is refunded.
PLAZO_DE_COBRO: Final = timedelta(hours=24)
#: Days before the end of the year on which the CM is told; 0 is the end itself.
AVISOS: Final = (30, 7, 1, 0)
#: What a charge of ours is called in puntos.
CONCEPTO: Final = "cti_ilimitada"


class Modalidad(StrEnum):
    """For whom an ilimitada stamps."""

    ABIERTA = "abierta"
    UN_RFC = "un_rfc"


DESCRIPCIONES: Final = {
    Modalidad.ABIERTA: "CTI ilimitada abierta: timbra comprobantes de cualquier RFC emisor durante un año.",
    Modalidad.UN_RFC: "CTI ilimitada de un RFC: timbra los comprobantes de un solo RFC emisor durante un año.",
}


class Estado(StrEnum):
    """Of a contract: asked, paid, refused by puntos, called off by the CM, or given up for lack of an answer."""

    SOLICITADA = "solicitada"
    ACTIVA = "activa"
    RECHAZADA = "rechazada"
    CANCELADA = "cancelada"
    CADUCADA = "caducada"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contratacion:
    """A year of an ilimitada, from the request on. `precio` in puntos, as it was when asked.

    `desde` and `hasta` are its year, once it is paid; `aplicada_en`: when its `rfc` came to rule the CTI;
    `devolucion_en`: when the refund of its charge was ordered.
    """

    id: UUID
    cti: str
    cuenta_id: UUID
    nic: int
    modalidad: str
    rfc: str | None
    precio: Decimal
    estado: str
    solicitada_en: datetime
    caduca_en: datetime
    motivo: str | None = None
    faltan: Decimal | None = None
    resuelta_en: datetime | None = None
    desde: datetime | None = None
    hasta: datetime | None = None
    aplicada_en: datetime | None = None
    devolucion_en: datetime | None = None


def rfc_de(modalidad: str, rfc: str | None) -> str | None:
    """The RFC to restrict to, normalised; None when open. Raises `datos_invalidos`."""
    if modalidad not in set(Modalidad):
        raise campo_invalido("modalidad", f"La modalidad debe ser una de: {', '.join(Modalidad)}.")
    if modalidad == Modalidad.ABIERTA:
        if rfc is not None:
            raise campo_invalido("rfc", "Una CTI ilimitada abierta no lleva RFC: quítelo o elija un_rfc.")
        return None
    if not rfc:
        raise campo_invalido("rfc", "Escriba el RFC emisor al que se restringe la CTI ilimitada.")
    return validar_rfc(rfc)


def un_anio_despues(momento: datetime) -> datetime:
    """The same day and hour of the next year in central Mexico; 29 February becomes 1 March."""
    local = momento.astimezone(CENTRO)
    try:
        fin = local.replace(year=local.year + 1)
    except ValueError:
        fin = local.replace(year=local.year + 1, month=3, day=1)
    return fin.astimezone(momento.tzinfo)


def anio_por_pagar(vigente_hasta: datetime | None, ahora: datetime) -> tuple[datetime, datetime]:
    """Beginning and end of the year that a charge buys now: it follows a year that still runs."""
    desde = ahora if vigente_hasta is None else max(ahora, vigente_hasta)
    return desde, un_anio_despues(desde)


def revisar(cti: CtiGuardada, emisor: str, ahora: datetime) -> None:
    """Raise `contrato_requerido` when its year is not paid, `no_permitido` when it is contracted for another RFC."""
    if cti.vigente_hasta is None:
        raise DomainError(
            Codigo.CONTRATO_REQUERIDO,
            "Esta CTI ilimitada aún no tiene pagado su año. Pida a su distribuidor que la contrate.",
        )
    if ahora >= cti.vigente_hasta:
        raise DomainError(
            Codigo.CONTRATO_REQUERIDO,
            f"Esta CTI ilimitada venció el {en_palabras(cti.vigente_hasta)}. Pida a su distribuidor que la renueve.",
            datos={"vigente_hasta": cti.vigente_hasta.isoformat()},
        )
    if cti.rfc_contratado is not None and emisor != cti.rfc_contratado:
        raise DomainError(
            Codigo.NO_PERMITIDO,
            f"Esta CTI ilimitada se contrató solo para el RFC {cti.rfc_contratado} y el comprobante es de {emisor}."
            " Timbre con otra cuenta; la modalidad se cambia al renovar.",
        )


def proximo_aviso(hasta: datetime, ahora: datetime) -> datetime | None:
    """When the CM has to be told next of a year's end; None when everything was due already."""
    return min((m for m in (_momento(hasta, d) for d in AVISOS) if m > ahora), default=None)


def aviso_vigente(hasta: datetime, ahora: datetime) -> int | None:
    """The latest notice that is due (one of `AVISOS`), so that a late timer tells no stale ones; None before the first."""
    return min((d for d in AVISOS if _momento(hasta, d) <= ahora), default=None)


def texto_de_aviso(cti: str, hasta: datetime, ahora: datetime) -> str:
    """What the CM reads, with the days that are really left."""
    if ahora >= hasta:
        return f"La CTI ilimitada {cti} venció el {en_palabras(hasta)} y ya no timbra. Renuévela para que vuelva a timbrar."
    dias = dias_restantes(hasta, ahora)
    cuando = "hoy" if dias == 0 else "mañana" if dias == 1 else f"en {dias} días"
    return f"La CTI ilimitada {cti} vence {cuando} ({en_palabras(hasta)}). Renuévela para que no deje de timbrar."


def dias_restantes(hasta: datetime, ahora: datetime) -> int:
    """Calendar days of central Mexico between now and the end."""
    return (hasta.astimezone(CENTRO).date() - ahora.astimezone(CENTRO).date()).days


def en_palabras(momento: datetime) -> str:
    """`29/02/2028 14:30` in central Mexico."""
    return f"{momento.astimezone(CENTRO):%d/%m/%Y %H:%M}"


def _momento(hasta: datetime, dias: int) -> datetime:
    """When the notice of `dias` days is due: that day's first instant; the end itself for 0."""
    if dias == 0:
        return hasta
    dia = hasta.astimezone(CENTRO).date() - timedelta(days=dias)
    return datetime.combine(dia, time.min, CENTRO)
