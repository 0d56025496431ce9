"""What a cancellation is signed with, as each dialect sends it, in the one form that timbrado takes.

Either a `Cancelacion` that the issuer signed, or its CSD for this call alone: certificate and key as DER or
PEM, the key encrypted or not. The key leaves here as DER, encrypted, whatever it came as. Nothing of it is
kept or logged.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass
from typing import TypedDict
from uuid import UUID, uuid4

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from services.gateway.dialects import xml
from services.gateway.dialects.protocolo import sin_csd
from shared.contracts.timbrado import CANCELAR_TIMBRADO, Cancelacion, CancelarTimbrado
from shared.errors import Codigo, DomainError, campo_invalido
from shared.messaging.rpc_client import RpcClient

#: Folios of one signed request; the SAT's limit is 500, ours what fits a caller's patience.
FOLIOS_MAXIMO = 10
_MOTIVOS = ("01", "02", "03", "04")


class Firma(TypedDict):
    """The fields of `CancelarTimbrado` that say how it is signed."""

    solicitud: str | None
    certificado: str | None
    llave: str | None
    contrasena_llave: str | None


def cancelar(
    cliente: RpcClient,
    quien: tuple[str, str],
    uuid: UUID,
    motivo: str,
    sustituye: UUID | None,
    firma: Firma,
    ip: str | None,
) -> Cancelacion:
    """Ask timbrado to cancel. The document is its own key, so each call may carry a new one."""
    return cliente.llamar(
        CANCELAR_TIMBRADO,
        CancelarTimbrado(
            clave=str(uuid4()),
            cti=quien[0],
            contrasena=quien[1],
            uuid=uuid,
            motivo=motivo,
            sustituye=sustituye,
            ip=ip,
            **firma,
        ),
    )


@dataclass(frozen=True, slots=True)
class Folio:
    """One document of a signed request."""

    uuid: UUID
    motivo: str
    sustituye: UUID | None


@dataclass(frozen=True, slots=True)
class Solicitud:
    """A signed Cancelacion, read; its signature is timbrado's to verify."""

    rfc: str
    folios: tuple[Folio, ...]
    firma: Firma


def firma_de(
    *,
    solicitud: str | None,
    certificado: str | None,
    llave: str | None,
    contrasena: str | None,
    como: str,
) -> Firma:
    """Fields for `CancelarTimbrado` from base64 text. `como` tells the caller what to send when it sent nothing."""
    if solicitud:
        return Firma(
            solicitud=_b64(_crudo(solicitud, "solicitud")),
            certificado=None,
            llave=None,
            contrasena_llave=None,
        )
    if not certificado or not llave:
        raise sin_csd(como)
    cer, (key, clave) = _certificado(certificado), _llave(llave, contrasena)
    return Firma(solicitud=None, certificado=_b64(cer), llave=_b64(key), contrasena_llave=clave)


def solicitud_de(crudo: bytes) -> Solicitud:
    """Read a signed request: the SAT's `Cancelacion`, of CFDI or of retenciones. Raises `datos_invalidos`."""
    try:
        raiz = xml.leer(crudo)
    except xml.XmlIlegible as exc:
        raise campo_invalido("xml", f"{exc} Envíe la solicitud de cancelación firmada.") from None
    folios = []
    for nodo in raiz.iter():
        if xml.local(nodo) == "Folio":
            sustituye = nodo.get("FolioSustitucion")
            folios.append(
                Folio(
                    uuid_de(nodo.get("UUID")),
                    motivo_de(nodo.get("Motivo")),
                    uuid_de(sustituye) if sustituye else None,
                )
            )
    if xml.local(raiz) != "Cancelacion" or not folios:
        raise campo_invalido(
            "xml", "El XML no es una solicitud de cancelación del SAT (Cancelacion con sus Folios)."
        )
    if len(folios) > FOLIOS_MAXIMO:
        raise campo_invalido("xml", f"Cancele como máximo {FOLIOS_MAXIMO} comprobantes por solicitud.")
    firma = Firma(solicitud=_b64(crudo), certificado=None, llave=None, contrasena_llave=None)
    return Solicitud(str(raiz.get("RfcEmisor") or ""), tuple(folios), firma)


def uuid_de(valor: object) -> UUID:
    """A document's UUID, or `datos_invalidos`."""
    try:
        return UUID(str(valor or "").strip())
    except ValueError:
        raise campo_invalido("uuid", "El UUID del comprobante no es válido. Cópielo del timbre.") from None


def motivo_de(valor: object) -> str:
    """The SAT's reason, mandatory since 2022, or `datos_invalidos`."""
    motivo = str(valor or "").strip()
    if motivo not in _MOTIVOS:
        raise campo_invalido(
            "motivo",
            "Falta el motivo de cancelación (01, 02, 03 o 04) que el SAT exige desde 2022. Indíquelo e intente de nuevo.",
        )
    return motivo


def por_que(hecha: Cancelacion) -> str:
    """Why a cancellation was refused, with the SAT's code."""
    return f"{hecha.codigo or 'No cancelable'}: {hecha.detalle or 'el SAT rechazó la cancelación.'}"


def en_camino() -> DomainError:
    """The PAC has not answered: asking again is right and cancels nothing twice."""
    return DomainError(
        Codigo.PENDIENTE,
        "La cancelación se registró y aún no la confirma el SAT. Repita la misma solicitud en unos segundos.",
    )


def _certificado(valor: str) -> bytes:
    crudo = _crudo(valor, "certificado")
    try:
        if b"-----BEGIN" in crudo:
            return x509.load_pem_x509_certificate(crudo).public_bytes(Encoding.DER)
        return x509.load_der_x509_certificate(crudo).public_bytes(Encoding.DER)
    except ValueError:
        raise campo_invalido(
            "certificado", "El certificado (.cer) no se pudo leer. Envíe el CSD del emisor."
        ) from None


def _llave(valor: str, contrasena: str | None) -> tuple[bytes, str]:
    crudo = _crudo(valor, "llave")
    leer = load_pem_private_key if b"-----BEGIN" in crudo else load_der_private_key
    clave = contrasena.encode() if contrasena else None
    intentos = (clave, None) if clave else (None,)
    for intento in intentos:
        try:
            # Timbrado checks that the key is the certificate's; checking its primes here would cost 30 ms.
            llave = leer(crudo, intento, unsafe_skip_rsa_key_validation=True)
        except (ValueError, TypeError):
            continue
        if isinstance(llave, rsa.RSAPrivateKey):
            nueva = secrets.token_urlsafe(24)
            cifrada = llave.private_bytes(
                Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(nueva.encode())
            )
            return cifrada, nueva
    raise campo_invalido(
        "llave",
        "La llave (.key) no abre con la contraseña indicada. Revise la contraseña de la llave privada.",
    )


def _crudo(valor: str, campo: str) -> bytes:
    if "-----BEGIN" in valor:
        return valor.encode()
    try:
        return base64.b64decode("".join(valor.split()), validate=True)
    except (binascii.Error, ValueError):
        raise campo_invalido(campo, f"El campo {campo} debe venir en base64.") from None


def _b64(crudo: bytes) -> str:
    return base64.b64encode(crudo).decode()
