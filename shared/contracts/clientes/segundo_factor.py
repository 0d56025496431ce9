"""RPC of clientes: the second factor of a perfil."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc, Vacio
from shared.contracts.clientes.campos import CORREO, LARGO, MOVIL, SIN_NULOS

_DADA = validate.And(SIN_NULOS, LARGO)
CODIGO = validate.And(
    SIN_NULOS,
    validate.Length(min=6, max=40, error="El código tiene seis dígitos, o dieciséis letras y números."),
)
_MOTIVO = validate.And(
    SIN_NULOS,
    validate.Length(min=10, max=200, error="Diga en 10 a 200 caracteres cómo se comprobó la identidad."),
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


@dataclass(frozen=True, kw_only=True)
class RetirarSegundoFactor(PeticionConClave):
    """The root's staff turns off that of who lost telephone and codes, once his identity was proven outside.

    `cuenta_id` is the root's. `motivo` says how it was proven; it stays in the audit log for good.
    """

    cuenta_id: UUID
    actor: UUID
    correo: str = field(metadata={"validate": CORREO})
    movil: str = field(metadata={"validate": MOVIL})
    motivo: str = field(metadata={"validate": _MOTIVO})


@dataclass(frozen=True, kw_only=True)
class SegundoFactorRetirado:
    """`sesiones`: those that ended."""

    perfil_id: UUID
    retirado_en: datetime
    sesiones: list[UUID] = field(default_factory=list)


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


RETIRAR_SEGUNDO_FACTOR = Rpc(
    "clientes", "retirar_segundo_factor_v1", RetirarSegundoFactor, SegundoFactorRetirado, cambia=True,
    sin_aislar="the person may administer any CM, and each of them is told in its audit log",
)  # fmt: skip
