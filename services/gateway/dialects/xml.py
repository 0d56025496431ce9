"""XML that comes from anybody, read without doing anything else: no DTD, no entities, nothing fetched.

The same rules as timbrado's own parser, which the gateway may not import: UTF-8 alone (another encoding
would hide a DTD from the check below), a cap of the front, libxml2's own limits. Also what the dialects
have to tell of a stamped document: the attributes of its TFD and of its root.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from lxml import etree

from services.gateway import verificacion

NS_TFD: Final = "http://www.sat.gob.mx/TimbreFiscalDigital"
_TIMBRE: Final = f"{{{NS_TFD}}}TimbreFiscalDigital"
_PROHIBIDO: Final = re.compile(rb"<!(?:DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)", re.IGNORECASE)
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")

_PARSER: Final = etree.XMLParser(
    encoding="utf-8",
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    dtd_validation=False,
    huge_tree=False,
    collect_ids=False,
    remove_comments=True,
    remove_pis=True,
)


class XmlIlegible(ValueError):
    """The text says, in Spanish, what is wrong with it."""


def leer(xml: bytes) -> etree._Element:
    """The root of a well-formed UTF-8 document without DTD. Raises `XmlIlegible`."""
    if not xml.strip():
        raise XmlIlegible("El XML está vacío.")
    if _PROHIBIDO.search(xml):
        raise XmlIlegible("El XML trae una DTD o entidades, que no se aceptan.")
    try:
        return etree.fromstring(xml, _PARSER)
    except (etree.XMLSyntaxError, ValueError) as exc:
        linea = getattr(exc, "lineno", None)
        donde = f" (línea {linea})" if linea else ""
        raise XmlIlegible(f"El XML está mal formado{donde} o no está en UTF-8.") from None


def local(nodo: etree._Element) -> str:
    """An element's name without its namespace."""
    return etree.QName(nodo).localname


def texto(valor: object) -> str:
    """Any value as XML character data: escaped, and without what XML can't carry."""
    return escape(_CONTROL.sub("", "" if valor is None else str(valor)))


@dataclass(frozen=True, slots=True)
class Timbre:
    """What a stamped document says of itself. Missing attributes are empty: a CR has no Folio, for one."""

    uuid: str
    fecha: str
    sello_sat: str
    sello_cfd: str
    no_certificado_sat: str
    rfc_pac: str
    leyenda: str
    version: str
    tfd: str
    """The TimbreFiscalDigital element alone, as text."""
    raiz: str
    """Local name of the root: Comprobante or Retenciones."""
    no_certificado: str
    emisor: str
    receptor: str
    total: str
    extranjero: str
    """Number of a CR's receiver that has no RFC."""

    @property
    def cadena(self) -> str:
        """The TFD's cadena original (Annex 20: version, UUID, date, PAC, legend if any, seal, certificate)."""
        partes = [self.version, self.uuid, self.fecha, self.rfc_pac]
        if self.leyenda:
            partes.append(self.leyenda)
        return "||" + "|".join([*partes, self.sello_cfd, self.no_certificado_sat]) + "||"

    @property
    def verificacion(self) -> str:
        """The address that the printed QR code holds."""
        return verificacion.url(
            raiz=self.raiz,
            uuid=self.uuid,
            emisor=self.emisor,
            receptor=self.receptor,
            extranjero=self.extranjero,
            total=self.total,
            sello=self.sello_cfd,
        )


def timbre_de(xml: str) -> Timbre:
    """Read a document that timbrado stamped. ValueError if it bears no TFD, which would be our own fault."""
    raiz = leer(xml.encode())
    tfd = next(raiz.iter(_TIMBRE), None)
    if tfd is None:
        raise ValueError("a stamped document without TimbreFiscalDigital")
    solo = etree.fromstring(etree.tostring(tfd, with_tail=False), _PARSER)
    etree.cleanup_namespaces(solo)
    partes = {local(n): n for n in raiz}
    emisor, receptor = partes.get("Emisor"), partes.get("Receptor")
    totales = partes.get("Totales")
    return Timbre(
        uuid=str(tfd.get("UUID", "")),
        fecha=str(tfd.get("FechaTimbrado", "")),
        sello_sat=str(tfd.get("SelloSAT", "")),
        sello_cfd=str(tfd.get("SelloCFD", "")),
        no_certificado_sat=str(tfd.get("NoCertificadoSAT", "")),
        rfc_pac=str(tfd.get("RfcProvCertif", "")),
        leyenda=str(tfd.get("Leyenda", "")),
        version=str(tfd.get("Version", "1.1")),
        tfd=etree.tostring(solo, encoding="unicode"),
        raiz=local(raiz),
        no_certificado=str(raiz.get("NoCertificado", "")),
        emisor=_rfc(emisor),
        receptor=_rfc(receptor),
        total=str(raiz.get("Total") or (totales.get("MontoTotOperacion", "") if totales is not None else "")),
        extranjero=_dato(receptor, "NumRegIdTribR"),
    )


def _rfc(nodo: etree._Element | None) -> str:
    """Rfc of a party: an attribute of a CFDI's node; in a CR RfcE/RfcR, the receiver's one level down."""
    return _dato(nodo, "Rfc", "RfcE", "RfcR")


def _dato(nodo: etree._Element | None, *nombres: str) -> str:
    """The first of these attributes that a party's node has, or one of those inside it; '' when none."""
    if nodo is None:
        return ""
    return next((str(v) for uno in (nodo, *nodo) for nombre in nombres if (v := uno.get(nombre))), "")


def raiz_de(xml: str) -> str:
    """Local name of a document's root, without reading more of it: '' when it has none."""
    hallado = re.search(r"<(?:[\w.\-]+:)?([\w.\-]+)[\s/>]", xml)
    return hallado.group(1) if hallado else ""
