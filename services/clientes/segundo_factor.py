"""Codes of time (RFC 6238), the key that seals their secrets, and their QR. The only file with these libraries.

Keys are Fernet's, one a line: the first seals, all open, so that a new one goes first and the old ones stay.
"""

from __future__ import annotations

import base64
import hmac
import io
from collections.abc import Iterable
from pathlib import Path

import pyotp
import qrcode
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from qrcode.image.svg import SvgPathImage

from services.clientes.credenciales import Ejecutar, en_linea
from services.clientes.domain import PASO
from shared.errors import Codigo, DomainError

EMISOR = "Cuenta Maestra"


class TotpReal:
    """`domain.Totp` with pyotp and Fernet. Without a file of keys every call that needs one is refused."""

    def __init__(self, llaves: Path | None, ejecutar: Ejecutar = en_linea) -> None:
        self._ejecutar = ejecutar
        lineas = llaves.read_text().split() if llaves else []
        self._llaves = MultiFernet([Fernet(x) for x in lineas]) if lineas else None

    def nuevo(self) -> str:
        return pyotp.random_base32()

    def sellar(self, secreto: str) -> str:
        return self._fernet().encrypt(secreto.encode()).decode()

    def abrir(self, sellado: str) -> str:
        try:
            return self._fernet().decrypt(sellado.encode()).decode()
        except InvalidToken as exc:
            raise _sin_llave() from exc

    def paso_de(self, secreto: str, codigo: str, pasos: Iterable[int]) -> int | None:
        totp = pyotp.TOTP(secreto, interval=PASO)
        # Every step is compared, so that the time says nothing of which one it was.
        hallados = [paso for paso in pasos if hmac.compare_digest(totp.at(paso * PASO), codigo)]
        return hallados[0] if hallados else None

    def uri(self, secreto: str, cuenta: str) -> str:
        return pyotp.TOTP(secreto, interval=PASO).provisioning_uri(name=cuenta, issuer_name=EMISOR)

    def qr(self, uri: str) -> str:
        return str(self._ejecutar(_svg, uri))

    def _fernet(self) -> MultiFernet:
        if self._llaves is None:
            raise _sin_llave()
        return self._llaves


def _svg(uri: str) -> str:
    salida = io.BytesIO()
    qrcode.make(uri, image_factory=SvgPathImage, box_size=8).save(salida)
    return "data:image/svg+xml;base64," + base64.b64encode(salida.getvalue()).decode()


def _sin_llave() -> DomainError:
    return DomainError(
        Codigo.NO_DISPONIBLE,
        "El segundo factor no está disponible en este momento. Intente más tarde o avise a soporte.",
    )
