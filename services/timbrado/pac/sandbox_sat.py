"""The SAT that stands behind the sandbox PAC: cancellations with and without acceptance, and its query service.

It plays another office: it keeps what it was asked in a memory of its own that survives our crashes, it checks
the request's signature by itself, and a receiver's answer is simulated. Who may cancel without acceptance: RMF
2.7.1.35, as far as the request shows it (amount, kind, generic receivers); its one-business-day window is left
out, or no test document would ever need acceptance.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID
from xml.sax.saxutils import quoteattr

from lxml import etree

from services.timbrado.cfdi import cancelacion, tfd
from services.timbrado.cfdi.firma import Firmante
from services.timbrado.cfdi.zonas import CENTRO
from services.timbrado.domain.cancelacion import Expediente
from services.timbrado.pac.protocolo import (
    CancelacionAceptada,
    Desconocido,
    EstadoSat,
    Rechazado,
    ResultadoDeCancelacion,
    SolicitudDeCancelacion,
    TimbreDelPac,
)
from shared.errors import DomainError

SIN_ACEPTACION: Final = Decimal(1000)
"""MXN: up to this amount nobody has to accept."""
DIAS_HABILES: Final = 3
"""For the receiver to answer; silence accepts."""
_LIBRES: Final = frozenset("ENTPR")
"""Kinds that need no acceptance: egreso, nómina, traslado, pago of no amount, retenciones."""
_GENERICOS: Final = frozenset({"XAXX010101000", "XEXX010101000"})


class FallaDeCancelacion(StrEnum):
    """Ways in which the sandbox fails at a cancellation, once each."""

    RECHAZAR = "cancelacion_rechazar"
    """The SAT refuses it: 204."""
    SIN_RESPUESTA_ANTES = "cancelacion_sin_respuesta_antes"
    """Nothing reached the SAT, and nobody says so."""
    SIN_RESPUESTA_DESPUES = "cancelacion_sin_respuesta_despues"
    """The SAT took it, but the answer is lost."""


class MemoriaSat(Protocol):
    """What the SAT remembers. Its owner makes it durable; failures are injected through it too."""

    def timbre(self, uuid: UUID) -> bytes | None:
        """The TFD of that UUID, if the sandbox stamped it."""

    def expediente(self, uuid: UUID) -> Expediente | None:
        """The cancellation of that document."""

    def guardar_expediente(self, nuevo: Expediente) -> Expediente:
        """Store it unless there is one that was not refused; the stored one, counting how often it was asked."""

    def resolver(self, uuid: UUID, estado: str, estatus: str) -> bool:
        """End one that is en_proceso; false if there is none."""

    def timbres(self, desde: datetime, hasta: datetime) -> Sequence[tuple[bytes, str, datetime]]:
        """(TFD, issuer or empty, when) of what was stamped in [desde, hasta)."""

    def falla_de_cancelacion(self) -> str | None:
        """Take one injected failure that is pending, if any: a value of `FallaDeCancelacion`."""


class SatDePrueba:
    """The SAT's two services, as the sandbox PAC reaches them. `espera` seconds stand for a timeout."""

    def __init__(
        self,
        memoria: MemoriaSat,
        firmante: Firmante,
        *,
        espera: float = 0.05,
        reloj: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._memoria = memoria
        self._firmante = firmante
        self._espera = espera
        self._reloj = reloj

    def cancelar(self, s: SolicitudDeCancelacion) -> ResultadoDeCancelacion:
        """Take a signed request, durably. At most one injected failure."""
        falla = self._memoria.falla_de_cancelacion()
        if falla == FallaDeCancelacion.SIN_RESPUESTA_ANTES:
            time.sleep(self._espera)  # eventlet's own, once the process is patched
            return Desconocido("tiempo de espera agotado")
        if falla == FallaDeCancelacion.RECHAZAR:
            return Rechazado("204", "UUID no aplicable para cancelación (falla inyectada).")
        resultado = self._revisar(s) or self._recibir(s)
        if falla == FallaDeCancelacion.SIN_RESPUESTA_DESPUES:
            time.sleep(self._espera)
            return Desconocido("tiempo de espera agotado")
        return resultado

    def estado(self, s: SolicitudDeCancelacion) -> EstadoSat:
        """The query service: what anybody reads of a document."""
        if not self._conoce(s):
            return EstadoSat("No Encontrado", "", "", "N - 602: Comprobante no encontrado.")
        expediente = self._al_dia(s.uuid)
        cancelada = expediente is not None and expediente.estado == "cancelada"
        como = "Cancelable sin aceptación" if sin_aceptacion(s) else "Cancelable con aceptación"
        return EstadoSat(
            "Cancelado" if cancelada else "Vigente",
            "No cancelable" if cancelada else como,
            expediente.estatus if expediente is not None else "",
            "S - Comprobante obtenido satisfactoriamente.",
        )

    def responder(self, uuid: UUID, *, aceptada: bool) -> bool:
        """The receiver's answer to a request en proceso; false if none waits for it."""
        if aceptada:
            return self._memoria.resolver(uuid, "cancelada", "Cancelado con aceptación")
        return self._memoria.resolver(uuid, "rechazada", "Solicitud rechazada")

    def listar(self, desde: datetime, hasta: datetime) -> list[TimbreDelPac]:
        """What was stamped in [desde, hasta); the issuer is empty where the sandbox was not told it."""
        return [
            TimbreDelPac(UUID(tfd.leer(crudo).uuid), emisor, en)
            for crudo, emisor, en in self._memoria.timbres(desde, hasta)
        ]

    def _revisar(self, s: SolicitudDeCancelacion) -> Rechazado | None:
        if not self._conoce(s):
            return Rechazado("205", "UUID no existe.")
        try:
            folio, certificado = cancelacion.leer(s.xml)
        except DomainError as error:
            return Rechazado(str(error.datos.get("codigo_sat", "301")), error.detail)
        if certificado.rfc != s.emisor or folio.emisor != s.emisor:
            return Rechazado("203", "UUID no corresponde al emisor.")
        if folio.uuid != s.uuid or folio.motivo != s.motivo or folio.retencion != s.retencion:
            return Rechazado("301", "La solicitud no es de ese comprobante.")
        return None

    def _conoce(self, s: SolicitudDeCancelacion) -> bool:
        crudo = self._memoria.timbre(s.uuid)
        return crudo is not None and "".join(tfd.leer(crudo).sello_cfd.split()) == "".join(s.sello.split())

    def _recibir(self, s: SolicitudDeCancelacion) -> CancelacionAceptada:
        anterior = self._al_dia(s.uuid)
        if anterior is None or anterior.estado == "rechazada":
            ahora = self._reloj()
            libre = sin_aceptacion(s)
            nuevo = Expediente(
                s.uuid,
                "cancelada" if libre else "en_proceso",
                s.motivo,
                "Cancelado sin aceptación" if libre else "En proceso",
                self._acuse(s, ahora),
                ahora,
            )
        else:
            nuevo = anterior
        guardado = self._memoria.guardar_expediente(nuevo)
        codigo = "201" if guardado.acuse == nuevo.acuse and nuevo is not anterior else "202"
        return CancelacionAceptada(codigo, guardado.acuse, en_proceso=guardado.estado == "en_proceso")

    def _al_dia(self, uuid: UUID) -> Expediente | None:
        """The cancellation, ended first if its receiver let the time pass."""
        expediente = self._memoria.expediente(uuid)
        if (
            expediente is not None
            and expediente.estado == "en_proceso"
            and dias_habiles(expediente.solicitada_en, self._reloj()) > DIAS_HABILES
        ):
            self._memoria.resolver(uuid, "cancelada", "Plazo vencido")
            return replace(expediente, estado="cancelada", estatus="Plazo vencido")
        return expediente

    def _acuse(self, s: SolicitudDeCancelacion, ahora: datetime) -> bytes:
        """The SAT's acknowledgement, signed with the sandbox's key."""
        ns = cancelacion.NS_RETENCION if s.retencion else cancelacion.NS_CFDI
        raiz = etree.fromstring(
            f"<Acuse xmlns={quoteattr(ns)} RfcEmisor={quoteattr(s.emisor)} "
            f'Fecha="{ahora.astimezone(CENTRO).strftime("%Y-%m-%dT%H:%M:%S")}"><Folios>'
            f"<UUID>{str(s.uuid).upper()}</UUID><EstatusUUID>201</EstatusUUID></Folios></Acuse>"
        )
        self._firmante.firmar(raiz)
        return etree.tostring(raiz, encoding="UTF-8", xml_declaration=True)


def sin_aceptacion(s: SolicitudDeCancelacion) -> bool:
    """Whether the receiver has no say (RMF 2.7.1.35)."""
    try:
        total = Decimal(s.total)
    except InvalidOperation:
        total = Decimal(0)
    return s.retencion or s.tipo in _LIBRES or s.receptor in _GENERICOS or total <= SIN_ACEPTACION


def dias_habiles(desde: datetime, hasta: datetime) -> int:
    """Weekdays that began, in central time, after `desde` and up to `hasta`. Holidays count as weekdays."""
    dia, fin = desde.astimezone(CENTRO).date(), hasta.astimezone(CENTRO).date()
    cuantos = 0
    while dia < fin and cuantos <= DIAS_HABILES:
        dia += timedelta(days=1)
        cuantos += dia.weekday() < 5
    return cuantos
