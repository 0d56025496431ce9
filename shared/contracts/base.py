"""How a contract is written: one frozen dataclass per payload, its marshmallow schema derived from it.

    CREAR_CLIENTE = Rpc("clientes", "crear_cliente_v1", CrearCliente, Cliente, cambia=True)
    CLIENTE_CREADO = Evento("clientes", "cliente_creado_v1", ClienteCreado)

A wire name ends in its version and is frozen once published. Changes are additive (a new field has a
default); a breaking one is `_v2` beside `_v1`. Readers ignore unknown fields, so an older consumer
keeps working. Snapshots in `tests/contract` fail on an undeclared change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields, is_dataclass
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, Generic, TypeVar, cast, get_args, get_type_hints
from uuid import UUID

import marshmallow as ma
import marshmallow_dataclass
import orjson

from shared.contracts.rapido import Inusual, codec_de
from shared.errors import Codigo, DomainError


class _WireSchema(ma.Schema):
    """Unknown fields are ignored between services; the gateway refuses them from the outside."""

    class Meta:
        unknown = ma.EXCLUDE


class _DecimalText(ma.fields.Decimal):
    """Decimal as text on the wire: never a float, no exponent."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(as_string=True, **kwargs)


_WireSchema.TYPE_MAPPING = {Decimal: _DecimalText}


@dataclass(frozen=True, kw_only=True)
class PeticionConClave:
    """A request that changes something. Same `clave` and same content: the first answer again.

    `clave` is unique per contract; the gateway prefixes the tenant's id, so that tenants can't collide.
    """

    clave: str

    #: Fields that say who asks and from where; a retry may differ in them, so they are not hashed.
    NO_HASH: ClassVar[frozenset[str]] = frozenset({"clave", "actor", "origen_ip"})


@dataclass(frozen=True, kw_only=True)
class Vacio:
    """No content."""


Req = TypeVar("Req")
Resp = TypeVar("Resp")
Carga = TypeVar("Carga")

#: In the routing key of a call that an idle replica takes first.
IDLE = "ociosa"

RPCS: dict[str, Rpc[Any, Any]] = {}
EVENTOS: dict[str, Evento[Any]] = {}


@dataclass(frozen=True, slots=True)
class Rpc(Generic[Req, Resp]):
    """One remote call. `cambia`: it changes state, so its request carries an idempotency key.

    `plazo` is the caller's deadline in seconds; `secretos` names response fields that are shown once
    and never stored, so a replay answers them as null. `ocioso`: an idle replica takes it first
    (`shared/messaging/idle_first.py`).

    `cuenta_id` in a request is the CM that asks, and PostgreSQL shows the call that CM's rows alone. `sin_aislar` is
    the reason why a call with a `cuenta_id` has to see more (a parent and its sub-distributor, say). A call that
    changes something is written to the audit log; `sin_auditar` is the reason why one is not.
    """

    servicio: str
    metodo: str
    peticion: type[Req]
    respuesta: type[Resp]
    cambia: bool = False
    plazo: float = 5.0
    secretos: frozenset[str] = frozenset()
    ocioso: bool = False
    sin_aislar: str = ""
    sin_auditar: str = ""

    def __post_init__(self) -> None:
        if self.cambia and not issubclass(self.peticion, PeticionConClave):
            raise TypeError(f"{self.nombre}: a request that changes something derives from PeticionConClave")
        RPCS[self.nombre] = self

    @property
    def nombre(self) -> str:
        return f"{self.servicio}.{self.metodo}"

    def cuenta_de(self, peticion: Any) -> UUID | None:
        """The one CM whose rows the call may see; None: the call belongs to none, or to several."""
        cuenta = None if self.sin_aislar else getattr(peticion, "cuenta_id", None)
        return cuenta if isinstance(cuenta, UUID) else None

    @property
    def ruta(self) -> str:
        """What follows the service in the routing key of a call."""
        return f"{IDLE}.{self.metodo}" if self.ocioso else self.metodo


@dataclass(frozen=True, slots=True)
class Evento(Generic[Carga]):
    """Something that happened, told by its owner through the outbox; consumers dedupe by the event's id."""

    servicio: str
    nombre_corto: str
    carga: type[Carga]

    def __post_init__(self) -> None:
        EVENTOS[self.nombre] = self

    @property
    def nombre(self) -> str:
        return f"{self.servicio}.{self.nombre_corto}"


