"""Timbres that move, and the statements of stocks and CTI."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc

CANTIDAD = validate.Range(min=1, max=100_000_000, error="La cantidad debe ser de 1 a 100,000,000 timbres.")
LIMITE = validate.Range(min=1, max=200)


@dataclass(frozen=True, kw_only=True)
class Transferir(PeticionConClave):
    """Timbres from a CM's stock to a cliente's CTI. Irreversible; a venta of `importe` MXN."""

    cuenta_id: UUID
    cti: str
    cantidad: int = field(metadata={"validate": CANTIDAD})
    importe: Decimal
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class TransferenciaHecha:
    """`saldo` of the CTI and `existencia` of the CM after the transfer."""

    transferencia_id: UUID
    cti: str
    cantidad: int
    importe: Decimal
    saldo: int
    existencia: int


@dataclass(frozen=True, kw_only=True)
class Emitir(PeticionConClave):
    """Mint timbres into the root's stock. Only the root's own staff."""

    cuenta_id: UUID
    cantidad: int = field(metadata={"validate": CANTIDAD})
    referencia: str = ""
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class Abastecer(PeticionConClave):
    """Timbres from a CM's stock to a direct sub-distributor's stock."""

    cuenta_id: UUID
    destino_id: UUID
    cantidad: int = field(metadata={"validate": CANTIDAD})
    importe: Decimal
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class Existencia:
    """Stock of a CM."""

    cuenta_id: UUID
    existencia: int


@dataclass(frozen=True, kw_only=True)
class ConsultarAbasto:
    """What the CM has sold to the stock of a sub-distributor."""

    cuenta_id: UUID
    destino_id: UUID


@dataclass(frozen=True, kw_only=True)
class Abasto:
    """Timbres sold so far and their importe in MXN; `ultimo_en` is null before the first sale."""

    timbres: int
    importe: Decimal
    ultimo_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ConsultarExistencia:
    cuenta_id: UUID


@dataclass(frozen=True, kw_only=True)
class ListarMovimientos:
    """Statement of the CM's stock, or of one of its CTIs when `cti` is given; newest first."""

    cuenta_id: UUID
    cti: str | None = None
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class MovimientoDeTimbres:
    """`cantidad` is negative when timbres leave. `saldo`, `secuencia`, `sello` are null until sealed (seconds)."""

    id: int
    operacion: UUID
    cantidad: int
    motivo: str
    referencia: str
    importe: Decimal | None = None
    creado_en: datetime
    secuencia: int | None = None
    saldo: int | None = None
    sello: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaMovimientos:
    datos: list[MovimientoDeTimbres]
    siguiente: str | None = None


TRANSFERIR = Rpc("timbrado", "transferir_v1", Transferir, TransferenciaHecha, cambia=True)
EMITIR = Rpc("timbrado", "emitir_v1", Emitir, Existencia, cambia=True)
ABASTECER = Rpc("timbrado", "abastecer_v1", Abastecer, Existencia, cambia=True)
CONSULTAR_ABASTO = Rpc("timbrado", "consultar_abasto_v1", ConsultarAbasto, Abasto)
CONSULTAR_EXISTENCIA = Rpc("timbrado", "consultar_existencia_v1", ConsultarExistencia, Existencia)
LISTAR_MOVIMIENTOS = Rpc("timbrado", "listar_movimientos_v1", ListarMovimientos, PaginaMovimientos)
