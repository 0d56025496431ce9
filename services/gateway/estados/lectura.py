"""A statement as the gateway has it: its head, and its movements read page by page as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from shared.contracts import timbrado as c
from shared.errors import DomainError, campo_invalido
from shared.messaging.rpc_client import RpcClient

#: Rows of one statement. Beyond, the caller asks for shorter periods: each links to the next by its seals.
FILAS = 100_000
FILAS_PDF = 2_000


@dataclass(frozen=True, slots=True)
class Lectura:
    """The first page, already here, and how to go on. Errors of the request come before anything is written."""

    primera: c.EstadoDeCuenta
    peticion: c.PedirEstadoDeCuenta
    rpc: RpcClient

    @property
    def filas(self) -> int:
        """Movements of the whole statement."""
        return self.primera.cierre.secuencia - self.primera.apertura.secuencia

    def paginas(self) -> Iterator[list[c.MovimientoSellado]]:
        """The movements, page by page, up to the closing link that the first page told."""
        pagina = self.primera.movimientos
        while pagina:
            yield pagina
            if pagina[-1].secuencia >= self.primera.cierre.secuencia:
                return
            pagina = self._pedir(pagina[-1].secuencia).movimientos

    def _pedir(self, despues: int) -> c.EstadoDeCuenta:
        fin = self.primera.cierre.secuencia
        return self.rpc.llamar(
            c.ESTADO_DE_CUENTA, replace(self.peticion, despues=despues, hasta_secuencia=fin)
        )


def leer(rpc: RpcClient, cuenta_id: UUID, cti: str | None, desde: date, hasta: date, maximo: int) -> Lectura:
    """Begin to read. Raises `datos_invalidos` when the period has more than `maximo` movements, saying what to do."""
    peticion = c.PedirEstadoDeCuenta(cuenta_id=cuenta_id, cti=cti, desde=desde, hasta=hasta)
    lectura = Lectura(rpc.llamar(c.ESTADO_DE_CUENTA, peticion), peticion, rpc)
    if lectura.filas > maximo:
        raise _demasiados(lectura.filas, maximo)
    return lectura


def cabeza(e: c.EstadoDeCuenta) -> dict[str, Any]:
    """All of a statement but its movements, as JSON has it; `shared/ledger/verificar.py` checks this form."""
    return {
        "formato": "cuenta-maestra/estado-de-cuenta/1",
        "cuenta": {"libro_id": e.libro_id, "tipo": e.tipo, "titular": e.titular, "nic": e.nic},
        "periodo": {
            "desde": e.desde.isoformat(),
            "hasta": e.hasta.isoformat(),
            "zona": "America/Mexico_City",
        },
        "sin_sellar": e.sin_sellar,
        "apertura": _punta(e.apertura),
        "cierre": _punta(e.cierre),
    }


def fila(e: c.EstadoDeCuenta, m: c.MovimientoSellado) -> dict[str, Any]:
    """One movement as JSON and CSV have it: what is sealed, and `cambio`, its sign for this account."""
    return {
        "secuencia": m.secuencia,
        "creado_en": m.creado_en,
        "motivo": m.motivo,
        "referencia": m.referencia,
        "cambio": m.cantidad if m.destino == e.libro_id else -m.cantidad,
        "importe": None if m.importe is None else f"{m.importe:.2f}",
        "saldo": m.saldo,
        "id": m.id,
        "operacion": str(m.operacion),
        "origen": m.origen,
        "destino": m.destino,
        "cantidad": m.cantidad,
        "sello": m.sello,
    }


COLUMNAS = (
    "secuencia", "creado_en", "motivo", "referencia", "cambio", "importe", "saldo", "id", "operacion", "origen",
    "destino", "cantidad", "sello",
)  # fmt: skip


def _punta(e: c.Eslabon) -> dict[str, Any]:
    return {"secuencia": e.secuencia, "saldo": e.saldo, "sello": e.sello}


def _demasiados(filas: int, maximo: int) -> DomainError:
    if maximo == FILAS_PDF:
        return campo_invalido(
            "hasta",
            f"El periodo tiene {filas:,} movimientos y el PDF admite {maximo:,}. Pida periodos más cortos, o el mismo"
            " estado de cuenta en CSV o JSON.",
        )
    return campo_invalido(
        "hasta",
        f"El periodo tiene {filas:,} movimientos y el máximo es {maximo:,}. Pídalo por periodos más cortos: el sello"
        " de cierre de cada uno es el de apertura del siguiente.",
    )
