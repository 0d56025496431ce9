"""Cancelling what was stamped, and what the SAT says of it.

A request is signed (or its signature checked), recorded, and only then is the PAC that stamped the document
asked, with no transaction open. Wherever the process dies, what is left is a row in state solicitada with the
signed request, and `conciliar` goes on: it asks the SAT what became of it and, if nothing is known, sends the
same request again, which is harmless (202). The issuer's key is needed once, and nowhere kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.timbrado import domain
from services.timbrado.cfdi.certificados import Confianza
from services.timbrado.credenciales import Credenciales
from services.timbrado.domain import cancelacion as reglas
from services.timbrado.domain import uso
from services.timbrado.domain.cancelacion import (
    FINALES,
    CancelacionGuardada,
    Desenlace,
    EstadoDeCancelacion,
    TimbradoPorCancelar,
)
from services.timbrado.pac.protocolo import (
    CancelacionAceptada,
    Csd,
    Desconocido,
    EstadoSat,
    Motivo,
    PacCompleto,
    Rechazado,
    SolicitudDeCancelacion,
)
from services.timbrado.pac.sandbox import PacSandbox
from services.timbrado.use_cases.solicitud import csd_de, firmada
from shared.contracts import timbrado as c
from shared.contracts.base import Vacio
from shared.crash import crash_point
from shared.errors import Codigo, DomainError, no_encontrado
from shared.logging import get_logger
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.domain import CtiGuardada
    from services.timbrado.repository import Repositorio

log = get_logger(__name__)

#: Taken one by one: each may cost two time-outs of a PAC, and what waits in a list would outlive its lease.
POR_RONDA = 1
#: Seconds, added to a PAC's time-out, for which a worker has a request to itself.
MARGEN = 2.0


class Cancelador:
    """Cancellations with what they need: PACs by name, trusted authorities, credentials, transactions.

    `cpu(fn, …)` runs RSA and XML work off the event loop; `plazo` is the PACs' time-out in seconds.
    """

    def __init__(
        self,
        pac_de: Callable[[str], PacCompleto | None],
        confianza: Confianza,
        credenciales: Credenciales,
        uow: Callable[[], UnitOfWork[Repositorio]],
        cpu: Callable[..., Any],
        plazo: float,
    ) -> None:
        self._pac_de = pac_de
        self._confianza = confianza
        self.credenciales = credenciales
        self._uow = uow
        self._cpu = cpu
        self._plazo = plazo + MARGEN

    # -- calls ---------------------------------------------------------------------------------------

    def cancelar(self, p: c.CancelarTimbrado) -> c.Cancelacion:
        """Ask for the cancellation of a document that this CTI stamped; its state after the PAC's answer.

        Asking again with the same content is harmless: it answers what became of the first, and after a refusal
        it asks anew. Raises `conflicto` when another motive is under way, `datos_invalidos`, `no_encontrado`.
        """
        cti = self._cti(p.cti, p.contrasena)
        reglas.revisar_motivo(p.uuid, p.motivo, p.sustituye)
        csd = csd_de(p)
        with self._uow() as uow:
            documento = _propio(uow, cti, p.uuid, p.ip)
            _no_bloqueada(uow, cti)
            anterior = _en_curso(uow, p)
            if anterior is None and p.sustituye is not None:
                hallado = uow.repo.sustituto(p.sustituye)
                if hallado is not None:
                    reglas.revisar_sustituto(documento.emisor, *hallado)
            _conocer(uow, p)
        if anterior is None:
            xml: bytes = self._cpu(firmada, p, documento, csd, self._confianza, datetime.now(UTC))
            anterior, abierta = self._abrir(p, documento, xml)
            crash_point("cancelacion.despues_de_guardar")
            if abierta:
                return contrato_de(self._pedir(anterior, documento, csd))
        if anterior.estado is EstadoDeCancelacion.SOLICITADA:
            return contrato_de(self._repetir(anterior, documento, csd))
        return contrato_de(anterior)

    def estado(self, p: c.ConsultarEstado) -> c.EstadoDeTimbrado:
        """What the SAT says of a document that this CTI stamped."""
        cti = self._cti(p.cti, p.contrasena)
        with self._uow() as uow:
            documento = _propio(uow, cti, p.uuid, p.ip)
            guardada = uow.repo.cancelacion_de(p.uuid)
        return self._estado(documento, guardada)

    def estado_de(self, p: c.ObtenerComprobante) -> c.EstadoDeTimbrado:
        """What the SAT says of a document stamped by a CTI of this CM."""
        with self._uow() as uow:
            documento = uow.repo.por_cancelar_de(p.cuenta_id, p.uuid)
            if documento is None:
                raise no_encontrado("un comprobante timbrado con ese UUID")
            guardada = uow.repo.cancelacion_de(p.uuid)
        return self._estado(documento, guardada)

    def responder(self, p: c.ResponderCancelacion) -> Vacio:
        """Play the receiver at the sandbox's SAT. Raises `no_encontrado` when nothing waits for its answer."""
        pac = self._pac_de(PacSandbox.nombre)
        if (
            not isinstance(pac, PacSandbox)
            or pac.sat is None
            or not pac.sat.responder(p.uuid, aceptada=p.aceptada)
        ):
            raise no_encontrado("una cancelación en proceso de ese UUID en el PAC de pruebas")
        return Vacio()

    def conciliar(self) -> int:
        """Ask about requests whose time has come; returns how many were taken."""
        with self._uow() as uow:
            pares = uow.repo.cancelaciones_por_ver(POR_RONDA, self._plazo)
            uow.commit()
        for guardada, documento in pares:
            try:
                self._proseguir(guardada, documento)
            except Exception as exc:  # noqa: BLE001
                # One that can't be settled now must not keep the others waiting: its own time comes again.
                log.error("cancelacion_sin_conciliar", uuid=str(guardada.uuid), error=repr(exc))
        return len(pares)

    # -- steps ---------------------------------------------------------------------------------------

    def _cti(self, id_: str, contrasena: str) -> CtiGuardada:
        [cti] = self.credenciales.verificar([(id_, contrasena)], al_dia=True)
        if cti is None:
            raise domain.credenciales_invalidas()
        return cti

    def _abrir(
        self, p: c.CancelarTimbrado, d: TimbradoPorCancelar, xml: bytes
    ) -> tuple[CancelacionGuardada, bool]:
        """Record the request; whether it is this call's, or a concurrent one came first."""
        with self._uow() as uow:
            if uow.first_answer(c.CANCELAR_TIMBRADO.nombre, p) is None:
                # What became of it is read from the request's own row, so there is no answer to keep.
                uow.remember_answer(c.CANCELAR_TIMBRADO.nombre, p.clave, {})
            abierta = uow.repo.abrir_cancelacion(d, p.motivo, p.sustituye, xml, self._plazo)
            if abierta is None:
                otra = _en_curso(uow, p)
                if otra is None:  # refused this very moment
                    raise reglas.otra_recien_rechazada()
                return otra, False
            uow.commit()
            return abierta, True

    def _pedir(self, g: CancelacionGuardada, d: TimbradoPorCancelar, csd: Csd | None) -> CancelacionGuardada:
        """Send the request, whose turn this worker has; the request as it is then."""
        pac = self._pac_de(d.pac)
        if pac is None:
            log.error("cancelacion_sin_pac", uuid=str(d.uuid), pac=d.pac)
            return self._aplazar(g)
        resultado = pac.cancelar(_para_el_pac(g, d, csd))
        crash_point("cancelacion.despues_del_pac")
        match resultado:
            case CancelacionAceptada():
                desenlace = _aceptada(resultado, pac.estado(_para_el_pac(g, d)))
            case Rechazado(codigo, mensaje):
                desenlace = Desenlace(EstadoDeCancelacion.RECHAZADA, codigo, reglas.explicar(codigo, mensaje))
            case _:
                log.warning("cancelacion_incierta", uuid=str(d.uuid), pac=d.pac, resultado=str(resultado))
                return self._aplazar(g, reglas.SIN_RESPUESTA if csd else reglas.SIN_RESPUESTA_NI_CSD)
        hecha = self._asentar(g, d, desenlace)
        crash_point("cancelacion.despues_de_asentar")
        return hecha

    def _repetir(
        self, g: CancelacionGuardada, d: TimbradoPorCancelar, csd: Csd | None
    ) -> CancelacionGuardada:
        """The caller came back and nobody knows yet what became of it: go on, unless someone is at it.

        With a CSD again, a provider that signs by itself can be asked at once.
        """
        with self._uow() as uow:
            tomada = uow.repo.tomar_cancelacion(g.id, self._plazo, ya=g.intentos > 0)
            uow.commit()
        return self._proseguir(g, d, csd) if tomada else self._releer(g)

    def _proseguir(
        self, g: CancelacionGuardada, d: TimbradoPorCancelar, csd: Csd | None = None
    ) -> CancelacionGuardada:
        """One step of a request that this worker took: ask the SAT; what it knows nothing of is sent again."""
        pac = self._pac_de(d.pac)
        visto = pac.estado(_para_el_pac(g, d)) if pac is not None else None
        desenlace = (
            reglas.segun_el_sat(g.estado, visto.estado, visto.estatus_cancelacion)
            if isinstance(visto, EstadoSat)
            else None
        )
        crash_point("cancelacion.conciliador_despues_del_pac")
        if desenlace is not None:
            return self._asentar(g, d, self._con_acuse(g, d, csd, desenlace))
        if g.estado is EstadoDeCancelacion.EN_PROCESO:
            return self._aplazar(g)
        return self._pedir(g, d, csd)

    def _con_acuse(
        self, g: CancelacionGuardada, d: TimbradoPorCancelar, csd: Csd | None, visto: Desenlace
    ) -> Desenlace:
        """What the SAT says, with its acknowledgement: asking again gives it (202) when its first answer was lost."""
        pac = self._pac_de(d.pac)
        if g.acuse is not None or visto.estado is EstadoDeCancelacion.RECHAZADA or pac is None:
            return visto
        resultado = pac.cancelar(_para_el_pac(g, d, csd))
        if isinstance(resultado, CancelacionAceptada):
            return replace(visto, codigo=resultado.codigo, acuse=resultado.acuse)
        return visto

    def _estado(self, d: TimbradoPorCancelar, g: CancelacionGuardada | None) -> c.EstadoDeTimbrado:
        pac = self._pac_de(d.pac)
        visto = pac.estado(_para_el_pac(g, d)) if pac is not None else None
        if not isinstance(visto, EstadoSat):
            raise DomainError(
                Codigo.NO_DISPONIBLE,
                "El SAT no respondió a tiempo. Intente de nuevo en unos segundos.",
                datos={"reintentar_en": 5},
            )
        if g is not None and g.estado is EstadoDeCancelacion.EN_PROCESO:
            desenlace = reglas.segun_el_sat(g.estado, visto.estado, visto.estatus_cancelacion)
            if desenlace is not None:
                g = self._asentar(g, d, desenlace)
        return c.EstadoDeTimbrado(
            uuid=d.uuid,
            estado=visto.estado,
            es_cancelable=visto.es_cancelable,
            estatus_cancelacion=visto.estatus_cancelacion,
            codigo=visto.codigo,
            cancelacion=contrato_de(g) if g is not None else None,
        )

    def _asentar(self, g: CancelacionGuardada, d: TimbradoPorCancelar, que: Desenlace) -> CancelacionGuardada:
        """Record an answer. When another worker ended it meanwhile, that one counts."""
        with self._uow() as uow:
            hecha = uow.repo.asentar_cancelacion(g.id, que, reglas.espera(que.estado, 0))
            if hecha is not None and g.estado is EstadoDeCancelacion.EN_PROCESO and hecha.estado in FINALES:
                uow.repo.avisar(
                    d.cuenta_id,
                    f"cancelacion_{hecha.estado}",
                    d.cti,
                    f"Cancelación del comprobante {str(d.uuid).upper()} de {d.emisor}: {hecha.detalle}",
                    f"cancelacion:{g.id}",
                )
            uow.commit()
        return hecha if hecha is not None else self._releer(g)

    def _aplazar(self, g: CancelacionGuardada, detalle: str | None = None) -> CancelacionGuardada:
        """Nothing was learned: its next turn comes later and later."""
        with self._uow() as uow:
            uow.repo.aplazar_cancelacion(g.id, reglas.espera(g.estado, g.intentos) or 0.0, detalle)
            uow.commit()
        return self._releer(g)

    def _releer(self, g: CancelacionGuardada) -> CancelacionGuardada:
        with self._uow() as uow:
            return uow.repo.cancelacion(g.id) or g


