"""The audit log: entries arrive from every service; a CM reads its own, the root the platform's."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from shared import pagination
from shared.contracts import clientes as c
from shared.contracts.eventos import AsientoDeAuditoria
from shared.errors import campo_invalido
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]

_PLATAFORMA = UUID(int=0)
#: How long a delivery is remembered. Repeats come within a day; only a dead letter may be handed back later.
_VIDA_DE_ENTREGA = timedelta(days=90)
_LOTE = 1000


def anotar_asiento(uow: Uow, asiento: AsientoDeAuditoria) -> None:
    """Keep an entry. A repeat is known by its id, besides the inbox.

    What a perfil did to itself (a sign-in, its password) belongs to no CM by itself: it is in the log of each that the
    perfil administers now, besides the platform's, so that a titular sees its usuarios' accesses.
    """
    uow.repo.anotar_asiento(asdict(asiento))
    perfil_id = _perfil_de(asiento)
    if perfil_id is not None:
        for cuenta in uow.repo.administra(perfil_id):
            copia = replace(asiento, id=uuid5(asiento.id, str(cuenta.cuenta_id)), cuenta_id=cuenta.cuenta_id)
            uow.repo.anotar_asiento(asdict(copia))


def limpiar(uow: Uow) -> bool:
    """Forget that entries arrived, long after; says whether there may be more.

    Whatever anybody asks for, also without a session, leaves an entry and so one of these rows. No other event's is
    forgotten: only an entry is known by its id besides the inbox, so that a repeat after all changes nothing.
    """
    return uow.repo.olvidar_entregas_de_asientos(uow.ahora - _VIDA_DE_ENTREGA, _LOTE) >= _LOTE


def _perfil_de(asiento: AsientoDeAuditoria) -> UUID | None:
    clase, _, valor = asiento.objeto.partition(":")
    if asiento.cuenta_id is not None or clase != "perfil":
        return None
    try:
        return UUID(valor)
    except ValueError:
        return None


def listar_auditoria(uow: Uow, p: c.ListarAuditoria) -> c.PaginaAuditoria:
    """One page of a CM's log, newest first."""
    return _pagina(uow, p.cuenta_id, p)


def listar_auditoria_de_plataforma(uow: Uow, p: c.ListarAuditoriaDePlataforma) -> c.PaginaAuditoria:
    """One page of what belongs to no CM, newest first. The gateway asks it for the root alone."""
    return _pagina(uow, None, p)


def _pagina(
    uow: Uow, cuenta_id: UUID | None, p: c.ListarAuditoria | c.ListarAuditoriaDePlataforma
) -> c.PaginaAuditoria:
    limite = pagination.limite_valido(p.limite)
    if p.desde is not None and p.hasta is not None and p.desde >= p.hasta:
        raise campo_invalido("hasta", "Debe ser posterior a desde.")
    lugar = pagination.posicion(p.cursor)
    filtros = {k: getattr(p, k) for k in ("actor", "accion", "objeto", "desde", "hasta")}
    for campo, valor in filtros.items():
        if isinstance(valor, str) and "\0" in valor:
            raise campo_invalido(campo, "Contiene un carácter que no se admite.")
    filas = uow.repo.pagina_auditoria(
        cuenta_id, filtros, None if lugar is None else (lugar.en, lugar.id), limite + 1
    )
    pagina = filas[:limite]
    return c.PaginaAuditoria(
        datos=[
            c.Asiento(
                id=f.id,
                en=f.en_texto,
                accion=f.accion,
                actor_tipo=f.actor_tipo,
                actor=f.actor,
                ip=f.ip,
                correlacion=f.correlacion,
                objeto=f.objeto,
                resultado=f.resultado,
                detalle=f.detalle,
                cadena=f.cuenta_id or _PLATAFORMA,
                secuencia=f.secuencia,
                anterior=None if f.anterior is None else bytes(f.anterior).hex(),
                sello=None if f.sello is None else bytes(f.sello).hex(),
            )
            for f in pagina
        ],
        siguiente=pagination.Posicion(pagina[-1].en, pagina[-1].id).cursor() if len(filas) > limite else None,
    )
