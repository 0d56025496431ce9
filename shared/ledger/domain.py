"""Rules of the ledger, in plain Python: who can spend, in which order, and how a movement is sealed.

Double entry (domain: Balances, 1): every movement takes `cantidad` from `origen` and gives it to
`destino`, so the sum over all accounts is zero by construction. Accounts without a limit (`emisión`,
`consumo`) keep no running balance. Amounts are integers of the smallest unit (one timbre; one hundredth
of a punto).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from uuid import UUID


class Rechazo(StrEnum):
    """Why an account can't spend."""

    NO_EXISTE = "no_existe"
    BLOQUEADA = "bloqueada"
    VERSION = "version"
    SALDO = "saldo"


@dataclass(frozen=True, slots=True)
class Cuenta:
    """An account as read under its lock. `version` is a fencing token: who holds an older one can't spend."""

    id: int
    tipo: str
    titular: str
    saldo: int
    retenido: int
    con_limite: bool
    bloqueada: bool
    version: int

    @property
    def disponible(self) -> int:
        """What can still be spent or held."""
        return self.saldo - self.retenido


@dataclass(frozen=True, slots=True)
class Transferencia:
    """One movement to make. `operacion` is its own idempotency: a second one with the same id is impossible."""

    operacion: UUID
    origen: int
    destino: int
    cantidad: int
    motivo: str
    referencia: str = ""
    importe: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Retencion:
    """Something to hold. `version`: the credential version that the spender proved, or None to skip.

    `cuenta` spends, and is the one whose block and version count; `cargo` pays, when that is another one.
    """

    id: UUID
    cuenta: int
    cantidad: int
    version: int | None = None
    cargo: int | None = None

    @property
    def paga(self) -> int:
        """The account whose balance is held."""
        return self.cuenta if self.cargo is None else self.cargo


@dataclass(frozen=True, slots=True)
class Captura:
    """A hold to turn into a movement towards `destino`."""

    retencion: UUID
    operacion: UUID
    destino: int
    motivo: str
    referencia: str = ""


@dataclass(frozen=True, slots=True)
class Movimiento:
    """A committed movement, as the seal and the statement see it."""

    id: int
    operacion: UUID
    origen: int
    destino: int
    cantidad: int
    motivo: str
    referencia: str
    importe: Decimal | None
    creado_en: str


def resolver_transferencias(
    cuentas: Mapping[int, Cuenta], pedidas: Sequence[Transferencia]
) -> list[Rechazo | None]:
    """Which of a lot's transfers fit, in order: the first that fit succeed, each other gets its own refusal."""
    disponible = {c.id: c.disponible for c in cuentas.values()}
    out: list[Rechazo | None] = []
    for t in pedidas:
        origen, destino = cuentas.get(t.origen), cuentas.get(t.destino)
        if origen is None or destino is None:
            out.append(Rechazo.NO_EXISTE)
        elif origen.bloqueada:
            out.append(Rechazo.BLOQUEADA)
        elif origen.con_limite and disponible[t.origen] < t.cantidad:
            out.append(Rechazo.SALDO)
        else:
            disponible[t.origen] -= t.cantidad
            disponible[t.destino] += t.cantidad
            out.append(None)
    return out


def resolver_retenciones(cuentas: Mapping[int, Cuenta], pedidas: Sequence[Retencion]) -> list[Rechazo | None]:
    """Which of a lot's holds fit, in order; a blocked account or an old credential version can't hold."""
    disponible = {c.id: c.disponible for c in cuentas.values()}
    out: list[Rechazo | None] = []
    for r in pedidas:
        cuenta, paga = cuentas.get(r.cuenta), cuentas.get(r.paga)
        if cuenta is None or paga is None:
            out.append(Rechazo.NO_EXISTE)
        elif cuenta.bloqueada:
            out.append(Rechazo.BLOQUEADA)
        elif r.version is not None and r.version != cuenta.version:
            out.append(Rechazo.VERSION)
        elif paga.con_limite and disponible[r.paga] < r.cantidad:
            out.append(Rechazo.SALDO)
        else:
            disponible[r.paga] -= r.cantidad
            out.append(None)
    return out


def netos(transferencias: Iterable[Transferencia]) -> dict[int, int]:
    """Change of each account's balance."""
    cambio: dict[int, int] = {}
    for t in transferencias:
        cambio[t.origen] = cambio.get(t.origen, 0) - t.cantidad
        cambio[t.destino] = cambio.get(t.destino, 0) + t.cantidad
    return cambio


GENESIS = bytes(32)


def sello(anterior: bytes, cuenta: int, secuencia: int, saldo: int, m: Movimiento) -> bytes:
    """Hash of one link: SHA-256 over the previous link and every field of the movement.

    Fields are joined with a unit separator, so that no two movements give the same text.
    """
    campos = (
        anterior.hex(), cuenta, secuencia, saldo, m.id, m.operacion, m.origen, m.destino, m.cantidad, m.motivo,
        m.referencia, "" if m.importe is None else f"{m.importe:.2f}", m.creado_en,
    )  # fmt: skip
    return hashlib.sha256("\x1f".join(str(c) for c in campos).encode()).digest()