def _propio(
    uow: UnitOfWork[Repositorio], cti: CtiGuardada, uuid: UUID, ip: str | None
) -> TimbradoPorCancelar:
    documento = uow.repo.por_cancelar(cti.id, uuid)
    if documento is None:
        raise no_encontrado("un comprobante timbrado con ese UUID en esta cuenta de timbrado")
    uso.revisar(cti, documento.emisor, ip)
    return documento


def _no_bloqueada(uow: UnitOfWork[Repositorio], cti: CtiGuardada) -> None:
    """A blocked CTI changes nothing; it may still look."""
    cuenta = uow.repo.cuenta("cti", cti.id)
    if cuenta is None or cuenta.bloqueada:
        raise domain.cti_bloqueada()


def _en_curso(uow: UnitOfWork[Repositorio], p: c.CancelarTimbrado) -> CancelacionGuardada | None:
    """The document's live request, if it is this very one. Raises `conflicto` for another motive."""
    ultima = uow.repo.cancelacion_de(p.uuid)
    if ultima is None or ultima.estado is EstadoDeCancelacion.RECHAZADA:
        return None
    if (ultima.motivo, ultima.sustituye) != (p.motivo, p.sustituye):
        raise reglas.otra_en_curso(ultima.motivo, ultima.estado)
    return ultima


