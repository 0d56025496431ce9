"""The two documents that are stamped, and how each one names what both have.

CFDI 4.0 (`cfdi:Comprobante`, Annex 20 I.A) and the retention receipt 2.0 (`retenciones:Retenciones`, Annex
20 II.A) carry the same things under other names: certificate, seal, date, place, issuer, receiver, amount.
Whoever checks or stamps asks the format and never the tag.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from lxml import etree

NS_CFDI: Final = "http://www.sat.gob.mx/cfd/4"
NS_RETENCIONES: Final = "http://www.sat.gob.mx/esquemas/retencionpago/2"

RFC_EXTRANJERO: Final = "XEXX010101000"
"""Generic RFC of a foreigner, who has none in a retention receipt."""

Clase = Literal["cfdi", "cr"]


@dataclass(frozen=True, slots=True)
class Formato:
    """Names of one kind of document. Tags are in Clark notation, attributes plain."""

    clase: Clase
    """As the Induxsoft dialect calls it (`tpo`): `cfdi`, or `cr` (comprobante de retenciones)."""
    espacio: str
    nombre: str
    """Local name of the root."""
    version: str
    fecha: str
    lugar: str
    rfc_emisor: str
    anteriores: tuple[str, ...]
    """Local names of the root's children that come before Complemento, in the XSD's order."""
    documento: str
    """What a message calls it."""

    def etiqueta(self, nombre: str) -> str:
        """Clark tag of a node of this format."""
        return f"{{{self.espacio}}}{nombre}"

    def receptor(self, raiz: etree._Element) -> str:
        """RFC of the receiver; a foreigner of a retention receipt has the generic one."""
        nodo = raiz.find(self.etiqueta("Receptor"))
        if nodo is None:
            return ""
        if self.clase == "cfdi":
            return atributo(nodo, "Rfc")
        nacional = nodo.find(self.etiqueta("Nacional"))
        return RFC_EXTRANJERO if nacional is None else atributo(nacional, "RfcR")

    def emisor(self, raiz: etree._Element) -> str:
        """RFC of the issuer."""
        nodo = raiz.find(self.etiqueta("Emisor"))
        return atributo(nodo, self.rfc_emisor) if nodo is not None else ""

    def total(self, raiz: etree._Element) -> str:
        """The amount as written: Total, or MontoTotOperacion of a retention receipt."""
        if self.clase == "cfdi":
            return atributo(raiz, "Total")
        nodo = raiz.find(self.etiqueta("Totales"))
        return atributo(nodo, "MontoTotOperacion") if nodo is not None else "0"

    def tipo(self, raiz: etree._Element) -> str:
        """TipoDeComprobante (I, E, T, N, P), or R for a retention receipt, which has no such attribute."""
        return atributo(raiz, "TipoDeComprobante") if self.clase == "cfdi" else "R"


CFDI: Final = Formato(
    clase="cfdi",
    espacio=NS_CFDI,
    nombre="Comprobante",
    version="4.0",
    fecha="Fecha",
    lugar="LugarExpedicion",
    rfc_emisor="Rfc",
    anteriores=("InformacionGlobal", "CfdiRelacionados", "Emisor", "Receptor", "Conceptos", "Impuestos"),
    documento="CFDI 4.0",
)
RETENCIONES: Final = Formato(
    clase="cr",
    espacio=NS_RETENCIONES,
    nombre="Retenciones",
    version="2.0",
    fecha="FechaExp",
    lugar="LugarExpRetenc",
    rfc_emisor="RfcE",
    anteriores=("CfdiRetenRelacionados", "Emisor", "Receptor", "Periodo", "Totales"),
    documento="comprobante de retenciones 2.0",
)

FORMATOS: Final = {f.etiqueta(f.nombre): f for f in (CFDI, RETENCIONES)}
"""By the root's tag."""


def de(raiz: etree._Element) -> Formato:
    """The format of a root that `documento.analizar` gave."""
    return FORMATOS[str(raiz.tag)]


def atributo(nodo: etree._Element, nombre: str) -> str:
    """An attribute with its whitespace collapsed, as its XSD type says."""
    return " ".join(nodo.get(nombre, "").split())
