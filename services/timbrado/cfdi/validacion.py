"""All that is checked of a document before a timbre is spent, in order and with the SAT's codes.

301 structure · 307 earlier TFD · CFDI40xxx keys outside of a catalogue · 306 not a CSD · 308 not of the SAT ·
303 number and RFC · 302 seal's form · CFDI40102 (Reten20101) seal's value · 403/305/304/401 dates · 402 LCO · the matrix of
errors (`reglas`). The matrix comes last: what its arithmetic says of a document that changed after its seal,
or is too old, helps nobody. The same code for CFDI 4.0 and retention receipts 2.0, whose names `formatos` has.
Codes: Annex 20 and the SAT's "códigos de error del servicio de certificación" for PACs. 401 is "fecha y hora
de generación fuera de rango", so it covers more than 72 hours ago and the future alike; 403 is a date
before 2012.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from lxml import etree

from services.timbrado.cfdi import (
    cadena,
    certificados,
    documento,
    esquemas,
    formatos,
    mensajes,
    reglas,
    zonas,
)
from services.timbrado.cfdi.certificados import Certificado, CertificadoIlegible, Confianza
from services.timbrado.cfdi.formatos import Clase, Formato, atributo
from services.timbrado.cfdi.lco import Lco
from shared.errors import DomainError, cfdi_invalido

PLAZO: Final = timedelta(hours=72)
"""From Fecha (FechaExp) to the stamp (RMF 2.7.2.9)."""
TOLERANCIA: Final = timedelta(minutes=5)
"""How far ahead the issuer's clock may be."""
_MINIMA: Final = datetime(2012, 1, 1)  # noqa: DTZ001 (local, as Fecha is)
_NUMERO: Final = re.compile(r"""\sNoCertificado\s*=\s*["'](\d{20})["']""")


@dataclass(frozen=True, slots=True)
class CfdiValido:
    """A document that may be stamped, and what the rest of the system needs of it."""

    huella: bytes
    """SHA-256 of issuer RFC + cadena original: the same invoice has the same one however it is written."""
    clase: Clase
    """`cfdi`, or `cr`: a retention receipt."""
    emisor: str
    receptor: str
    """RFC; `XEXX010101000` for a foreigner of a retention receipt."""
    total: str
    """As written, a decimal: never a float. Of a retention receipt, MontoTotOperacion."""
    tipo: str
    """TipoDeComprobante: I, E, T, N or P; R for a retention receipt."""
    fecha: datetime
    """Aware, in the zone of LugarExpedicion (LugarExpRetenc)."""
    sello: str
    no_certificado: str
    serie: str | None
    folio: str | None
    """Folio, or FolioInt of a retention receipt."""
    xml: bytes = field(repr=False)
    """The caller's bytes, untouched."""


