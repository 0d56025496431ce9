"""Rules of the automatic sale: when a CTI is sold timbres by itself, and what its CM is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.errors import DomainError, campo_invalido

#: Months and days of the business are those of central Mexico.
ZONA = ZoneInfo("America/Mexico_City")
CTIS_POR_PETICION = 1_000


class Espera(StrEnum):
    """What a sale that is due waits for."""

    EXISTENCIA = "existencia"
    TOPE = "tope"
    CUENTA = "cuenta"


class Decision(StrEnum):
    """What to do with a CTI that was found below its minimum."""

    NADA = "nada"
    VENDER = "vender"
    TOPE = "tope"
    CUENTA = "cuenta"


@dataclass(frozen=True, slots=True)
class Orden:
    """A standing order as read under its lock. `libro_id` and `existencia_id` are the ledger accounts of the CTI
    and of its CM's stock; `vendido` timbres were sold in the month that begins on `mes`."""

    cti: str
    nic: int
    cliente_id: UUID
    cuenta_id: UUID
    libro_id: int
    existencia_id: int
    minimo: int
    abonar: int
    importe: Decimal
    tope_mensual: int | None
    espera: str | None
    mes: date
    vendido: int


def mes_de(en: datetime) -> date:
    """First day of the month of central Mexico in which a moment lies."""
    return en.astimezone(ZONA).date().replace(day=1)


def decidir(orden: Orden, saldo: int, bloqueada: bool, mes: date, cm_activa: bool = True) -> Decision:
    """Whether a sale is due (domain: Stamping, 9): the balance is below the minimum, and the CTI may be used.

    One sale adds `abonar` once, even if the balance stays below: the next debit finds it so again. A CM that is not
    active sells nothing; its sales go on when it is (domain: Distributors).
    """
    if bloqueada or saldo >= orden.minimo:
        return Decision.NADA
    if not cm_activa:
        return Decision.CUENTA
    vendido = orden.vendido if orden.mes == mes else 0
    if orden.tope_mensual is not None and vendido + orden.abonar > orden.tope_mensual:
        return Decision.TOPE
    return Decision.VENDER


def revisar_tope(abonar: int, tope_mensual: int | None) -> None:
    """Raise `datos_invalidos` when the monthly cap would not let a single sale through."""
    if tope_mensual is not None and tope_mensual < abonar:
        raise campo_invalido(
            "tope_mensual",
            f"El tope mensual ({tope_mensual:,}) es menor que los timbres de una venta ({abonar:,}): no se"
            " vendería nunca. Súbalo o quítelo.",
        )


def revisar_ctis(ctis: Sequence[str]) -> None:
    """Raise `datos_invalidos` when a request names no CTI, too many, or one twice."""
    if not 1 <= len(ctis) <= CTIS_POR_PETICION:
        raise campo_invalido("ctis", f"Envíe de 1 a {CTIS_POR_PETICION:,} cuentas de timbrado.")
    vistas: set[str] = set()
    for cti in ctis:
        if cti in vistas:
            raise campo_invalido("ctis", f"La cuenta de timbrado {cti} está repetida. Déjela una sola vez.")
        vistas.add(cti)


def solo_estandar() -> DomainError:
    """An ilimitada has no balance that could fall below a minimum."""
    return campo_invalido(
        "cti", "Una CTI ilimitada no maneja saldo: la venta automática es para CTI estándar."
    )


def aviso_sin_existencia(orden: Orden) -> str:
    """What a CM reads when its stock does not allow for a sale."""
    return (
        f"No se hizo la venta automática de {orden.abonar:,} timbres a la CTI {orden.cti}: su existencia no alcanza."
        " Compre timbres y se hará sola en cuanto lleguen."
    )


def aviso_tope(orden: Orden) -> str:
    """What a CM reads when the month's cap does not allow for a sale."""
    return (
        f"La venta automática de la CTI {orden.cti} llegó a su tope mensual de {orden.tope_mensual:,} timbres y se"
        " detuvo. Seguirá el mes próximo; si la necesita antes, suba el tope o transfiera timbres."
    )


def aviso_cuenta(estado: str) -> str:
    """What a CM reads, once, when its automatic sales stop because of its state."""
    return (
        f"Sus ventas automáticas se detuvieron porque su Cuenta Maestra está en estado «{estado}». Seguirán solas en"
        " cuanto esté activa; mientras, sus clientes timbran con lo que tienen."
    )


def estado(espera: str | None, bloqueada: bool) -> str:
    """A standing order's state in lists: activa, cti_bloqueada, sin_existencia, tope_alcanzado or cuenta_no_activa."""
    if bloqueada:
        return "cti_bloqueada"
    match espera:
        case Espera.EXISTENCIA:
            return "sin_existencia"
        case Espera.TOPE:
            return "tope_alcanzado"
        case Espera.CUENTA:
            return "cuenta_no_activa"
        case _:
            return "activa"
