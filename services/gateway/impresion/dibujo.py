"""Drawing a stamped CFDI or retention receipt as PDF. Imported by the worker alone: satcfdi and WeasyPrint take
seconds to load and hundreds of megabytes.

The XML is somebody else's: whatever it says, nothing is fetched. Templates are satcfdi's, with ours before them:
the marks (a test without fiscal validity, cancelled), the amount in words, and the verification URL of its QR.
"""

from __future__ import annotations

import logging
from decimal import Decimal, InvalidOperation
from importlib import import_module
from pathlib import Path
from typing import Any

from lxml import etree
from satcfdi.cfdi import CFDI
from satcfdi.render.environment import CFDIEnvironment

from services.gateway import verificacion
from services.gateway.impresion.letras import importe_con_letra

PLANTILLAS = Path(__file__).parent / "plantillas"
#: Certificates of the SAT's tests and of our sandbox; the SAT's real ones begin with 00001.
_DE_PRUEBA = ("30001", "99999")
_ADDENDAS = (
    "{http://www.sat.gob.mx/cfd/4}Addenda",
    "{http://www.sat.gob.mx/esquemas/retencionpago/2}Addenda",
)
_TFD = "{http://www.sat.gob.mx/TimbreFiscalDigital}TimbreFiscalDigital"

weasyprint: Any = import_module("weasyprint")  # published without types
# WeasyPrint tells each CSS property that it does not know.
logging.getLogger("weasyprint").setLevel(logging.CRITICAL)


class Ilegible(ValueError):
    """A document that can't be drawn: not stamped, or not one that we know."""


def dibujar(xml: bytes, *, cancelado: bool) -> bytes:
    """The PDF of a stamped document. Raises `Ilegible`."""
    html = pagina(xml, cancelado=cancelado)
    pdf: bytes = weasyprint.HTML(string=html, url_fetcher=solo_incrustado()).write_pdf()
    return pdf


def pagina(xml: bytes, *, cancelado: bool) -> str:
    """What is drawn, as HTML; every value of the document is escaped. Raises `Ilegible`."""
    raiz = _sin_addenda(xml)
    timbre = raiz.find(f".//{_TFD}")
    if timbre is None:
        raise Ilegible("no stamp")
    documento = CFDI.from_string(etree.tostring(raiz, encoding="UTF-8"))
    html: str = _plantilla.render(
        c=documento,
        k=etree.QName(documento.tag).localname,
        cancelado=cancelado,
        de_prueba=_es_de_prueba(raiz, timbre),
    )
    return html


def solo_incrustado() -> Any:
    """Fetches what is inside the page (`data:`, the QR) and nothing else: neither network nor files."""
    return weasyprint.urls.URLFetcher(allowed_protocols={"data"}, allow_redirects=False)


def letra(importe: Any, moneda: Any) -> str:
    """An amount of the document in words; empty where it has none."""
    try:
        return importe_con_letra(Decimal(str(importe)), getattr(moneda, "code", None) or str(moneda))
    except InvalidOperation:
        return ""


def url_verificacion(c: CFDI) -> str:
    """What the document's QR says."""
    retencion = etree.QName(c.tag).localname == "Retenciones"
    receptor = c["Receptor"]
    nacional, extranjero = receptor.get("Nacional") or {}, receptor.get("Extranjero") or {}
    return verificacion.url(
        raiz=etree.QName(c.tag).localname,
        uuid=str(c["Complemento"]["TimbreFiscalDigital"]["UUID"]),
        emisor=c["Emisor"]["RfcE" if retencion else "Rfc"],
        receptor=nacional.get("RfcR", "") if retencion else receptor["Rfc"],
        extranjero=extranjero.get("NumRegIdTribR", ""),
        total=str(c["Totales"]["MontoTotOperacion"] if retencion else c["Total"]),
        sello=c["Sello"],
    )


def _sin_addenda(xml: bytes) -> etree._Element:
    """The document without what is neither fiscal nor of a known form."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        raiz = etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        raise Ilegible(str(error)) from None
    for addenda in [hijo for hijo in raiz if hijo.tag in _ADDENDAS]:
        raiz.remove(addenda)
    return raiz


def _es_de_prueba(raiz: etree._Element, timbre: etree._Element) -> bool:
    numeros = (raiz.get("NoCertificado", ""), timbre.get("NoCertificadoSAT", ""))
    return any(n.startswith(_DE_PRUEBA) for n in numeros)


_entorno = CFDIEnvironment(str(PLANTILLAS))
_entorno.globals.update(letra=letra, url_verificacion=url_verificacion)
_plantilla = _entorno.get_template("impreso.html")
