"""Bulk transfers: one operation of up to 50,000 rows, applied in the background."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc

FILAS_MAXIMAS = 50_000
CANTIDAD_MAXIMA = 100_000_000
LIMITE = validate.Range(min=1, max=200)

_FORMA = "Las filas no tienen la forma esperada. Envíe cti, cantidad e importe de cada una."
#: The form of each column, whole.
COLUMNA_CTIS = r"(?:[A-Za-z0-9._@-]{3,64},)*[A-Za-z0-9._@-]{3,64}\Z"
COLUMNA_CANTIDADES = r"(?:[0-9]{1,9},)*[0-9]{1,9}\Z"
COLUMNA_IMPORTES = r"(?:[0-9]{1,12}\.[0-9]{2},)*[0-9]{1,12}\.[0-9]{2}\Z"
_CTIS = validate.Regexp(COLUMNA_CTIS, error=_FORMA)
_CANTIDADES = validate.Regexp(COLUMNA_CANTIDADES, error=_FORMA)
_IMPORTES = validate.Regexp(COLUMNA_IMPORTES, error=_FORMA)


@dataclass(frozen=True, kw_only=True)
class TransferirMasivamente(PeticionConClave):
    """Timbres from a CM's stock to many CTI, in the order of the rows. Irreversible; each row is a venta.

    The rows come as three columns of text joined by commas, because an object per row would cost more to carry
    than to transfer. `importes` are MXN with two decimals. `todo_o_nada`: one refused row refuses them all.
    """

    cuenta_id: UUID
    ctis: str = field(metadata={"validate": _CTIS}, repr=False)
    cantidades: str = field(metadata={"validate": _CANTIDADES}, repr=False)
    importes: str = field(metadata={"validate": _IMPORTES}, repr=False)
    todo_o_nada: bool = False
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class SimularTransferenciaMasiva:
    """The same, to be told what would happen; nothing changes."""

    cuenta_id: UUID
    ctis: str = field(metadata={"validate": _CTIS}, repr=False)
    cantidades: str = field(metadata={"validate": _CANTIDADES}, repr=False)
    importes: str = field(metadata={"validate": _IMPORTES}, repr=False)
    todo_o_nada: bool = False


@dataclass(frozen=True, kw_only=True)
class TransferenciaMasiva:
    """A bulk transfer and how far it is.

    `estado`: recibida, aplicando, aplicada, aplicada_con_rechazos or rechazada (nothing moved). `timbres` and
    `importe` are what was moved so far; `porcentaje` of the rows was worked on.
    """

    id: UUID
    estado: str
    todo_o_nada: bool
    filas: int
    aplicadas: int
    rechazadas: int
    porcentaje: int
    timbres_pedidos: int
    importe_pedido: Decimal
    timbres: int
    importe: Decimal
    creada_en: datetime
    iniciada_en: datetime | None = None
    terminada_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class FilaDeMasiva:
    """A row, counted from 1. `estado`: pendiente, aplicada or rechazada; `codigo` and `motivo` say why refused."""

    fila: int
    cti: str
    cantidad: int
    importe: Decimal
    estado: str
    codigo: str | None = None
    motivo: str | None = None
    transferencia_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class SimulacionMasiva:
    """What a bulk transfer would do now: the state in which it would end, and what would move.

    `aplicables` rows fit and `rechazadas` do not, of which `rechazos` lists the first. With `todo_o_nada` any
    refused row makes `timbres` and `importe` zero.
    """

    estado: str
    todo_o_nada: bool
    filas: int
    aplicables: int
    rechazadas: int
    timbres: int
    importe: Decimal
    existencia_antes: int
    existencia_despues: int
    rechazos: list[FilaDeMasiva] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class ListarTransferenciasMasivas:
    """Bulk transfers of a CM, newest first."""

    cuenta_id: UUID
    estado: str | None = None
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaTransferenciasMasivas:
    """One page; `siguiente` is the cursor of the next, null on the last."""

    datos: list[TransferenciaMasiva]
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class ObtenerTransferenciaMasiva:
    """One bulk transfer of a CM."""

    cuenta_id: UUID
    masiva_id: UUID


@dataclass(frozen=True, kw_only=True)
class ListarFilasDeMasiva:
    """Rows of a bulk transfer in order; `estado`: pendiente, aplicada or rechazada."""

    cuenta_id: UUID
    masiva_id: UUID
    estado: str | None = None
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaFilasDeMasiva:
    """One page; `siguiente` is the cursor of the next, null on the last."""

    datos: list[FilaDeMasiva]
    siguiente: str | None = None


TRANSFERIR_MASIVAMENTE = Rpc(
    "timbrado",
    "transferir_masivamente_v1",
    TransferirMasivamente,
    TransferenciaMasiva,
    cambia=True,
    plazo=10.0,
)
SIMULAR_TRANSFERENCIA_MASIVA = Rpc(
    "timbrado", "simular_transferencia_masiva_v1", SimularTransferenciaMasiva, SimulacionMasiva, plazo=10.0
)
LISTAR_TRANSFERENCIAS_MASIVAS = Rpc(
    "timbrado", "listar_transferencias_masivas_v1", ListarTransferenciasMasivas, PaginaTransferenciasMasivas
)
OBTENER_TRANSFERENCIA_MASIVA = Rpc(
    "timbrado", "obtener_transferencia_masiva_v1", ObtenerTransferenciaMasiva, TransferenciaMasiva
)
LISTAR_FILAS_DE_MASIVA = Rpc(
    "timbrado", "listar_filas_de_masiva_v1", ListarFilasDeMasiva, PaginaFilasDeMasiva
)
