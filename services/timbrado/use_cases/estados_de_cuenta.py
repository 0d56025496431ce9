"""Statements of an account for a period, page by page, with all that the seals cover."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.contracts import timbrado as c
from shared.errors import campo_invalido, no_encontrado
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.repository import Repositorio


def estado_de_cuenta(uow: UnitOfWork[Repositorio], p: c.PedirEstadoDeCuenta) -> c.EstadoDeCuenta:
    """One page of the statement of the CM's stock, or of one of its CTI (domain: Balances, 4)."""
    if p.hasta < p.desde:
        raise campo_invalido("hasta", "El periodo termina antes de empezar: revise desde y hasta.")
    nic = None
    if p.cti is not None:
        cti = uow.repo.cti_de(p.cuenta_id, p.cti)
        if cti is None:
            raise no_encontrado("la cuenta de timbrado")
        tipo, titular, nic = "cti", cti.id, cti.nic
    else:
        tipo, titular = "existencia", str(p.cuenta_id)
    cuenta = uow.repo.cuenta(tipo, titular) or uow.repo.libro.abrir([(tipo, titular, True)])[tipo, titular]
    antes, fin = uow.repo.periodo(cuenta.id, p.desde, p.hasta)
    if p.hasta_secuencia is not None:
        fin = min(fin, p.hasta_secuencia)
    enlaces = uow.repo.eslabones(cuenta.id, antes, fin)
    despues = max(antes, p.despues or 0)
    filas = uow.repo.movimientos_sellados(cuenta.id, despues, fin, p.limite)
    return c.EstadoDeCuenta(
        libro_id=cuenta.id,
        tipo=tipo,
        titular=titular,
        nic=nic,
        desde=p.desde,
        hasta=p.hasta,
        apertura=_eslabon(antes, enlaces),
        cierre=_eslabon(fin, enlaces),
        movimientos=[c.MovimientoSellado(**f) for f in filas],
        sin_sellar=uow.repo.sin_sellar(cuenta.id),
    )


def _eslabon(secuencia: int, enlaces: dict[int, tuple[int, bytes]]) -> c.Eslabon:
    saldo, sello = enlaces[secuencia]
    return c.Eslabon(secuencia=secuencia, saldo=saldo, sello=sello.hex())
