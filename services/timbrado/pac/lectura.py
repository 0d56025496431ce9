"""Reading what a PAC answers: the stamp in it, its codes, and whose fault a refusal is."""

from __future__ import annotations

import re
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from lxml import etree

from services.timbrado.cfdi import documento, formatos
from services.timbrado.cfdi.zonas import CENTRO
from services.timbrado.pac.http import MAXIMO, Respuesta
from services.timbrado.pac.protocolo import (
    CancelacionAceptada,
    Desconocido,
    NoEnviado,
    Rechazado,
    ResultadoDeCancelacion,
    Timbrado,
)
from shared.errors import DomainError

_PARSER: Final = etree.XMLParser(
    encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True
)
#: Codes that refuse a document for certain: the SAT's 3xx/4xx, the CFDI matrix and those of complements.
_DEL_SAT: Final = re.compile(r"30[1-68]|40[1-5]|CFDI\d{5}|(?:CRP|CRE|CRT|CP|CCE|NOM|CR|PAG|INE|HYP)\d{2,6}")
_TEXTOS: Final = {
    "301": "El XML no cumple con el estándar del Anexo 20. Corrija la estructura y selle de nuevo.",
    "302": "El sello no corresponde al contenido. Selle de nuevo el comprobante con su CSD.",
    "303": "El certificado del sello no es del emisor. Selle con el CSD del RFC emisor.",
    "304": "El certificado está revocado o caduco. Selle con un CSD vigente.",
    "305": "La fecha del comprobante está fuera de la vigencia del CSD. Revise la fecha o use otro CSD.",
    "306": "El certificado no es un CSD. Selle con un certificado de sello digital, no con la e.firma.",
    "308": "El certificado no fue expedido por el SAT. Selle con un CSD emitido por el SAT.",
    "401": "La fecha del comprobante está fuera de las 72 horas o es futura. Genérelo con la fecha actual.",
    "402": "El emisor no está en la lista de contribuyentes obligados (LCO). Revise su situación en el SAT.",
    "403": "La fecha del comprobante es anterior al inicio de vigencia del estándar. Corrija la fecha.",
}  # fmt: skip


class Ilegible(Exception):
    """An answer that is not of the PAC's form: what it did is unknown."""


def es_retencion(xml: bytes) -> bool:
    """A document that goes to the PAC's service of retentions, by its root element."""
    return str(documento.analizar_xml(xml).tag) == f"{{{formatos.NS_RETENCIONES}}}Retenciones"


def arbol(xml: bytes) -> etree._Element:
    """A PAC's XML as a tree, nothing expanded nor fetched. Raises `Ilegible`.

    It is not held to the size of what we accept: the largest document that we take comes back larger.
    """
    if len(xml) > MAXIMO or b"<!DOCTYPE" in xml:
        raise Ilegible("respuesta ilegible")
    try:
        return etree.fromstring(xml, _PARSER)
    except etree.XMLSyntaxError as error:
        raise Ilegible("respuesta ilegible") from error


def timbre_de(xml: bytes) -> bytes:
    """The TFD of what a PAC sends back, be it the document or the bare stamp, standing alone. Raises `Ilegible`."""
    raiz = arbol(xml)
    timbre = raiz if raiz.tag == documento.TIMBRE else raiz.find(f"{{*}}Complemento/{documento.TIMBRE}")
    if timbre is None:
        raise Ilegible("el XML del PAC no trae timbre")
    solo = deepcopy(timbre)
    solo.tail = None
    etree.cleanup_namespaces(solo)
    return etree.tostring(solo, encoding="unicode").encode()


def rechazo(codigo: str, texto: str) -> Rechazado:
    """A definite refusal, in words: ours for the SAT's codes, the PAC's own for those of the matrix."""
    propio = " ".join(texto.split())[:500]
    return Rechazado(codigo, _TEXTOS.get(codigo) or propio or "El PAC rechazó el comprobante.")


def del_sat(codigo: str) -> bool:
    """Whether it is a code with which a document is refused for certain."""
    return _DEL_SAT.fullmatch(codigo) is not None


_DE_CUENTA: Final = re.compile(
    r"(usuario|contrase[ñn]a|password|credencial|token|cuenta|contrato|socio|cliente).{0,60}"
    r"(inv[áa]lid|incorrect|suspendid|bloquead|expirad|vencid|no existe|no encontrad|inactiv)"
    r"|(sin|no (cuenta|tiene|dispone)|insuficient\w*|agotad\w*).{0,40}(timbre|saldo|folio|cr[ée]dito|transacci)"
    r"|(timbre|saldo|folio|cr[ée]dito|transacci)\w*.{0,40}(agotad|insuficient|terminad)",
    re.IGNORECASE,
)


def de_cuenta(texto: str) -> bool:
    """Whether a refusal speaks of our account with the PAC (password, suspension, stamps spent), by its words.

    Only for PACs that publish no codes for it.
    """
    return _DE_CUENTA.search(texto) is not None


def codigo_en(texto: str) -> str:
    """The code that a message begins with (`CFDI40147 - …`, `301. …`); empty if it has none."""
    hallado = re.match(r"\s*\[?([A-Z]{0,4}\d{2,6})\b", texto)
    return hallado[1] if hallado else ""


