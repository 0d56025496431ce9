"""A cliente that became a distributor: its CTI are its own CM's from now on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.contracts import eventos as ev
from shared.errors import Codigo, DomainError
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.repository import Repositorio


def pasar_ctis_a_su_cuenta(uow: UnitOfWork[Repositorio], e: ev.ClienteConvertido) -> None:
    """Move the cliente's CTI to its CM and end the automatic sales of the earlier one (see `ClienteConvertido`).

    A stamping under way is not disturbed: it holds timbres of the CTI's account, which stays. Raises `conflicto`
    while the cliente's first CTI is not here yet, so that the bus brings the event again.
    """
    ctis = uow.repo.tomar_ctis_de(e.cuenta_anterior_id, e.nic, e.cliente_id)
    if not ctis:
        if uow.repo.cliente_de(e.cuenta_id, e.nic) == e.cliente_id:
            return
        raise DomainError(Codigo.CONFLICTO, f"Las CTI del cliente {e.nic} todavía no llegan.")
    libros = list(ctis.values())
    uow.repo.terminar_ventas_automaticas(libros)
    uow.repo.poner_umbrales([(libro, None) for libro in libros])
    uow.repo.sacar_de_la_cola(libros)
    uow.repo.pasar_ctis(list(ctis), e.cuenta_anterior_id, e.cuenta_id)
    for cti in ctis:
        uow.repo.anotar(
            cti,
            "conversion",
            "",
            detalle={"cuenta_anterior": str(e.cuenta_anterior_id), "cuenta": str(e.cuenta_id)},
        )
