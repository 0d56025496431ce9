"""SOAP 1.1 as PACs speak it: an envelope out, the result's element in. No WSDL is read at run time."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

from lxml import etree

from services.timbrado.pac.http import Respuesta
from services.timbrado.pac.lectura import Ilegible, arbol

CABECERAS = {"Content-Type": "text/xml; charset=utf-8"}


def sobre(espacio: str, metodo: str, campos: Mapping[str, str], *, calificados: bool = True) -> bytes:
    """The envelope of one call. `calificados`: the arguments are in the method's namespace too."""
    prefijo = "m:" if calificados else ""
    dentro = "".join(f"<{prefijo}{n}>{escape(v)}</{prefijo}{n}>" for n, v in campos.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        f'xmlns:m="{escape(espacio)}"><soapenv:Header/><soapenv:Body><m:{metodo}>{dentro}</m:{metodo}>'
        "</soapenv:Body></soapenv:Envelope>"
    ).encode()


def resultado(respuesta: Respuesta, nombre: str) -> etree._Element:
    """The element `nombre` of the answer. Raises `Ilegible`: not XML, a Fault, or without it."""
    raiz = arbol(respuesta.cuerpo)
    falla = raiz.find(".//{*}Fault")
    if falla is not None:
        raise Ilegible(
            f"SOAP Fault: {(falla.findtext('{*}faultstring') or falla.findtext('faultstring') or '')[:200]}"
        )
    hallado = raiz.find(f".//{{*}}{nombre}")
    if hallado is None:
        raise Ilegible("respuesta SOAP sin resultado")
    return hallado


def campo(nodo: etree._Element, nombre: str) -> str:
    """Text of a direct child, in whatever namespace; empty if it is not there."""
    return (nodo.findtext(f"{{*}}{nombre}") or "").strip()
