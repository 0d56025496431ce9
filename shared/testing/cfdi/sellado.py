"""The seal of a document, worked out with the SAT's stylesheets: cadena original, signature, re-dating."""

from __future__ import annotations

import base64
from datetime import datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key
from lxml import etree
from OpenSSL import crypto

from shared.testing.certificados import ParDePrueba

NS_CFDI: Final = "http://www.sat.gob.mx/cfd/4"
NS_RETENCIONES: Final = "http://www.sat.gob.mx/esquemas/retencionpago/2"
NS_TFD: Final = "http://www.sat.gob.mx/TimbreFiscalDigital"


def redatar_y_sellar(
    xml: bytes,
    cer: bytes,
    key: bytes,
    password: bytes,
    fecha: datetime | str,
    *,
    quitar_timbre: bool = False,
) -> bytes:
    """A foreign document with another `fecha` (naive, local), sealed with a CSD (DER `cer`, PKCS#8 `key`).

    Issuer Rfc and Nombre become the certificate's, and its régimen one of that kind of person, if the kind
    changed. An earlier TFD stays unless `quitar_timbre`.
    """
    cert = x509.load_der_x509_certificate(cer)
    llave = load_der_private_key(key, password)
    if not isinstance(llave, rsa.RSAPrivateKey):
        raise TypeError("a CSD's key is RSA")
    raiz = etree.fromstring(xml)
    cuando = fecha if isinstance(fecha, str) else fecha.strftime("%Y-%m-%dT%H:%M:%S")
    ns = etree.QName(raiz).namespace
    cfdi = ns == NS_CFDI
    raiz.set("Fecha" if cfdi else "FechaExp", cuando)
    emisor = raiz.find(f"{{{ns}}}Emisor")
    if emisor is not None:
        campos = dict(crypto.X509.from_cryptography(cert).get_subject().get_components())
        rfc = texto(campos[b"x500UniqueIdentifier"]).split("/")[0].strip()
        regimen = "RegimenFiscal" if cfdi else "RegimenFiscalE"
        if len(rfc) != len((emisor.get("Rfc" if cfdi else "RfcE") or rfc).strip()):
            emisor.set(regimen, regimen_general(rfc))
        emisor.set("Rfc" if cfdi else "RfcE", rfc)
        emisor.set("Nombre" if cfdi else "NomDenRazSocE", texto(campos.get(b"name") or campos[b"CN"]))
    if quitar_timbre:
        for timbre in list(raiz.iterfind(f"{{{ns}}}Complemento/{{{NS_TFD}}}TimbreFiscalDigital")):
            complemento = timbre.getparent()
            assert complemento is not None
            complemento.remove(timbre)
            if len(complemento) == 0:
                raiz.remove(complemento)
    # UTF-8: in ASCII an attribute called Año would come out as a character reference, which is not XML.
    return sellar(etree.tostring(raiz, encoding="UTF-8"), cert, llave)


def cadena_original(raiz: etree._Element) -> bytes:
    """Of a parsed Comprobante or Retenciones, by the SAT's stylesheet, UTF-8."""
    cfdi = etree.QName(raiz).namespace == NS_CFDI
    return memoryview(_xslt(cfdi)(raiz)).tobytes()  # type: ignore[arg-type]  # it has the buffer protocol


@cache
def _xslt(cfdi: bool) -> etree.XSLT:
    spec = find_spec("satcfdi")
    assert spec is not None
    assert spec.origin is not None, "satcfdi is a dependency"
    sat = Path(spec.origin).parent / "transform" / "schemas" / "www.sat.gob.mx"
    hoja = (
        "sitio_internet/cfd/4/cadenaoriginal_4_0/cadenaoriginal_4_0.xslt"
        if cfdi
        else "esquemas/retencionpago/2/retenciones.xslt"
    )
    return etree.XSLT(etree.parse(sat / hoja))


def sellar(xml: bytes, cert: x509.Certificate, llave: rsa.RSAPrivateKey) -> bytes:
    """NoCertificado, Certificado and Sello of a pair put into a document (re-serialised)."""
    par = ParDePrueba(cert, llave)
    raiz = etree.fromstring(xml)
    raiz.set("NoCertificado", par.numero)
    raiz.set("Certificado", base64.b64encode(par.der).decode("ascii"))
    raiz.set("Sello", firmar(llave, cadena_original(raiz)).decode("ascii"))
    return etree.tostring(raiz, encoding="UTF-8", xml_declaration=True)


def firmar(llave: rsa.RSAPrivateKey, datos: bytes) -> bytes:
    """Base64 of the RSA PKCS#1 v1.5 SHA-256 signature."""
    return base64.b64encode(llave.sign(datos, padding.PKCS1v15(), hashes.SHA256()))


def texto(valor: bytes) -> str:
    """A name of a certificate, in whichever encoding."""
    try:
        return valor.decode("utf-8")
    except UnicodeDecodeError:
        return valor.decode("latin-1")


def regimen_general(rfc: str) -> str:
    """c_RegimenFiscal: the general one of the kind of person of an RFC."""
    return "601" if len(rfc) == 12 else "612"


def poner_sello(xml: bytes, par: ParDePrueba) -> bytes:
    """A document whose Sello is empty, sealed."""
    # Sealed by putting the seal in its place: serialising again would cost half of the time.
    sello = firmar(par.llave, cadena_original(etree.fromstring(xml)))
    return xml.replace(b' Sello="" ', b' Sello="' + sello + b'" ', 1)
