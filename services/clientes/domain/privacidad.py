"""What an erasure puts in the place of a person, what it keeps and why."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.errors import Codigo, DomainError

#: No password has this hash, and the database takes no other one of an erased perfil.
SIN_CONTRASENA = "$argon2id$suprimido"
PERFIL_SUPRIMIDO = "Perfil suprimido"
CLIENTE_SUPRIMIDO = "Cliente suprimido"
CUENTA_SUPRIMIDA = "Cuenta eliminada"
_SUPRIMIDO = "(suprimido)"

#: Fields of a stored answer that may say who its subject is.
PERSONALES = frozenset(
    (
        "nombre", "correo", "correo_pendiente", "movil", "telefono", "rfc", "nombre_comercial", "notas", "sitio_web",
        "titular", "titular_nombre", "motivo", "domicilio", "representante", "financiero", "tecnico", "otros",
        "advertencias",
    )
)  # fmt: skip
#: The same where the answer is about something else and names a person as its contact.
DE_CONTACTO = frozenset(("correo", "movil", "titular", "titular_nombre"))

CONSERVADO_DE_PERFIL = (
    (
        "El registro de auditoría, que nunca se edita. Identifica a quien actuó por un número interno, y guarda la dirección"
        " de red desde la que actuó y algunos datos abreviados: iniciales del nombre, primera letra y dominio del correo,"
        " últimos dígitos del móvil y primeras letras del RFC."
    ),
    "Qué versión del aviso de privacidad aceptó y cuándo, sin su dirección de red: es la prueba del consentimiento.",
)
CONSERVADO_DE_CLIENTE = (
    (
        "Ventas, facturas, movimientos de timbres y de puntos y los comprobantes timbrados, que se conservan al menos cinco"
        " años por obligación fiscal (artículo 30 del Código Fiscal de la Federación)."
    ),
    "Las licencias emitidas, que son documentos firmados y sólo guardan el NIC.",
    (
        "El registro de auditoría, que nunca se edita y guarda el NIC y algunos datos abreviados: iniciales de nombres,"
        " primera letra y dominio del correo, últimos dígitos de teléfonos y primeras letras del RFC."
    ),
)


@dataclass(frozen=True, kw_only=True)
class AvisoGuardado:
    version: int
    texto: str
    huella: bytes
    publicado_en: datetime
    publicado_por: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class ConsentimientoGuardado:
    version: int
    en: datetime
    origen_ip: str


def correo_suprimido(perfil_id: UUID) -> str:
    """Of the domain that RFC 2606 keeps from ever existing."""
    return f"suprimido-{perfil_id}@invalid"


def es_correo_suprimido(correo: str) -> bool:
    """Nobody reads it: its perfil was erased."""
    return correo.endswith("@invalid")


def movil_suprimido(numero: int) -> str:
    """`+0` and 14 digits: no E.164 number begins with 0."""
    return f"+0{numero:014d}"


def sin_persona(respuesta: dict[str, Any], campos: Collection[str] = PERSONALES) -> dict[str, Any]:
    """A stored answer that no longer says who it is about; of the same shape, for whoever repeats the request."""
    return {campo: _borrado(valor) if campo in campos else valor for campo, valor in respuesta.items()}


def _borrado(valor: Any) -> Any:
    if isinstance(valor, dict):
        return {campo: _borrado(v) for campo, v in valor.items()}
    if isinstance(valor, list):
        return [_borrado(v) for v in valor]
    return _SUPRIMIDO if isinstance(valor, str) else valor


def cuenta_que_depende(nombres: Collection[str]) -> DomainError:
    """A living CM has its titular."""
    return DomainError(
        Codigo.CONFLICTO,
        f"Usted es el titular de: {', '.join(sorted(nombres))}. Entregue antes cada cuenta a"
        " otra persona, o pida su cancelación, y repita.",
    )


def cliente_no_en_bajas() -> DomainError:
    return DomainError(
        Codigo.CONFLICTO,
        "Sólo se suprime a un cliente que está en Bajas. Clasifíquelo primero como baja y repita.",
    )


def cliente_suprimido() -> DomainError:
    return DomainError(
        Codigo.CONFLICTO,
        "Los datos de este cliente se suprimieron y no admiten cambios. Si es cliente de nuevo, delo de alta otra vez.",
    )


def importacion_en_curso() -> DomainError:
    return DomainError(
        Codigo.CONFLICTO,
        "Hay una importación de clientes en curso, que puede tener los datos de este cliente. Espere a que termine, o"
        " cancélela, y repita.",
    )


def version_que_no_rige(vigente: int) -> DomainError:
    return DomainError(
        Codigo.CONFLICTO,
        f"El aviso de privacidad en vigor es la versión {vigente}. Léalo y acepte esa versión.",
        datos={"version": vigente},
    )
