"""RPC of clientes: a cliente becomes a distributor."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from shared.contracts.base import PeticionConClave, Rpc
from shared.contracts.clientes.campos import CORREO, LIMITE, MOVIL, opcional


@dataclass(frozen=True, kw_only=True)
class ConvertirCliente(PeticionConClave):
    """It can't be undone. `correo` and `movil`: of who will be the titular, when the cliente has no perfil principal;
    with one, that is the titular, and what is given has to be its own."""

    cuenta_id: UUID
    actor: UUID | None = None
    nic: int
    correo: str | None = opcional(CORREO)
    movil: str | None = opcional(MOVIL)
    confirmar: bool = False


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """`distribuidor_id` is the new CM, whose first cliente is `nic`; `titular`: who confirms or has confirmed it."""

    nic: int
    cliente_id: UUID
    distribuidor_id: UUID
    nombre: str
    estado: str
    en: datetime


@dataclass(frozen=True, kw_only=True)
class ListarConversiones:
    """Clientes that the CM made distributors, the latest first."""

    cuenta_id: UUID
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class ConversionHecha:
    """`notas` and `precio_especifico` are what the CM had written of its cliente, which the cliente does not see."""

    nic: int
    distribuidor_id: UUID
    nombre: str
    estado: str
    notas: str | None = None
    precio_especifico: Decimal | None = None
    en: datetime


@dataclass(frozen=True, kw_only=True)
class PaginaConversiones:
    datos: list[ConversionHecha] = field(default_factory=list)
    siguiente: str | None = None


CONVERTIR_CLIENTE = Rpc(
    "clientes",
    "convertir_cliente_v1",
    ConvertirCliente,
    Conversion,
    cambia=True,
    sin_aislar="the cliente passes from the CM that asks to the one that is opened",
)


LISTAR_CONVERSIONES = Rpc("clientes", "listar_conversiones_v1", ListarConversiones, PaginaConversiones)
