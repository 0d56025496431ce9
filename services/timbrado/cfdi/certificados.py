"""Certificates of the issuers: what one says, whether it may seal, and whether it is trusted.

A CSD (certificado de sello digital) is an X.509 certificate of the SAT with keyUsage digitalSignature and
nonRepudiation only; a FIEL (e.firma) also has extendedKeyUsage and must never seal (SAT code 306). Issuer
and subject are plain text that anybody can write: trust is the signature of a configured authority, code 308.
"""

from __future__ import annotations

import base64
import hashlib
import warnings
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import crypto

DER_MAXIMO: Final = 16 * 1024
"""Bytes; a CSD takes 1,500."""

_SHA256: Final = hashes.SHA256()
_PKCS1: Final = padding.PKCS1v15()
# SHA-1 is out since 2015; the SAT's CSDs are signed with SHA-256.
_RESUMENES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


class CertificadoIlegible(ValueError):
    """Bytes that are not an X.509 certificate we can read."""


@dataclass(frozen=True, slots=True)
class Certificado:
    """What the rules need of one certificate. `desde`/`hasta` are aware UTC, both ends valid."""

    huella: bytes
    """SHA-256 of the DER: its identity."""
    numero: str
    """20 digits (NoCertificado), or empty when the serial does not hold one."""
    rfc: str
    """Of x500UniqueIdentifier, or empty."""
    nombre: str
    desde: datetime
    hasta: datetime
    es_csd: bool
    es_autoridad: bool
    der: bytes = field(repr=False)
    llave: rsa.RSAPublicKey | None = field(repr=False, compare=False)

    def firmo(self, firma: bytes, datos: bytes) -> bool:
        """Whether `firma` is this key's RSA PKCS#1 v1.5 SHA-256 signature of `datos` (Annex 20)."""
        if self.llave is None:
            return False
        try:
            self.llave.verify(firma, datos, _PKCS1, _SHA256)
        except InvalidSignature:
            return False
        return True

    def vigente(self, momento: datetime) -> bool:
        """Whether an aware `momento` is inside the validity."""
        return self.desde <= momento <= self.hasta


def leer_certificado(der: bytes) -> Certificado:
    """Read a DER certificate; the last 4,096 different ones are remembered. Raises `CertificadoIlegible`."""
    if len(der) > DER_MAXIMO:
        raise CertificadoIlegible(f"{len(der)} bytes")
    return _leer(hashlib.sha256(der).digest(), _Bytes(der))


def leer_archivo(ruta: Path) -> list[Certificado]:
    """Certificates of a `.cer`/`.pem` file, DER or PEM (one or several). Raises `CertificadoIlegible`."""
    contenido = ruta.read_bytes()
    try:
        if b"-----BEGIN CERTIFICATE-----" in contenido:
            ders = [_der(c) for c in x509.load_pem_x509_certificates(contenido)]
        else:
            ders = [contenido]
        return [leer_certificado(der) for der in ders]
    except ValueError as error:
        raise CertificadoIlegible(f"{ruta}: {error}") from error


class _Bytes:
    """Bytes that compare equal always: the cache is keyed by the digest beside them."""

    __slots__ = ("valor",)

    def __init__(self, valor: bytes) -> None:
        self.valor = valor

    def __eq__(self, otro: object) -> bool:
        return isinstance(otro, _Bytes)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=4096)
def _leer(huella: bytes, der: _Bytes) -> Certificado:
    try:
        cert = x509.load_der_x509_certificate(der.valor)
        desde, hasta = cert.not_valid_before_utc, cert.not_valid_after_utc
        serie = cert.serial_number
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificadoIlegible(str(error)) from error
    llave = _llave(cert)
    es_csd, es_autoridad = _uso(cert)
    campos = _sujeto(cert)
    return Certificado(
        huella=huella,
        numero=_numero(serie),
        # A company's field reads "RFC / RFC of its representative".
        rfc=campos.get("x500UniqueIdentifier", "").split("/")[0].strip().upper(),
        nombre=campos.get("name") or campos.get("CN", ""),
        desde=desde,
        hasta=hasta,
        es_csd=es_csd and llave is not None,
        es_autoridad=es_autoridad,
        der=der.valor,
        llave=llave,
    )


def _llave(cert: x509.Certificate) -> rsa.RSAPublicKey | None:
    try:
        llave = cert.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return llave if isinstance(llave, rsa.RSAPublicKey) else None


def _numero(serie: int) -> str:
    """The SAT writes the 20-digit number as ASCII in the serial: every second digit of its hexadecimal."""
    hexa = f"{serie:x}"
    numero = hexa[1::2]
    return numero if len(hexa) == 40 and set(hexa[::2]) == {"3"} and numero.isdecimal() else ""


