"""The whole cartera as a file, in pieces: each is read, written as CSV and forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.clientes.domain import columnas
from services.clientes.use_cases.cuentas import cuenta_de
from shared.contracts import clientes as c
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]


def exportar_clientes(uow: Uow, peticion: c.ExportarClientes) -> c.PiezaDeExportacion:
    """The next clientes in order of NIC. Reading is all it does, so a CM that is not active may take its data."""
    cuenta_de(uow, peticion.cuenta_id)
    filas = uow.repo.exportar_clientes(
        peticion.cuenta_id,
        despues_de=max(0, min(peticion.despues_de, 2**63 - 1)),
        q=(peticion.q or "").strip() or None,
        etiquetas={
            campo: valor
            for campo in ("favorito", "baja", "color")
            if (valor := getattr(peticion, campo)) is not None
        },
        limite=c.PIEZA_DE_EXPORTACION,
    )
    return c.PiezaDeExportacion(
        csv=columnas.escribir(filas),
        siguiente=filas[-1].nic if len(filas) == c.PIEZA_DE_EXPORTACION else None,
    )
