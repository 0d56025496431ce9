"""Rules of a bulk transfer: its states, why a row is refused, and which rows a stock is enough for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import compress
from uuid import UUID

from shared.errors import campo_invalido

#: Rows moved in one transaction: what a debit of one of their CTI may have to wait for (some 0.1 s).
PORCION = 5_000
#: Ventas told in one event.
VENTAS_POR_EVENTO = 500
#: Refused rows that a simulation lists.
RECHAZOS_MOSTRADOS = 1_000


class EstadoMasiva(StrEnum):
    """recibida → aplicando → one of the others."""

    RECIBIDA = "recibida"
    APLICANDO = "aplicando"
    APLICADA = "aplicada"
    APLICADA_CON_RECHAZOS = "aplicada_con_rechazos"
    RECHAZADA = "rechazada"


class EstadoFila(StrEnum):
    """A row waits, was applied, or was refused."""

    PENDIENTE = "pendiente"
    APLICADA = "aplicada"
    RECHAZADA = "rechazada"


class RechazoFila(StrEnum):
    """Why a row was refused. Stable: programs read it."""

    NO_EXISTE = "no_existe"
    ILIMITADA = "ilimitada"
    EXISTENCIA = "existencia"
    BLOQUEADA = "bloqueada"
    OTRA_FILA = "otra_fila"


_MOTIVOS = {
    RechazoFila.NO_EXISTE: "No existe esa cuenta de timbrado entre las de sus clientes. Revise el identificador.",
    RechazoFila.ILIMITADA: "Es una CTI ilimitada, que no maneja saldo. Quite la fila o elija una CTI estándar.",
    RechazoFila.EXISTENCIA: "Su existencia de timbres no alcanzó para esta fila. Compre timbres y repita las que faltan.",
    RechazoFila.BLOQUEADA: "Su existencia de timbres está bloqueada. Comuníquese con su proveedor.",
    RechazoFila.OTRA_FILA: "No se aplicó porque pidió todo o nada y otra fila se rechazó. Corríjala y envíe de nuevo.",
}


@dataclass(frozen=True, slots=True)
class MasivaTomada:
    """A bulk transfer that this worker has locked, up to where it was worked on."""

    id: UUID
    cuenta_id: UUID
    estado: EstadoMasiva
    todo_o_nada: bool
    filas: int
    aplicadas: int
    rechazadas: int

    @property
    def hechas(self) -> int:
        """Rows that were worked on: they are taken in order, so the next is one more."""
        return self.aplicadas + self.rechazadas


@dataclass(frozen=True, slots=True)
class Masiva:
    """A bulk transfer as it is shown."""

    id: UUID
    estado: str
    todo_o_nada: bool
    filas: int
    aplicadas: int
    rechazadas: int
    timbres_pedidos: int
    importe_pedido: Decimal
    timbres: int
    importe: Decimal
    creada_en: datetime
    iniciada_en: datetime | None
    terminada_en: datetime | None


@dataclass(frozen=True, slots=True)
class Pedido:
    """The rows of a bulk transfer, as columns. `centavos`: hundredths of MXN."""

    ctis: list[str]
    cantidades: list[int]
    centavos: list[int]

    @property
    def importe(self) -> Decimal:
        """MXN of all rows."""
        return Decimal(sum(self.centavos)).scaleb(-2)


def leer_pedido(
    ctis: str, cantidades: str, importes: str, *, filas_maximas: int, cantidad_maxima: int
) -> Pedido:
    """Columns joined by commas, whose form the contract has checked. Raises `datos_invalidos`."""
    pedido = Pedido(
        ctis.split(","),
        list(map(int, cantidades.split(","))),
        list(map(int, importes.replace(".", "").split(","))),
    )
    if not len(pedido.ctis) == len(pedido.cantidades) == len(pedido.centavos):
        raise campo_invalido("filas", "Cada fila debe traer cti, cantidad e importe.")
    if len(pedido.ctis) > filas_maximas:
        raise campo_invalido(
            "filas", f"Envíe como máximo {filas_maximas:,} filas por operación; divida las demás en otra."
        )
    if min(pedido.cantidades) < 1 or max(pedido.cantidades) > cantidad_maxima:
        raise campo_invalido("cantidad", f"La cantidad debe ser de 1 a {cantidad_maxima:,} timbres.")
    return pedido


def que_caben(disponible: int, cantidades: Sequence[int]) -> list[bool]:
    """Which amounts a stock is enough for, in order: one that does not fit is passed over, a later one may fit."""
    caben: list[bool] = []
    for cantidad in cantidades:
        cabe = cantidad <= disponible
        if cabe:
            disponible -= cantidad
        caben.append(cabe)
    return caben


@dataclass(frozen=True, slots=True)
class Simulacion:
    """What a bulk transfer would do: refusals by row number, counted from 1, and what would move."""

    rechazos: dict[int, RechazoFila]
    aplicables: int
    movidas: int
    timbres: int
    centavos: int


def simular(
    pedido: Pedido,
    disponible: int,
    bloqueada: bool,
    ajenas: Sequence[int],
    ilimitadas: Sequence[int],
    todo_o_nada: bool,
) -> Simulacion:
    """The same rules as when it is applied, on a stock that has `disponible` and may be `bloqueada`."""
    rechazos = dict.fromkeys(ajenas, RechazoFila.NO_EXISTE) | dict.fromkeys(ilimitadas, RechazoFila.ILIMITADA)
    quedan = [n for n in range(1, len(pedido.ctis) + 1) if n not in rechazos]
    caben = que_caben(0 if bloqueada else disponible, [pedido.cantidades[n - 1] for n in quedan])
    falta = RechazoFila.BLOQUEADA if bloqueada else RechazoFila.EXISTENCIA
    rechazos |= {n: falta for n, cabe in zip(quedan, caben, strict=True) if not cabe}
    aplicables = list(compress(quedan, caben))
    movidas = [] if todo_o_nada and rechazos else aplicables
    return Simulacion(
        rechazos,
        len(aplicables),
        len(movidas),
        sum(pedido.cantidades[n - 1] for n in movidas),
        sum(pedido.centavos[n - 1] for n in movidas),
    )


def estado_final(aplicadas: int, rechazadas: int) -> EstadoMasiva:
    """State of a bulk transfer all of whose rows were worked on."""
    if not rechazadas:
        return EstadoMasiva.APLICADA
    return EstadoMasiva.APLICADA_CON_RECHAZOS if aplicadas else EstadoMasiva.RECHAZADA


def motivo(rechazo: str | None) -> str | None:
    """Why a row was refused, in words that say what to do."""
    return None if rechazo is None else _MOTIVOS[RechazoFila(rechazo)]


def estado_de_masiva(texto: str | None) -> str | None:
    """Filter `estado` of bulk transfers. Raises `datos_invalidos`."""
    if texto is not None and texto not in set(EstadoMasiva):
        raise campo_invalido("estado", f"El estado debe ser uno de: {', '.join(EstadoMasiva)}.")
    return texto


def estado_de_fila(texto: str | None) -> str | None:
    """Filter `estado` of rows. Raises `datos_invalidos`."""
    if texto is not None and texto not in set(EstadoFila):
        raise campo_invalido("estado", f"El estado debe ser uno de: {', '.join(EstadoFila)}.")
    return texto
