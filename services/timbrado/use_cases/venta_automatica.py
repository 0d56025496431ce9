"""The automatic sale: standing orders, and the worker that sells when a balance falls below its minimum.

A capture that leaves a balance below its threshold queues the account in its own statement. The worker, of which
each replica has one, reads the queue without locks, locks the accounts in order of id as every debit does, and
only then takes from the queue the rows that are still there: those are its own, and what another replica took
meanwhile is gone. The sale, the order's new state and the event are one transaction, so a death anywhere sells
once or leaves the queue as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from services.timbrado import domain
from services.timbrado.domain import pronostico
from services.timbrado.domain import venta_automatica as reglas
from services.timbrado.domain.venta_automatica import Decision, Espera, Orden
from shared import pagination
from shared.contracts import eventos as ev
from shared.contracts import timbrado as c
from shared.contracts.base import Vacio
from shared.crash import crash_point
from shared.errors import DomainError, no_encontrado
from shared.ledger.domain import Cuenta, Transferencia
from shared.money import importe
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.repository import Repositorio

#: CTI that one transaction attends; it holds their locks and their stock's.
LOTE = 200
MOTIVO = "venta_automatica"


# -- the worker ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Lote:
    """What one transaction does with the orders that it holds."""

    vender: list[tuple[Orden, UUID]] = field(default_factory=list)
    esperar: list[tuple[Orden, Espera]] = field(default_factory=list)
    soltar: list[Orden] = field(default_factory=list)


def atender(uow: UnitOfWork[Repositorio]) -> int:
    """Attend one lot of what may be due: sell, wait or leave; returns how many sales. The caller commits."""
    mes = reglas.mes_de(uow.ahora)
    pares = uow.repo.ventas_por_atender(mes, LOTE)
    if not pares:
        return 0
    cuentas = uow.repo.libro.tomar([i for par in pares for i in par if i is not None])
    crash_point("venta_automatica.despues_de_tomar")
    libros = [libro for libro, _ in pares]
    ordenes = uow.repo.tomar_ordenes(libros)
    # An order that appeared just now has a stock that we did not lock: its row stays in the queue for the next lot.
    ajenas = {o.libro_id for o in ordenes if o.existencia_id not in cuentas}
    desde = uow.repo.sacar_de_la_cola([i for i in libros if i not in ajenas])
    propias = [o for o in ordenes if o.libro_id not in ajenas and (o.libro_id in desde or o.espera)]
    if not propias:
        return 0
    inactivas = uow.repo.cuentas_no_activas({o.cuenta_id for o in propias})
    lote = _repartir(propias, cuentas, mes, inactivas)
    _transferir(uow, lote)
    _anotar(uow, lote, mes)
    _avisar(uow, lote.esperar, desde, mes, inactivas)
    crash_point("venta_automatica.antes_de_confirmar")
    return len(lote.vender)


def _repartir(
    ordenes: Sequence[Orden],
    cuentas: Mapping[int, Cuenta],
    mes: date,
    inactivas: Mapping[UUID, tuple[str, int]],
) -> _Lote:
    lote = _Lote()
    for o in ordenes:
        cuenta = cuentas[o.libro_id]
        match reglas.decidir(o, cuenta.saldo, cuenta.bloqueada, mes, o.cuenta_id not in inactivas):
            case Decision.VENDER:
                lote.vender.append((o, uuid4()))
            case Decision.TOPE:
                lote.esperar.append((o, Espera.TOPE))
            case Decision.CUENTA:
                lote.esperar.append((o, Espera.CUENTA))
            case Decision.NADA:
                lote.soltar.append(o)
    return lote


def _transferir(uow: UnitOfWork[Repositorio], lote: _Lote) -> None:
    """Move what fits and tell the ventas; what the stock does not allow for waits."""
    if not lote.vender:
        return
    rechazos = uow.repo.libro.transferir(
        [
            Transferencia(operacion, o.existencia_id, o.libro_id, o.abonar, MOTIVO, o.cti, o.importe)
            for o, operacion in lote.vender
        ]
    )
    hechas = []
    for (o, operacion), rechazo in zip(lote.vender, rechazos, strict=True):
        if rechazo is not None:
            lote.esperar.append((o, Espera.EXISTENCIA))
            continue
        hechas.append((o, operacion))
        uow.publish(
            ev.TIMBRES_TRANSFERIDOS,
            ev.TimbresTransferidos(
                transferencia_id=operacion,
                cuenta_id=o.cuenta_id,
                cliente_id=o.cliente_id,
                nic=o.nic,
                cti=o.cti,
                cantidad=o.abonar,
                importe=o.importe,
                origen=MOTIVO,
                en=uow.ahora,
            ),
        )
        uow.asentar(
            "timbrado.vender_automaticamente",
            cuentas=(o.cuenta_id,),
            objeto=f"cti:{o.cti}",
            detalle={"cantidad": o.abonar, "importe": o.importe, "transferencia_id": operacion},
        )
    lote.vender = hechas


def _anotar(uow: UnitOfWork[Repositorio], lote: _Lote, mes: date) -> None:
    if lote.vender:
        uow.repo.anotar_ventas([(o.cti, operacion) for o, operacion in lote.vender], mes, uow.ahora)
    if lote.esperar:
        uow.repo.dejar_en_espera([(o.cti, e) for o, e in lote.esperar], mes, uow.ahora)
    sueltas = [o for o in lote.soltar if o.espera]
    if sueltas:
        uow.repo.quitar_espera([o.cti for o in sueltas])
    # What waits has no threshold, so that its debits queue nothing in vain; what waited and does no more, has it again.
    umbrales: list[tuple[int, int | None]] = [(o.libro_id, None) for o, _ in lote.esperar if not o.espera]
    umbrales += [(o.libro_id, o.minimo) for o in (*(v[0] for v in lote.vender), *sueltas) if o.espera]
    if umbrales:
        uow.repo.poner_umbrales(umbrales)


def _avisar(
    uow: UnitOfWork[Repositorio],
    esperas: Sequence[tuple[Orden, Espera]],
    desde: Mapping[int, datetime],
    mes: date,
    inactivas: Mapping[UUID, tuple[str, int]],
) -> None:
    """Once per crossing when stock lacks, once per month when the cap is reached, once per CM that is not active."""
    avisos: list[tuple[UUID, str, str | None, str, str]] = []
    for o, espera in esperas:
        if espera is Espera.TOPE:
            clave = f"venta-automatica:tope:{o.cti}:{mes:%Y-%m}"
            avisos.append((o.cuenta_id, "venta_automatica_tope", o.cti, reglas.aviso_tope(o), clave))
        elif espera is Espera.CUENTA:
            estado, version = inactivas[o.cuenta_id]
            clave = f"venta-automatica:cuenta:{version}"
            avisos.append((o.cuenta_id, "venta_automatica_cuenta", None, reglas.aviso_cuenta(estado), clave))
        elif o.libro_id in desde:
            clave = f"venta-automatica:existencia:{o.cti}:{desde[o.libro_id].isoformat()}"
            mensaje = reglas.aviso_sin_existencia(o)
            avisos.append((o.cuenta_id, "venta_automatica_sin_existencia", o.cti, mensaje, clave))
    if avisos:
        uow.repo.avisar_varios(avisos)


def anotar_cuenta(uow: UnitOfWork[Repositorio], e: ev.CuentaMaestraCambiada) -> None:
    """How a CM stands; an older word says nothing new. What waited for it is found by the worker's next look."""
    uow.repo.anotar_cuenta_maestra(e.cuenta_id, e.estado, e.version, e.en)


