"""Rules of puntos, in plain Python. The ledger keeps hundredths; everyone else sees two decimals."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from uuid import UUID, uuid5

from shared.errors import Codigo, DomainError, campo_invalido
from shared.money import puntos_a_unidades

MAX_REFERENCIA = 100


class TipoCuenta(StrEnum):
    """Kinds of ledger accounts. Puntos are minted only by `emision` and burnt only into `consumo`."""

    EMISION = "emision"
    CONSUMO = "consumo"
    CM = "cm"
    CLIENTE = "cliente"


class Concepto(StrEnum):
    """Why puntos moved."""

    ACREDITACION = "acreditacion"
    TRANSFERENCIA = "transferencia"
    CARGO = "cargo"
    DEVOLUCION = "devolucion"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonederoCM:
    """Wallet of a CM. `padre_id` is None for the root."""

    cuenta_id: UUID
    padre_id: UUID | None
    nombre: str
    libro_id: int = 0

    @property
    def es_raiz(self) -> bool:
        """Induxsoft's own account, the only one that mints."""
        return self.padre_id is None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonederoCliente:
    """Wallet of a cliente of a CM."""

    cliente_id: UUID
    cuenta_id: UUID
    nic: int
    nombre: str
    libro_id: int = 0


class EstadoCargo(StrEnum):
    """Of a charge. Only one that was made can be given back, and once."""

    COBRADO = "cobrado"
    RECHAZADO = "rechazado"
    DEVUELTO = "devuelto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cargo:
    """What another service had a CM pay, under the id that it gave. `unidades`, `faltan`: hundredths of a punto."""

    id: UUID
    cuenta_id: UUID
    concepto: str
    referencia: str
    unidades: int
    estado: str
    motivo: str | None = None
    faltan: int | None = None

    @property
    def devolucion(self) -> UUID:
        """The operation that gives it back: always the same one, so the ledger refuses a second."""
        return uuid5(self.id, "devolucion")


def unidades_a_mover(puntos: Decimal) -> int:
    """Hundredths of an amount that moves: more than zero, two decimals. Raises `datos_invalidos`."""
    unidades = puntos_a_unidades(puntos)
    if unidades == 0:
        raise campo_invalido("puntos", "Indique una cantidad de puntos mayor que cero.")
    return unidades


def referencia_valida(texto: str) -> str:
    """A short note without control characters. Raises `datos_invalidos`."""
    limpia = " ".join(texto.split())
    if len(limpia) > MAX_REFERENCIA or not limpia.isprintable():
        raise campo_invalido("referencia", f"La referencia admite {MAX_REFERENCIA} caracteres como máximo.")
    return limpia


def saldo_insuficiente(disponible: Decimal, pedidos: Decimal) -> DomainError:
    """There are not enough puntos in the wallet."""
    return DomainError(
        Codigo.SALDO_INSUFICIENTE,
        f"No tiene puntos suficientes: pidió {pedidos:,.2f} y tiene {disponible:,.2f}. Compre más puntos.",
        datos={"disponible": str(disponible)},
    )


def monedero_bloqueado() -> DomainError:
    """The wallet is frozen."""
    return DomainError(
        Codigo.CUENTA_BLOQUEADA, "El monedero de puntos está bloqueado. Comuníquese con su distribuidor."
    )


def motivo_sin_saldo(disponible: Decimal, pedidos: Decimal) -> str:
    """Why a charge was refused, with what is missing."""
    return (
        f"No tiene puntos suficientes: cuesta {pedidos:,.2f} y tiene {disponible:,.2f}. Compre al menos"
        f" {pedidos - disponible:,.2f} puntos e intente de nuevo."
    )
