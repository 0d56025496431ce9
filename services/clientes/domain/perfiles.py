"""Perfiles and their sessions: the written form of a correo and a móvil, lifetimes, tokens used once."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from shared.errors import Codigo, DomainError, campo_invalido

VIDA_ACCESO = timedelta(minutes=10)


VIDA_RENOVACION = timedelta(days=7)


VIDA_SESION = timedelta(days=30)


VIDA_CONFIRMACION = timedelta(hours=48)


VIDA_RECUPERACION = timedelta(hours=1)


#: Purpose of the token that makes another correo a perfil's own.
CAMBIO_CORREO = "cambio_correo"


#: What was registered and not confirmed goes after these.
VIDA_SIN_CONFIRMAR = timedelta(days=7)


#: What ended as a token says nothing to anybody after these.
VIDA_DE_TOKENS = timedelta(days=30)


#: Mails of one purpose to one person in an hour: whoever asks for more gets the same answer and no mail.
CORREOS_POR_HORA = 5


@dataclass(frozen=True, kw_only=True)
class PerfilGuardado:
    perfil_id: UUID
    nombre: str
    correo: str
    movil: str
    hash_contrasena: str
    creado_en: datetime
    confirmado_en: datetime | None = None
    """Its correo is its own; until then it can neither sign in nor be given anything."""
    aviso_version: str | None = None
    """The privacy notice that it accepted when it registered."""
    suprimido_en: datetime | None = None
    """Its personal data were erased: it is nobody any more."""


@dataclass(frozen=True, kw_only=True)
class Renovacion:
    """A renewal token as stored, with its session."""

    huella: bytes
    sesion_id: UUID
    perfil_id: UUID
    vence_en: datetime
    usada_en: datetime | None
    sesion_vence_en: datetime
    revocada_en: datetime | None
    sucesoras: int = 0
    """How many tokens its use has made."""
    sucesora_usada: bool = False
    hermana_usada: bool = False
    """Another token that the same use made has been used."""


class Credenciales(Protocol):
    """What needs a library or a key: password hashes and signed tokens (`credenciales.py`)."""

    def resumir(self, contrasena: str) -> str:
        """Hash of a new password."""

    def coincide(self, hash_contrasena: str | None, contrasena: str) -> bool:
        """Whether the password is the one; without a hash, the same work and false."""

    def firmar(self, datos: Mapping[str, Any]) -> str:
        """Signed access token with these claims."""

    def leer(self, token: str) -> Mapping[str, Any] | None:
        """The claims of a token that `firmar` made; None when it is not one, or expired."""


def normalizar_correo(texto: str) -> str:
    """Without spaces around, in lower case."""
    return texto.strip().lower()


def normalizar_movil(texto: str, campo: str = "movil") -> str:
    """E.164: `+` and digits. Ten digits are Mexican; the old `1` after +52 is dropped."""
    digitos = re.sub(r"\D", "", texto)
    if len(digitos) == 10 and not texto.strip().startswith("+"):
        digitos = "52" + digitos
    elif len(digitos) == 13 and digitos.startswith("521"):
        digitos = "52" + digitos[3:]
    elif not (texto.strip().startswith("+") or (len(digitos) == 12 and digitos.startswith("52"))):
        digitos = ""
    if not 10 <= len(digitos) <= 15:
        raise campo_invalido(campo, "El móvil debe tener 10 dígitos, o empezar con + y la clave del país.")
    return "+" + digitos


def normalizar_usuario(texto: str) -> str | None:
    """A correo or a móvil as stored; None when it can be neither."""
    if "@" in texto:
        return normalizar_correo(texto)
    try:
        return normalizar_movil(texto)
    except DomainError:
        return None


def nueva_renovacion() -> str:
    """32 random bytes as text."""
    return secrets.token_urlsafe(32)


def huella_de(renovacion: str) -> bytes:
    """What is stored of a renewal token."""
    return hashlib.sha256(renovacion.encode()).digest()


def credenciales_invalidas() -> DomainError:
    """The same answer for an unknown usuario, a wrong password and a correo that nobody confirmed yet."""
    return DomainError(
        Codigo.CREDENCIALES_INVALIDAS,
        "El usuario o la contraseña no son correctos, o falta confirmar el correo. Revíselos y repita.",
    )


def enlace_vencido(que: str) -> DomainError:
    """A token that is unknown, used, voided or too old. `que` says how to get another."""
    return DomainError(Codigo.ENLACE_VENCIDO, f"El enlace ya venció, ya se usó o no está completo. {que}")


def contrasena_equivocada(campo: str) -> DomainError:
    """Of somebody with a session, who has to show that it is the owner."""
    mensaje = "La contraseña no es correcta. Revísela y repita, o recupérela."
    return DomainError(Codigo.CREDENCIALES_INVALIDAS, mensaje, errores={campo: [mensaje]})


def sesion_terminada() -> DomainError:
    """A session that can't be renewed."""
    return DomainError(Codigo.NO_AUTENTICADO, "La sesión terminó. Inicie sesión de nuevo.")
