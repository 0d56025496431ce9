"""Contracts of ilimitadas: a saga with puntos that ends in one charge and one paid year, or in neither.

    contratar ─ cobro_solicitado_v1 → puntos charges, once ─ cobro_resuelto_v1 → resolver: a year, or rechazada
    cancelar, or no answer in 24 h, and then a charge arrives ─ cobro_devuelto_v1 → puntos gives it back, once

Each step is committed together with the event that asks for the next one, so whatever dies, the outbox and the
inbox go on from there. A contract's row is locked by whoever decides it, so that a charge that arrives and a
cancellation exclude each other; the CTI's ledger account is locked before it (patterns: lock order).
"""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from services.timbrado.domain import ilimitada
from services.timbrado.domain.cti import TipoCti
from services.timbrado.domain.ilimitada import Contratacion, Estado, Modalidad
from shared import pagination
from shared.contracts import eventos as ev
from shared.contracts import timbrado as c
from shared.contracts.base import Vacio
from shared.crash import crash_point
from shared.errors import Codigo, DomainError, campo_invalido, no_encontrado
from shared.logging import get_logger
from shared.money import importe
from shared.pagination import Posicion
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.domain import CtiGuardada
    from services.timbrado.repository import Repositorio

log = get_logger(__name__)

#: Rows that one turn of the timer takes of each kind; the next turn goes on.
LOTE = 100


def consultar_tarifas(uow: UnitOfWork[Repositorio], p: Vacio) -> c.TarifasIlimitadas:  # noqa: ARG001
    """What a year costs now, by modalidad; one without a price can't be contracted."""
    return c.TarifasIlimitadas(
        datos=[
            c.TarifaIlimitada(
                modalidad=modalidad,
                precio=precio,
                descripcion=ilimitada.DESCRIPCIONES[Modalidad(modalidad)],
                actualizada_en=desde,
            )
            for modalidad, (precio, desde) in uow.repo.tarifas().items()
        ]
    )


def poner_tarifas(uow: UnitOfWork[Repositorio], p: c.PonerTarifas) -> c.TarifasIlimitadas:
    """Set both prices; contracts that were asked for before keep the price that they were made at."""
    precios = {
        str(Modalidad.ABIERTA): _precio(p.abierta, "abierta"),
        str(Modalidad.UN_RFC): _precio(p.un_rfc, "un_rfc"),
    }
    uow.auditar(
        objeto="tarifas:ilimitada",
        antes={modalidad: precio for modalidad, (precio, _) in uow.repo.tarifas().items()},
        despues=precios,
    )
    uow.repo.poner_tarifas(precios, uow.ahora)
    return consultar_tarifas(uow, Vacio())


def contratar(uow: UnitOfWork[Repositorio], p: c.ContratarIlimitada) -> c.Contratacion:
    """Ask for a year, the first or a further one; puntos charges the CM and `resolver` does the rest."""
    cti = _propia(uow, p.cuenta_id, p.cti)
    rfc = ilimitada.rfc_de(p.modalidad, p.rfc)
    ahora = uow.ahora
    nueva = Contratacion(
        id=uuid4(),
        cti=cti.id,
        cuenta_id=cti.cuenta_id,
        nic=cti.nic,
        modalidad=p.modalidad,
        rfc=rfc,
        precio=_precio_vigente(uow, p.modalidad, p.precio),
        estado=Estado.SOLICITADA,
        solicitada_en=ahora,
        caduca_en=ahora + ilimitada.PLAZO_DE_COBRO,
    )
    if not uow.repo.abrir_contratacion(nueva):
        raise DomainError(
            Codigo.CONFLICTO,
            "Ya hay una contratación de esta CTI en proceso de cobro. Espere su resultado o cancélela.",
        )
    uow.publish(
        ev.COBRO_SOLICITADO,
        ev.CobroSolicitado(
            cargo_id=nueva.id,
            cuenta_id=nueva.cuenta_id,
            puntos=nueva.precio,
            concepto=ilimitada.CONCEPTO,
            referencia=nueva.cti,
        ),
    )
    crash_point("ilimitada.al_solicitar")
    return _publica(nueva)


