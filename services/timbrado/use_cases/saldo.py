"""What a CTI has left, told to whoever knows its credentials: an application asks it before it stamps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from services.timbrado import domain
from services.timbrado.credenciales import Credenciales
from shared.contracts import timbrado as c
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.repository import Repositorio


def saldos_de_clientes(uow: UnitOfWork[Repositorio], p: c.SaldosDeClientes) -> c.SaldosDeCtis:
    """Sealed balances of every CTI of these clientes, for the rebuilding of the cartera."""
    filas = uow.repo.saldos_de_clientes(p.clientes)
    return c.SaldosDeCtis(
        ctis=",".join(f[0] for f in filas),
        clientes=",".join(str(f[1]) for f in filas),
        saldos=",".join(str(f[2]) for f in filas),
        versiones=",".join(str(f[3]) for f in filas),
        compras=",".join(f[4].isoformat() if f[4] else "" for f in filas),
    )


def consultar_saldo(
    credenciales: Credenciales,
) -> Callable[[UnitOfWork[Repositorio], c.ConsultarSaldoCti], c.SaldoCti]:
    """Of a CTI by its own credentials; a blocked one is told too, since it is no debit. Raises `credenciales_invalidas`."""

    def use_case(uow: UnitOfWork[Repositorio], p: c.ConsultarSaldoCti) -> c.SaldoCti:
        [cti] = credenciales.verificar([(p.cti, p.contrasena)], al_dia=True)
        if cti is None:
            raise domain.credenciales_invalidas()
        disponible, utilizados = uow.repo.saldo_y_uso(cti.id)
        return c.SaldoCti(
            cti=cti.id, tipo=cti.tipo, saldo=disponible, utilizados=utilizados, vence_en=cti.vigente_hasta
        )

    return use_case
