"""Reading a caller's bytes into a tree, safely: nothing is fetched, expanded or executed.

A CFDI arrives from anybody. Annex 20 (RMF) asks for UTF-8 XML without a DTD, so whatever could make a
parser do more than read (entities, external references, another encoding that hides them from the checks
below) is refused as structure, SAT code 301, before the parser sees a byte.
"""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from services.timbrado.cfdi import formatos
from shared.errors import DomainError, cfdi_invalido

TAMANO_MAXIMO: Final = 2 * 1024 * 1024
"""Bytes. The largest real CFDI (payroll, carta porte of hundreds of goods) stay below 1 MiB."""

NS_TFD: Final = "http://www.sat.gob.mx/TimbreFiscalDigital"
TIMBRE: Final = f"{{{NS_TFD}}}TimbreFiscalDigital"

_CODIFICACION: Final = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([^"']*)["']""")
_BOM: Final = b"\xef\xbb\xbf"

_PARSER: Final = etree.XMLParser(
    encoding="utf-8",  # the declaration can't choose another one behind our checks
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    dtd_validation=False,
    huge_tree=False,  # keeps libxml2's own limits: depth 256, 10 MB of text
    collect_ids=False,  # no table of xml:id, which a CFDI never uses
)


def analizar(xml: bytes) -> etree._Element:
    """The root of `xml`: `cfdi:Comprobante` 4.0 or `retenciones:Retenciones` 2.0; else `cfdi_invalido` 301.

    The tree is the caller's own: nothing else refers to it.
    """
    raiz = analizar_xml(xml)
    formato = formatos.FORMATOS.get(str(raiz.tag))
    if formato is None:
        raise _raiz_inesperada(raiz)
    if raiz.get("Version") != formato.version:
        raise cfdi_invalido(
            "301",
            f"El atributo Version del nodo {formato.nombre} debe ser {formato.version}. Genere el comprobante "
            f"con la versión {formato.version}.",
            nodo=f"{formato.nombre}/@Version",
        )
    return raiz


def analizar_xml(xml: bytes) -> etree._Element:
    """The root of any well-formed UTF-8 XML without DTD, whatever it is. Raises `cfdi_invalido` 301."""
    comprobar_bytes(xml)
    try:
        return etree.fromstring(xml, _PARSER)
    except etree.XMLSyntaxError as error:
        linea, columna = error.position
        raise cfdi_invalido(
            "301",
            f"El XML está mal formado en la línea {linea}, columna {columna}. Corrija la generación del "
            "archivo y envíelo de nuevo.",
        ) from None


def comprobar_bytes(xml: bytes) -> None:
    """What can be refused without parsing: size, encoding, DTD. Raises `cfdi_invalido` 301."""
    if not xml.strip():
        raise cfdi_invalido("301", "El XML está vacío. Envíe el comprobante completo.")
    if len(xml) > TAMANO_MAXIMO:
        raise cfdi_invalido(
            "301",
            f"El XML mide {len(xml)} bytes y el máximo es {TAMANO_MAXIMO}. Reduzca la addenda o divida el "
            "comprobante.",
        )
    # A NUL is never XML in UTF-8, and lets UTF-16 pass for it: libxml2 would guess the encoding.
    if b"\x00" in xml:
        raise _no_es_utf8()
    try:
        xml.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _no_es_utf8(error.start) from None
    # Looked for in all the bytes: inside a comment or CDATA it is harmless, but no CFDI needs it there.
    if b"<!DOCTYPE" in xml or b"<!ENTITY" in xml:
        raise cfdi_invalido(
            "301",
            "El XML contiene una declaración DOCTYPE o ENTITY, que un CFDI no admite. Quítela y selle de "
            "nuevo.",
        )
    inicio = xml[3:] if xml.startswith(_BOM) else xml
    declarada = _CODIFICACION.match(inicio)
    if declarada and declarada[1].upper() not in (b"UTF-8", b"UTF8", b"US-ASCII", b"ASCII"):
        raise cfdi_invalido(
            "301",
            "La declaración XML indica una codificación distinta de UTF-8, la única del Anexo 20. Guarde "
            "el archivo en UTF-8 y selle de nuevo.",
        )


def buscar_timbre(raiz: etree._Element) -> etree._Element | None:
    """The earlier TFD of the document, if a document-level Complemento holds one."""
    for complemento in raiz.iterchildren(formatos.de(raiz).etiqueta("Complemento")):
        for timbre in complemento.iterchildren(TIMBRE):
            return timbre
    return None


def quitar_addenda(raiz: etree._Element) -> None:
    """Remove Addenda, which is free form and belongs neither to the schema nor to the seal."""
    for addenda in list(raiz.iterchildren(formatos.de(raiz).etiqueta("Addenda"))):
        raiz.remove(addenda)


def _raiz_inesperada(raiz: etree._Element) -> DomainError:
    nombre = etree.QName(raiz)
    espacio = nombre.namespace or ""
    if espacio == "http://www.sat.gob.mx/esquemas/retencionpago/1":
        detalle = (
            "El comprobante de retenciones es de la versión 1.0, que ya no se timbra. Genérelo con la versión "
            "2.0."
        )
    elif espacio == "http://www.sat.gob.mx/cfd/3":
        detalle = "El comprobante es de la versión 3.x, que ya no se timbra. Genérelo con la versión 4.0."
    else:
        detalle = (
            f"El nodo raíz es {nombre.localname[:40]} y debe ser Comprobante del espacio de nombres "
            f"{formatos.NS_CFDI}, o Retenciones de {formatos.NS_RETENCIONES}. Envíe un CFDI 4.0 o un "
            "comprobante de retenciones 2.0."
        )
    return cfdi_invalido("301", detalle, nodo=nombre.localname[:40])


def _no_es_utf8(posicion: int | None = None) -> DomainError:
    donde = "" if posicion is None else f" (byte {posicion})"
    return cfdi_invalido(
        "301",
        f"El XML no está en UTF-8{donde}. Guarde el archivo en UTF-8, sin otra codificación, y selle de "
        "nuevo.",
    )