def resolver(uow: UnitOfWork[Repositorio], e: ev.CobroResuelto) -> None:
    """puntos answered: give the year, note the refusal, or have a charge that came too late given back."""
    leida = uow.repo.contratacion(e.cargo_id)
    if leida is None:
        # Charges of others are none of ours.
        return
    cti = uow.repo.ctis([leida.cti])[leida.cti]
    uow.repo.libro.tomar([cti.libro_id])
    contratacion = uow.repo.tomar_contratacion(e.cargo_id)
    assert contratacion is not None
    if contratacion.estado == Estado.SOLICITADA:
        if not e.cobrado:
            _rechazar(uow, contratacion, e)
        elif uow.ahora >= contratacion.caduca_en:
            _devolver(uow, _caducada(contratacion, uow.ahora))
        else:
            _activar(uow, contratacion)
    elif e.cobrado and contratacion.estado in (Estado.CANCELADA, Estado.CADUCADA):
        _devolver(uow, contratacion)


def cancelar(uow: UnitOfWork[Repositorio], p: c.CancelarContratacion) -> c.Contratacion:
    """Call off a request. What was charged for it is given back. Twice is harmless."""
    contratacion = uow.repo.tomar_contratacion(p.contratacion_id)
    if contratacion is None or contratacion.cuenta_id != p.cuenta_id:
        raise no_encontrado("la contratación")
    if contratacion.estado == Estado.CANCELADA:
        return _publica(contratacion)
    if contratacion.estado != Estado.SOLICITADA:
        raise DomainError(
            Codigo.CONFLICTO,
            f"La contratación ya está {contratacion.estado} y no se puede cancelar. Solo se cancela mientras se cobra.",
        )
    cancelada = replace(
        contratacion,
        estado=Estado.CANCELADA,
        motivo="La canceló antes de que se cobrara.",
        resuelta_en=uow.ahora,
    )
    uow.repo.cambiar_contratacion(cancelada)
    _anular(uow, cancelada)
    crash_point("ilimitada.al_cancelar")
    return _publica(cancelada)


def obtener(uow: UnitOfWork[Repositorio], p: c.ObtenerContratacion) -> c.Contratacion:
    """One contract of the CM."""
    contratacion = uow.repo.contratacion(p.contratacion_id)
    if contratacion is None or contratacion.cuenta_id != p.cuenta_id:
        raise no_encontrado("la contratación")
    return _publica(contratacion)


def obtener_contrato(uow: UnitOfWork[Repositorio], p: c.ObtenerContrato) -> c.Contrato:
    """What an ilimitada is good for now, and what is under way or paid for later."""
    cti = _propia(uow, p.cuenta_id, p.cti)
    abiertas = uow.repo.contrataciones_abiertas(cti.id)
    hasta = cti.vigente_hasta
    modalidad = Modalidad.UN_RFC if cti.rfc_contratado else Modalidad.ABIERTA
    return c.Contrato(
        cti=cti.id,
        vigente=hasta is not None and uow.ahora < hasta,
        modalidad=None if hasta is None else str(modalidad),
        rfc=cti.rfc_contratado,
        vigente_hasta=hasta,
        en_proceso=next((_publica(a) for a in abiertas if a.estado == Estado.SOLICITADA), None),
        siguientes=[_publica(a) for a in abiertas if a.estado == Estado.ACTIVA],
    )


