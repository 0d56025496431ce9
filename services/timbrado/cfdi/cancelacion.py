"""The SAT's request to cancel a CFDI or a retention receipt: made and signed here, or by the caller and checked.

    <Cancelacion RfcEmisor="…" Fecha="…"><Folios><Folio UUID="…" Motivo="…" FolioSustitucion="…"/></Folios>
    <Signature …/></Cancelacion>

in the namespace of CFDI or in that of retenciones (Annex 20, "Estándar del servicio de cancelación"). The
service takes a CSD's signature only: an e.firma is its code 310. Errors are `datos_invalidos` of the request's
field, in Spanish; the SAT's code, where it has one, is `codigo_sat`.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key
from lxml import etree

from services.timbrado.cfdi import certificados, documento, firma, zonas
from services.timbrado.cfdi.certificados import Certificado, CertificadoIlegible, Confianza
from services.timbrado.cfdi.firma import FirmaInvalida, Firmante
from shared.errors import Codigo, DomainError

NS_CFDI: Final = "http://cancelacfd.sat.gob.mx"
NS_RETENCION: Final = "http://www.sat.gob.mx/esquemas/retencionpago/1"
MAXIMO: Final = 64 * 1024
"""Bytes of a request; a real one takes 4,000."""
_LLAVE_MAXIMA: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Folio:
    """What a request asks: which document, why, and what replaces it."""

    uuid: UUID
    motivo: str
    sustituye: UUID | None
    emisor: str
    retencion: bool


def abrir(certificado: bytes, llave: bytes, contrasena: str) -> Firmante:
    """A CSD (DER certificate, encrypted PKCS#8 DER key) with its password, ready to sign once.

    Some milliseconds of CPU. Raises `datos_invalidos` naming the field that is wrong, never its content.
    """
    try:
        cert = certificados.leer_certificado(certificado)
    except CertificadoIlegible:
        raise invalida(
            "certificado",
            "El certificado no es un archivo .cer del SAT. Envíe el .cer de su CSD en base64.",
            "305",
        ) from None
    if len(llave) > _LLAVE_MAXIMA:
        raise invalida("llave", "La llave no es un archivo .key del SAT. Envíe el .key de su CSD en base64.")
    try:
        privada = load_der_private_key(llave, contrasena.encode())
    except TypeError:
        raise invalida(
            "llave", "La llave no está cifrada. Envíe el archivo .key como lo entregó el SAT."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise invalida(
            "contrasena_llave",
            "La contraseña no abre la llave, o el archivo .key no es de un CSD. Revise ambos e intente de nuevo.",
        ) from None
    if (
        not isinstance(privada, rsa.RSAPrivateKey)
        or cert.llave is None
        or privada.public_key().public_numbers() != cert.llave.public_numbers()
    ):
        raise invalida(
            "llave", "La llave no corresponde al certificado. Envíe el .cer y el .key del mismo CSD."
        )
    return Firmante(cert, privada)


def construir(firmante: Firmante, f: Folio, ahora: datetime) -> bytes:
    """The signed request, UTF-8. `Fecha` is central time without offset, as the SAT's clock."""
    ns = NS_RETENCION if f.retencion else NS_CFDI
    raiz = etree.Element(
        f"{{{ns}}}Cancelacion",
        {
            "RfcEmisor": f.emisor,
            "Fecha": ahora.astimezone(zonas.CENTRO).strftime("%Y-%m-%dT%H:%M:%S"),
        },
        nsmap={
            None: ns,
            "xsd": "http://www.w3.org/2001/XMLSchema",
            "xsi": "http://www.w3.org/2001/XMLSchema-instance",
        },
    )
    atributos = {"UUID": str(f.uuid).upper(), "Motivo": f.motivo}
    if f.sustituye is not None:
        atributos["FolioSustitucion"] = str(f.sustituye).upper()
    etree.SubElement(etree.SubElement(raiz, f"{{{ns}}}Folios"), f"{{{ns}}}Folio", atributos)
    firmante.firmar(raiz)
    return etree.tostring(raiz, encoding="UTF-8", xml_declaration=True)


def leer(xml: bytes) -> tuple[Folio, Certificado]:
    """What a signed request asks and the certificate that signed it; its signature holds.

    Raises `datos_invalidos` of `solicitud`: not the SAT's form, several folios, or a signature that fails.
    """
    if len(xml) > MAXIMO:
        raise invalida(
            "solicitud", f"La solicitud pasa de {MAXIMO // 1024} KB. Envíe solo la Cancelacion firmada."
        )
    try:
        raiz = documento.analizar_xml(xml)
    except DomainError as error:
        raise invalida("solicitud", f"La solicitud no es XML válido: {error.detail}", "301") from None
    nombre = etree.QName(raiz)
    if nombre.localname != "Cancelacion" or nombre.namespace not in (NS_CFDI, NS_RETENCION):
        raise invalida(
            "solicitud",
            f"La solicitud debe ser el nodo Cancelacion del espacio de nombres {NS_CFDI} (o {NS_RETENCION} para "
            "retenciones). Genérela con el estándar de cancelación del SAT.",
            "301",
        )
    folios = raiz.findall(f"{{{nombre.namespace}}}Folios/{{{nombre.namespace}}}Folio")
    if len(folios) != 1:
        raise invalida(
            "solicitud",
            f"La solicitud trae {len(folios)} folios. Envíe una solicitud por comprobante.",
            "309",
        )
    try:
        sustituye = folios[0].get("FolioSustitucion") or None
        folio = Folio(
            UUID(folios[0].get("UUID", "")),
            folios[0].get("Motivo", ""),
            UUID(sustituye) if sustituye else None,
            raiz.get("RfcEmisor", "").strip().upper(),
            nombre.namespace == NS_RETENCION,
        )
    except ValueError:
        raise invalida(
            "solicitud",
            "El UUID o el FolioSustitucion de la solicitud no es un folio fiscal. Corríjalo.",
            "309",
        ) from None
    try:
        return folio, firma.verificar(raiz)
    except FirmaInvalida:
        raise invalida(
            "solicitud",
            "La firma de la solicitud no corresponde a su contenido: cambió después de firmarse, o no sigue el "
            "estándar de cancelación del SAT. Fírmela de nuevo y envíela sin modificarla.",
            "302",
        ) from None


def comprobar_firmante(
    campo: str, cert: Certificado, emisor: str, confianza: Confianza, ahora: datetime
) -> None:
    """The signer is the issuer, with a valid CSD of a trusted authority. Raises `datos_invalidos` of `campo`."""
    if not confianza.confia(cert, ahora):
        raise invalida(
            campo,
            f"El certificado {cert.numero or 'sin número'} no fue expedido por el SAT. Use el CSD del emisor.",
            "305",
        )
    if not cert.es_csd:
        raise invalida(
            campo,
            f"El certificado {cert.numero} no es un CSD (parece una e.firma). Cancele con el CSD del emisor.",
            "310",
        )
    if cert.rfc != emisor:
        raise invalida(
            campo,
            f"El certificado {cert.numero} es de {cert.rfc or 'un RFC desconocido'} y el emisor del comprobante es "
            f"{emisor}. Cancele con el CSD del emisor.",
            "303",
        )
    if not cert.vigente(ahora):
        raise invalida(
            campo, f"El CSD {cert.numero} no está vigente. Renuévelo en CertiSAT y cancele de nuevo.", "304"
        )


def de_base64(campo: str, texto: str) -> bytes:
    """A field of the request in base64. Raises `datos_invalidos`."""
    try:
        return base64.b64decode("".join(texto.split()), validate=True)
    except (binascii.Error, ValueError):
        raise invalida(campo, f"El campo «{campo}» no es base64. Codifique el archivo tal cual.") from None


def invalida(campo: str, mensaje: str, codigo_sat: str | None = None) -> DomainError:
    """`datos_invalidos` of a field, with the SAT's code when it has one for this."""
    return DomainError(
        Codigo.DATOS_INVALIDOS,
        mensaje,
        errores={campo: [mensaje]},
        datos={"codigo_sat": codigo_sat} if codigo_sat else None,
    )