# -- standing orders ---------------------------------------------------------------------------------------


def poner_venta_automatica(uow: UnitOfWork[Repositorio], p: c.PonerVentaAutomatica) -> c.VentaAutomatica:
    """One CTI's standing order (manual: Configurar venta automática de timbres a CTI Estándar)."""
    reglas.revisar_tope(p.abonar, p.tope_mensual)
    cti = uow.repo.cti_de(p.cuenta_id, p.cti)
    if cti is None:
        raise no_encontrado("la cuenta de timbrado")
    if cti.tipo != domain.TipoCti.ESTANDAR:
        raise reglas.solo_estandar()
    uow.auditar(
        objeto=f"cti:{cti.id}", antes=uow.repo.orden_de(p.cuenta_id, cti.id, reglas.mes_de(uow.ahora))
    )
    _poner(
        uow,
        p.cuenta_id,
        {cti.id: cti.libro_id},
        p.minimo,
        p.abonar,
        importe(p.importe),
        p.tope_mensual,
        p.actor,
    )
    return obtener_venta_automatica(uow, c.ObtenerVentaAutomatica(cuenta_id=p.cuenta_id, cti=cti.id))


def quitar_venta_automatica(uow: UnitOfWork[Repositorio], p: c.QuitarVentaAutomatica) -> Vacio:
    """End it: nothing is sold by itself from the commit on. What was sold stays sold."""
    cti = uow.repo.cti_de(p.cuenta_id, p.cti)
    if cti is None:
        raise no_encontrado("la cuenta de timbrado")
    # The account first, as the worker does: a sale under way ends before, and none begins after.
    uow.repo.libro.tomar([cti.libro_id])
    uow.auditar(
        objeto=f"cti:{cti.id}", antes=uow.repo.orden_de(p.cuenta_id, cti.id, reglas.mes_de(uow.ahora))
    )
    uow.repo.quitar_orden(cti.id)
    uow.repo.poner_umbrales([(cti.libro_id, None)])
    uow.repo.sacar_de_la_cola([cti.libro_id])
    return Vacio()


