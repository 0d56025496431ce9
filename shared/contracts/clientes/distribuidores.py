"""RPC of clientes: a CM's distributors, from their alta to their removal."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc
from shared.contracts.clientes.campos import (
    CONTRASENA,
    CORREO,
    LIMITE,
    MOVIL,
    NOMBRE,
    SIN_NULOS,
    TEXTO,
    opcional,
)
from shared.contracts.clientes.renovaciones import Renovacion

_MOTIVO = validate.And(SIN_NULOS, validate.Length(max=300, error="Escriba a lo más 300 caracteres."))
_ESTADO = validate.OneOf(
    ["sin_validar", "sin_activar", "activo", "suspendido", "vencido", "cancelado"],
    error="El estado debe ser uno de: {choices}.",
)
_ORDEN = validate.OneOf(["nombre", "vencimiento", "recientes"], error="El orden debe ser uno de: {choices}.")
_ACCION = validate.OneOf(["activacion", "suspension", "reactivacion", "cancelacion"])


@dataclass(frozen=True, kw_only=True)
class CrearDistribuidor(PeticionConClave):
    """Open a CM under `cuenta_id`, which waits until whoever has `correo` confirms."""

    cuenta_id: UUID
    actor: UUID | None = None
    nombre: str = field(metadata={"validate": NOMBRE})
    rfc: str | None = opcional(TEXTO)
    correo: str = field(metadata={"validate": CORREO})
    movil: str = field(metadata={"validate": MOVIL})
    titular: str | None = opcional(NOMBRE)


@dataclass(frozen=True, kw_only=True)
class Distribuidor:
    """What a parent sees of a direct sub-distributor. `titular`, `correo`, `movil`: as given at the alta until confirmed.

    `dias_restantes` natural days to the expiry day, negative after it; `acciones`: what the parent can do now.
    """

    cuenta_id: UUID
    nombre: str
    rfc: str | None = None
    estado: str
    estado_desde: datetime
    vence_en: datetime | None = None
    dias_restantes: int | None = None
    titular: str | None = None
    correo: str | None = None
    movil: str | None = None
    origen: str
    acciones: list[str] = field(default_factory=list)
    creado_en: datetime


@dataclass(frozen=True, kw_only=True)
class CambioDeEstado:
    """One line of a CM's history. `quien`: padre, propia or sistema; `de` is null at the alta."""

    accion: str
    de: str | None = None
    a: str
    quien: str
    motivo: str | None = None
    en: datetime


@dataclass(frozen=True, kw_only=True)
class DetalleDistribuidor:
    """A sub-distributor with its history, the latest first, and its latest renewal."""

    distribuidor: Distribuidor
    historia: list[CambioDeEstado] = field(default_factory=list)
    renovacion: Renovacion | None = None


@dataclass(frozen=True, kw_only=True)
class ListarDistribuidores:
    """Direct sub-distributors. `q`: part of the name or of the correo."""

    cuenta_id: UUID
    estado: str | None = opcional(_ESTADO)
    q: str | None = opcional(TEXTO)
    orden: str = field(default="nombre", metadata={"validate": _ORDEN})
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaDistribuidores:
    """One page; `siguiente` is the cursor of the next, null on the last."""

    datos: list[Distribuidor] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class ObtenerDistribuidor:
    cuenta_id: UUID
    distribuidor_id: UUID


@dataclass(frozen=True, kw_only=True)
class ResumirDistribuidores:
    cuenta_id: UUID


@dataclass(frozen=True, kw_only=True)
class ResumenDistribuidores:
    """How many direct sub-distributors are in each state: the manual's tabs."""

    sin_validar: int = 0
    sin_activar: int = 0
    activo: int = 0
    suspendido: int = 0
    vencido: int = 0
    cancelado: int = 0
    total: int = 0


