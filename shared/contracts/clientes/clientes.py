"""RPC of clientes: the cartera of a cuenta maestra."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from marshmallow import ValidationError, validate

from shared.contracts.base import PeticionConClave, Rpc
from shared.contracts.clientes.campos import (
    COLOR,
    CORREO,
    LIMITE,
    MOVIL,
    NOMBRE,
    NOTAS,
    PRECIO,
    SIN_NULOS,
    TEXTO,
    opcional,
)

OTROS_MAXIMOS = 20
NICS_MAXIMOS = 500
#: Clientes that an export reads at a time.
PIEZA_DE_EXPORTACION = 1_000

#: An idea of "not sent" would need a marker on the wire; an edit names the fields it clears instead.
_BORRABLES = (
    "nombre_comercial", "rfc", "telefono", "correo", "representante", "financiero", "tecnico", "notas",
    "precio_especifico", "regimen_fiscal", "uso_cfdi", "sitio_web", "domicilio", "otros",
    *(f"{quien}.{dato}" for quien in ("representante", "financiero", "tecnico")
      for dato in ("nombre", "puesto", "correo", "telefono", "movil")),
    *(f"domicilio.{dato}" for dato in ("calle", "numero_exterior", "numero_interior", "colonia", "localidad",
                                       "municipio", "estado", "codigo_postal")),
)  # fmt: skip

_NOMBRE_DE_DATO = validate.And(
    SIN_NULOS, validate.Length(min=1, max=60, error="El nombre de cada dato lleva de 1 a 60 caracteres.")
)
_VALOR_DE_DATO = validate.And(
    SIN_NULOS, validate.Length(max=500, error="El valor de cada dato lleva a lo más 500 caracteres.")
)


def _otros(datos: dict[str, str]) -> None:
    """Free fields of the form: a few, each short. Raises `ValidationError`."""
    if len(datos) > OTROS_MAXIMOS:
        raise ValidationError(f"Escriba a lo más {OTROS_MAXIMOS} datos adicionales.")
    for nombre, valor in datos.items():
        _NOMBRE_DE_DATO(nombre)
        _VALOR_DE_DATO(valor)


@dataclass(frozen=True, kw_only=True)
class Contacto:
    nombre: str | None = opcional(TEXTO)
    correo: str | None = opcional(CORREO)
    telefono: str | None = opcional(TEXTO)
    movil: str | None = opcional(TEXTO)
    puesto: str | None = opcional(TEXTO)


@dataclass(frozen=True, kw_only=True)
class Domicilio:
    """Domicilio fiscal, as a CFDI 4.0 asks for it: `codigo_postal` of five digits, `estado` by name or SAT key."""

    calle: str | None = opcional(TEXTO)
    numero_exterior: str | None = opcional(TEXTO)
    numero_interior: str | None = opcional(TEXTO)
    colonia: str | None = opcional(TEXTO)
    localidad: str | None = opcional(TEXTO)
    municipio: str | None = opcional(TEXTO)
    estado: str | None = opcional(TEXTO)
    codigo_postal: str | None = opcional(TEXTO)


@dataclass(frozen=True, kw_only=True)
class Advertencia:
    """Something that was accepted and is likely a mistake; `mensaje` is Spanish."""

    campo: str
    mensaje: str


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
    regimen_fiscal: str | None = opcional(TEXTO)
    uso_cfdi: str | None = opcional(TEXTO)
    sitio_web: str | None = opcional(TEXTO)
    domicilio: Domicilio | None = None
    otros: dict[str, str] | None = field(default=None, metadata={"validate": _otros})


@dataclass(frozen=True, kw_only=True)
class EditarCliente(PeticionConClave):
    """Only fields that are not null change, of a contact or the address only the parts that are not null; `borrar`
    names fields (`notas`) or parts (`tecnico.movil`) to empty. `version`: refuse another one."""

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
    regimen_fiscal: str | None = opcional(TEXTO)
    uso_cfdi: str | None = opcional(TEXTO)
    sitio_web: str | None = opcional(TEXTO)
    domicilio: Domicilio | None = None
    otros: dict[str, str] | None = field(default=None, metadata={"validate": _otros})
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
    favorito: bool = False
    baja: bool = False
    color: str | None = None
    regimen_fiscal: str | None = None
    uso_cfdi: str | None = None
    sitio_web: str | None = None
    domicilio: Domicilio | None = None
    otros: dict[str, str] | None = None
    suprimido_en: datetime | None = None
    """Its personal data were erased then; nothing of it changes any more."""
    advertencias: list[Advertencia] = field(default_factory=list)


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


@dataclass(frozen=True, kw_only=True)
class QuitarPerfilPrincipal(PeticionConClave):
    """Nobody controls the cliente's account from now on."""

    cuenta_id: UUID
    actor: UUID | None = None
    nic: int


