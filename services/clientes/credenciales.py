"""Password hashes (argon2id) and access tokens (EdDSA). The only file with these libraries.

`ejecutar` runs the hashing where it does not stop the process: eventlet's native threads in the service,
a plain call in tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jwt
from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

Ejecutar = Callable[..., Any]

# OWASP's second choice for argon2id: 19 MiB, two passes, one lane (about 20 ms).
_ARGON2 = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)


def _en_linea(funcion: Callable[..., Any], *argumentos: Any) -> Any:
    return funcion(*argumentos)


class CredencialesReales:
    """`domain.Credenciales` with argon2 and PyJWT. `llave_privada` is an Ed25519 PEM."""

    def __init__(self, llave_privada: str, ejecutar: Ejecutar = _en_linea) -> None:
        self._llave = llave_privada
        self._ejecutar = ejecutar
        # Verified for unknown usuarios, so that they take as long as known ones.
        self._nadie = _ARGON2.hash("nadie tiene esta contraseña")

    def resumir(self, contrasena: str) -> str:
        return str(self._ejecutar(_ARGON2.hash, contrasena))

    def coincide(self, hash_contrasena: str | None, contrasena: str) -> bool:
        igual = bool(self._ejecutar(_verificar, hash_contrasena or self._nadie, contrasena))
        return igual and hash_contrasena is not None

    def firmar(self, datos: Mapping[str, Any]) -> str:
        return jwt.encode(dict(datos), self._llave, algorithm="EdDSA")


def _verificar(hash_contrasena: str, contrasena: str) -> bool:
    try:
        return _ARGON2.verify(hash_contrasena, contrasena)
    except (VerificationError, InvalidHashError):
        return False