def obtener_venta_automatica(uow: UnitOfWork[Repositorio], p: c.ObtenerVentaAutomatica) -> c.VentaAutomatica:
    """One CTI's standing order."""
    fila = uow.repo.orden_de(p.cuenta_id, p.cti, reglas.mes_de(uow.ahora))
    if fila is None:
        raise no_encontrado("una venta automática de esa cuenta de timbrado")
    return _mostrar(fila)


def listar_ventas_automaticas(
    uow: UnitOfWork[Repositorio], p: c.ListarVentasAutomaticas
) -> c.PaginaVentasAutomaticas:
    """Standing orders of the CM by CTI."""
    despues = pagination.texto(p.cursor) or ""
    filas = uow.repo.pagina_ordenes(p.cuenta_id, reglas.mes_de(uow.ahora), despues, p.limite + 1)
    datos = [_mostrar(f) for f in filas[: p.limite]]
    return c.PaginaVentasAutomaticas(
        datos=datos, siguiente=pagination.cursor_de(datos[-1].cti) if len(filas) > p.limite else None
    )


def poner_ventas_automaticas(
    uow: UnitOfWork[Repositorio], p: c.PonerVentasAutomaticas
) -> c.VentasAutomaticasPuestas:
    """The same order for many CTI; those that can't have one are told and change nothing."""
    puestas = _planear(uow, p, simulado=False)
    validas = [r.cti for r in puestas.resultados if r.error is None]
    if validas:
        libros = {i: cti.libro_id for i, cti in uow.repo.ctis(validas).items()}
        _poner(uow, p.cuenta_id, libros, p.minimo, p.abonar, importe(p.importe), p.tope_mensual, p.actor)
    return puestas


def simular_ventas_automaticas(
    uow: UnitOfWork[Repositorio], p: c.SimularVentasAutomaticas
) -> c.VentasAutomaticasPuestas:
    """What `poner_ventas_automaticas` would do, and sell, with the present balances and consumption."""
    return _planear(uow, p, simulado=True)