@dataclass(frozen=True, kw_only=True)
class ClasificarCliente(PeticionConClave):
    """The whole classification of a cliente: favoritos and bajas (predefined categories) and a colour or none.

    They are labels of the distributor's: a cliente in bajas keeps stamping.
    """

    cuenta_id: UUID
    actor: UUID | None = None
    nic: int
    favorito: bool = False
    baja: bool = False
    color: str | None = opcional(COLOR)


@dataclass(frozen=True, kw_only=True)
class ClasificarClientes(PeticionConClave):
    """Classify several at once, all or none. Only what is not null changes; `quitar_color` empties it."""

    cuenta_id: UUID
    actor: UUID | None = None
    nics: list[int] = field(
        metadata={
            "validate": validate.Length(
                min=1, max=NICS_MAXIMOS, error=f"Envíe de 1 a {NICS_MAXIMOS} NIC por operación."
            )
        }
    )
    favorito: bool | None = None
    baja: bool | None = None
    color: str | None = opcional(COLOR)
    quitar_color: bool = False


@dataclass(frozen=True, kw_only=True)
class Clasificados:
    """`clientes` were named, `cambiados` of them were not so classified yet."""

    clientes: int
    cambiados: int


@dataclass(frozen=True, kw_only=True)
class ExportarClientes:
    """A piece of the whole filtered cartera in order of NIC, those above `despues_de`."""

    cuenta_id: UUID
    despues_de: int = 0
    q: str | None = opcional(TEXTO)
    favorito: bool | None = None
    baja: bool | None = None
    color: str | None = opcional(COLOR)


@dataclass(frozen=True, kw_only=True)
class PiezaDeExportacion:
    """`csv`: lines of up to `PIEZA_DE_EXPORTACION` clientes, no header; `siguiente`: the last NIC, null at the end."""

    csv: str
    siguiente: int | None = None


CREAR_CLIENTE = Rpc("clientes", "crear_cliente_v1", CrearCliente, Cliente, cambia=True)


EDITAR_CLIENTE = Rpc("clientes", "editar_cliente_v1", EditarCliente, Cliente, cambia=True)


OBTENER_CLIENTE = Rpc("clientes", "obtener_cliente_v1", ObtenerCliente, Cliente)


LISTAR_CLIENTES = Rpc("clientes", "listar_clientes_v1", ListarClientes, PaginaClientes)


ASIGNAR_PERFIL_PRINCIPAL = Rpc(
    "clientes",
    "asignar_perfil_principal_v1",
    AsignarPerfilPrincipal,
    PerfilPrincipal,
    cambia=True,
    sin_aislar="whether the perfil administers a CM is asked of every CM",
)


QUITAR_PERFIL_PRINCIPAL = Rpc(
    "clientes", "quitar_perfil_principal_v1", QuitarPerfilPrincipal, Cliente, cambia=True
)


CLASIFICAR_CLIENTE = Rpc("clientes", "clasificar_cliente_v1", ClasificarCliente, Cliente, cambia=True)


CLASIFICAR_CLIENTES = Rpc("clientes", "clasificar_clientes_v1", ClasificarClientes, Clasificados, cambia=True)


EXPORTAR_CLIENTES = Rpc("clientes", "exportar_clientes_v1", ExportarClientes, PiezaDeExportacion)
