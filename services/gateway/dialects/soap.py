"""SOAP 1.1 and 1.2, document/literal: as much as Finkok's services need.

An operation is the Body's only element, known by its local name: clients write prefixes and namespaces in
every way, and the names are all that differs. Answers are put together as text, which costs a tenth of a tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lxml import etree

from services.gateway.dialects import xml

SOBRE_11: Final = "http://schemas.xmlsoap.org/soap/envelope/"
SOBRE_12: Final = "http://www.w3.org/2003/05/soap-envelope"
#: Namespace of every result's fields in Finkok's services.
RESULTADOS: Final = "apps.services.soap.core.views"


@dataclass(frozen=True, slots=True)
class Llamada:
    """An operation with its fields, by local name; a field with content of its own is in `nodos`."""

    operacion: str
    campos: dict[str, str]
    nodos: dict[str, etree._Element]


class SobreInvalido(ValueError):
    """Not a SOAP message; the text says in Spanish what is wrong."""


def abrir(cuerpo: bytes) -> Llamada:
    """Read a message. Raises `SobreInvalido`."""
    try:
        raiz = xml.leer(cuerpo)
    except xml.XmlIlegible as exc:
        raise SobreInvalido(str(exc)) from None
    if xml.local(raiz) != "Envelope" or etree.QName(raiz).namespace not in (SOBRE_11, SOBRE_12):
        raise SobreInvalido("El mensaje no es un sobre SOAP (Envelope).")
    body = next((n for n in raiz if xml.local(n) == "Body"), None)
    operacion = next(iter(body), None) if body is not None else None
    if operacion is None:
        raise SobreInvalido("El sobre SOAP no trae una operación en su Body.")
    nodos = {xml.local(n): n for n in operacion}
    return Llamada(xml.local(operacion), {k: (n.text or "").strip() for k, n in nodos.items()}, nodos)


def sobre(operacion: str, ns: str, resultado: str) -> bytes:
    """The answer of an operation; `resultado` is its result's content, XML already, in prefix `s0`."""
    return (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        f'<senv:Envelope xmlns:senv="{SOBRE_11}" xmlns:s0="{RESULTADOS}" xmlns:tns="{ns}">'
        f"<senv:Body><tns:{operacion}Response><tns:{operacion}Result>{resultado}"
        f"</tns:{operacion}Result></tns:{operacion}Response></senv:Body></senv:Envelope>"
    ).encode()


def falla(codigo: str, detalle: str) -> bytes:
    """A soap:Fault; `codigo` is Client (the caller's message) or Server (ours)."""
    return (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        f'<senv:Envelope xmlns:senv="{SOBRE_11}"><senv:Body><senv:Fault><faultcode>senv:{codigo}</faultcode>'
        f"<faultstring>{xml.texto(detalle)}</faultstring><faultactor></faultactor></senv:Fault>"
        "</senv:Body></senv:Envelope>"
    ).encode()


def elemento(nombre: str, valor: object) -> str:
    """`<s0:nombre>`, empty when there is no value."""
    return f"<s0:{nombre}>{xml.texto(valor)}</s0:{nombre}>"
