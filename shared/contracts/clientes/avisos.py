"""Whether a CM's notices come by mail to one of its usuarios."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from shared.contracts.base import PeticionConClave, Rpc


@dataclass(frozen=True, kw_only=True)
class PreferenciasDeAvisos:
    """`por_correo`: titular and administradores get the notices of the CM by mail too."""

    por_correo: bool


@dataclass(frozen=True, kw_only=True)
class LeerPreferenciasDeAvisos:
    cuenta_id: UUID
    perfil_id: UUID


@dataclass(frozen=True, kw_only=True)
class CambiarPreferenciasDeAvisos(PeticionConClave):
    """Of the perfil itself, in one CM."""

    cuenta_id: UUID
    perfil_id: UUID
    por_correo: bool


LEER_PREFERENCIAS_DE_AVISOS = Rpc(
    "clientes", "leer_preferencias_de_avisos_v1", LeerPreferenciasDeAvisos, PreferenciasDeAvisos
)
CAMBIAR_PREFERENCIAS_DE_AVISOS = Rpc(
    "clientes",
    "cambiar_preferencias_de_avisos_v1",
    CambiarPreferenciasDeAvisos,
    PreferenciasDeAvisos,
    cambia=True,
)
