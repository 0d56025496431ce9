"""All that is checked of a CFDI before a timbre is spent, in the SAT's order and with the SAT's codes.

301 structure · 307 earlier TFD · CFDI40126/162/165/196 catalogues · 306 not a CSD · 308 not of the SAT ·
303 number and RFC · 302 seal's form · CFDI40102 seal's value · 403/305/304/401 dates · 402 LCO.
Codes: Annex 20 and the SAT's "códigos de error del servicio de certificación" for PACs. 401 is "fecha y hora
de generación fuera de rango", so it covers more than 72 hours ago and the future alike; 403 is a Fecha
before 2012.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from lxml import etree

from services.timbrado.cfdi import cadena, certificados, documento, esquemas, zonas
from services.timbrado.cfdi.certificados import Certificado, CertificadoIlegible, Confianza
from services.timbrado.cfdi.lco import Lco
from shared.errors import DomainError, cfdi_invalido

PLAZO: Final = timedelta(hours=72)
"""From Fecha to the stamp (RMF 2.7.2.9)."""
TOLERANCIA: Final = timedelta(minutes=5)
"""How far ahead the issuer's clock may be."""
_MINIMA: Final = datetime(2012, 1, 1)  # noqa: DTZ001 (local, as Fecha is)


@dataclass(frozen=True, slots=True)
class CfdiValido:
    """A CFDI that may be stamped, and what the rest of the system needs of it."""

    huella: bytes
    """SHA-256 of issuer RFC + cadena original: the same invoice has the same one however it is written."""
    emisor: str
    receptor: str
    total: str
    """As written, a decimal: never a float."""
    tipo: str
    """TipoDeComprobante: I, E, T, N or P."""
    fecha: datetime
    """Aware, in the zone of LugarExpedicion."""
    sello: str
    no_certificado: str
    serie: str | None
    folio: str | None
    xml: bytes = field(repr=False)
    """The caller's bytes, untouched."""


class Validador:
    """The checks, with what they are configured with. One per process; no I/O once warm."""

    def __init__(
        self,
        confianza: Confianza,
        lco: Lco | None = None,
        zona: Callable[[str], ZoneInfo] = zonas.zona,
    ) -> None:
        self._confianza = confianza
        self._lco = lco
        self._zona = zona

    @staticmethod
    def precargar() -> None:
        """Compile schemas and stylesheet now (some 0.5 s) and not in the first stamping."""
        esquemas.precargar()
        cadena.precargar()
        zonas.zona("06000")

    def validar(self, xml: bytes, ahora: datetime) -> CfdiValido:
        """The first rule broken raises `cfdi_invalido` with its SAT code. `ahora` is aware."""
        raiz = documento.analizar(xml)
        if documento.buscar_timbre(raiz) is not None:
            raise cfdi_invalido(
                "307",
                "El comprobante ya contiene un TimbreFiscalDigital. Si es una factura nueva, quite el "
                "timbre del nodo Complemento; si no, ya está timbrada.",
                nodo="Comprobante/Complemento/TimbreFiscalDigital",
            )
        documento.quitar_addenda(raiz)
        esquemas.validar(raiz, grande=len(xml) > esquemas.GRANDE)
        cert = self._certificado(raiz, ahora)
        emisor = _rfc(raiz, documento.EMISOR)
        _pertenencia(raiz, cert, emisor)
        original = cadena.cadena_original(raiz)
        sello = _sello(raiz, cert, original)
        fecha = self._fechas(raiz, cert, ahora)
        self._en_lco(emisor, cert)
        return CfdiValido(
            huella=hashlib.sha256(emisor.encode() + original).digest(),
            emisor=emisor,
            receptor=_rfc(raiz, documento.RECEPTOR),
            total=_atributo(raiz, "Total"),
            tipo=_atributo(raiz, "TipoDeComprobante"),
            fecha=fecha,
            sello=sello,
            no_certificado=cert.numero,
            serie=raiz.get("Serie"),
            folio=raiz.get("Folio"),
            xml=xml,
        )

    def _certificado(self, raiz: etree._Element, ahora: datetime) -> Certificado:
        try:
            cert = certificados.de_base64(_atributo(raiz, "Certificado"))
        except CertificadoIlegible:
            raise cfdi_invalido(
                "306",
                "El atributo Certificado no contiene un certificado X.509 en base64. Incluya el archivo "
                ".cer de su CSD.",
                nodo="Comprobante/@Certificado",
            ) from None
        if not self._confianza.confia(cert, ahora):
            raise cfdi_invalido(
                "308",
                f"El certificado {cert.numero or 'sin número'} no fue expedido por el SAT. Selle con un CSD "
                "obtenido en CertiSAT.",
                nodo="Comprobante/@Certificado",
            )
        if not cert.es_csd:
            raise cfdi_invalido(
                "306",
                f"El certificado {cert.numero} no es un Certificado de Sello Digital (parece una e.firma). "
                "Selle con un CSD vigente.",
                nodo="Comprobante/@Certificado",
            )
        return cert

    def _fechas(self, raiz: etree._Element, cert: Certificado, ahora: datetime) -> datetime:
        texto = _atributo(raiz, "Fecha")
        lugar = _atributo(raiz, "LugarExpedicion")
        try:
            local = datetime.fromisoformat(texto)
        except ValueError:  # the pattern of the XSD lets some impossible days pass in old libxml2
            raise _fecha(
                "301", f"La Fecha «{texto}» no existe en el calendario. Corríjala y selle de nuevo."
            ) from None
        if local < _MINIMA:
            raise _fecha(
                "403", f"La Fecha {texto} es anterior al 1 de enero de 2012. Corríjala y selle de nuevo."
            )
        zona = self._zona(lugar)
        fecha = local.replace(tzinfo=zona)
        # When the clock goes back an hour happens twice: each limit takes the issuer's reading.
        primera, ultima = fecha.astimezone(UTC), fecha.replace(fold=1).astimezone(UTC)
        if primera > cert.hasta or ultima < cert.desde:
            raise _fecha(
                "305",
                f"La Fecha {texto} no está dentro de la vigencia del CSD {cert.numero}, de "
                f"{_dia(cert.desde)} a {_dia(cert.hasta)}. Selle con un CSD vigente en esa fecha.",
            )
        if ahora > cert.hasta:
            raise cfdi_invalido(
                "304",
                f"El CSD {cert.numero} caducó el {_dia(cert.hasta)}. Renueve el CSD y selle de nuevo.",
                nodo="Comprobante/@NoCertificado",
            )
        if ahora - ultima > PLAZO:
            raise _fecha(
                "401",
                f"La Fecha {texto} (hora de {zona.key}, por LugarExpedicion {lugar}) tiene más de 72 horas. "
                "Genere el comprobante con la fecha de hoy.",
            )
        if primera - ahora > TOLERANCIA:
            raise _fecha(
                "401",
                f"La Fecha {texto} (hora de {zona.key}, por LugarExpedicion {lugar}) está en el futuro. "
                "Revise el reloj del equipo y el código postal, y selle de nuevo.",
            )
        return fecha

    def _en_lco(self, emisor: str, cert: Certificado) -> None:
        if self._lco is None:
            return
        linea = self._lco.buscar(emisor, cert.numero)
        if linea is not None and linea.estado != "A":
            que = "está revocado" if linea.estado == "R" else "caducó"
            raise cfdi_invalido(
                "304",
                f"El CSD {cert.numero} {que} según la LCO del SAT. Tramite un CSD nuevo y selle de nuevo.",
                nodo="Comprobante/@NoCertificado",
            )
        if linea is None or not linea.obligaciones_validas:
            raise cfdi_invalido(
                "402",
                f"El RFC {emisor} con el CSD {cert.numero} no está en la LCO del SAT, o no tiene "
                "obligaciones válidas. Si el CSD es reciente espere hasta 72 horas; si no, aclárelo con el "
                "SAT.",
                nodo="Comprobante/Emisor/@Rfc",
            )