def listar(uow: UnitOfWork[Repositorio], p: c.ListarContrataciones) -> c.PaginaContrataciones:
    """Contracts of one CTI, the newest first."""
    _propia(uow, p.cuenta_id, p.cti)
    lugar = pagination.posicion(p.cursor)
    antes = (lugar.en, lugar.id) if lugar else None
    filas = uow.repo.pagina_contrataciones(p.cuenta_id, p.cti, antes, p.limite + 1)
    pagina = filas[: p.limite]
    return c.PaginaContrataciones(
        datos=[_publica(f) for f in pagina],
        siguiente=Posicion(pagina[-1].solicitada_en, pagina[-1].id).cursor()
        if len(filas) > p.limite
        else None,
    )


def vigilar(uow: UnitOfWork[Repositorio], ahora: datetime) -> int:
    """What time alone brings about: requests given up, years that begin with another RFC, notices. How many of them.

    Safe in any number of replicas: each row is taken by one of them, and done in one transaction.
    """
    # Years first: they lock ledger accounts, which come before every other row.
    por_aplicar = uow.repo.tomar_por_aplicar(ahora, LOTE)
    for contratacion, libro in por_aplicar:
        _aplicar(uow, contratacion, libro, ahora)
    caducas = uow.repo.contrataciones_caducas(ahora, LOTE)
    for contratacion in caducas:
        caducada = _caducada(contratacion, ahora)
        uow.repo.cambiar_contratacion(caducada)
        _anular(uow, caducada)
        _avisar(uow, caducada, caducada.motivo or "")
    avisos = uow.repo.avisos_de_vigencia(ahora, LOTE)
    if avisos:
        uow.repo.avisar_varios([a for cti, cm, hasta in avisos if (a := _aviso(cti, cm, hasta, ahora))])
        uow.repo.poner_proximos_avisos(
            [(cti, ilimitada.proximo_aviso(hasta, ahora)) for cti, _, hasta in avisos]
        )
    hechos = len(por_aplicar) + len(caducas) + len(avisos)
    if hechos:
        crash_point("ilimitada.al_vigilar")
    return hechos


def _activar(uow: UnitOfWork[Repositorio], contratacion: Contratacion) -> None:
    """Give the year that was paid: it follows a present one, and cuts off what processes remember of the CTI."""
    # Read again under the account's lock: another year may have been given meanwhile.
    cti = uow.repo.ctis([contratacion.cti])[contratacion.cti]
    desde, hasta = ilimitada.anio_por_pagar(cti.vigente_hasta, uow.ahora)
    activa = replace(contratacion, estado=Estado.ACTIVA, resuelta_en=uow.ahora, desde=desde, hasta=hasta)
    uow.repo.poner_vigencia(cti.id, hasta, ilimitada.proximo_aviso(hasta, uow.ahora))
    uow.repo.cambiar_contratacion(activa)
    uow.repo.libro.cambiar_version(cti.libro_id)
    if desde <= uow.ahora:
        _aplicar(uow, activa, cti.libro_id, uow.ahora)
    crash_point("ilimitada.al_activar")
    log.info("ilimitada_activada", cti=cti.id, contratacion=str(contratacion.id), hasta=hasta.isoformat())


def _aplicar(uow: UnitOfWork[Repositorio], contratacion: Contratacion, libro: int, ahora: datetime) -> None:
    """Let the contract's RFC rule the CTI: at once, or when the year before it has ended."""
    if uow.repo.poner_rfc_contratado(contratacion.cti, contratacion.rfc):
        uow.repo.libro.cambiar_version(libro)
    uow.repo.cambiar_contratacion(replace(contratacion, aplicada_en=ahora))


def _rechazar(uow: UnitOfWork[Repositorio], contratacion: Contratacion, e: ev.CobroResuelto) -> None:
    motivo = e.motivo or "No se pudieron cobrar los puntos."
    uow.repo.cambiar_contratacion(
        replace(contratacion, estado=Estado.RECHAZADA, motivo=motivo, faltan=e.faltan, resuelta_en=uow.ahora)
    )
    _avisar(uow, contratacion, f"No se contrató la CTI ilimitada {contratacion.cti}: {motivo}")


