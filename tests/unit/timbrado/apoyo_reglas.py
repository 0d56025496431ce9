"""Documents of every kind, what is found in them, and how a case changes one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from lxml import etree

from services.timbrado.cfdi import documento, reglas
from shared.errors import DomainError
from shared.testing import cfdi
from tests.unit.timbrado.apoyo_cfdi import AHORA, cambiar, emisor, factura, hora_local

PUBLICO = ("XAXX010101000", "PUBLICO EN GENERAL")


@cache
def base(cual: str) -> bytes:
    """A right document of each kind; no rule looks at its seal."""
    cuando = hora_local()
    hacer: dict[str, Callable[[], bytes]] = {
        "I": lambda: factura(lineas=1),
        "E": lambda: cfdi.egreso(emisor(), 7, lineas=1, fecha=cuando),
        "T": lambda: cfdi.traslado(emisor(), 7, lineas=1, fecha=cuando),
        "P": lambda: cfdi.pago(emisor(), 7, documentos=1, fecha=cuando),
        "G": lambda: factura(lineas=1, receptor=PUBLICO),
        "X": lambda: factura(lineas=1, receptor=("XEXX010101000", "FOREIGN COMPANY")),
        "N": lambda: cfdi.nomina(emisor(), 7, fecha=cuando),
        "R": lambda: cfdi.retencion(emisor(), 7, fecha=cuando),
        "F": lambda: cfdi.factura(emisor("PEGJ800101AA0"), 7, fecha=cuando, lineas=1),
    }
    return hacer[cual]()


def hallados(xml: bytes) -> list[DomainError]:
    raiz = documento.analizar(xml)
    documento.quitar_addenda(raiz)
    return reglas.revisar(raiz, AHORA)


def codigos(xml: bytes) -> list[object]:
    return [e.datos["codigo_sat"] for e in hallados(xml)]


Cambio = tuple[str, str]


def valores(xml: bytes) -> dict[str, str]:
    """What a case may name between braces."""
    raiz = etree.fromstring(xml)
    ns = {"c": cfdi.NS_CFDI, "p": "http://www.sat.gob.mx/Pagos20"}
    cuando = hora_local()

    def uno(ruta: str) -> str:
        hallado = raiz.xpath(ruta, namespaces=ns)
        return str(hallado[0]) if isinstance(hallado, list) and hallado else ""

    return {
        "sub": uno("@SubTotal"),
        "total": uno("@Total"),
        "iva": uno("c:Impuestos/@TotalImpuestosTrasladados"),
        "precio": uno("c:Conceptos/c:Concepto/@ValorUnitario"),
        "cantidad": uno("c:Conceptos/c:Concepto/@Cantidad"),
        "monto": uno("//p:Pago/@Monto"),
        "mes": f"{cuando:%m}",
        "año": f"{cuando:%Y}",
    }


def cambiada(xml: bytes, cambios: list[Cambio]) -> bytes:
    """The document with each change, whose braces name values of it."""
    datos = valores(xml)

    def llenar(texto: str) -> str:
        for nombre, valor in datos.items():
            texto = texto.replace(f"{{{nombre}}}", valor)
        return texto

    for viejo, nuevo in cambios:
        xml = cambiar(xml, llenar(viejo), llenar(nuevo))
    return xml
