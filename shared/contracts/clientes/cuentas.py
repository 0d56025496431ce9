"""RPC of clientes: the tree of cuentas maestras."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from shared.contracts.base import PeticionConClave, Rpc
from shared.contracts.clientes.campos import (
    NOMBRE,
    TEXTO,
    opcional,
)


@dataclass(frozen=True, kw_only=True)
class CuentaDePerfil:
    """A CM that a perfil administers. `rol`: titular, administrador, operador or consulta."""

    cuenta_id: UUID
    nombre: str
    rol: str
    estado: str
    es_raiz: bool


@dataclass(frozen=True, kw_only=True)
class CrearCuentaMaestra(PeticionConClave):
    """`padre_id` is null once: for the root."""

    padre_id: UUID | None = None
    nombre: str = field(metadata={"validate": NOMBRE})
    rfc: str | None = opcional(TEXTO)
    titular_perfil_id: UUID
    actor: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class ObtenerCuenta:
    cuenta_id: UUID


@dataclass(frozen=True, kw_only=True)
class CuentaMaestra:
    """`vence_en` is null for the root, which never expires."""

    cuenta_id: UUID
    nombre: str
    rfc: str | None = None
    padre_id: UUID | None = None
    es_raiz: bool
    estado: str
    vence_en: datetime | None = None
    creado_en: datetime


CREAR_CUENTA_MAESTRA = Rpc(
    "clientes", "crear_cuenta_maestra_v1", CrearCuentaMaestra, CuentaMaestra, cambia=True
)


OBTENER_CUENTA = Rpc("clientes", "obtener_cuenta_v1", ObtenerCuenta, CuentaMaestra)
