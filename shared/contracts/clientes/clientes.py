"""RPC of clientes: the cartera of a cuenta maestra."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc
from shared.contracts.clientes.campos import (
    CORREO,
    LIMITE,
    MOVIL,
    NOMBRE,
    NOTAS,
    PRECIO,
    TEXTO,
    opcional,
)

#: An idea of "not sent" would need a marker on the wire; an edit names the fields it clears instead.
_BORRABLES = (
    "nombre_comercial", "rfc", "telefono", "correo", "representante", "financiero", "tecnico", "notas",
    "precio_especifico",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Contacto:
    nombre: str | None = opcional(TEXTO)
    correo: str | None = opcional(CORREO)
    telefono: str | None = opcional(TEXTO)


@dataclass(frozen=True, kw_only=True)
class CrearCliente(PeticionConClave):
    cuenta_id: UUID
    actor: UUID | None = None
    nombre: str = field(metadata={"validate": NOMBRE})
    nombre_comercial: str | None = opcional(TEXTO)
    rfc: str | None = opcional(TEXTO)
    telefono: str | None = opcional(TEXTO)
    correo: str | None = opcional(CORREO)
    representante: Contacto | None = None
    financiero: Contacto | None = None
    tecnico: Contacto | None = None
    notas: str | None = opcional(NOTAS)
    precio_especifico: Decimal | None = field(default=None, metadata={"validate": PRECIO})


@dataclass(frozen=True, kw_only=True)
class EditarCliente(PeticionConClave):
    """Only fields that are not null change; `borrar` names those to empty. `version`: refuse another one."""

    cuenta_id: UUID
    actor: UUID | None = None
    nic: int
    version: int | None = None
    nombre: str | None = opcional(NOMBRE)
    nombre_comercial: str | None = opcional(TEXTO)
    rfc: str | None = opcional(TEXTO)
    telefono: str | None = opcional(TEXTO)
    correo: str | None = opcional(CORREO)
    representante: Contacto | None = None
    financiero: Contacto | None = None
    tecnico: Contacto | None = None
    notas: str | None = opcional(NOTAS)
    precio_especifico: Decimal | None = field(default=None, metadata={"validate": PRECIO})
    borrar: list[str] = field(
        default_factory=list,
        metadata={"validate": validate.ContainsOnly(_BORRABLES, error="Ese campo no se puede vaciar.")},
    )


@dataclass(frozen=True, kw_only=True)
class Cliente:
    """`cti` is the id of the cliente's first CTI; `ultima_emision` is the time of its last stamping."""

    cuenta_id: UUID
    cliente_id: UUID
    nic: int
    cti: str
    nombre: str
    nombre_comercial: str | None = None
    rfc: str | None = None
    telefono: str | None = None
    correo: str | None = None
    representante: Contacto | None = None
    financiero: Contacto | None = None
    tecnico: Contacto | None = None
    notas: str | None = None
    precio_especifico: Decimal | None = None
    perfil_principal_id: UUID | None = None
    ultima_emision: datetime | None = None
    creado_en: datetime
    version: int


@dataclass(frozen=True, kw_only=True)
class ObtenerCliente:
    cuenta_id: UUID
    nic: int


@dataclass(frozen=True, kw_only=True)
class ListarClientes:
    """A CM's cartera by NIC, newest first; `q` looks in names, RFC, correo and NIC."""

    cuenta_id: UUID
    q: str | None = opcional(TEXTO)
    limite: int = field(default=50, metadata={"validate": LIMITE})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaClientes:
    datos: list[Cliente] = field(default_factory=list)
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class AsignarPerfilPrincipal(PeticionConClave):
    """Correo and móvil must be those of one existing perfil that administers no CM."""

    cuenta_id: UUID
    actor: UUID | None = None
    nic: int
    correo: str = field(metadata={"validate": CORREO})
    movil: str = field(metadata={"validate": MOVIL})


@dataclass(frozen=True, kw_only=True)
class PerfilPrincipal:
    nic: int
    perfil_id: UUID
    nombre: str
    correo: str
    movil: str


CREAR_CLIENTE = Rpc("clientes", "crear_cliente_v1", CrearCliente, Cliente, cambia=True)


EDITAR_CLIENTE = Rpc("clientes", "editar_cliente_v1", EditarCliente, Cliente, cambia=True)


OBTENER_CLIENTE = Rpc("clientes", "obtener_cliente_v1", ObtenerCliente, Cliente)


LISTAR_CLIENTES = Rpc("clientes", "listar_clientes_v1", ListarClientes, PaginaClientes)


ASIGNAR_PERFIL_PRINCIPAL = Rpc(
    "clientes", "asignar_perfil_principal_v1", AsignarPerfilPrincipal, PerfilPrincipal, cambia=True
)