def _sujeto(cert: x509.Certificate) -> dict[str, str]:
    """First value of each field of the subject, by OpenSSL: `cryptography` refuses old encodings of Ñ."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        componentes = crypto.X509.from_cryptography(cert).get_subject().get_components()
    campos: dict[str, str] = {}
    for nombre, valor in componentes:
        campos.setdefault(nombre.decode("ascii", "replace"), _texto(valor))
    return campos


def _texto(valor: bytes) -> str:
    """A name's bytes without their ASN.1 type: BMPString is UTF-16, T61String is Latin-1 in the SAT's use."""
    if len(valor) % 2 == 0 and valor[:1] == b"\x00":
        return valor.decode("utf-16-be", "replace")
    try:
        return valor.decode("utf-8")
    except UnicodeDecodeError:
        return valor.decode("latin-1")


def _uso(cert: x509.Certificate) -> tuple[bool, bool]:
    """(may seal as CSD, is an authority), by its extensions."""
    try:
        extensiones = cert.extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False, False
    uso = basicas = None
    extendido = False
    for extension in extensiones:
        valor = extension.value
        if isinstance(valor, x509.KeyUsage):
            uso = valor
        elif isinstance(valor, x509.BasicConstraints):
            basicas = valor
        elif isinstance(valor, x509.ExtendedKeyUsage):
            extendido = True
    es_autoridad = basicas is not None and basicas.ca and (uso is None or uso.key_cert_sign)
    es_csd = (
        not (basicas is not None and basicas.ca)
        and uso is not None
        and uso.digital_signature
        and uso.content_commitment
        and not (uso.key_encipherment or uso.data_encipherment or uso.key_agreement or uso.key_cert_sign)
        and not extendido
    )
    return es_csd, es_autoridad


def _der(cert: x509.Certificate) -> bytes:
    return cert.public_bytes(Encoding.DER)


class Confianza:
    """The certificates trusted by configuration, and the answers already worked out.

    An authority (basicConstraints CA) vouches for what it signed while it is valid itself; any other
    certificate is trusted as such (pinned): the SAT does not publish the authority of its test CSDs.
    """

    MAXIMO_RECORDADO: Final = 4096

    def __init__(self, certificados: Iterable[Certificado]) -> None:
        todos = list(certificados)
        self._autoridades = tuple(c for c in todos if c.es_autoridad)
        self._fijados = frozenset(c.huella for c in todos if not c.es_autoridad)
        self._emisora: OrderedDict[bytes, Certificado | None] = OrderedDict()

    @classmethod
    def de_carpeta(cls, carpeta: Path) -> Confianza:
        """From the `.cer`, `.crt` and `.pem` files of a folder. One that can't be read stops the process.

        Raises `CertificadoIlegible` (names the file) or `FileNotFoundError`.
        """
        archivos = sorted(a for a in carpeta.iterdir() if a.suffix.lower() in (".cer", ".crt", ".pem"))
        return cls(c for archivo in archivos for c in leer_archivo(archivo))

    def confia(self, cert: Certificado, ahora: datetime) -> bool:
        """Whether `cert` is pinned, or was signed by an authority that is valid at `ahora` (aware)."""
        if cert.huella in self._fijados:
            return True
        emisora = self._buscar_emisora(cert)
        return emisora is not None and emisora.vigente(ahora)

    def _buscar_emisora(self, cert: Certificado) -> Certificado | None:
        recordadas = self._emisora
        if cert.huella in recordadas:
            recordadas.move_to_end(cert.huella)
            return recordadas[cert.huella]
        emisora = next((a for a in self._autoridades if _firmado_por(cert, a)), None)
        recordadas[cert.huella] = emisora
        if len(recordadas) > self.MAXIMO_RECORDADO:
            recordadas.popitem(last=False)
        return emisora


def _firmado_por(cert: Certificado, autoridad: Certificado) -> bool:
    if autoridad.llave is None:
        return False
    hoja = x509.load_der_x509_certificate(cert.der)
    try:
        resumen = hoja.signature_hash_algorithm
        if not isinstance(resumen, _RESUMENES):
            return False
        autoridad.llave.verify(hoja.signature, hoja.tbs_certificate_bytes, _PKCS1, resumen)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def de_base64(texto: str) -> Certificado:
    """The certificate of a `Certificado` attribute. Raises `CertificadoIlegible`."""
    if len(texto) > 2 * DER_MAXIMO:
        raise CertificadoIlegible(f"{len(texto)} characters")
    try:
        return leer_certificado(base64.b64decode("".join(texto.split()), validate=True))
    except ValueError as error:
        raise CertificadoIlegible(str(error)) from error
