"""Password hashes (argon2id) and access tokens (EdDSA). The only file with these libraries.

`ejecutar` runs the hashing where it does not stop the process: eventlet's native threads in the service,
a plain call in tests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jwt
from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from shared.errors import Codigo, DomainError

Ejecutar = Callable[..., Any]

#: Hashes at one time: more would only share the cores, and each takes 19 MiB.
A_LA_VEZ = 2

# OWASP's second choice for argon2id: 19 MiB, two passes, one lane (about 20 ms).
_ARGON2 = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)


def en_linea(funcion: Callable[..., Any], *argumentos: Any) -> Any:
    return funcion(*argumentos)


class CredencialesReales:
    """`domain.Credenciales` with argon2 and PyJWT. `llave_privada` is an Ed25519 PEM.

    `en_fila` callers at most hash or wait to; who comes beyond is answered `no_disponible` at once, so that a flood of
    sign-ins leaves workers to everybody else.
    """

    def __init__(self, llave_privada: str, ejecutar: Ejecutar = en_linea, en_fila: int = 64) -> None:
        self._turnos = threading.BoundedSemaphore(A_LA_VEZ)
        self._fila = threading.BoundedSemaphore(en_fila)
        self._llave = llave_privada
        privada = load_pem_private_key(llave_privada.encode(), None)
        if not isinstance(privada, Ed25519PrivateKey):
            raise TypeError("the key of access tokens is not Ed25519")
        self._publica = privada.public_key()
        self._ejecutar = ejecutar
        # Verified for unknown usuarios, so that they take as long as known ones.
        self._nadie = _ARGON2.hash("nadie tiene esta contraseña")

    def resumir(self, contrasena: str) -> str:
        with self._turno():
            return str(self._ejecutar(_ARGON2.hash, contrasena))

    def coincide(self, hash_contrasena: str | None, contrasena: str) -> bool:
        with self._turno():
            igual = bool(self._ejecutar(_verificar, hash_contrasena or self._nadie, contrasena))
        return igual and hash_contrasena is not None

    def firmar(self, datos: Mapping[str, Any]) -> str:
        return jwt.encode(dict(datos), self._llave, algorithm="EdDSA")

    def leer(self, token: str) -> Mapping[str, Any] | None:
        try:
            claims: dict[str, Any] = jwt.decode(token, self._publica, algorithms=["EdDSA"])
        except jwt.InvalidTokenError:
            return None
        return claims

    @contextmanager
    def _turno(self) -> Iterator[None]:
        if not self._fila.acquire(blocking=False):
            raise DomainError(
                Codigo.NO_DISPONIBLE,
                "Hay demasiados inicios de sesión en este momento. Intente de nuevo en unos segundos.",
                datos={"reintentar_en": 2},
            )
        try:
            with self._turnos:
                yield
        finally:
            self._fila.release()


class Anticipadas:
    """`domain.Credenciales` that made its hashes before the transaction began: argon2 takes longer than all its SQL.

    What is asked and was not foreseen means that the perfil changed in between: `conflicto`.
    """

    def __init__(self, reales: CredencialesReales) -> None:
        self._reales = reales
        self._resumenes: dict[str, str] = {}
        self._iguales: dict[tuple[str | None, str], bool] = {}

    def anticipar_resumen(self, contrasena: str) -> None:
        self._resumenes[contrasena] = self._reales.resumir(contrasena)

    def anticipar_comparacion(self, hash_contrasena: str | None, contrasena: str) -> bool:
        igual = self._reales.coincide(hash_contrasena, contrasena)
        self._iguales[hash_contrasena, contrasena] = igual
        return igual

    @property
    def alguna_igual(self) -> bool:
        """A password that was compared was the right one."""
        return any(self._iguales.values())

    def resumir(self, contrasena: str) -> str:
        return self._resumenes[contrasena]

    def coincide(self, hash_contrasena: str | None, contrasena: str) -> bool:
        igual = self._iguales.get((hash_contrasena, contrasena))
        if igual is None:
            raise DomainError(Codigo.CONFLICTO, "Su perfil cambió mientras tanto. Intente de nuevo.")
        return igual

    def firmar(self, datos: Mapping[str, Any]) -> str:
        return self._reales.firmar(datos)

    def leer(self, token: str) -> Mapping[str, Any] | None:
        return self._reales.leer(token)


def _verificar(hash_contrasena: str, contrasena: str) -> bool:
    try:
        return _ARGON2.verify(hash_contrasena, contrasena)
    except (VerificationError, InvalidHashError):
        return False
