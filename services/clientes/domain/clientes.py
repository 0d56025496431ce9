"""Clientes of a cuenta maestra: what is stored of one, and the rules of its fields."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.errors import campo_invalido


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
    favorito: bool = False
    baja: bool = False
    color: str | None = None
    regimen_fiscal: str | None = None
    uso_cfdi: str | None = None
    sitio_web: str | None = None
    domicilio: dict[str, Any] | None = None
    otros: dict[str, str] | None = None
    suprimido_en: datetime | None = None


def con_control(texto: str) -> bool:
    """Whether a text has control characters, line separators or halves of a character: nothing that people write."""
    return any(unicodedata.category(letra) in ("Cc", "Zl", "Zp", "Cs") for letra in texto)


def texto_requerido(texto: str, campo: str) -> str:
    """Without spaces around; refused when nothing is left."""
    limpio = " ".join(texto.split())
    if not limpio:
        raise campo_invalido(campo, "Escriba el nombre.")
    if con_control(limpio):
        raise campo_invalido(campo, "El nombre tiene caracteres que no se ven. Bórrelo y escríbalo de nuevo.")
    return limpio


def cti_inicial(nic: int) -> str:
    """Id of the first CTI of a cliente: readable, and unique as the NIC is."""
    return f"CTI{nic:07d}"


def precio_unitario(precio: Decimal | None) -> Decimal | None:
    """A unit price has at most four decimals, and shows at least two."""
    if precio is None:
        return None
    if precio != precio.quantize(Decimal("0.0001")):
        raise campo_invalido("precio_especifico", "El precio puede tener a lo más cuatro decimales.")
    corto = precio.quantize(Decimal("0.01"))
    return corto if corto == precio else Decimal(f"{precio.normalize():f}")
