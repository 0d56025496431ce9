"""Registered applications: the only ones that may stamp with an ilimitada (domain: Stamping, 6).

The manual ("CTI Ilimitada") admits Induxsoft's Windows applications from version 10 on, and FactuDesk Web. The
root registers each with the public half of an Ed25519 key; the application proves itself in every request with
the header

    X-Aplicacion: cm1:<id>:<version>:<time>:<signature>

- `id`: the UUID that the registration answered, in lower case;
- `version`: of the application, one to four numbers joined by dots, such as `10.2`;
- `time`: seconds of Unix time when the request was made, at most five minutes from ours;
- `signature`: base64url without padding (86 characters) of the Ed25519 signature over the UTF-8 text

      cuenta-maestra/aplicacion/v1 LF cti LF sha256 LF time LF id LF version

  where LF is one line feed, `cti` the id of the CTI as in the credentials, and `sha256` the lower-case
  hexadecimal SHA-256 of the document's exact UTF-8 bytes (of the value of `xml` where the body is JSON).

A proof is good for one document and one CTI. Whoever copies it can only ask for the TFD of that document again,
which is free, so no nonce is kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shared.errors import Codigo, DomainError, campo_invalido

DOMINIO = "cuenta-maestra/aplicacion/v1"
#: Seconds that an application's clock may be away from ours.
TOLERANCIA = 300
#: First version of a Windows application that may use an ilimitada (manual: CTI Ilimitada).
VERSION_WINDOWS = 10
LARGO_LLAVE = 32
_FORMA = re.compile(
    r"cm1:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):([0-9]{1,5}(?:\.[0-9]{1,5}){0,3}):([0-9]{1,12}):"
    r"([A-Za-z0-9_-]{86})"
)
_NOMBRE = 100


class Plataforma(StrEnum):
    """Where an application runs; `web` is FactuDesk Web."""

    WINDOWS = "windows"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class AplicacionRegistrada:
    """An application as the root registered it. `llave` is its raw public key, 32 bytes."""

    id: UUID
    nombre: str
    plataforma: str
    llave: bytes = field(repr=False)
    revocada_en: datetime | None = None


@dataclass(frozen=True, slots=True)
class Prueba:
    """The header, taken apart. `momento` is Unix time in seconds."""

    id: UUID
    version: str
    momento: int
    firma: bytes = field(repr=False)

    def mensaje(self, cti: str, xml: bytes) -> bytes:
        """The bytes that the application signs."""
        return mensaje(cti, xml, self.momento, self.id, self.version)


def mensaje(cti: str, xml: bytes, momento: int, id: UUID, version: str) -> bytes:
    """What is signed: each part on a line of its own; none can hold a line feed."""
    partes = (DOMINIO, cti, hashlib.sha256(xml).hexdigest(), str(momento), str(id), version)
    return "\n".join(partes).encode()


def leer_prueba(cabecera: str | None) -> Prueba:
    """The proof that a request carries. Raises `no_permitido` when there is none or it is not well formed."""
    if not cabecera:
        raise _negada(
            "sin_prueba",
            "Las CTI ilimitadas solo timbran desde las aplicaciones de Induxsoft para Windows V10 o posteriores y"
            " desde FactuDesk Web. Use una de ellas, o una CTI estándar.",
        )
    forma = _FORMA.fullmatch(cabecera.strip())
    if forma is None:
        raise _malformada()
    try:
        firma = base64.b64decode(forma[4] + "==", altchars=b"-_", validate=True)
    except binascii.Error:
        raise _malformada() from None
    return Prueba(UUID(forma[1]), forma[2], int(forma[3]), firma)


def revisar(prueba: Prueba, aplicacion: AplicacionRegistrada | None, ahora: datetime) -> AplicacionRegistrada:
    """The application, if it may stamp with an ilimitada now. Raises `no_permitido`; the signature is not checked here."""
    if aplicacion is None:
        raise _negada(
            "desconocida",
            "La aplicación que envía el comprobante no está registrada. Instale la versión oficial o comuníquese"
            " con Induxsoft.",
        )
    if aplicacion.revocada_en is not None:
        raise _negada(
            "revocada",
            f"El registro de la aplicación {aplicacion.nombre} fue revocado. Actualícela a la versión más reciente.",
        )
    if (
        aplicacion.plataforma == Plataforma.WINDOWS
        and int(prueba.version.partition(".")[0]) < VERSION_WINDOWS
    ):
        raise _negada(
            "version",
            f"La versión {prueba.version} de {aplicacion.nombre} no puede usar una CTI ilimitada. Actualícela a la"
            f" V{VERSION_WINDOWS} o posterior.",
        )
    if abs(ahora.timestamp() - prueba.momento) > TOLERANCIA:
        raise _negada(
            "reloj",
            "La hora de su equipo difiere más de 5 minutos de la nuestra. Ajuste fecha, hora y zona horaria, e"
            " intente de nuevo.",
        )
    return aplicacion


def firma_invalida(aplicacion: AplicacionRegistrada) -> DomainError:
    """The signature is not of that application, or is of another document, CTI, time or version."""
    return _negada(
        "firma",
        f"La firma de la aplicación {aplicacion.nombre} no corresponde a este comprobante y esta CTI. Reinstale la"
        " versión oficial; si desarrolla la aplicación, firme los bytes exactos del XML que envía.",
    )


def nombre_valido(texto: str) -> str:
    """Name of an application, 1 to 100 printable characters. Raises `datos_invalidos`."""
    limpio = " ".join(texto.split())
    if not 1 <= len(limpio) <= _NOMBRE or not limpio.isprintable():
        raise campo_invalido("nombre", f"Escriba el nombre de la aplicación, de 1 a {_NOMBRE} caracteres.")
    return limpio


def llave_invalida() -> DomainError:
    """Text that is not an Ed25519 public key."""
    return campo_invalido(
        "llave_publica",
        "Escriba la llave pública Ed25519 en PEM, o sus 32 bytes en base64url (43 caracteres).",
    )


def _malformada() -> DomainError:
    return _negada(
        "forma",
        "La cabecera X-Aplicacion no tiene la forma correcta. Debe ser cm1:id:version:hora:firma, como se describe"
        " en /docs.",
    )


def _negada(motivo: str, detalle: str) -> DomainError:
    return DomainError(Codigo.NO_PERMITIDO, detalle, datos={"motivo": motivo})
