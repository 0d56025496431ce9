"""Timbre Fiscal Digital 1.1: making it, reading it, and putting it into the caller's bytes.

Annex 20, "Estándar del TFD": the stamp is a child of the document's Complemento; the PAC signs
`||1.1|UUID|FechaTimbrado|RfcProvCertif|[Leyenda|]SelloCFD|NoCertificadoSAT||` with RSA PKCS#1 v1.5 SHA-256.

The caller gets back its own bytes with the stamp added, never a re-serialised document: only the place of
the insertion is worked out, by expat, which tells byte offsets where libxml2 does not.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape

from lxml import etree

from services.timbrado.cfdi import documento, esquemas
from services.timbrado.cfdi.certificados import Certificado
from services.timbrado.cfdi.documento import NS_TFD
from services.timbrado.cfdi.formatos import FORMATOS, NS_CFDI
from shared.errors import DomainError

_UBICACION: Final = (
    f"{NS_TFD} http://www.sat.gob.mx/sitio_internet/cfd/TimbreFiscalDigital/TimbreFiscalDigitalv11.xsd"
)
# Children of the root that come before Complemento in the XSD's sequence, as expat writes their names.
_ANTERIORES: Final = frozenset(f"{f.espacio} {nombre}" for f in FORMATOS.values() for nombre in f.anteriores)
_COMPLEMENTOS: Final = frozenset(f"{f.espacio} Complemento" for f in FORMATOS.values())
_TIMBRE: Final = f"{NS_TFD} TimbreFiscalDigital"
_MAXIMO: Final = 16 * 1024
"""Bytes of a TFD; a real one takes 1,200."""
_ETIQUETA: Final = re.compile(rb"""<([^\s/>]+)(?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*(/?)>""")
_FINAL: Final = re.compile(rb"</cfdi:(Conceptos|Impuestos|Complemento)(\s*>)\s*</cfdi:Comprobante\s*>\s*\Z")
_ESPACIO: Final = f'xmlns:cfdi="{NS_CFDI}"'.encode()
_DECLARACION: Final = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<\?xml[^>]*\?>\s*")


class TfdInvalido(ValueError):
    """Bytes that are not a TFD 1.1, or a place where one can't be put. The message is for the log."""


@dataclass(frozen=True, slots=True)
class Tfd:
    """The fields of a TFD 1.1, whitespace collapsed."""

    uuid: str
    """Upper or lower case, as the PAC wrote it."""
    fecha_timbrado: str
    """`AAAA-MM-DDThh:mm:ss`, central time, no offset."""
    rfc_prov_certif: str
    sello_cfd: str
    no_certificado_sat: str
    sello_sat: str = field(repr=False)
    leyenda: str | None = None

    def cadena(self) -> bytes:
        """The cadena original of the stamp, UTF-8: what SelloSAT signs."""
        partes = ["1.1", self.uuid, self.fecha_timbrado, self.rfc_prov_certif]
        if self.leyenda:
            partes.append(self.leyenda)
        partes += [self.sello_cfd, self.no_certificado_sat]
        return f"||{'|'.join(partes)}||".encode()

    def firmado_por(self, certificado: Certificado) -> bool:
        """Whether SelloSAT is the PAC's signature, with that certificate, of this very stamp."""
        if self.no_certificado_sat != certificado.numero:
            return False
        try:
            firma = base64.b64decode("".join(self.sello_sat.split()), validate=True)
        except (binascii.Error, ValueError):
            return False
        return certificado.firmo(firma, self.cadena())


def construir(
    *,
    uuid: str,
    fecha_timbrado: str,
    rfc_prov_certif: str,
    sello_cfd: str,
    no_certificado_sat: str,
    firmar: Callable[[bytes], bytes],
    leyenda: str | None = None,
) -> bytes:
    """A signed TFD as a self-contained UTF-8 fragment (no XML declaration).

    `firmar` takes the cadena and returns the raw RSA signature.
    """
    tfd = Tfd(uuid, fecha_timbrado, rfc_prov_certif, sello_cfd, no_certificado_sat, "", leyenda)
    tfd = replace(tfd, sello_sat=base64.b64encode(firmar(tfd.cadena())).decode("ascii"))
    leyenda_xml = f' Leyenda="{_escapar(leyenda)}"' if leyenda else ""
    return (
        f'<tfd:TimbreFiscalDigital xmlns:tfd="{NS_TFD}" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="{_UBICACION}" Version="1.1" UUID="{_escapar(uuid)}" '
        f'FechaTimbrado="{_escapar(fecha_timbrado)}" '
        f'RfcProvCertif="{_escapar(rfc_prov_certif)}"{leyenda_xml} '
        f'SelloCFD="{_escapar(sello_cfd)}" NoCertificadoSAT="{_escapar(no_certificado_sat)}" '
        f'SelloSAT="{tfd.sello_sat}"/>'
    ).encode()


def leer(tfd: bytes) -> Tfd:
    """The fields of a TFD that is valid against its XSD. Raises `TfdInvalido`."""
    if len(tfd) > _MAXIMO:
        raise TfdInvalido(f"{len(tfd)} bytes")
    try:
        raiz = documento.analizar_xml(tfd)
    except DomainError as error:
        raise TfdInvalido(error.detail) from None
    if raiz.tag != documento.TIMBRE or not esquemas.tfd_valido(raiz):
        raise TfdInvalido("not a TimbreFiscalDigital 1.1 by its XSD")

    def campo(nombre: str) -> str:
        return " ".join(raiz.get(nombre, "").split())

    return Tfd(
        uuid=campo("UUID"),
        fecha_timbrado=campo("FechaTimbrado"),
        rfc_prov_certif=campo("RfcProvCertif"),
        sello_cfd=campo("SelloCFD"),
        no_certificado_sat=campo("NoCertificadoSAT"),
        sello_sat=campo("SelloSAT"),
        leyenda=campo("Leyenda") or None,
    )


def insertar(xml: bytes, tfd: bytes) -> bytes:
    """`xml` with `tfd` added where Annex 20 wants it; every other byte is the caller's.

    In the document's own Complemento, last; else in a new one after Impuestos (Totales, of a retention receipt;
    or the last node that comes before it) and before Addenda. Raises `TfdInvalido` if there is a stamp already
    or no place for one. `xml` was read before: where its end alone tells the place, it is not read again.
    """
    corto = _insertar_al_final(xml, tfd)
    if corto is not None:
        return corto
    mapa = _mapear(xml)
    if mapa.timbre is not None:
        raise TfdInvalido("the document already holds a TimbreFiscalDigital")
    fragmento = _DECLARACION.sub(b"", tfd)
    if mapa.complemento is not None:
        apertura = _ETIQUETA.match(xml, mapa.complemento.inicio)
        if apertura is None:
            raise TfdInvalido("unreadable Complemento")
        if apertura[2]:  # <cfdi:Complemento/>: opened up
            barra = apertura.start(2)
            return b"".join((xml[:barra], b">", fragmento, b"</", apertura[1], b">", xml[apertura.end() :]))
        cierre = mapa.complemento.cierre
        return b"".join((xml[:cierre], fragmento, xml[cierre:]))
    if mapa.anterior is None:
        raise TfdInvalido("the document has no node after which a Complemento could be put")
    lugar = _fin(xml, mapa.anterior)
    raiz = _ETIQUETA.match(xml, mapa.raiz)
    prefijo, dos_puntos, _ = raiz[1].rpartition(b":") if raiz else (b"", b"", b"")
    nombre = prefijo + dos_puntos + b"Complemento"  # the root's prefix is bound wherever its children are
    return b"".join((xml[:lugar], b"<", nombre, b">", fragmento, b"</", nombre, b">", xml[lugar:]))


def _insertar_al_final(xml: bytes, tfd: bytes) -> bytes | None:
    """What `insertar` answers of a plain document, by its last two end tags; None of any other.

    Without comments, CDATA and processing instructions each `<` begins a tag, so the tag before the root's last one ends
    the root's last child; and the prefix is bound once, so that its name is what it seems to be.
    """
    fin = xml.rfind(b"</cfdi:Comprobante")
    final = _FINAL.match(xml, xml.rfind(b"</", 0, fin)) if fin > 0 else None
    if (
        final is None
        or b"<!" in xml
        or xml.rfind(b"<?") > xml.find(b"<")
        or xml.count(b"xmlns:cfdi") != 1
        or _ESPACIO not in xml
        or b"TimbreFiscalDigital" in xml
    ):
        return None
    fragmento = _DECLARACION.sub(b"", tfd)
    if final[1] == b"Complemento":
        return b"".join((xml[: final.start()], fragmento, xml[final.start() :]))
    if xml.count(b"<cfdi:Complemento") != xml.count(b"<cfdi:ComplementoConcepto"):
        return None
    lugar = final.end(2)
    return b"".join(
        (xml[:lugar], b"<cfdi:Complemento>", fragmento, b"</cfdi:Complemento>", xml[lugar:]),
    )


def extraer(xml: bytes) -> bytes | None:
    """The TFD of a document as a self-contained fragment, or None. Raises `TfdInvalido` on bad XML.

    The document's own bytes where they stand alone (always so for what `insertar` put in).
    """
    mapa = _mapear(xml)
    if mapa.timbre is None:
        return None
    fragmento = xml[mapa.timbre.inicio : _fin(xml, mapa.timbre)]
    try:
        documento.analizar_xml(fragmento)
    except DomainError:  # its namespaces are declared further up
        timbre = documento.buscar_timbre(documento.analizar_xml(xml))
        return None if timbre is None else etree.tostring(timbre, encoding="utf-8", with_tail=False)
    return fragmento


@dataclass(slots=True)
class _Nodo:
    inicio: int
    """Offset of its `<`."""
    cierre: int = -1
    """Offset of its end tag, or just after itself when it is self-closing."""


@dataclass(slots=True)
class _Mapa:
    raiz: int = 0
    anterior: _Nodo | None = None
    complemento: _Nodo | None = None
    timbre: _Nodo | None = None


def _mapear(xml: bytes) -> _Mapa:  # noqa: C901 (the callbacks share what they see)
    """Byte offsets of what `insertar` needs, in one pass of expat over the caller's bytes."""
    if b"<!DOCTYPE" in xml:
        raise TfdInvalido("DOCTYPE")
    parser = expat.ParserCreate("utf-8", " ")
    mapa = _Mapa()
    profundidad = 0
    en_complemento = False
    abiertos: list[_Nodo | None] = [None, None, None]

    def abrir(nombre: str, _atributos: object) -> None:
        nonlocal profundidad, en_complemento
        nivel = profundidad
        profundidad += 1
        if nivel > 2:
            return
        nodo = _Nodo(parser.CurrentByteIndex)
        abiertos[nivel] = nodo
        if nivel == 0:
            mapa.raiz = nodo.inicio
        elif nivel == 1:
            en_complemento = nombre in _COMPLEMENTOS
            if en_complemento:
                mapa.complemento = nodo
            elif nombre in _ANTERIORES:
                mapa.anterior = nodo
        elif en_complemento and nombre == _TIMBRE and mapa.timbre is None:
            mapa.timbre = nodo

    def cerrar(_nombre: str) -> None:
        nonlocal profundidad
        profundidad -= 1
        if profundidad <= 2:
            nodo = abiertos[profundidad]
            if nodo is not None:
                nodo.cierre = parser.CurrentByteIndex

    parser.StartElementHandler = abrir
    parser.EndElementHandler = cerrar
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise TfdInvalido(f"not well-formed: {error}") from None
    return mapa


def _fin(xml: bytes, nodo: _Nodo) -> int:
    """Offset just after a node, self-closing or not."""
    apertura = _ETIQUETA.match(xml, nodo.inicio)
    if apertura is None:
        raise TfdInvalido("unreadable start tag")
    return apertura.end() if apertura[2] else xml.index(b">", nodo.cierre) + 1


def _escapar(valor: str) -> str:
    return escape(valor, {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
