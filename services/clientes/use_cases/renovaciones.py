"""A further year of a CM: a saga with puntos that ends in one charge and one paid year, or in neither.

    renovar ─ clientes.cobro_solicitado_v1 → puntos charges, once ─ cobro_resuelto_v1 → resolver: the year, or rechazada
    no answer in 24 h, or a CM that was cancelled meanwhile, and then a charge ─ cobro_devuelto_v1 → puntos gives it back
    the year ─ cuenta_renovada_v1 → licencias moves the end of the contracts that were paid with it

Each step is committed together with the event that asks for the next one, so whatever dies, outbox and inbox go on from
there. Locks: the CM's row, then the renewal's.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from services.clientes import domain
from services.clientes.domain import distribuidores as distribucion
from services.clientes.domain import renovaciones as reglas
from services.clientes.domain import vigencia
from services.clientes.domain.cuentas import CuentaGuardada, Estado
from services.clientes.domain.distribuidores import Accion, Quien
from services.clientes.domain.renovaciones import Concepto, EstadoRenovacion, RenovacionGuardada
from services.clientes.mensajes import distribuidores as mensajes
from services.clientes.use_cases import distribuidores
from services.clientes.use_cases.cuentas import cuenta_de
from shared import pagination
from shared.contracts import clientes as c
from shared.contracts import eventos as ev
from shared.contracts.base import Vacio
from shared.crash import crash_point
from shared.errors import campo_invalido
from shared.money import importe
from shared.pagination import Posicion
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]

#: Rows that one turn of the timer takes; the next turn goes on.
LOTE = 100


def cotizar(uow: Uow, p: c.CotizarRenovacion) -> c.CotizacionDeRenovacion:
    """What it costs now. Raises `conflicto` when the CM can't be renewed, or no fee is set."""
    cuenta, _ = _de_quien(uow, p.renovada_id, p.cuenta_id)
    vence_en = reglas.exigir_renovable(cuenta, uow.ahora)
    lineas = _lineas(uow, cuenta, vence_en)
    return c.CotizacionDeRenovacion(
        cuenta_id=cuenta.cuenta_id,
        nombre=cuenta.nombre,
        conceptos=[c.ConceptoDeRenovacion(**asdict(x)) for x in lineas],
        total=reglas.total_de(lineas),
        vence_en=vence_en,
        vencera_en=vigencia.vencimiento_renovado(vence_en, uow.ahora),
    )


def renovar(uow: Uow, p: c.RenovarCuenta) -> c.Renovacion:
    """Ask for a year; puntos charges who asks and `resolver` does the rest."""
    cuenta, quien = _de_quien(uow, p.renovada_id, p.cuenta_id)
    if quien is Quien.PADRE:
        domain.exigir_activa(cuenta_de(uow, p.cuenta_id))
    ahora = uow.ahora
    vence_en = reglas.exigir_renovable(cuenta, ahora)
    lineas = _lineas(uow, cuenta, vence_en)
    total = reglas.total_de(lineas)
    if importe(p.total, "total") != total:
        raise reglas.total_cambiado(total)
    nueva = RenovacionGuardada(
        id=uuid4(),
        cuenta_id=cuenta.cuenta_id,
        paga_id=p.cuenta_id,
        quien=str(quien),
        actor=p.actor,
        conceptos=[{**asdict(x), "importe": str(x.importe)} for x in lineas],
        total=total,
        estado=EstadoRenovacion.SOLICITADA,
        motivo=None,
        faltan=None,
        vencia_en=vence_en,
        vence_en=None,
        solicitada_en=ahora,
        caduca_en=ahora + reglas.PLAZO_DE_COBRO,
        resuelta_en=None,
        devolucion_en=None,
    )
    if not uow.repo.abrir_renovacion(nueva):
        raise reglas.en_proceso()
    uow.publish(
        ev.RENOVACION_COBRO_SOLICITADO,
        ev.CobroSolicitado(
            cargo_id=nueva.id,
            cuenta_id=nueva.paga_id,
            puntos=total,
            concepto=reglas.CONCEPTO,
            referencia=cuenta.nombre[:100],
        ),
    )
    uow.auditar(
        objeto=f"cuenta:{cuenta.cuenta_id}",
        antes=distribuidores.estado_de(cuenta),
        despues={"renovacion_id": nueva.id, "estado": nueva.estado, "total": total},
    )
    crash_point("renovacion.al_solicitar")
    return publica(nueva, p.cuenta_id)