def schema_of(cls: type[Any]) -> ma.Schema:
    """The schema of a contract dataclass, built once per process."""
    return _build(cast("Hashable", cls))


@cache
def _build(cls: Any) -> ma.Schema:
    return clase_de(cls, _WireSchema)()


@cache
def clase_de(cls: Any, base: type[ma.Schema]) -> type[ma.Schema]:
    """The schema of a dataclass and of those within it, all on `base`.

    marshmallow-dataclass leaves the second field of one type as that type's name, which marshmallow looks up when it is
    used, among the schemas of every base: whichever was made first.
    """
    clase: type[ma.Schema] = marshmallow_dataclass.class_schema(cls, base_schema=base)
    tipos = get_type_hints(cls)
    for nombre, campo in clase._declared_fields.items():
        dentro = next((x for x in _tipos_en(tipos.get(nombre)) if is_dataclass(x) and x is not cls), None)
        for uno in (campo, getattr(campo, "inner", None), getattr(campo, "value_field", None)):
            if dentro is not None and isinstance(uno, ma.fields.Nested):
                uno.nested = clase_de(cast("Hashable", dentro), base)
    return clase


def _tipos_en(tipo: Any) -> Iterator[Any]:
    yield tipo
    for otro in get_args(tipo):
        yield from _tipos_en(otro)


def load(cls: type[Req], data: Any) -> Req:
    """Payload from the wire to a dataclass. Raises `datos_invalidos` naming each bad field."""
    with suppress(Inusual):
        if (corto := codec_de(cast("Hashable", cls))) is not None:
            return cast(Req, corto.load(data))
    try:
        return cast(Req, schema_of(cls).load(data))
    except ma.ValidationError as exc:
        raise DomainError(
            Codigo.DATOS_INVALIDOS,
            "Algunos datos no son válidos. Corrija los campos señalados e intente de nuevo.",
            errores=flatten(exc.messages),
        ) from exc


def dump(obj: Any) -> dict[str, Any]:
    """Dataclass to plain JSON-able values: text for Decimal, UUID and datetime."""
    if not is_dataclass(obj) or isinstance(obj, type):
        raise TypeError(f"not a contract payload: {obj!r}")
    with suppress(Inusual):
        if (corto := codec_de(type(obj))) is not None:
            return corto.dump(obj)
    return cast("dict[str, Any]", schema_of(type(obj)).dump(obj))


def request_hash(peticion: PeticionConClave) -> bytes:
    """SHA-256 of a request's content, without its key and without who asked.

    Fields that have their default are left out: a field that a later version adds changes no earlier hash.
    """
    defaults = {f.name: f.default for f in fields(peticion) if f.default is not MISSING}
    return _hash(peticion, {n for n, d in defaults.items() if getattr(peticion, n) == d})


def earlier_hash(peticion: PeticionConClave) -> bytes:
    """The same as it was stored before defaults were left out; keys never expire."""
    return _hash(peticion, set())


def _hash(peticion: PeticionConClave, leave_out: set[str]) -> bytes:
    data = dump(peticion)
    for name in peticion.NO_HASH | leave_out:
        data.pop(name, None)
    return hashlib.sha256(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).digest()


def flatten(messages: Any, prefix: str = "") -> dict[str, list[str]]:
    """marshmallow's nested messages as `campo.0.subcampo → [messages]`."""
    out: dict[str, list[str]] = {}
    if isinstance(messages, dict):
        for key, value in messages.items():
            out.update(flatten(value, f"{prefix}.{key}" if prefix else str(key)))
    elif isinstance(messages, list):
        out[prefix or "_"] = [str(m) for m in messages]
    else:
        out[prefix or "_"] = [str(messages)]
    return out


def describe(cls: type[Any]) -> dict[str, str]:
    """Field → type and requiredness, for the contract snapshots."""
    schema = schema_of(cls)
    return {f.name: _describe_field(schema.fields[f.name]) for f in fields(cls) if f.name in schema.fields}


def _describe_field(field: ma.fields.Field[Any]) -> str:
    kind = type(field).__name__.lstrip("_")
    if isinstance(field, ma.fields.List):
        kind = f"List[{_describe_field(field.inner)}]"
    elif isinstance(field, ma.fields.Nested):
        inner = {name: _describe_field(f) for name, f in sorted(field.schema.fields.items())}
        kind = f"Nested{inner}"
    return f"{kind}{'' if field.required else '?'}{'|null' if field.allow_none else ''}"