def _conocer(uow: UnitOfWork[Repositorio], p: c.CancelarTimbrado) -> None:
    """The caller's key with other content is refused before anything is signed. Rolled back: only `_abrir` keeps it."""
    uow.first_answer(c.CANCELAR_TIMBRADO.nombre, p)


def _para_el_pac(
    g: CancelacionGuardada | None, d: TimbradoPorCancelar, csd: Csd | None = None
) -> SolicitudDeCancelacion:
    return SolicitudDeCancelacion(
        uuid=d.uuid,
        emisor=d.emisor,
        receptor=d.receptor,
        total=d.total,
        sello=d.sello,
        motivo=Motivo(g.motivo) if g is not None else Motivo.SIN_RELACION,
        sustituye=g.sustituye if g is not None else None,
        retencion=d.retencion,
        xml=g.solicitud if g is not None else b"",
        csd=csd,
        tipo=d.tipo,
    )


def _aceptada(resultado: CancelacionAceptada, visto: EstadoSat | Desconocido) -> Desenlace:
    """The SAT took the request. It is cancelled when the SAT's query says so and not before.

    Several providers answer 201 alike whether or not the receiver has to accept, and the query may lag behind.
    """
    cancelada = isinstance(visto, EstadoSat) and reglas.segun_el_sat(
        EstadoDeCancelacion.EN_PROCESO, visto.estado, ""
    )
    if cancelada and not resultado.en_proceso:
        return Desenlace(
            EstadoDeCancelacion.CANCELADA, resultado.codigo, "El comprobante está cancelado.", resultado.acuse
        )
    espera_al_receptor = resultado.en_proceso or (
        isinstance(visto, EstadoSat) and visto.estatus_cancelacion.strip().lower() == "en proceso"
    )
    detalle = reglas.ESPERA_AL_RECEPTOR if espera_al_receptor else reglas.ESPERA_AL_SAT
    return Desenlace(EstadoDeCancelacion.EN_PROCESO, resultado.codigo, detalle, resultado.acuse)


def contrato_de(g: CancelacionGuardada) -> c.Cancelacion:
    """A request as the other services see it: without what was signed."""
    return c.Cancelacion(
        uuid=g.uuid,
        estado=g.estado,
        motivo=g.motivo,
        sustituye=g.sustituye,
        codigo=g.codigo,
        detalle=g.detalle,
        acuse=g.acuse.decode("utf-8", "replace") if g.acuse else None,
        solicitada_en=g.solicitada_en,
        terminada_en=g.terminada_en,
    )
