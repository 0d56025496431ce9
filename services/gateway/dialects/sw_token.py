"""The tokens of SW's dialect: the CTI's credentials, sealed, good for two hours.

SW's clients sign in once and then send a token. The gateway has no database to keep sessions in, and its
replicas share nothing but configuration, so the token carries what it stands for: Fernet (AES-128-CBC with
HMAC-SHA256, and the time of issue) under a key that the gateways alone have. A password that was changed
kills its tokens by itself, because timbrado verifies it at every call. The file may hold several keys, one
a line: the first seals, all open, so that a key is changed without signing anybody out.

SW also lets a client keep an "infinite token" in its configuration. Ours is `base64url(cti:contraseña)`:
it says no more than HTTP Basic does, and it ends when the password is changed.
"""

from __future__ import annotations

import base64
import binascii
import time
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

#: Seconds. SW's are good for two hours, and its clients renew them by the clock.
VIGENCIA: Final = 2 * 60 * 60
#: Seconds for which a link to one document can be opened.
VIGENCIA_DE_ENLACE: Final = 10 * 60

_SESION: Final = "s"
_ENLACE: Final = "e"


class TokenInvalido(ValueError):
    """Not one of ours, altered, or too old."""


class Tokens:
    """Makes and opens tokens. Raises ValueError if there is no key, or one is not Fernet's."""

    def __init__(self, llaves: list[bytes]) -> None:
        self._caja = MultiFernet([Fernet(llave) for llave in llaves])

    @classmethod
    def de_archivo(cls, ruta: Path) -> Tokens:
        """With the keys of a file, one a line."""
        return cls(ruta.read_bytes().split())

    def emitir(self, cti: str, contrasena: str) -> tuple[str, int]:
        """A token, and until when it is good (Unix time), as SW's `expires_in` says it."""
        return self._sellar(_SESION, cti, contrasena), int(time.time()) + VIGENCIA

    def leer(self, token: str) -> tuple[str, str]:
        """CTI id and password of a token of either kind. Raises `TokenInvalido`."""
        try:
            cti, contrasena = self._abrir(_SESION, token, VIGENCIA)
        except TokenInvalido:
            cti, contrasena = _infinito(token)
        return cti, contrasena

    def enlace(self, cti: str, contrasena: str, uuid: str) -> str:
        """What opens one document for ten minutes without signing in; it is no token."""
        return self._sellar(_ENLACE, cti, contrasena, uuid)

    def leer_enlace(self, enlace: str) -> tuple[str, str, str]:
        """CTI id, password and UUID of a link. Raises `TokenInvalido`."""
        cti, contrasena, uuid = self._abrir(_ENLACE, enlace, VIGENCIA_DE_ENLACE)
        return cti, contrasena, uuid

    def _sellar(self, *partes: str) -> str:
        return self._caja.encrypt("\0".join(partes).encode()).decode()

    def _abrir(self, clase: str, token: str, vigencia: int) -> list[str]:
        try:
            marca, *partes = self._caja.decrypt(token.encode(), ttl=vigencia).decode().split("\0")
        except (InvalidToken, UnicodeError):
            raise TokenInvalido from None
        if marca != clase or len(partes) != (2 if clase == _SESION else 3):
            raise TokenInvalido
        return partes


def _infinito(token: str) -> tuple[str, str]:
    try:
        claro = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except (binascii.Error, UnicodeError, ValueError):
        raise TokenInvalido from None
    cti, dos_puntos, contrasena = claro.partition(":")
    if not (cti and dos_puntos and contrasena):
        raise TokenInvalido
    return cti, contrasena
