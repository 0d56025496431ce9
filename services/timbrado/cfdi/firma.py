"""XML signatures as the SAT's cancellation service wants them: enveloped, C14N 1.0, RSA.

One signature over the whole document (`URI=""`), so that what was read is what was signed and nothing can be
wrapped around it. We sign with SHA-1, the only digest that the service takes (Annex 20, "Estándar del
servicio de cancelación"); of others SHA-256 is read too. What is signed is not a secret, and SHA-1's
weakness (collisions) needs a signer who is the attacker.
"""

from __future__ import annotations

import base64
import binascii
import copy
import hashlib
import warnings
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree
from OpenSSL import crypto

from services.timbrado.cfdi import certificados
from services.timbrado.cfdi.certificados import Certificado, CertificadoIlegible

NS_DS: Final = "http://www.w3.org/2000/09/xmldsig#"
SIGNATURE: Final = f"{{{NS_DS}}}Signature"
_C14N: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_ENVELOPED: Final = f"{NS_DS}enveloped-signature"
#: Canonicalisation → exclusive or not. The reference and SignedInfo may each name one.
_CANONICAS: Final = {_C14N: False, "http://www.w3.org/2001/10/xml-exc-c14n#": True}
_RESUMENES: Final = {f"{NS_DS}sha1": "sha1", "http://www.w3.org/2001/04/xmlenc#sha256": "sha256"}
_FIRMAS: Final[dict[str, hashes.HashAlgorithm]] = {
    f"{NS_DS}rsa-sha1": hashes.SHA1(),  # noqa: S303 (the SAT's service takes no other)
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": hashes.SHA256(),
}


class FirmaInvalida(ValueError):
    """A signature that is not there, is not of this form, or does not verify. The message is for the log."""