@dataclass(frozen=True, kw_only=True)
class CambiarDistribuidor(PeticionConClave):
    """Activate, suspend, reactivate or cancel. `motivo` is asked for by a suspension and a cancellation.

    It is free text, that may say something of a person: it stands in the CM's history, from where it is erased with
    the CM, and not in the audit log, from where nothing is.
    """

    cuenta_id: UUID
    actor: UUID | None = None
    distribuidor_id: UUID
    accion: str = field(metadata={"validate": _ACCION})
    motivo: str | None = field(default=None, repr=False, metadata={"validate": _MOTIVO})


@dataclass(frozen=True, kw_only=True)
class ReenviarAlta(PeticionConClave):
    """Mail the confirmation of an alta again; the earlier link stops working.

    `correo`, `movil`, `titular`: those of who is to confirm, when they were written wrong. What is not sent stays.
    """

    cuenta_id: UUID
    actor: UUID | None = None
    distribuidor_id: UUID
    correo: str | None = opcional(CORREO)
    movil: str | None = opcional(MOVIL)
    titular: str | None = opcional(NOMBRE)


@dataclass(frozen=True, kw_only=True)
class VerAlta:
    """What the link of the mail shows."""

    token: str = field(metadata={"validate": TEXTO}, repr=False)


@dataclass(frozen=True, kw_only=True)
class AltaVista:
    """`tiene_perfil`: it only has to accept; otherwise it makes its perfil with name and password."""

    nombre: str
    padre: str
    correo: str
    movil: str
    titular: str | None = None
    tiene_perfil: bool
    vence_en: datetime


@dataclass(frozen=True, kw_only=True)
class ConfirmarAlta(PeticionConClave):
    """Accept the alta. Without a perfil of that correo, `nombre` and `contrasena` make it; `movil` if another one."""

    # Neither the password nor the token may be guessed from a stored hash.
    NO_HASH: ClassVar[frozenset[str]] = PeticionConClave.NO_HASH | {"contrasena", "token"}

    token: str = field(metadata={"validate": TEXTO}, repr=False)
    nombre: str | None = opcional(NOMBRE)
    movil: str | None = opcional(MOVIL)
    contrasena: str | None = field(default=None, metadata={"validate": CONTRASENA}, repr=False)
    aviso_version: str | None = opcional(TEXTO)


@dataclass(frozen=True, kw_only=True)
class AltaConfirmada:
    cuenta_id: UUID
    nombre: str
    estado: str
    correo: str
    perfil_creado: bool


_RED = "a parent and its sub-distributor: its state, its history and who its titular is"
CREAR_DISTRIBUIDOR = Rpc(
    "clientes", "crear_distribuidor_v1", CrearDistribuidor, Distribuidor, cambia=True, sin_aislar=_RED
)
LISTAR_DISTRIBUIDORES = Rpc(
    "clientes", "listar_distribuidores_v1", ListarDistribuidores, PaginaDistribuidores, sin_aislar=_RED
)
RESUMIR_DISTRIBUIDORES = Rpc(
    "clientes", "resumir_distribuidores_v1", ResumirDistribuidores, ResumenDistribuidores
)
OBTENER_DISTRIBUIDOR = Rpc(
    "clientes", "obtener_distribuidor_v1", ObtenerDistribuidor, DetalleDistribuidor, sin_aislar=_RED
)
CAMBIAR_DISTRIBUIDOR = Rpc(
    "clientes", "cambiar_distribuidor_v1", CambiarDistribuidor, Distribuidor, cambia=True, sin_aislar=_RED
)
REENVIAR_ALTA = Rpc("clientes", "reenviar_alta_v1", ReenviarAlta, Distribuidor, cambia=True, sin_aislar=_RED)
VER_ALTA = Rpc("clientes", "ver_alta_v1", VerAlta, AltaVista)
CONFIRMAR_ALTA = Rpc("clientes", "confirmar_alta_v1", ConfirmarAlta, AltaConfirmada, cambia=True)