def de_http(respuesta: Respuesta) -> NoEnviado | Desconocido | None:
    """What the status alone says: our account refused, too many requests, or a server that broke.

    None: the body has to be read. A 5xx tells nothing of what was done before it broke, 503 included.
    """
    match respuesta.estado:
        case 401 | 403 | 407:
            return NoEnviado("el PAC no acepta nuestras credenciales")
        case 402:
            return NoEnviado("el PAC dice que no tenemos timbres")
        case 404 | 405:
            return NoEnviado(
                f"la dirección del PAC no existe (HTTP {respuesta.estado}): revise la configuración"
            )
        case 429:
            return NoEnviado("el PAC pide esperar (HTTP 429)")
        case estado if estado >= 500 or 300 <= estado < 400:
            return Desconocido(f"HTTP {estado}")
        case _:
            return None


def acuse(codigo: str, texto: str, xml: bytes, *, en_proceso: bool = False) -> ResultadoDeCancelacion:
    """What the SAT said of one UUID: 201 and 202 accepted, anything else refused."""
    if codigo in ("201", "202"):
        return CancelacionAceptada(codigo, xml, en_proceso)
    return rechazo_de_cancelacion(codigo, texto)


def no_cancelado(pac: str, codigo: str, mensaje: str) -> ResultadoDeCancelacion:
    """What a PAC says that cancelled nothing by itself: the SAT's code, our account's fault, or nobody knows."""
    if codigo == "202" or codigo in _CANCELACION:
        return acuse(codigo, mensaje, b"")
    if de_cuenta(mensaje):
        return NoEnviado(f"{pac}: {codigo} {mensaje[:120]}")
    return Desconocido(f"{pac}: {codigo} {mensaje[:120]}".rstrip())


_CANCELACION: Final = {
    "203": "El UUID no corresponde al RFC del emisor. Revise el comprobante que quiere cancelar.",
    "204": "El comprobante no es cancelable: tiene documentos relacionados vigentes. Cancélelos primero.",
    "205": "El SAT aún no conoce este UUID. Espere unos minutos e intente de nuevo.",
    "206": "El UUID no corresponde a un CFDI del sector primario.",
    "207": "El motivo de cancelación o el folio que sustituye no es válido. Corríjalo.",
    "208": "El folio que sustituye no es válido. Revise que exista y esté vigente.",
    "209": "El folio que sustituye no aplica con ese motivo. Quítelo o use el motivo 01.",
    "301": "La solicitud de cancelación está mal formada. Genérela de nuevo.",
    "302": "El sello de la solicitud no es válido. Fírmela de nuevo con su CSD.",
    "303": "La solicitud no está firmada por el emisor. Fírmela con su CSD.",
    "304": "El certificado está revocado o caduco. Use un CSD vigente.",
    "305": "El certificado de la solicitud no es válido. Use un CSD vigente.",
    "310": "El certificado de la solicitud no es un CSD. Use un certificado de sello digital.",
    "no_cancelable": "El SAT no permite cancelar este comprobante.",
}  # fmt: skip


def rechazo_de_cancelacion(codigo: str, texto: str) -> Rechazado:
    """A definite refusal of a cancellation."""
    propio = " ".join(texto.split())[:500]
    return Rechazado(codigo, _CANCELACION.get(codigo) or propio or "El SAT no aceptó la cancelación.")


def en_acuse(xml: bytes, uuid: UUID) -> str | None:
    """EstatusUUID of one UUID in the SAT's acuse; None if the acuse does not name it. Raises `Ilegible`."""
    try:
        raiz = documento.analizar_xml(xml)
    except DomainError as error:
        raise Ilegible("el acuse no es legible") from error
    for folio in raiz.iter("{*}Folios", "{*}Folio"):
        if (folio.findtext("{*}UUID") or "").strip().upper() == str(uuid).upper():
            return (folio.findtext("{*}EstatusUUID") or "").strip() or None
    return None


def local(momento: datetime) -> str:
    """An aware moment as the PACs write it: central time without offset."""
    return momento.astimezone(CENTRO).strftime("%Y-%m-%dT%H:%M:%S")


def dias_de(desde: datetime, hasta: datetime) -> tuple[str, str]:
    """First and last day (central time) that [desde, hasta) touches."""
    ultimo = (hasta - timedelta(microseconds=1)).astimezone(CENTRO)
    return desde.astimezone(CENTRO).date().isoformat(), ultimo.date().isoformat()


def momento(texto: str) -> datetime:
    """A FechaTimbrado (central time, fractions dropped) as an aware moment. Raises `Ilegible`."""
    try:
        leido = datetime.fromisoformat(texto.strip().replace(" ", "T"))
    except ValueError as error:
        raise Ilegible("una fecha de la lista del PAC no es legible") from error
    return leido.replace(microsecond=0, tzinfo=leido.tzinfo or CENTRO)


def folio(texto: str) -> UUID:
    """A UUID of a list. Raises `Ilegible`."""
    try:
        return UUID(texto.strip())
    except ValueError as error:
        raise Ilegible("un UUID de la lista del PAC no es legible") from error


def repetido(xml: bytes) -> Timbrado:
    """The first stamp, that a PAC answers a repeat with."""
    return Timbrado(timbre_de(xml), repetido=True)