def _pertenencia(raiz: etree._Element, cert: Certificado, emisor: str) -> None:
    declarado = _atributo(raiz, "NoCertificado")
    if declarado != cert.numero:
        raise cfdi_invalido(
            "303",
            f"El NoCertificado {declarado} no es el del certificado incluido "
            f"({cert.numero or 'sin número'}). Ponga el número del CSD con que sella.",
            nodo="Comprobante/@NoCertificado",
        )
    if emisor != cert.rfc:
        raise cfdi_invalido(
            "303",
            f"El CSD {cert.numero} es de {cert.rfc or 'un RFC desconocido'} y el Emisor es {emisor}. Selle "
            "con el CSD del emisor.",
            nodo="Comprobante/Emisor/@Rfc",
        )


def _sello(raiz: etree._Element, cert: Certificado, original: bytes) -> str:
    texto = _atributo(raiz, "Sello")
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
            nodo="Comprobante/@Sello",
        )
    if not cert.firmo(firma, original):
        raise cfdi_invalido(
            "CFDI40102",
            "El Sello no corresponde a la cadena original: el comprobante cambió después de sellarse, o se "
            "selló con otra llave. Selle de nuevo sin modificar el XML.",
            nodo="Comprobante/@Sello",
        )
    return texto


def _rfc(raiz: etree._Element, etiqueta: str) -> str:
    nodo = raiz.find(etiqueta)
    return _atributo(nodo, "Rfc") if nodo is not None else ""


def _atributo(nodo: etree._Element, nombre: str) -> str:
    """An attribute with its whitespace collapsed, as its XSD type says."""
    return " ".join(nodo.get(nombre, "").split())


def _fecha(codigo: str, detalle: str) -> DomainError:
    return cfdi_invalido(codigo, detalle, nodo="Comprobante/@Fecha")


def _dia(momento: datetime) -> str:
    return momento.astimezone(zonas.CENTRO).strftime("%Y-%m-%d %H:%M")