def _devolver(uow: UnitOfWork[Repositorio], contratacion: Contratacion) -> None:
    """The charge can't become a year any more: order its refund, once."""
    if contratacion.devolucion_en is not None:
        return
    uow.repo.cambiar_contratacion(replace(contratacion, devolucion_en=uow.ahora))
    _anular(uow, contratacion)
    crash_point("ilimitada.al_devolver")


def _anular(uow: UnitOfWork[Repositorio], contratacion: Contratacion) -> None:
    """Nobody waits for this charge any more: puntos gives it back if it was made, and won't make it if it was not."""
    uow.publish(
        ev.COBRO_DEVUELTO,
        ev.CobroDevuelto(
            cargo_id=contratacion.id,
            cuenta_id=contratacion.cuenta_id,
            motivo=contratacion.motivo or contratacion.estado,
            puntos=contratacion.precio,
            concepto=ilimitada.CONCEPTO,
            referencia=contratacion.cti,
        ),
    )


def _caducada(contratacion: Contratacion, ahora: datetime) -> Contratacion:
    return replace(
        contratacion,
        estado=Estado.CADUCADA,
        motivo=f"La contratación de la CTI ilimitada {contratacion.cti} no se pudo cobrar en 24 horas. Pídala de"
        " nuevo; si el cobro llega después, se le devuelve.",
        resuelta_en=ahora,
    )


def _aviso(
    cti: str, cuenta_id: UUID, hasta: datetime, ahora: datetime
) -> tuple[UUID, str, str, str, str] | None:
    dias = ilimitada.aviso_vigente(hasta, ahora)
    if dias is None:
        return None
    tipo = "ilimitada_por_vencer" if dias else "ilimitada_vencida"
    clave = f"ilimitada:{cti}:{hasta.timestamp():.0f}:{dias}"
    return cuenta_id, tipo, cti, ilimitada.texto_de_aviso(cti, hasta, ahora), clave


def _avisar(uow: UnitOfWork[Repositorio], contratacion: Contratacion, mensaje: str) -> None:
    uow.repo.avisar(
        contratacion.cuenta_id,
        "ilimitada_no_contratada",
        contratacion.cti,
        mensaje,
        f"contratacion:{contratacion.id}",
    )


def _propia(uow: UnitOfWork[Repositorio], cuenta_id: UUID, id_: str) -> CtiGuardada:
    cti = uow.repo.cti_de(cuenta_id, id_)
    if cti is None:
        raise no_encontrado("la cuenta de timbrado")
    if cti.tipo != TipoCti.ILIMITADA:
        raise campo_invalido("cti", "Esta CTI es estándar y no se contrata por año: elija una CTI ilimitada.")
    return cti


def _precio(valor: Decimal, campo: str) -> Decimal:
    precio = importe(valor, campo)
    if precio == 0:
        raise campo_invalido(campo, "El precio debe ser mayor que cero.")
    return precio


def _precio_vigente(uow: UnitOfWork[Repositorio], modalidad: str, esperado: Decimal | None) -> Decimal:
    tarifa = uow.repo.tarifas().get(modalidad)
    if tarifa is None:
        raise DomainError(
            Codigo.CONFLICTO,
            "Esta modalidad aún no tiene precio y no se puede contratar. Comuníquese con Induxsoft.",
        )
    precio = tarifa[0]
    if esperado is not None and esperado != precio:
        raise DomainError(
            Codigo.CONFLICTO,
            f"El precio cambió: ahora es de {precio:,.2f} puntos. Revíselo y confirme de nuevo.",
            datos={"precio": str(precio)},
        )
    return precio


_PUBLICOS = {f.name for f in fields(c.Contratacion)}


def _publica(contratacion: Contratacion) -> c.Contratacion:
    return c.Contratacion(**{k: v for k, v in asdict(contratacion).items() if k in _PUBLICOS})
