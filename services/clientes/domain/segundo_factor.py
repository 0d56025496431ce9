"""The second factor: a code of an application that changes every 30 seconds (TOTP, RFC 6238), or one of recovery."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from shared.errors import Codigo, DomainError

#: Seconds of a code, as every application takes it (RFC 6238, 5.2).
PASO = 30
#: Steps before and after the present one that still count: clocks differ (RFC 6238, 5.2 advises one).
VENTANA = 1
CODIGOS_DE_RECUPERACION = 10
FALLOS_MAXIMOS = 5
BLOQUEO = timedelta(minutes=15)
#: How long a secret waits to be confirmed with a code.
VIDA_POR_CONFIRMAR = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class SegundoFactorGuardado:
    """`secreto` is sealed. `ultimo_paso` is the last step of time whose code was accepted."""

    perfil_id: UUID
    secreto: str
    creado_en: datetime
    confirmado_en: datetime | None = None
    ultimo_paso: int = 0
    fallos: int = 0
    bloqueado_hasta: datetime | None = None

    def por_confirmar(self, ahora: datetime) -> bool:
        """Whether a code may still confirm it; a secret that waits for ever could be guessed at leisure."""
        return self.confirmado_en is None and ahora < self.creado_en + VIDA_POR_CONFIRMAR


class Totp(Protocol):
    """What needs a library or the key that seals secrets (`segundo_factor.py`)."""

    def nuevo(self) -> str:
        """A new secret, in base32."""

    def sellar(self, secreto: str) -> str:
        """The secret as it may be stored."""

    def abrir(self, sellado: str) -> str:
        """The secret again."""

    def paso_de(self, secreto: str, codigo: str, pasos: Iterable[int]) -> int | None:
        """The step, of `pasos`, that has this code."""

    def uri(self, secreto: str, cuenta: str) -> str:
        """`otpauth://…`, which an application reads."""

    def qr(self, uri: str) -> str:
        """The URI as a QR: `data:image/svg+xml;base64,…`."""


def pasos_vigentes(ahora: datetime, ultimo_paso: int) -> range:
    """The steps whose code may be accepted now: within the window, and after the last one that was."""
    paso = int(ahora.timestamp()) // PASO
    return range(max(paso - VENTANA, ultimo_paso + 1), paso + VENTANA + 1)


def nuevos_codigos() -> list[str]:
    """Ten codes of recovery with 80 random bits each: enough for a fast hash to keep them."""
    return [
        "-".join(re.findall("....", base64.b32encode(secrets.token_bytes(10)).decode().lower()))
        for _ in range(CODIGOS_DE_RECUPERACION)
    ]


def huella_de_codigo(codigo: str) -> bytes:
    """What is stored of a code of recovery, however it was typed."""
    return hashlib.sha256(re.sub(r"[\s-]", "", codigo).lower().encode()).digest()


def es_de_aplicacion(codigo: str) -> str | None:
    """The six digits of an application's code, however it was typed; None when it has another form."""
    limpio = re.sub(r"[\s-]", "", codigo)
    return limpio if re.fullmatch(r"[0-9]{6}", limpio) else None


def exigir_sin_bloqueo(factor: SegundoFactorGuardado, ahora: datetime) -> None:
    """Raises `demasiados_intentos` while wrong codes have it closed."""
    if factor.bloqueado_hasta is not None and ahora < factor.bloqueado_hasta:
        segundos = int((factor.bloqueado_hasta - ahora).total_seconds()) + 1
        raise DomainError(
            Codigo.DEMASIADOS_INTENTOS,
            f"Escribió mal el código {FALLOS_MAXIMOS} veces. Espere {-(-segundos // 60)} minutos e intente de nuevo.",
            datos={"reintentar_en": segundos},
        )


def codigo_invalido() -> DomainError:
    """A wrong code, or one that was used before."""
    mensaje = (
        "El código no es correcto o ya se usó. Escriba el que muestra ahora su aplicación, o uno de sus códigos de"
        " recuperación."
    )
    return DomainError(Codigo.CREDENCIALES_INVALIDAS, mensaje, errores={"codigo": [mensaje]})


def codigo_requerido() -> DomainError:
    """The password was right and this perfil has a second factor."""
    return DomainError(
        Codigo.SEGUNDO_FACTOR_REQUERIDO,
        "Escriba también el código de su aplicación de autenticación, o uno de sus códigos de recuperación.",
        errores={"codigo": ["Este perfil tiene segundo factor."]},
    )


def retiro_propio() -> DomainError:
    """Nobody vouches for himself."""
    return DomainError(
        Codigo.NO_PERMITIDO,
        "No puede retirar su propio segundo factor. Quítelo en su perfil con un código, o pida a otro administrador"
        " de la raíz que lo retire.",
    )