class Validador:
    """The checks, with what they are configured with. One per process; no I/O once warm."""

    def __init__(
        self,
        confianza: Confianza,
        lco: Lco | None = None,
        zona: Callable[[str], ZoneInfo] = zonas.zona,
        omitidas: Collection[str] = (),
    ) -> None:
        """`omitidas`: codes of the matrix that are left to the PAC, `*` for all (`reglas.revisar`)."""
        self._confianza = confianza
        self._lco = lco
        self._zona = zona
        self._omitidas = frozenset(omitidas)

    @staticmethod
    def precargar() -> None:
        """Compile schemas and stylesheet now (some 0.5 s) and not in the first stamping."""
        esquemas.precargar()
        cadena.precargar()
        zonas.zona("06000")

    def anticipar(self, xmls: Sequence[str]) -> None:
        """Have the LCO's lines of a whole lot at hand, with one question at most; nothing while it is off.

        The number is read off the text, which is only a hint: a line that it misses is asked for later.
        """
        if self._lco is None or not self._lco.exigida():
            return
        numeros = {hallado[1] for xml in xmls if (hallado := _NUMERO.search(xml)) is not None}
        if numeros:
            self._lco.anticipar(numeros)

    def validar(self, xml: bytes, ahora: datetime) -> CfdiValido:
        """Raises `cfdi_invalido` with the SAT code of the first rule broken. `ahora` is aware.

        `datos["problemas"]` tells all that were found, the first too, when there are more than one; what does
        not fit the schema is not looked at further.
        """
        raiz = documento.analizar(xml)
        formato = formatos.de(raiz)
        if documento.buscar_timbre(raiz) is not None:
            raise cfdi_invalido(
                "307",
                "El comprobante ya contiene un TimbreFiscalDigital. Si es una factura nueva, quite el "
                "timbre del nodo Complemento; si no, ya está timbrada.",
                nodo=f"{formato.nombre}/Complemento/TimbreFiscalDigital",
            )
        documento.quitar_addenda(raiz)
        esquemas.estructura(raiz, grande=len(xml) > esquemas.GRANDE)
        problemas = list(islice(esquemas.fuera_de_catalogo(raiz), mensajes.MAXIMO))
        valido: CfdiValido | None = None
        try:
            valido = self._autentico(raiz, formato, xml, ahora)
        except DomainError as error:
            problemas.append(error)
        problemas += reglas.revisar(raiz, ahora, self._omitidas)
        if problemas or valido is None:
            raise mensajes.juntos(problemas)
        return valido

    def _autentico(self, raiz: etree._Element, formato: Formato, xml: bytes, ahora: datetime) -> CfdiValido:
        """Certificate, seal, dates and LCO; the first that fails raises."""
        cert = self._certificado(raiz, formato, ahora)
        emisor = formato.emisor(raiz)
        _pertenencia(raiz, formato, cert, emisor)
        original = cadena.cadena_original(raiz)
        sello = _sello(raiz, formato, cert, original)
        fecha = self._fechas(raiz, formato, cert, ahora)
        self._en_lco(formato, emisor, cert)
        return CfdiValido(
            huella=hashlib.sha256(emisor.encode() + original).digest(),
            clase=formato.clase,
            emisor=emisor,
            receptor=formato.receptor(raiz),
            total=formato.total(raiz),
            tipo=formato.tipo(raiz),
            fecha=fecha,
            sello=sello,
            no_certificado=cert.numero,
            serie=raiz.get("Serie"),
            folio=raiz.get("Folio") or raiz.get("FolioInt"),
            xml=xml,
        )

    def _certificado(self, raiz: etree._Element, formato: Formato, ahora: datetime) -> Certificado:
        try:
            cert = certificados.de_base64(atributo(raiz, "Certificado"))
        except CertificadoIlegible:
            raise cfdi_invalido(
                "306",
                "El atributo Certificado no contiene un certificado X.509 en base64. Incluya el archivo "
                ".cer de su CSD.",
                nodo=f"{formato.nombre}/@Certificado",
            ) from None
        if not self._confianza.confia(cert, ahora):
            raise cfdi_invalido(
                "308",
                f"El certificado {cert.numero or 'sin número'} no fue expedido por el SAT. Selle con un CSD "
                "obtenido en CertiSAT.",
                nodo=f"{formato.nombre}/@Certificado",
            )
        if not cert.es_csd:
            raise cfdi_invalido(
                "306",
                f"El certificado {cert.numero} no es un Certificado de Sello Digital (parece una e.firma). "
                "Selle con un CSD vigente.",
                nodo=f"{formato.nombre}/@Certificado",
            )
        return cert

    def _fechas(self, raiz: etree._Element, formato: Formato, cert: Certificado, ahora: datetime) -> datetime:
        texto = atributo(raiz, formato.fecha)
        lugar = atributo(raiz, formato.lugar)
        try:
            local = datetime.fromisoformat(texto)
        except ValueError:  # the pattern of the XSD lets some impossible days pass in old libxml2
            raise _fecha(
                formato,
                "301",
                f"La {formato.fecha} «{texto}» no existe en el calendario. Corríjala y selle de nuevo.",
            ) from None
        if local < _MINIMA:
            raise _fecha(
                formato,
                "403",
                f"La {formato.fecha} {texto} es anterior al 1 de enero de 2012. Corríjala y selle de nuevo.",
            )
        zona = self._zona(lugar)
        fecha = local.replace(tzinfo=zona)
        # When the clock goes back an hour happens twice: each limit takes the issuer's reading.
        primera, ultima = fecha.astimezone(UTC), fecha.replace(fold=1).astimezone(UTC)
        if primera > cert.hasta or ultima < cert.desde:
            raise _fecha(
                formato,
                "305",
                f"La {formato.fecha} {texto} no está dentro de la vigencia del CSD {cert.numero}, de "
                f"{_dia(cert.desde)} a {_dia(cert.hasta)}. Selle con un CSD vigente en esa fecha.",
            )
        if ahora > cert.hasta:
            raise cfdi_invalido(
                "304",
                f"El CSD {cert.numero} caducó el {_dia(cert.hasta)}. Renueve el CSD y selle de nuevo.",
                nodo=f"{formato.nombre}/@NoCertificado",
            )
        if ahora - ultima > PLAZO:
            raise _fecha(
                formato,
                "401",
                f"La {formato.fecha} {texto} (hora de {zona.key}, por {formato.lugar} {lugar}) tiene más de 72 horas. "
                "Genere el comprobante con la fecha de hoy.",
            )
        if primera - ahora > TOLERANCIA:
            raise _fecha(
                formato,
                "401",
                f"La {formato.fecha} {texto} (hora de {zona.key}, por {formato.lugar} {lugar}) está en el futuro. "
                "Revise el reloj del equipo y el código postal, y selle de nuevo.",
            )
        return fecha

    def _en_lco(self, formato: Formato, emisor: str, cert: Certificado) -> None:
        if self._lco is None or not self._lco.exigida():
            return
        linea = self._lco.buscar(emisor, cert.numero)
        if linea is not None and linea.estado != "A":
            que = "está revocado" if linea.estado == "R" else "caducó"
            raise cfdi_invalido(
                "304",
                f"El CSD {cert.numero} {que} según la LCO del SAT. Tramite un CSD nuevo y selle de nuevo.",
                nodo=f"{formato.nombre}/@NoCertificado",
            )
        if linea is None or not linea.obligaciones_validas:
            raise cfdi_invalido(
                "402",
                f"El RFC {emisor} con el CSD {cert.numero} no está en la LCO del SAT, o no tiene "
                "obligaciones válidas. Si el CSD es reciente espere hasta 72 horas; si no, aclárelo con el "
                "SAT.",
                nodo=f"{formato.nombre}/Emisor/@{formato.rfc_emisor}",
            )


