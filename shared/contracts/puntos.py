"""RPC of puntos: wallets of CMs and clientes. Decimals with two places here, hundredths in the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc


@dataclass(frozen=True, kw_only=True)
class Saldo:
    """Balance of a wallet. `disponible` is `saldo` less what is held."""

    saldo: Decimal
    disponible: Decimal


@dataclass(frozen=True, kw_only=True)
class ConsultarSaldo:
    """Balance of a CM, or of its cliente `nic`."""

    cuenta_id: UUID
    nic: int | None = None


@dataclass(frozen=True, kw_only=True)
class Acreditar(PeticionConClave):
    """Mint puntos into the wallet of the CM `destino_id`. `cuenta_id` asks, and must be the root."""

    cuenta_id: UUID
    actor: UUID | None = None
    destino_id: UUID
    puntos: Decimal
    referencia: str = ""


@dataclass(frozen=True, kw_only=True)
class Acreditacion:
    """`saldo` is the destination's after the credit."""

    id: UUID
    destino_id: UUID
    puntos: Decimal
    saldo: Decimal
    en: datetime


@dataclass(frozen=True, kw_only=True)
class Transferir(PeticionConClave):
    """Move puntos from a CM to its cliente; `importe` is the MXN of the venta. It can't be undone."""

    cuenta_id: UUID
    actor: UUID | None = None
    nic: int
    puntos: Decimal
    importe: Decimal


@dataclass(frozen=True, kw_only=True)
class Transferencia:
    """`saldo` is the CM's after the transfer."""

    id: UUID
    nic: int
    puntos: Decimal
    importe: Decimal
    saldo: Decimal
    en: datetime


@dataclass(frozen=True, kw_only=True)
class Movimiento:
    """One line of a wallet's statement: `puntos` is positive when they came in, negative when they left.

    `saldo` (after the movement) and `sello` (its link in the hash chain) are null until it is sealed.
    """

    id: str
    concepto: str
    puntos: Decimal
    importe: Decimal | None = None
    referencia: str = ""
    en: datetime
    saldo: Decimal | None = None
    sello: str | None = None


@dataclass(frozen=True, kw_only=True)
class ListarMovimientos:
    """Statement of a CM, or of its cliente `nic`, newest first."""

    cuenta_id: UUID
    nic: int | None = None
    limite: int = 50
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaMovimientos:
    """One page; `siguiente` is the cursor of the next, null on the last."""

    datos: list[Movimiento] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class SaldosDeClientes:
    """At most 2,000 at a time."""

    clientes: list[UUID] = field(metadata={"validate": validate.Length(max=2_000)})


@dataclass(frozen=True, kw_only=True)
class SaldosSellados:
    """Sealed balances in hundredths of a punto, as columns like the event `SaldosDePuntos`; 0 where nothing moved."""

    clientes: str = ""
    saldos: str = ""
    versiones: str = ""


CONSULTAR_SALDO = Rpc("puntos", "consultar_saldo_v1", ConsultarSaldo, Saldo)
ACREDITAR = Rpc(
    "puntos",
    "acreditar_v1",
    Acreditar,
    Acreditacion,
    cambia=True,
    sin_aislar="the root mints into any CM's wallet",
)
TRANSFERIR = Rpc("puntos", "transferir_v1", Transferir, Transferencia, cambia=True)
LISTAR_MOVIMIENTOS = Rpc("puntos", "listar_movimientos_v1", ListarMovimientos, PaginaMovimientos)
SALDOS_DE_CLIENTES = Rpc("puntos", "saldos_de_clientes_v1", SaldosDeClientes, SaldosSellados)
