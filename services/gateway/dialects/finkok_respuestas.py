"""The bodies of Finkok's answers, and the numbers by which its clients know an error."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from uuid import uuid4
from zoneinfo import ZoneInfo

from services.gateway.dialects import csd, soap, xml
from services.gateway.dialects.protocolo import REPETIBLES
from services.gateway.traza import correlation
from shared.contracts.timbrado import Cancelacion, ResultadoDeTimbrado
from shared.errors import Codigo, DomainError

_CENTRO = ZoneInfo("America/Mexico_City")
SATISFACTORIO = "Comprobante timbrado satisfactoriamente"
PREVIO = "Comprobante timbrado previamente"

#: Our codes as Finkok numbers them; a code of the SAT goes through as it is.
_CODIGOS: dict[Codigo, str] = {
    Codigo.NO_AUTENTICADO: "300",
    Codigo.CREDENCIALES_INVALIDAS: "300",
    Codigo.CUENTA_BLOQUEADA: "703",
    Codigo.SALDO_INSUFICIENTE: "718",
    Codigo.CONTRATO_REQUERIDO: "703",
    Codigo.NO_PERMITIDO: "702",
    Codigo.NO_ENCONTRADO: "603",
    Codigo.PENDIENTE: "708",
    Codigo.NO_DISPONIBLE: "708",
    Codigo.DEMASIADOS_INTENTOS: "708",
}
_OTRO = "705"
#: What a cancellation's state is called where the SAT's answer has words for it.
_CANCELACION = {
    "cancelada": "Cancelado sin aceptación",
    "en_proceso": "En proceso",
    "rechazada": "Solicitud rechazada",
}

T = TypeVar("T")


def codigo_de(error: DomainError) -> str:
    """The number by which Finkok's clients know an error."""
    return str(error.datos.get("codigo_sat") or _CODIGOS.get(error.code, _OTRO))


def detalle(error: DomainError) -> str:
    """What to tell its user, without the number, which has a field of its own."""
    codigo = codigo_de(error)
    texto = error.detail.removeprefix(f"{codigo}: ")
    if error.code in REPETIBLES:
        texto += " No genere otro comprobante: al enviar el mismo no se cobra de nuevo."
    return texto


def intentar(accion: Callable[[], T]) -> tuple[T | None, str]:
    """The action's result, or its error as the text of an `error` field."""
    try:
        return accion(), ""
    except DomainError as exc:
        return None, f"{codigo_de(exc)} - {detalle(exc)}"


def acuse(timbrar: Callable[[], ResultadoDeTimbrado], repetido: str = PREVIO) -> str:
    """An AcuseRecepcionCFDI: the stamped document, or the Incidencia that says why not."""
    e = soap.elemento
    try:
        resultado = timbrar()
    except DomainError as exc:
        return f"{e('xml', '')}<s0:Incidencias>{_incidencia(exc)}</s0:Incidencias>"
    timbre = xml.timbre_de(resultado.xml or "")
    return (
        e("xml", resultado.xml) + e("UUID", timbre.uuid) + e("Fecha", timbre.fecha)
        + e("CodEstatus", repetido if resultado.repetido else SATISFACTORIO) + e("SatSeal", timbre.sello_sat)
        + "<s0:Incidencias></s0:Incidencias>" + e("NoCertificadoSAT", timbre.no_certificado_sat)
    )  # fmt: skip


def _incidencia(error: DomainError) -> str:
    e = soap.elemento
    cuerpo = (
        e("IdIncidencia", uuid4()) + e("Uuid", "") + e("CodigoError", codigo_de(error))
        + e("WorkProcessId", correlation.get()) + e("MensajeIncidencia", detalle(error))
        + e("RfcEmisor", "") + e("ExtraInfo", error.datos.get("nodo", "")) + e("NoCertificadoPac", "")
        + e("FechaRegistro", ahora())
    )  # fmt: skip
    return f"<s0:Incidencia>{cuerpo}</s0:Incidencia>"


def cancelaciones(cancelar: Callable[[], list[Cancelacion]], rfc: str | list[str]) -> str:
    """A CancelaCFDResult: a Folio per document, or the CodEstatus that says why nothing was asked."""
    e = soap.elemento
    try:
        hechas = cancelar()
    except DomainError as exc:
        if exc.code == Codigo.NO_ENCONTRADO:
            # Its clients know this one by how it ends.
            return e("CodEstatus", f"{exc.detail} No Encontrado")
        return e("CodEstatus", f"{codigo_de(exc)} - {detalle(exc)}")
    folios = "".join(_folio(h) for h in hechas)
    recibo = next((h.acuse for h in hechas if h.acuse), "")
    emisor = rfc if isinstance(rfc, str) else rfc[0]
    return f"<s0:Folios>{folios}</s0:Folios>{e('Acuse', recibo)}{e('Fecha', ahora())}{e('RfcEmisor', emisor)}"


def _folio(h: Cancelacion) -> str:
    match h.estado:
        case "solicitada":
            codigo, texto = "708", csd.en_camino().detail
        case "rechazada":
            codigo, texto = h.codigo or "no_cancelable", h.detalle or _CANCELACION["rechazada"]
        case _:
            codigo, texto = h.codigo or "201", h.detalle or _CANCELACION.get(h.estado, "")
    e = soap.elemento
    return (
        f"<s0:Folio>{e('UUID', str(h.uuid).upper())}{e('EstatusUUID', codigo)}"
        f"{e('EstatusCancelacion', texto)}</s0:Folio>"
    )


def ahora() -> str:
    """Central time without offset, as Finkok and the SAT write it."""
    return datetime.now(_CENTRO).strftime("%Y-%m-%dT%H:%M:%S")