@dataclass(frozen=True, slots=True)
class Firmante:
    """A key with its certificate, open in memory for one signature: never stored, never logged."""

    certificado: Certificado
    llave: rsa.RSAPrivateKey = field(repr=False)

    def firmar(self, raiz: etree._Element) -> None:
        """Append an enveloped signature of `raiz` to it."""
        firma = etree.SubElement(raiz, SIGNATURE, nsmap={None: NS_DS})
        info = etree.SubElement(firma, _ds("SignedInfo"))
        etree.SubElement(info, _ds("CanonicalizationMethod"), Algorithm=_C14N)
        etree.SubElement(info, _ds("SignatureMethod"), Algorithm=f"{NS_DS}rsa-sha1")
        referencia = etree.SubElement(info, _ds("Reference"), URI="")
        transformaciones = etree.SubElement(referencia, _ds("Transforms"))
        etree.SubElement(transformaciones, _ds("Transform"), Algorithm=_ENVELOPED)
        etree.SubElement(referencia, _ds("DigestMethod"), Algorithm=f"{NS_DS}sha1")
        valor = etree.SubElement(referencia, _ds("DigestValue"))
        valor.text = base64.b64encode(_resumen(raiz, firma, "sha1", exclusiva=False)).decode()
        sello = self.llave.sign(_canonica(info, exclusiva=False), padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
        etree.SubElement(firma, _ds("SignatureValue")).text = base64.b64encode(sello).decode()
        datos = etree.SubElement(etree.SubElement(firma, _ds("KeyInfo")), _ds("X509Data"))
        emision = etree.SubElement(datos, _ds("X509IssuerSerial"))
        cert = x509.load_der_x509_certificate(self.certificado.der)
        etree.SubElement(emision, _ds("X509IssuerName")).text = _autoridad(cert)
        etree.SubElement(emision, _ds("X509SerialNumber")).text = str(cert.serial_number)
        etree.SubElement(datos, _ds("X509Certificate")).text = base64.b64encode(self.certificado.der).decode()


def verificar(raiz: etree._Element) -> Certificado:
    """The certificate that signed the whole of `raiz`. Whether it is trusted is the caller's question.

    Raises `FirmaInvalida`: no signature or several, a form that is not the SAT's, or one that does not verify.
    """
    firmas = list(raiz.iter(SIGNATURE))
    if len(firmas) != 1 or firmas[0].getparent() is not raiz:
        raise FirmaInvalida(f"{len(firmas)} signatures, and one is expected under the root")
    firma = firmas[0]
    info = _uno(firma, "SignedInfo")
    referencia = _uno(info, "Reference")
    if referencia.get("URI") != "":
        raise FirmaInvalida("the reference is not to the whole document")
    exclusiva = _transformaciones(referencia)
    resumen = _RESUMENES.get(_algoritmo(referencia, "DigestMethod"))
    if resumen is None:
        raise FirmaInvalida("unknown digest")
    if _base64(referencia, "DigestValue") != _resumen(raiz, firma, resumen, exclusiva=exclusiva):
        raise FirmaInvalida("the document changed after it was signed")
    canonica = _CANONICAS.get(_algoritmo(info, "CanonicalizationMethod"))
    metodo = _FIRMAS.get(_algoritmo(info, "SignatureMethod"))
    if canonica is None or metodo is None:
        raise FirmaInvalida("unknown canonicalisation or signature method")
    try:
        texto = firma.findtext(f"{_ds('KeyInfo')}/{_ds('X509Data')}/{_ds('X509Certificate')}") or ""
        certificado = certificados.de_base64(texto)
    except CertificadoIlegible as error:
        raise FirmaInvalida(f"unreadable certificate: {error}") from None
    if certificado.llave is None:
        raise FirmaInvalida("the certificate's key is not RSA")
    try:
        certificado.llave.verify(
            _base64(firma, "SignatureValue"), _canonica(info, exclusiva=canonica), padding.PKCS1v15(), metodo
        )
    except InvalidSignature:
        raise FirmaInvalida("SignatureValue does not verify") from None
    return certificado


def _transformaciones(referencia: etree._Element) -> bool:
    """Enveloped, and at most a canonicalisation after it; whether that one is exclusive."""
    nombres = [t.get("Algorithm", "") for t in referencia.iterfind(f"{_ds('Transforms')}/{_ds('Transform')}")]
    if not nombres or nombres[0] != _ENVELOPED or len(nombres) > 2:
        raise FirmaInvalida("the reference's transforms are not the SAT's")
    if len(nombres) == 1:
        return False
    if nombres[1] not in _CANONICAS:
        raise FirmaInvalida("unknown transform")
    return _CANONICAS[nombres[1]]


def _resumen(raiz: etree._Element, firma: etree._Element, nombre: str, *, exclusiva: bool) -> bytes:
    """Digest of the document without its signature, whose place in the text closes up."""
    posicion = raiz.index(firma)
    copia = copy.deepcopy(raiz)
    sin = copia[posicion]
    if sin.tail:
        if posicion:
            anterior = copia[posicion - 1]
            anterior.tail = (anterior.tail or "") + sin.tail
        else:
            copia.text = (copia.text or "") + sin.tail
    copia.remove(sin)
    datos = etree.tostring(copia, method="c14n", exclusive=exclusiva, with_comments=False)
    return hashlib.new(nombre, datos, usedforsecurity=False).digest()


def _canonica(nodo: etree._Element, *, exclusiva: bool) -> bytes:
    """C14N of a node inside its document: inclusive C14N shows the namespaces in scope, used or not."""
    copia = etree.Element(nodo.tag, dict(nodo.attrib), nsmap=nodo.nsmap)
    copia.text = nodo.text
    for hijo in nodo:
        copia.append(copy.deepcopy(hijo))
    return etree.tostring(copia, method="c14n", exclusive=exclusiva, with_comments=False)


def _autoridad(cert: x509.Certificate) -> str:
    """The authority's name as the SAT writes it: last field first. By OpenSSL, which reads old encodings of Ñ."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        campos = crypto.X509.from_cryptography(cert).get_issuer().get_components()
    return ",".join(
        f"{n.decode('ascii', 'replace')}={v.decode('utf-8', 'replace')}" for n, v in reversed(campos)
    )


def _uno(padre: etree._Element, nombre: str) -> etree._Element:
    hijos = padre.findall(_ds(nombre))
    if len(hijos) != 1:
        raise FirmaInvalida(f"{len(hijos)} {nombre}")
    return hijos[0]


def _algoritmo(padre: etree._Element, nombre: str) -> str:
    return _uno(padre, nombre).get("Algorithm", "")


def _base64(padre: etree._Element, nombre: str) -> bytes:
    try:
        return base64.b64decode("".join((_uno(padre, nombre).text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise FirmaInvalida(f"{nombre} is not base64") from None


def _ds(nombre: str) -> str:
    return f"{{{NS_DS}}}{nombre}"