def resolver_renovacion(uow: Uow, e: ev.CobroResuelto) -> None:
    """puntos answered: give the year, note the refusal, or have a charge that is of no use given back."""
    leida = uow.repo.renovacion(e.cargo_id)
    if leida is None:
        # Charges of others are none of ours.
        return
    cuenta = uow.repo.tomar_cuenta(leida.cuenta_id)
    renovacion = uow.repo.renovacion(e.cargo_id, bloquear=True)
    assert cuenta is not None
    assert renovacion is not None
    if renovacion.estado == EstadoRenovacion.SOLICITADA:
        if not e.cobrado:
            motivo = e.motivo or "No se pudieron cobrar los puntos."
            _terminar(uow, cuenta, renovacion, EstadoRenovacion.RECHAZADA, motivo, e)
        elif uow.ahora >= renovacion.caduca_en:
            _devolver(uow, _terminar(uow, cuenta, renovacion, EstadoRenovacion.CADUCADA, _TARDE))
        elif Estado(cuenta.estado) not in distribucion.TRANSICIONES[Accion.RENOVAR]:
            motivo = (
                f"La cuenta está {distribucion.EN_PALABRAS[Estado(cuenta.estado)]} y ya no se puede renovar."
            )
            _devolver(uow, _terminar(uow, cuenta, renovacion, EstadoRenovacion.RECHAZADA, motivo))
        else:
            _aplicar(uow, cuenta, renovacion)
    elif e.cobrado and renovacion.estado == EstadoRenovacion.CADUCADA:
        _devolver(uow, renovacion)


def vigilar_cobros(uow: Uow, ahora: datetime) -> int:
    """Give up what puntos has not answered in time; how many. What was charged is given back: its answer may be lost."""
    caducas = uow.repo.renovaciones_caducas(ahora, LOTE)
    for renovacion in caducas:
        cuenta = cuenta_de(uow, renovacion.cuenta_id)
        _anular(uow, _terminar(uow, cuenta, renovacion, EstadoRenovacion.CADUCADA, _TARDE))
    if caducas:
        crash_point("renovacion.al_vigilar")
    return len(caducas)


def listar(uow: Uow, p: c.ListarRenovaciones) -> c.PaginaRenovaciones:
    """Renewals of the CM, whoever paid, the newest first."""
    filas = uow.repo.pagina_de_renovaciones(p.cuenta_id, pagination.posicion(p.cursor), p.limite + 1)
    pagina = filas[: p.limite]
    return c.PaginaRenovaciones(
        datos=[publica(f, p.cuenta_id) for f in pagina],
        siguiente=Posicion(pagina[-1].solicitada_en, pagina[-1].id).cursor()
        if len(filas) > p.limite
        else None,
    )


def consultar_cuota(uow: Uow, _: Vacio) -> c.CuotaAnual:
    """What a year costs now."""
    puesta = uow.repo.cuota_anual()
    return c.CuotaAnual() if puesta is None else c.CuotaAnual(cuota=puesta[0], desde=puesta[1])


def poner_cuota(uow: Uow, p: c.PonerCuotaAnual) -> c.CuotaAnual:
    """Set it; what was asked for before keeps its price."""
    cuota = importe(p.cuota, "cuota")
    if cuota == 0:
        raise campo_invalido("cuota", "La cuota anual debe ser mayor que cero.")
    uow.auditar(
        objeto="cuota_anual", antes={"cuota": consultar_cuota(uow, Vacio()).cuota}, despues={"cuota": cuota}
    )
    uow.repo.poner_cuota_anual(cuota, p.actor, uow.ahora)
    return consultar_cuota(uow, Vacio())


def anotar_mkl(uow: Uow, e: ev.MklContratada) -> None:
    """licencias told of a contract, new or extended."""
    uow.repo.poner_capacidad(
        mkl_id=e.mkl_id,
        cuenta_id=e.cuenta_id,
        producto=e.producto,
        inicia_en=e.inicia_en,
        vence_en=e.vence_en,
        precio_anual=e.precio_anual,
    )


def publica(renovacion: RenovacionGuardada, lector: UUID) -> c.Renovacion:
    """As the CM `lector` sees it: what the payer's wallet held is the payer's alone."""
    if lector != renovacion.paga_id and renovacion.sin_cobro:
        renovacion = replace(renovacion, motivo=_SIN_COBRO, faltan=None)
    datos = asdict(renovacion)
    del datos["actor"], datos["caduca_en"], datos["conceptos"]
    return c.Renovacion(
        **datos,
        conceptos=[
            c.ConceptoDeRenovacion(
                tipo=x["tipo"],
                id=x["id"],
                descripcion=x["descripcion"],
                importe=importe(x["importe"]),
            )
            for x in renovacion.conceptos
        ],
    )


