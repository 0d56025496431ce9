"""RPC of clientes: the second factor of a perfil."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc, Vacio
from shared.contracts.clientes.campos import LARGO, SIN_NULOS

_DADA = validate.And(SIN_NULOS, LARGO)
CODIGO = validate.And(
    SIN_NULOS,
    validate.Length(min=6, max=40, error="El código tiene seis dígitos, o dieciséis letras y números."),
)
_SIN_HUELLA = PeticionConClave.NO_HASH | {"contrasena", "codigo", "sesion_id"}


@dataclass(frozen=True, kw_only=True)
class ObtenerSegundoFactor:
    perfil_id: UUID
    sesion_id: UUID


@dataclass(frozen=True, kw_only=True)
class SegundoFactor:
    """`verificado_en`: when the session in use last showed it. `codigos_restantes`: of recovery."""

    activo: bool
    desde: datetime | None = None
    codigos_restantes: int = 0
    verificado_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class IniciarSegundoFactor(PeticionConClave):
    NO_HASH: ClassVar[frozenset[str]] = _SIN_HUELLA

    perfil_id: UUID
    contrasena: str = field(metadata={"validate": _DADA}, repr=False)


@dataclass(frozen=True, kw_only=True)
class SegundoFactorIniciado:
    """Shown once: `secreto` in base32, the `otpauth://` address, and its QR as `data:image/svg+xml;base64,…`."""

    secreto: str | None = field(default=None, repr=False)
    uri: str | None = field(default=None, repr=False)
    qr: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class ConCodigo(PeticionConClave):
    """`codigo`: six digits of the application, or a code of recovery."""

    NO_HASH: ClassVar[frozenset[str]] = _SIN_HUELLA

    perfil_id: UUID
    sesion_id: UUID
    codigo: str = field(metadata={"validate": CODIGO}, repr=False)


@dataclass(frozen=True, kw_only=True)
class QuitarSegundoFactor(ConCodigo):
    contrasena: str = field(metadata={"validate": _DADA}, repr=False)


@dataclass(frozen=True, kw_only=True)
class CodigosDeRecuperacion:
    """Shown once: null when the request is repeated."""

    codigos: list[str] | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class AccesoVerificado:
    """A new access token, which says that the second factor was verified now; null when the request is repeated."""

    acceso: str | None = field(default=None, repr=False)
    expira_en: datetime
    verificado_en: datetime


OBTENER_SEGUNDO_FACTOR = Rpc("clientes", "obtener_segundo_factor_v1", ObtenerSegundoFactor, SegundoFactor)


INICIAR_SEGUNDO_FACTOR = Rpc(
    "clientes", "iniciar_segundo_factor_v1", IniciarSegundoFactor, SegundoFactorIniciado, cambia=True,
    secretos=frozenset({"secreto", "uri", "qr"}),
)  # fmt: skip


CONFIRMAR_SEGUNDO_FACTOR = Rpc(
    "clientes", "confirmar_segundo_factor_v1", ConCodigo, CodigosDeRecuperacion, cambia=True,
    secretos=frozenset({"codigos"}),
)  # fmt: skip


REGENERAR_CODIGOS = Rpc(
    "clientes", "regenerar_codigos_v1", ConCodigo, CodigosDeRecuperacion, cambia=True,
    secretos=frozenset({"codigos"}),
)  # fmt: skip


QUITAR_SEGUNDO_FACTOR = Rpc(
    "clientes", "quitar_segundo_factor_v1", QuitarSegundoFactor, Vacio, cambia=True
)  # fmt: skip


VERIFICAR_SEGUNDO_FACTOR = Rpc(
    "clientes", "verificar_segundo_factor_v1", ConCodigo, AccesoVerificado, cambia=True,
    secretos=frozenset({"acceso"}),
)  # fmt: skip
