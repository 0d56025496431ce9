"""What CTI spent, told to the other services: by the sealer, seconds behind the stamping and in few events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from services.timbrado.domain import guarda, pronostico
from shared.contracts import eventos as ev
from shared.ledger.domain import Movimiento
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.repository import Repositorio

#: CTI in one event: some 80 KB.
_POR_EVENTO = 500
#: Rows that one transaction makes fewer: a replica's share of a minute, at 100,000 busy CTI.
LOTE = 5_000
#: Beyond what the forecast and the guard look back, since a day of the one begins in Mexico and a late hour may be sealed.
_MARGEN = timedelta(days=7)
CONSERVADO = max(timedelta(days=pronostico.VENTANA), guarda.HISTORIA) + _MARGEN


def contar_consumos(uow: UnitOfWork[Repositorio], movimientos: Sequence[Movimiento]) -> None:
    """Tell what each CTI spent in these movements; in the sealing transaction, so each counts once."""
    timbrados = [m for m in movimientos if m.motivo == "timbrado"]
    if not timbrados:
        return
    consumos = [
        ev.Consumo(
            cti=f.cti, cuenta_id=f.cuenta_id, cliente_id=f.cliente_id, cantidad=int(f.cantidad), en=f.en
        )
        for f in uow.repo.consumos_de([m.operacion for m in timbrados])
    ]
    for i in range(0, len(consumos), _POR_EVENTO):
        uow.publish(ev.TIMBRES_CONSUMIDOS, ev.TimbresConsumidos(consumos=consumos[i : i + _POR_EVENTO]))


def juntar_horas(uow: UnitOfWork[Repositorio]) -> int:
    """Make one row of a CTI's hours that nothing looks at one by one any more; how many rows it took, `LOTE` at most.

    What is left of a CTI is `CONSERVADO` and one row, whatever its age. The caller commits.
    """
    return uow.repo.juntar_horas(uow.ahora - CONSERVADO, LOTE)