def _planear(
    uow: UnitOfWork[Repositorio],
    p: c.PonerVentasAutomaticas | c.SimularVentasAutomaticas,
    simulado: bool,
) -> c.VentasAutomaticasPuestas:
    reglas.revisar_ctis(p.ctis)
    reglas.revisar_tope(p.abonar, p.tope_mensual)
    precio = importe(p.importe)
    ctis = uow.repo.ctis(p.ctis)
    saldos = uow.repo.libro.buscar([("cti", i) for i in p.ctis])
    ritmos = uow.repo.ritmos(p.ctis)
    existencia = uow.repo.cuenta("existencia", str(p.cuenta_id))
    resultados = []
    for id_ in p.ctis:
        cti = ctis.get(id_)
        if cti is None or cti.cuenta_id != p.cuenta_id:
            resultados.append(_rechazada(id_, no_encontrado("la cuenta de timbrado")))
        elif cti.tipo != domain.TipoCti.ESTANDAR:
            resultados.append(_rechazada(id_, reglas.solo_estandar()))
        else:
            saldo = saldos["cti", id_].saldo
            vende = p.abonar if saldo < p.minimo and not cti.bloqueada else 0
            tasas = ritmos.get(id_, (0, [0] * 7))[1]
            resultados.append(
                c.ResultadoDeVentaAutomatica(
                    cti=id_,
                    resultado="simulada" if simulado else "aplicada",
                    saldo=saldo,
                    vende_ahora=vende,
                    al_mes=pronostico.al_mes(tasas, p.abonar, p.tope_mensual),
                )
            )
    return _totales(resultados, p.abonar, precio, existencia.disponible if existencia else 0, simulado)


def _totales(
    resultados: list[c.ResultadoDeVentaAutomatica],
    abonar: int,
    precio: Decimal,
    existencia: int,
    simulado: bool,
) -> c.VentasAutomaticasPuestas:
    ahora = sum(r.vende_ahora for r in resultados)
    al_mes = sum(r.al_mes for r in resultados)
    validas = sum(r.error is None for r in resultados)
    return c.VentasAutomaticasPuestas(
        simulado=simulado,
        resultados=resultados,
        validas=validas,
        rechazadas=len(resultados) - validas,
        existencia=existencia,
        vende_ahora=ahora,
        importe_ahora=ahora // abonar * precio,
        faltan=max(0, ahora - existencia),
        al_mes=al_mes,
        importe_al_mes=al_mes // abonar * precio,
    )


def _rechazada(cti: str, error: DomainError) -> c.ResultadoDeVentaAutomatica:
    return c.ResultadoDeVentaAutomatica(
        cti=cti, resultado="rechazada", error=str(error.code), detalle=error.detail
    )


def _poner(
    uow: UnitOfWork[Repositorio],
    cuenta_id: UUID,
    ctis: Mapping[str, int],
    minimo: int,
    abonar: int,
    precio: Decimal,
    tope: int | None,
    actor: str,
) -> None:
    """Write the orders with their accounts locked, so that no sale under way mixes the old with the new."""
    clave = ("existencia", str(cuenta_id))
    existencia = uow.repo.cuenta(*clave) or uow.repo.libro.abrir([(*clave, True)])[clave]
    uow.repo.libro.tomar(list(ctis.values()))
    mes = reglas.mes_de(uow.ahora)
    puestas = uow.repo.poner_ordenes(list(ctis), existencia.id, minimo, abonar, precio, tope, mes, actor)
    if puestas < len(ctis):
        raise no_encontrado("la cuenta de timbrado")
    uow.repo.poner_umbrales([(libro, minimo) for libro in ctis.values()])
    uow.repo.encolar_bajas(list(ctis.values()))


def _mostrar(fila: dict[str, Any]) -> c.VentaAutomatica:
    datos = {k: v for k, v in fila.items() if k not in ("espera", "bloqueada")}
    return c.VentaAutomatica(estado=reglas.estado(fila["espera"], fila["bloqueada"]), **datos)
