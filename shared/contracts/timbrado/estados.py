"""Statements of an account for a period, with all that their seals cover, so that anyone can verify them offline."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import Rpc

#: More would stop the other requests of the process for longer: 500 rows load in 10 ms.
FILAS_POR_PAGINA = 500


@dataclass(frozen=True, kw_only=True)
class PedirEstadoDeCuenta:
    """A page of the statement of the CM's stock, or of one of its CTI, for days of central Mexico, both included.

    `despues`: the last link of the page before; `hasta_secuencia`: the closing link that the first page told, so
    that all pages are of one statement.
    """

    cuenta_id: UUID
    cti: str | None = None
    desde: date
    hasta: date
    despues: int | None = field(default=None, metadata={"validate": validate.Range(min=0, max=2**62)})
    hasta_secuencia: int | None = field(default=None, metadata={"validate": validate.Range(min=0, max=2**62)})
    limite: int = field(
        default=FILAS_POR_PAGINA, metadata={"validate": validate.Range(min=0, max=FILAS_POR_PAGINA)}
    )


@dataclass(frozen=True, kw_only=True)
class Eslabon:
    """A link of the account's chain: its number, the balance after it, its seal (hex). Number 0: before the first."""

    secuencia: int
    saldo: int
    sello: str


@dataclass(frozen=True, kw_only=True)
class MovimientoSellado:
    """A link with its movement, exactly as it was sealed: `creado_en` is the sealed text, UTC with microseconds.

    `origen` and `destino` are ledger accounts; the statement's own is one of them, which says the sign.
    """

    secuencia: int
    id: int
    operacion: UUID
    origen: int
    destino: int
    cantidad: int
    motivo: str
    referencia: str
    importe: Decimal | None = None
    creado_en: str
    saldo: int
    sello: str


@dataclass(frozen=True, kw_only=True)
class EstadoDeCuenta:
    """`libro_id` is the account in the ledger. The period goes from the link `apertura` (not included) to `cierre`.

    `sin_sellar`: movements made seconds ago that have no link yet, and so are in no statement yet.
    """

    libro_id: int
    tipo: str
    titular: str
    nic: int | None = None
    desde: date
    hasta: date
    apertura: Eslabon
    cierre: Eslabon
    movimientos: list[MovimientoSellado]
    sin_sellar: int = 0


ESTADO_DE_CUENTA = Rpc("timbrado", "estado_de_cuenta_v1", PedirEstadoDeCuenta, EstadoDeCuenta)
