"""Bulk transfers: received whole in one row, applied in the background by portions, each row once.

recibida ─ iniciar ─ aplicando ─ portion ─ portion ─ … ─ aplicada | aplicada_con_rechazos | rechazada

Each arrow is one transaction that holds the operation's lock. A portion resolves its rows, locks their accounts
by id, refuses what does not fit, moves the rest, tells the ventas and counts the progress; wherever the worker
dies, either all of that happened or none, and any replica takes up the next portion. `todo_o_nada` is one
portion of all rows.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import compress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from services.timbrado.domain import masivas as domain
from services.timbrado.domain.masivas import EstadoMasiva, RechazoFila
from shared import pagination
from shared.contracts import eventos as ev
from shared.contracts import timbrado as c
from shared.crash import crash_point
from shared.errors import no_encontrado
from shared.ledger.masivo import Movido
from shared.logging import get_logger
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.repository import Repositorio

log = get_logger(__name__)

#: Runs a function on its arguments off the event loop; handed in by the service.
Calculo = Callable[..., Any]

ORIGEN = "masiva"
#: Seconds until one that failed has another turn, and that a statement of an all-or-nothing one may take.
ESPERA = 2.0
PLAZO_DE_TODAS = 60.0


def transferir_masivamente(uow: UnitOfWork[Repositorio], p: c.TransferirMasivamente) -> c.TransferenciaMasiva:
    """Receive a bulk transfer (manual: Transferencias masivas a CTI Estándar); it is applied afterwards."""
    pedido = _leer(p)
    # Its event may still be on the way, and applying must find it.
    uow.repo.libro.abrir([("existencia", str(p.cuenta_id), True)])
    columnas = {"ctis": p.ctis, "cantidades": p.cantidades, "importes": p.importes}
    masiva = uow.repo.recibir_masiva(uuid4(), p.cuenta_id, p.actor, p.todo_o_nada, pedido, columnas)
    crash_point("masiva.despues_de_recibir")
    return _masiva(masiva)


def simular_transferencia_masiva(
    calcular: Calculo,
) -> Callable[[UnitOfWork[Repositorio], c.SimularTransferenciaMasiva], c.SimulacionMasiva]:
    """What the same rows would do now. Nothing is locked, so the real one may find another stock."""

    def use_case(uow: UnitOfWork[Repositorio], p: c.SimularTransferenciaMasiva) -> c.SimulacionMasiva:
        pedido = _leer(p)
        cuenta = uow.repo.cuenta("existencia", str(p.cuenta_id))
        existencia = cuenta.disponible if cuenta else 0
        bloqueada = cuenta is not None and cuenta.bloqueada
        ajenas, ilimitadas = uow.repo.revisar_filas(p.cuenta_id, p.ctis)
        s: domain.Simulacion = calcular(
            domain.simular, pedido, existencia, bloqueada, ajenas, ilimitadas, p.todo_o_nada
        )
        return c.SimulacionMasiva(
            estado=domain.estado_final(s.movidas, len(s.rechazos)),
            todo_o_nada=p.todo_o_nada,
            filas=len(pedido.ctis),
            aplicables=s.aplicables,
            rechazadas=len(s.rechazos),
            timbres=s.timbres,
            importe=_pesos(s.centavos),
            existencia_antes=existencia,
            existencia_despues=existencia - s.timbres,
            rechazos=[
                c.FilaDeMasiva(
                    fila=n,
                    cti=pedido.ctis[n - 1],
                    cantidad=pedido.cantidades[n - 1],
                    importe=_pesos(pedido.centavos[n - 1]),
                    estado=domain.EstadoFila.RECHAZADA,
                    codigo=s.rechazos[n],
                    motivo=domain.motivo(s.rechazos[n]),
                )
                for n in sorted(s.rechazos)[: domain.RECHAZOS_MOSTRADOS]
            ],
        )

    return use_case


def listar_transferencias_masivas(
    uow: UnitOfWork[Repositorio], p: c.ListarTransferenciasMasivas
) -> c.PaginaTransferenciasMasivas:
    """Bulk transfers of the CM, newest first."""
    estado = domain.estado_de_masiva(p.estado)
    filas = uow.repo.masivas(p.cuenta_id, estado, pagination.posicion(p.cursor), p.limite + 1)
    pagina = filas[: p.limite]
    siguiente = (
        pagination.Posicion(pagina[-1].creada_en, pagina[-1].id).cursor() if len(filas) > p.limite else None
    )
    return c.PaginaTransferenciasMasivas(datos=[_masiva(m) for m in pagina], siguiente=siguiente)


def obtener_transferencia_masiva(
    uow: UnitOfWork[Repositorio], p: c.ObtenerTransferenciaMasiva
) -> c.TransferenciaMasiva:
    """One bulk transfer of the CM, with its progress."""
    masiva = uow.repo.masiva_de(p.cuenta_id, p.masiva_id)
    if masiva is None:
        raise no_encontrado("la transferencia masiva")
    return _masiva(masiva)


def listar_filas_de_masiva(uow: UnitOfWork[Repositorio], p: c.ListarFilasDeMasiva) -> c.PaginaFilasDeMasiva:
    """Its rows in order, with what became of each; the cursor is the last row's number."""
    if uow.repo.masiva_de(p.cuenta_id, p.masiva_id) is None:
        raise no_encontrado("la transferencia masiva")
    despues = min(pagination.numero(p.cursor) or 0, c.FILAS_MAXIMAS)
    filas = uow.repo.filas_de(p.masiva_id, domain.estado_de_fila(p.estado), despues, p.limite + 1)
    datos = [
        c.FilaDeMasiva(
            fila=numero, cti=cti, cantidad=cantidad, importe=importe, estado=estado,
            codigo=rechazo, motivo=domain.motivo(rechazo), transferencia_id=operacion,
        )
        for numero, cti, cantidad, importe, estado, rechazo, operacion in filas[: p.limite]
    ]  # fmt: skip
    return c.PaginaFilasDeMasiva(
        datos=datos, siguiente=pagination.cursor_de(datos[-1].fila) if len(filas) > p.limite else None
    )


