"""Values and rules of clientes: plain Python.

A correo and a móvil have one written form, so that the database can keep them unique. A CM acts only while
`activo`; a NIC makes the id of the cliente's first CTI; a session is renewed by tokens used once.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from shared.errors import Codigo, DomainError, campo_invalido

VIDA_ACCESO = timedelta(minutes=10)
VIDA_RENOVACION = timedelta(days=7)
VIDA_SESION = timedelta(days=30)


class Estado(StrEnum):
    """States of a cuenta maestra."""

    SIN_VALIDAR = "sin_validar"
    SIN_ACTIVAR = "sin_activar"
    ACTIVO = "activo"
    SUSPENDIDO = "suspendido"
    VENCIDO = "vencido"
    CANCELADO = "cancelado"


class Rol(StrEnum):
    """What a perfil may do in a CM."""

    TITULAR = "titular"
    ADMINISTRADOR = "administrador"
    OPERADOR = "operador"
    LECTURA = "lectura"


@dataclass(frozen=True, kw_only=True)
class PerfilGuardado:
    perfil_id: UUID
    nombre: str
    correo: str
    movil: str
    hash_contrasena: str
    creado_en: datetime


@dataclass(frozen=True, kw_only=True)
class CuentaGuardada:
    cuenta_id: UUID
    padre_id: UUID | None
    nombre: str
    rfc: str | None
    estado: str
    vence_en: datetime | None
    creado_en: datetime

    @property
    def es_raiz(self) -> bool:
        return self.padre_id is None


@dataclass(frozen=True, kw_only=True)
class Administra:
    """A CM that a perfil administers, and as what."""

    cuenta_id: UUID
    nombre: str
    rol: str
    estado: str
    es_raiz: bool


@dataclass(frozen=True, kw_only=True)
class ClienteGuardado:
    cliente_id: UUID
    cuenta_id: UUID
    nic: int
    cti: str
    nombre: str
    nombre_comercial: str | None = None
    rfc: str | None = None
    telefono: str | None = None
    correo: str | None = None
    representante: dict[str, Any] | None = None
    financiero: dict[str, Any] | None = None
    tecnico: dict[str, Any] | None = None
    notas: str | None = None
    precio_especifico: Decimal | None = None
    perfil_principal_id: UUID | None = None
    ultima_emision: datetime | None = None
    creado_en: datetime
    version: int = 1


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


class Credenciales(Protocol):
    """What needs a library or a key: password hashes and signed tokens (`credenciales.py`)."""

    def resumir(self, contrasena: str) -> str:
        """Hash of a new password."""

    def coincide(self, hash_contrasena: str | None, contrasena: str) -> bool:
        """Whether the password is the one; without a hash, the same work and false."""

    def firmar(self, datos: Mapping[str, Any]) -> str:
        """Signed access token with these claims."""


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


def texto_requerido(texto: str, campo: str) -> str:
    """Without spaces around; refused when nothing is left."""
    limpio = " ".join(texto.split())
    if not limpio:
        raise campo_invalido(campo, "Escriba el nombre.")
    return limpio


def cti_inicial(nic: int) -> str:
    """Id of the first CTI of a cliente: readable, and unique as the NIC is."""
    return f"CTI{nic:07d}"


def un_anio_despues(fecha: datetime) -> datetime:
    """The same day a year later; February 29 becomes 28."""
    try:
        return fecha.replace(year=fecha.year + 1)
    except ValueError:
        return fecha.replace(year=fecha.year + 1, day=28)


def exigir_activa(cuenta: CuentaGuardada) -> None:
    """Only an active CM may change things; the others read and renew."""
    if cuenta.estado != Estado.ACTIVO:
        raise DomainError(
            Codigo.CUENTA_BLOQUEADA,
            f"La Cuenta Maestra está en estado «{cuenta.estado}» y sólo permite consultar. "
            "Renuévela o pida a su distribuidor que la reactive.",
            datos={"estado": str(cuenta.estado)},
        )


def precio_unitario(precio: Decimal | None) -> Decimal | None:
    """A unit price has at most four decimals, and shows at least two."""
    if precio is None:
        return None
    if precio != precio.quantize(Decimal("0.0001")):
        raise campo_invalido("precio_especifico", "El precio puede tener a lo más cuatro decimales.")
    corto = precio.quantize(Decimal("0.01"))
    return corto if corto == precio else Decimal(f"{precio.normalize():f}")


def nueva_renovacion() -> str:
    """32 random bytes as text."""
    return secrets.token_urlsafe(32)


def huella_de(renovacion: str) -> bytes:
    """What is stored of a renewal token."""
    return hashlib.sha256(renovacion.encode()).digest()


def credenciales_invalidas() -> DomainError:
    """The same answer for an unknown usuario and a wrong password."""
    return DomainError(
        Codigo.CREDENCIALES_INVALIDAS,
        "El usuario o la contraseña no son correctos. Revíselos y repita.",
    )


def sesion_terminada() -> DomainError:
    """A session that can't be renewed."""
    return DomainError(Codigo.NO_AUTENTICADO, "La sesión terminó. Inicie sesión de nuevo.")
