"""What CTI spent, told to the other services: by the sealer, seconds behind the stamping and in few events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.contracts import eventos as ev
from shared.ledger.domain import Movimiento
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.repository import Repositorio

#: CTI in one event: some 80 KB.
_POR_EVENTO = 500


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