def aplicar_una(abrir: Callable[[], UnitOfWork[Repositorio]], porcion: int = domain.PORCION) -> bool:
    """Take the bulk transfer whose turn it is one step further; false when none waits."""
    with abrir() as uow:
        masiva = uow.repo.tomar_masiva()
        if masiva is None:
            return False
        try:
            if masiva.estado is EstadoMasiva.RECIBIDA:
                uow.repo.iniciar_masiva(masiva.id)
                crash_point("masiva.antes_de_iniciar")
            else:
                _aplicar(uow, masiva, porcion)
                crash_point("masiva.antes_de_confirmar")
            uow.commit()
        except Exception:
            # In another transaction, since this one is lost: else it would be taken again before all others.
            uow.session.rollback()
            with abrir() as otra:
                otra.repo.posponer_masiva(masiva.id, ESPERA)
                otra.commit()
            raise
    crash_point("masiva.despues_de_confirmar")
    return True


def _aplicar(uow: UnitOfWork[Repositorio], masiva: domain.MasivaTomada, porcion: int) -> None:
    """Work on the next portion, inside the transaction that has the operation locked."""
    hasta = masiva.filas if masiva.todo_o_nada else min(masiva.hechas + porcion, masiva.filas)
    if masiva.todo_o_nada:
        uow.repo.dar_plazo(PLAZO_DE_TODAS)
    uow.repo.resolver_filas(masiva, hasta)
    crash_point("masiva.despues_de_resolver")
    movido = _mover(uow, masiva)
    crash_point("masiva.despues_de_mover")
    if movido.cuantos:
        uow.repo.contar_ventas(
            masiva, ev.TIMBRES_TRANSFERIDOS_LOTE.nombre, ORIGEN, uow.ahora, domain.VENTAS_POR_EVENTO
        )
    rechazadas = hasta - masiva.hechas - movido.cuantos
    fin = None
    if hasta == masiva.filas:
        fin = domain.estado_final(masiva.aplicadas + movido.cuantos, masiva.rechazadas + rechazadas)
        log.info("masiva_terminada", id=str(masiva.id), estado=fin, filas=masiva.filas)
    uow.repo.avanzar_masiva(masiva.id, movido.cuantos, rechazadas, movido.cantidad, movido.importe, fin)


def _mover(uow: UnitOfWork[Repositorio], masiva: domain.MasivaTomada) -> Movido:
    existencia = uow.repo.cuenta("existencia", str(masiva.cuenta_id))
    if existencia is None:
        raise no_encontrado("la existencia de la cuenta")
    libro = uow.repo.libro_de(masiva)
    existencia, pedido = libro.tomar(existencia.id)
    if existencia.bloqueada:
        uow.repo.rechazar_filas(masiva, RechazoFila.BLOQUEADA)
    elif pedido > existencia.disponible:
        numeros, cantidades = uow.repo.cantidades_de(masiva)
        sobran = [not cabe for cabe in domain.que_caben(existencia.disponible, cantidades)]
        uow.repo.rechazar_filas(masiva, RechazoFila.EXISTENCIA, list(compress(numeros, sobran)))
    if masiva.todo_o_nada and uow.repo.hay_rechazos(masiva.id):
        uow.repo.rechazar_filas(masiva, RechazoFila.OTRA_FILA)
        return Movido(0, 0, Decimal(0))
    return libro.mover(existencia.id, ORIGEN)


def _leer(p: c.TransferirMasivamente | c.SimularTransferenciaMasiva) -> domain.Pedido:
    return domain.leer_pedido(
        p.ctis, p.cantidades, p.importes, filas_maximas=c.FILAS_MAXIMAS, cantidad_maxima=c.CANTIDAD_MAXIMA
    )


def _masiva(m: domain.Masiva) -> c.TransferenciaMasiva:
    return c.TransferenciaMasiva(
        id=m.id,
        estado=m.estado,
        todo_o_nada=m.todo_o_nada,
        filas=m.filas,
        aplicadas=m.aplicadas,
        rechazadas=m.rechazadas,
        porcentaje=(m.aplicadas + m.rechazadas) * 100 // m.filas,
        timbres_pedidos=m.timbres_pedidos,
        importe_pedido=m.importe_pedido,
        timbres=m.timbres,
        importe=m.importe,
        creada_en=m.creada_en,
        iniciada_en=m.iniciada_en,
        terminada_en=m.terminada_en,
    )


def _pesos(centavos: int) -> Decimal:
    return Decimal(centavos).scaleb(-2)