def _pertenencia(raiz: etree._Element, formato: Formato, cert: Certificado, emisor: str) -> None:
    declarado = atributo(raiz, "NoCertificado")
    if declarado != cert.numero:
        raise cfdi_invalido(
            "303",
            f"El NoCertificado {declarado} no es el del certificado incluido "
            f"({cert.numero or 'sin número'}). Ponga el número del CSD con que sella.",
            nodo=f"{formato.nombre}/@NoCertificado",
        )
    if emisor != cert.rfc:
        raise cfdi_invalido(
            "303",
            f"El CSD {cert.numero} es de {cert.rfc or 'un RFC desconocido'} y el Emisor es {emisor}. Selle "
            "con el CSD del emisor.",
            nodo=f"{formato.nombre}/Emisor/@{formato.rfc_emisor}",
        )


def _sello(raiz: etree._Element, formato: Formato, cert: Certificado, original: bytes) -> str:
    texto = atributo(raiz, "Sello")
    compacto = "".join(texto.split())
    llave = cert.llave
    try:
        firma = base64.b64decode(compacto, validate=True)
    except (binascii.Error, ValueError):
        firma = b""
    if llave is None or len(firma) != (llave.key_size + 7) // 8:
        raise cfdi_invalido(
            "302",
            "El atributo Sello no es una firma en base64 del tamaño de la llave del CSD. Selle de nuevo "
            "con la llave que corresponde al certificado.",
            nodo=f"{formato.nombre}/@Sello",
        )
    if not cert.firmo(firma, original):
        raise cfdi_invalido(
            "CFDI40102" if formato.clase == "cfdi" else "Reten20101",
            "El Sello no corresponde a la cadena original: el comprobante cambió después de sellarse, o se "
            "selló con otra llave. Selle de nuevo sin modificar el XML.",
            nodo=f"{formato.nombre}/@Sello",
        )
    return texto


def _fecha(formato: Formato, codigo: str, detalle: str) -> DomainError:
    return cfdi_invalido(codigo, detalle, nodo=f"{formato.nombre}/@{formato.fecha}")


def _dia(momento: datetime) -> str:
    return momento.astimezone(zonas.CENTRO).strftime("%Y-%m-%d %H:%M")
