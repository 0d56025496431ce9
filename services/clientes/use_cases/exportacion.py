"""The whole cartera as a file, or what is found of it, in pieces: each is read, written as CSV and forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from services.clientes.domain import columnas
from services.clientes.domain.cartera import ORDENES, FilaDeCartera, Filtros, Lugar, palabras_de
from services.clientes.use_cases.cartera import buscar
from services.clientes.use_cases.cuentas import cuenta_de
from shared.contracts import clientes as c
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]

#: Behind every cliente that has the same NIC.
_ULTIMO = UUID(int=2**128 - 1)


def exportar_cartera(uow: Uow, p: c.ExportarCartera) -> c.PiezaDeCartera:
    """The next clientes that a search finds, in its order: the list's own search, in larger pages.

    Reading is all it does, so a CM that is not active may take its data.
    """
    cuenta_de(uow, p.cuenta_id)
    pagina, siguiente = buscar(uow, p, c.PIEZA_DE_EXPORTACION)
    return c.PiezaDeCartera(csv=_lineas(uow, p.cuenta_id, pagina, columnas.COLUMNAS), siguiente=siguiente)


def exportar_clientes(uow: Uow, p: c.ExportarClientes) -> c.PiezaDeExportacion:
    """The same as a gateway of the version before asks for it: by NIC, and without the columns that it has no titles for."""
    cuenta_de(uow, p.cuenta_id)
    normal = uow.repo.normalizar((p.q or "").strip()) if p.q else ""
    filtros = Filtros(palabras=palabras_de(normal), favorito=p.favorito, baja=p.baja, color=p.color)
    despues = Lugar(max(0, min(p.despues_de, 2**63 - 1)), _ULTIMO)
    pagina = uow.repo.buscar_en_cartera(p.cuenta_id, ORDENES["nic"], filtros, despues, c.PIEZA_DE_EXPORTACION)
    return c.PiezaDeExportacion(
        csv=_lineas(uow, p.cuenta_id, pagina, columnas.SIN_CARTERA),
        siguiente=pagina[-1].lugar.clave if len(pagina) == c.PIEZA_DE_EXPORTACION else None,
    )


def _lineas(uow: Uow, cuenta_id: UUID, pagina: Sequence[FilaDeCartera], cuales: Sequence[str]) -> str:
    clientes = uow.repo.clientes_por_id(cuenta_id, [f.lugar.cliente_id for f in pagina])
    # Whoever was erased since the page was found has no line.
    vistas = [(clientes[id_], f) for f in pagina if (id_ := f.lugar.cliente_id) in clientes]
    return columnas.escribir(vistas, cuales)
