"""The cartera as it is searched, and what other services tell of its clientes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from services.clientes.domain import cartera as domain
from services.clientes.use_cases.clientes import ver_cliente
from shared import pagination
from shared.contracts import clientes as c
from shared.contracts.eventos import CtisCreadas, SaldosDePuntos, SaldosDeTimbres
from shared.money import puntos_a_unidades, unidades_a_puntos
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]

_BAJA = {"true": True, "false": False, "todas": None}


def listar_cartera(uow: Uow, p: c.ListarCartera) -> c.PaginaDeCartera:
    """One page of hits in order (manual: Filtrar y buscar). The cursor is of this order and these filters alone."""
    pagina, siguiente = buscar(uow, p, p.limite)
    clientes = uow.repo.clientes_por_id(p.cuenta_id, [f.lugar.cliente_id for f in pagina])
    return c.PaginaDeCartera(
        datos=[
            c.ClienteDeCartera(
                **vars(ver_cliente(clientes[f.lugar.cliente_id])),
                saldo_timbres=f.saldo_timbres,
                saldo_puntos=unidades_a_puntos(f.saldo_puntos),
                ultima_compra=f.ultima_compra,
            )
            for f in pagina
            if f.lugar.cliente_id in clientes
        ],
        siguiente=siguiente,
    )


def buscar(uow: Uow, p: c.BuscarEnCartera, limite: int) -> tuple[list[domain.FilaDeCartera], str | None]:
    """A page of hits, and the cursor of the next one: by the first reading of what was typed that finds somebody."""
    normal = uow.repo.normalizar((p.q or "").strip()) if p.q else ""
    filtros = domain.Filtros(
        favorito=p.favorito,
        baja=_BAJA[p.baja],
        color=p.color,
        timbres=(p.timbres_desde, p.timbres_hasta),
        puntos=(_unidades(p.puntos_desde), _unidades(p.puntos_hasta)),
    )
    cursor = pagination.texto(p.cursor)
    orden = domain.ORDENES[p.orden]
    lecturas = []
    for palabras in domain.lecturas_de(normal):
        leidos = replace(filtros, palabras=palabras)
        lecturas.append((leidos, domain.huella_de_busqueda(p.cuenta_id, leidos)))
    if cursor is not None:
        # Further pages are of the reading that found the first one.
        lecturas = [x for x in lecturas if domain.es_de_busqueda(cursor, x[1])] or lecturas[:1]
    for leidos, huella in lecturas:
        despues = domain.leer_lugar(cursor, p.orden, huella)
        halladas = uow.repo.buscar_en_cartera(p.cuenta_id, orden, leidos, despues, limite + 1)
        if halladas:
            break
    siguiente = None
    if len(halladas) > limite:
        siguiente = pagination.cursor_de(domain.escribir_lugar(p.orden, huella, halladas[limite - 1].lugar))
    return halladas[:limite], siguiente


def hallar_clientes(uow: Uow, p: c.HallarClientes) -> c.ClientesHallados:
    """Whose rows another service is to be asked for, when these are looked for by their cliente."""
    busqueda = c.ListarCartera(cuenta_id=p.cuenta_id, q=p.q, orden="nic", baja="todas")
    pagina, siguiente = buscar(uow, busqueda, c.NICS_HALLADOS)
    return c.ClientesHallados(nics=[f.lugar.clave for f in pagina], completos=siguiente is None)


def nombrar_clientes(uow: Uow, p: c.NombrarClientes) -> c.NombresDeClientes:
    """Names for a page of rows, in one look-up."""
    nombres = uow.repo.nombres_de_clientes(p.cuenta_id, set(p.nics))
    return c.NombresDeClientes(nombres={str(nic): nombre for nic, nombre in nombres.items()})


def contar_cartera(uow: Uow, p: c.ContarCartera) -> c.ResumenDeCartera:
    """How many clientes each tab has."""
    todos, favoritos, bajas, colores = uow.repo.contar_cartera(p.cuenta_id)
    return c.ResumenDeCartera(todos=todos, favoritos=favoritos, bajas=bajas, colores=colores)


def registrar_saldos_de_timbres(
    uow: Uow, e: SaldosDeTimbres, previas: Mapping[str, int] | None = None
) -> None:
    """Balances of CTI estándar; an older word than what is here says nothing new, but for the version in `previas`."""
    if not e.ctis:
        return
    ctis = e.ctis.split(",")
    uow.repo.poner_saldos_de_timbres(
        ctis,
        [UUID(x) for x in e.clientes.split(",")],
        [int(x) for x in e.saldos.split(",")],
        [int(x) for x in e.versiones.split(",")],
        [datetime.fromisoformat(x) if x else None for x in e.compras.split(",")],
        None if previas is None else [previas.get(cti) for cti in ctis],
    )


def registrar_saldos_de_puntos(
    uow: Uow, e: SaldosDePuntos, previas: Mapping[UUID, int] | None = None
) -> None:
    """Balances of wallets of clientes, the same way."""
    if not e.clientes:
        return
    clientes = [UUID(x) for x in e.clientes.split(",")]
    uow.repo.poner_saldos_de_puntos(
        clientes,
        [int(x) for x in e.saldos.split(",")],
        [int(x) for x in e.versiones.split(",")],
        None if previas is None else [previas.get(id_) for id_ in clientes],
    )


def reconstruir(uow: Uow, previas: domain.Previas, timbres: SaldosDeTimbres, puntos: SaldosDePuntos) -> None:
    """A page of the read model anew: balances as their owners have them, then what `clientes` says itself.

    What an event changed since `previas` was read stays.
    """
    uow.repo.derivar_cartera(previas.clientes)
    registrar_saldos_de_timbres(uow, timbres, previas.ctis)
    registrar_saldos_de_puntos(uow, puntos, previas.puntos)
    uow.repo.derivar_cartera(previas.clientes)


def registrar_ctis(uow: Uow, e: CtisCreadas) -> None:
    """CTI by which their clientes are found."""
    if e.ctis:
        uow.repo.agregar_ctis_a_cartera(e.ctis.split(","), [UUID(x) for x in e.clientes.split(",")])


def _unidades(puntos: Decimal | None) -> int | None:
    return None if puntos is None else puntos_a_unidades(puntos)
