"""Notices to a CM: list them, mark them as read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import pagination
from shared.contracts import timbrado as c
from shared.errors import no_encontrado
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.repository import Repositorio


def listar_avisos(uow: UnitOfWork[Repositorio], p: c.ListarAvisos) -> c.PaginaAvisos:
    """Notices of the CM, newest first."""
    filas = uow.repo.pagina_avisos(p.cuenta_id, p.leido, p.limite + 1, pagination.posicion(p.cursor))
    datos = [c.Aviso(**f) for f in filas[: p.limite]]
    siguiente = None
    if len(filas) > p.limite:
        siguiente = pagination.Posicion(datos[-1].creado_en, datos[-1].id).cursor()
    return c.PaginaAvisos(datos=datos, siguiente=siguiente)


def leer_aviso(uow: UnitOfWork[Repositorio], p: c.LeerAviso) -> c.Aviso:
    """Mark one as read; a second time changes nothing."""
    aviso = uow.repo.leer_aviso(p.cuenta_id, p.aviso_id)
    if aviso is None:
        raise no_encontrado("el aviso")
    return c.Aviso(**aviso)


def leer_avisos(uow: UnitOfWork[Repositorio], p: c.LeerAvisos) -> c.AvisosLeidos:
    """Mark all as read."""
    return c.AvisosLeidos(leidos=uow.repo.leer_avisos(p.cuenta_id))
