"""RPC of timbrado: sealed balances of many clientes, for the rebuilding of the cartera."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import Rpc

#: Clientes that one call asks for.
CLIENTES_POR_PAGINA = 2_000


@dataclass(frozen=True, kw_only=True)
class SaldosDeClientes:
    clientes: list[UUID] = field(
        metadata={
            "validate": validate.Length(
                max=CLIENTES_POR_PAGINA, error="Pida a lo más {max} clientes a la vez."
            )
        }
    )


@dataclass(frozen=True, kw_only=True)
class SaldosDeCtis:
    """Every CTI of those clientes, as columns like the event `SaldosDeTimbres`; an ilimitada has balance 0."""

    ctis: str = ""
    clientes: str = ""
    saldos: str = ""
    versiones: str = ""
    compras: str = ""


SALDOS_DE_CLIENTES = Rpc("timbrado", "saldos_de_clientes_v1", SaldosDeClientes, SaldosDeCtis)
