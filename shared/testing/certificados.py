"""A test authority and the certificates it issues, in the shape of the SAT's.

RFC in x500UniqueIdentifier, a 20-digit number as ASCII in the serial, keyUsage digitalSignature and
nonRepudiation for a CSD (and more, with extendedKeyUsage, for a FIEL). Nothing here is trusted by anybody
who was not configured with this authority's certificate. Never imports `services`.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PREFIJO_CSD: Final = "30001000000"
"""The SAT's test certificates begin with 30001; so do ours."""
PREFIJO_PAC: Final = "99999000000"
"""Of the sandbox PAC: no real certificate begins so."""


@dataclass(frozen=True, slots=True)
class ParDePrueba:
    """A certificate and its private key."""

    cert: x509.Certificate
    llave: rsa.RSAPrivateKey

    @property
    def der(self) -> bytes:
        return self.cert.public_bytes(Encoding.DER)

    @property
    def numero(self) -> str:
        """NoCertificado: the serial's bytes, which are ASCII digits."""
        return self.cert.serial_number.to_bytes(20, "big").decode("ascii")

    def guardar(self, cer: Path, key: Path) -> None:
        """Write DER certificate and unencrypted PEM key (0600), each atomically, the certificate last."""
        pem = self.llave.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _escribir(key, pem, 0o600)
        _escribir(cer, self.der, 0o644)

    @classmethod
    def cargar(cls, cer: Path, key: Path) -> ParDePrueba | None:
        """What `guardar` wrote, or None if it is not there or expires within a week."""
        if not (cer.exists() and key.exists()):
            return None
        cert = x509.load_der_x509_certificate(cer.read_bytes())
        llave = load_pem_private_key(key.read_bytes(), password=None)
        if not isinstance(llave, rsa.RSAPrivateKey) or cert.not_valid_after_utc < datetime.now(
            UTC
        ) + timedelta(days=7):
            return None
        return cls(cert, llave)


def numero_nuevo(prefijo: str = PREFIJO_CSD) -> str:
    """A random 20-digit certificate number."""
    return prefijo + "".join(secrets.choice("0123456789") for _ in range(20 - len(prefijo)))


class Autoridad:
    """A certificate authority of our own."""

    def __init__(self, par: ParDePrueba) -> None:
        self.par = par

    @classmethod
    def nueva(cls, *, nombre: str = "AC DE PRUEBA CUENTA MAESTRA", dias: int = 3650) -> Autoridad:
        llave = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        sujeto = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, nombre),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "SIN VALIDEZ FISCAL"),
                x509.NameAttribute(NameOID.COUNTRY_NAME, "MX"),
            ]
        )
        ahora = datetime.now(UTC)
        cert = (
            x509.CertificateBuilder()
            .subject_name(sujeto)
            .issuer_name(sujeto)
            .public_key(llave.public_key())
            .serial_number(_serie(numero_nuevo()))
            .not_valid_before(ahora - timedelta(days=5 * 365))
            .not_valid_after(ahora + timedelta(days=dias))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_uso(firma=False, autoridad=True), critical=True)
            .sign(llave, hashes.SHA256())
        )
        return cls(ParDePrueba(cert, llave))

    def emitir(
        self,
        rfc: str,
        nombre: str,
        *,
        numero: str | None = None,
        desde: datetime | None = None,
        hasta: datetime | None = None,
        fiel: bool = False,
        llave: rsa.RSAPrivateKey | None = None,
    ) -> ParDePrueba:
        """A CSD (or a FIEL) of `rfc`: from yesterday for four years unless told. Dates are aware."""
        ahora = datetime.now(UTC)
        llave = llave or rsa.generate_private_key(public_exponent=65537, key_size=2048)
        # A company's certificate also names its representative, as the SAT's do.
        identificador = f"{rfc} / VADA800927DJ3" if len(rfc) == 12 else rfc
        sujeto = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, nombre[:64]),
                x509.NameAttribute(x509.ObjectIdentifier("2.5.4.41"), nombre),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, nombre[:64]),
                x509.NameAttribute(NameOID.X500_UNIQUE_IDENTIFIER, identificador),
            ]
            + ([] if fiel else [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Sucursal 1")])
        )
        constructor = (
            x509.CertificateBuilder()
            .subject_name(sujeto)
            .issuer_name(self.par.cert.subject)
            .public_key(llave.public_key())
            .serial_number(_serie(numero or numero_nuevo()))
            .not_valid_before(desde or ahora - timedelta(days=30))
            .not_valid_after(hasta or ahora + timedelta(days=4 * 365))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_uso(firma=True, cifra=fiel), critical=False)
        )
        if fiel:
            constructor = constructor.add_extension(
                x509.ExtendedKeyUsage(
                    [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION]
                ),
                critical=False,
            )
        return ParDePrueba(constructor.sign(self.par.llave, hashes.SHA256()), llave)


@contextmanager
def candado(carpeta: Path) -> Iterator[None]:
    """One process at a time in `carpeta`, so that two that prepare it agree on one authority."""
    carpeta.mkdir(parents=True, exist_ok=True)
    with (carpeta / ".candado").open("w") as archivo:
        fcntl.flock(archivo, fcntl.LOCK_EX)
        yield


def _serie(numero: str) -> int:
    if len(numero) != 20 or not numero.isdecimal():
        raise ValueError(f"a certificate number has 20 digits: {numero}")
    return int.from_bytes(numero.encode("ascii"), "big")


def _uso(*, firma: bool, autoridad: bool = False, cifra: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=firma,
        content_commitment=firma,
        key_encipherment=False,
        data_encipherment=cifra,
        key_agreement=cifra,
        key_cert_sign=autoridad,
        crl_sign=autoridad,
        encipher_only=False,
        decipher_only=False,
    )


def _escribir(ruta: Path, contenido: bytes, modo: int) -> None:
    ruta.parent.mkdir(parents=True, exist_ok=True)
    temporal = ruta.with_name(f".{ruta.name}.{os.getpid()}")
    temporal.write_bytes(contenido)
    temporal.chmod(modo)
    temporal.replace(ruta)
