"""RPC of clientes: a cliente becomes a distributor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.contracts.base import PeticionConClave, Rpc
from shared.contracts.clientes.campos import CORREO, MOVIL, opcional


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


CONVERTIR_CLIENTE = Rpc(
    "clientes",
    "convertir_cliente_v1",
    ConvertirCliente,
    Conversion,
    cambia=True,
    sin_aislar="the cliente passes from the CM that asks to the one that is opened",
)