_SIN_COBRO = "Quien pidió la renovación no pudo pagarla. Acuerden quién la paga y pídanla de nuevo."
_TARDE = "No se pudo cobrar en 24 horas. Pídala de nuevo; si el cobro llega después, se devuelve."


def _de_quien(uow: Uow, cuenta_id: UUID, paga_id: UUID) -> tuple[CuentaGuardada, Quien]:
    """The CM, and whether it or its parent pays. Raises `no_encontrado` for anyone else."""
    if cuenta_id == paga_id:
        return cuenta_de(uow, cuenta_id), Quien.PROPIA
    return distribucion.exigir_hija(paga_id, uow.repo.cuenta(cuenta_id)), Quien.PADRE


def _lineas(uow: Uow, cuenta: CuentaGuardada, vence_en: datetime) -> list[Concepto]:
    cuota = uow.repo.cuota_anual()
    if cuota is None:
        raise reglas.sin_cuota()
    contratos = reglas.contratos_por_renovar(uow.repo.contratos_de(cuenta.cuenta_id), vence_en, uow.ahora)
    return reglas.conceptos(cuota[0], contratos)


def dar_anio(
    uow: Uow, cuenta: CuentaGuardada, quien: Quien, actor: UUID | None, pedida_en: datetime
) -> CuentaGuardada:
    """One more year, and active again if whoever paid lifts its suspension with it: two lines of its history."""
    vence_en = vigencia.vencimiento_renovado(cuenta.vence_en, uow.ahora)
    cambiada = distribuidores.cambiar(uow, cuenta, Accion.RENOVAR, quien, actor, None, vence_en)
    if reglas.levanta_suspension(cambiada, quien, pedida_en):
        cambiada = distribuidores.cambiar(uow, cambiada, Accion.REACTIVAR, quien, actor)
    return cambiada


def _aplicar(uow: Uow, cuenta: CuentaGuardada, renovacion: RenovacionGuardada) -> None:
    """Give the year that was paid, and tell licencias which contracts go on with it."""
    cambiada = dar_anio(uow, cuenta, Quien(renovacion.quien), renovacion.actor, renovacion.solicitada_en)
    assert cambiada.vence_en is not None
    uow.repo.cambiar_renovacion(
        replace(
            renovacion, estado=EstadoRenovacion.APLICADA, vence_en=cambiada.vence_en, resuelta_en=uow.ahora
        )
    )
    uow.publish(
        ev.CUENTA_RENOVADA,
        ev.CuentaRenovada(
            renovacion_id=renovacion.id,
            cuenta_id=cuenta.cuenta_id,
            vence_en=vigencia.dia_en_mexico(cambiada.vence_en),
            mkl=[UUID(x["id"]) for x in renovacion.conceptos if x["tipo"] == "mkl"],
        ),
    )
    mensaje = mensajes.renovada(cambiada.nombre, cambiada.vence_en, cuenta.estado, cambiada.estado)
    distribuidores.avisar(uow, cambiada, mensaje, "renovacion")
    crash_point("renovacion.al_aplicar")


def _terminar(
    uow: Uow,
    cuenta: CuentaGuardada,
    renovacion: RenovacionGuardada,
    estado: EstadoRenovacion,
    motivo: str,
    e: ev.CobroResuelto | None = None,
) -> RenovacionGuardada:
    """It did not come to a year: note why, and tell who would have paid."""
    terminada = replace(
        renovacion,
        estado=estado,
        motivo=motivo,
        faltan=e.faltan if e else None,
        resuelta_en=uow.ahora,
    )
    uow.repo.cambiar_renovacion(terminada)
    pagadora = cuenta_de(uow, renovacion.paga_id)
    mensaje = mensajes.no_renovada(cuenta.nombre, motivo)
    distribuidores.avisar(uow, pagadora, mensaje, f"no_renovada:{renovacion.id}", cuenta.cuenta_id)
    return terminada


def _anular(uow: Uow, renovacion: RenovacionGuardada) -> None:
    """Nobody waits for this charge any more: puntos gives it back if it was made, and won't make it if it was not."""
    uow.publish(
        ev.RENOVACION_COBRO_DEVUELTO,
        ev.CobroDevuelto(
            cargo_id=renovacion.id,
            cuenta_id=renovacion.paga_id,
            motivo=renovacion.motivo or renovacion.estado,
            puntos=renovacion.total,
            concepto=reglas.CONCEPTO,
        ),
    )


def _devolver(uow: Uow, renovacion: RenovacionGuardada) -> None:
    """The charge can't become a year any more: order its refund, once."""
    if renovacion.devolucion_en is not None:
        return
    uow.repo.cambiar_renovacion(replace(renovacion, devolucion_en=uow.ahora))
    _anular(uow, renovacion)
    crash_point("renovacion.al_devolver")
