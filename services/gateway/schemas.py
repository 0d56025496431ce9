"""What comes in and goes out over HTTP: strict schemas with messages in Spanish.

    class Alta(Esquema):                      CrearClienteEsquema = esquema_de(c.CrearCliente)
        nombre = ma.fields.String(...)        ClientesPagina = pagina_de(esquema_de(c.Cliente))

`esquema_de` derives the public schema from the contract's dataclass, so that nothing is written twice; the
fields that the gateway itself fills (`cuenta_id`, `actor`, `clave`, `origen_ip`) are left out.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, cast

import marshmallow as ma
from marshmallow import validate

from shared.contracts.base import clase_de

LIMITE_MAXIMO = 200
LIMITE = 50

#: Filled in by the gateway from the session, never read from the body.
DEL_GATEWAY = ("cuenta_id", "actor", "clave", "origen_ip")

#: marshmallow's own messages → what people read.
MENSAJES = {
    "Missing data for required field.": "Este campo es obligatorio.",
    "Field may not be null.": "Este campo no puede ser nulo.",
    "Unknown field.": "Este campo no existe. Quítelo o revise cómo está escrito.",
    "Invalid input type.": "El cuerpo debe ser un objeto JSON.",
    "Invalid value.": "El valor no es válido.",
    "Invalid type.": "El tipo de este campo no es válido.",
    "Not a valid list.": "Debe ser una lista.",
    "Not a valid tuple.": "Debe ser una lista.",
    "Not a valid string.": "Debe ser un texto.",
    "Not a valid utf-8 string.": "Debe ser un texto en UTF-8.",
    "Not a valid UUID.": "Debe ser un identificador (UUID).",
    "Not a valid number.": "Debe ser un número.",
    "Number too large.": "El número es demasiado grande.",
    "Not a valid integer.": "Debe ser un número entero.",
    "Special numeric values (nan or infinity) are not permitted.": "Debe ser un número.",
    "Not a valid boolean.": "Debe ser true o false.",
    "Not a valid {obj_type}.": "Debe ser una fecha en formato RFC 3339, por ejemplo 2026-11-24T15:30:00Z.",
    "Not a valid {awareness} {obj_type}.": "La fecha debe llevar su zona horaria, por ejemplo terminar en Z.",
    "Not a valid date.": "Debe ser una fecha, por ejemplo 2026-11-24.",
    "Not a valid time.": "Debe ser una hora, por ejemplo 15:30:00.",
    "Not a valid mapping type.": "Debe ser un objeto.",
    "Not a valid URL.": "Debe ser una dirección web, por ejemplo https://empresa.mx/aviso.",
    "Not a valid email address.": "Debe ser un correo, por ejemplo ana@empresa.mx.",
    "Must be one of: {choices}.": "Debe ser uno de: {choices}.",
    "Not a valid choice.": "No es una de las opciones.",
}

#: The same for marshmallow's validators, by the attribute that holds the message.
_LONGITUD = {
    "message_min": "Escriba al menos {min}.",
    "message_max": "Escriba a lo más {max}.",
    "message_all": "Escriba de {min} a {max}.",
    "message_equal": "Escriba exactamente {equal}.",
}
_ERRORES: dict[str, str] = {
    validate.OneOf.default_message: "Debe ser uno de: {choices}.",
    validate.Regexp.default_message: "No tiene la forma correcta.",
    validate.Email.default_message: MENSAJES["Not a valid email address."],
    validate.URL.default_message: MENSAJES["Not a valid URL."],
    validate.Equal.default_message: "Debe ser igual a {other}.",
    validate.ContainsOnly.default_message: "Una o más opciones no están entre: {choices}.",
}


class Decimales(ma.fields.Decimal):
    """An amount as a decimal string with at least two places; more than `lugares` are refused."""

    default_error_messages = {  # noqa: RUF012
        "invalid": 'Escriba la cantidad como texto con punto decimal, por ejemplo "1250.00".',
        "lugares": "Use a lo más {lugares} decimales.",
    }

    def __init__(self, lugares: int = 2, **kwargs: Any) -> None:
        super().__init__(as_string=True, **kwargs)
        self.lugares = lugares

    def _validated(self, value: Any) -> Any:
        if not isinstance(value, str | Decimal) or len(str(value)) > 40:
            raise self.make_error("invalid")
        numero: Any = super()._validated(value.strip() if isinstance(value, str) else value)
        if isinstance(numero, Decimal):
            exponente = numero.as_tuple().exponent
            if not isinstance(exponente, int) or exponente > 20:
                raise self.make_error("invalid")
            if -exponente > self.lugares:
                raise self.make_error("lugares", lugares=self.lugares)
        return numero

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return None if value is None else dos_decimales(value)


class _DecimalesDeContrato(Decimales):
    """Decimals of a contract: prices carry up to four places."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(lugares=4, **kwargs)


def dos_decimales(valor: Decimal | str | int) -> str:
    """`1250` → `1250.00`, `0.8500` → `0.85`, `0.8575` → `0.8575`."""
    try:
        numero = Decimal(valor)
    except InvalidOperation:
        return str(valor)
    texto = f"{numero:f}"
    entero, _, decimales = texto.partition(".")
    return f"{entero}.{decimales.rstrip('0').ljust(2, '0')}"


class Esquema(ma.Schema):
    """Base of every public schema: unknown fields are refused, messages are in Spanish."""

    class Meta:
        unknown = ma.RAISE

    TYPE_MAPPING: dict[type, type[ma.fields.Field[Any]]] = {Decimal: _DecimalesDeContrato}  # noqa: RUF012
    error_messages: dict[str, str] = {  # noqa: RUF012
        "unknown": MENSAJES["Unknown field."],
        "type": MENSAJES["Invalid input type."],
    }

    def on_bind_field(self, _: str, field_obj: ma.fields.Field[Any]) -> None:
        """Translate what the field and its validators say."""
        _traducir(field_obj)


class PaginaArgs(Esquema):
    """Arguments of every list."""

    limite = ma.fields.Integer(
        load_default=LIMITE,
        validate=validate.Range(min=1, max=LIMITE_MAXIMO, error="El límite debe ser de 1 a 200."),
        metadata={"description": "Cuántos elementos por página."},
    )
    cursor = ma.fields.String(
        load_default=None,
        validate=validate.Length(max=500, error="El cursor no es válido."),
        metadata={"description": "El valor de `siguiente` de la página anterior."},
    )


class Problema(ma.Schema):
    """RFC 9457. Documents the form of every error; `problema()` writes it, and some add members of their own."""

    class Meta:
        unknown = ma.INCLUDE

    type = ma.fields.String(required=True, metadata={"format": "uri-reference"})
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    code = ma.fields.String(required=True, metadata={"description": "Código estable, para programas."})
    detail = ma.fields.String(required=True, metadata={"description": "Qué pasó y qué hacer, en español."})
    errores = ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.List(ma.fields.String()),
        required=True,
        metadata={"description": "Mensajes por campo."},
    )
    correlation_id = ma.fields.String(required=True, metadata={"description": "Folio para soporte."})


@cache
def esquema_de(cls: type[Any], *sin: str, nombre: str | None = None) -> type[ma.Schema]:
    """The public schema of a contract's dataclass, without `DEL_GATEWAY` and the fields in `sin`.

    It loads to a plain dict: `c.CrearCliente(cuenta_id=…, clave=…, **datos)`.
    """
    origen = clase_de(cast("Hashable", cls), Esquema)
    campos: dict[str, Any] = {
        n: f for n, f in origen._declared_fields.items() if n not in DEL_GATEWAY and n not in sin
    }
    return _con_nombre(nombre or cls.__name__, campos)


@cache
def pagina_de(esquema: type[ma.Schema]) -> type[ma.Schema]:
    """The schema of a page: `{"datos": [...], "siguiente": "…"|null}`."""
    nombre = esquema.__name__.removesuffix("Schema").removesuffix("Esquema")
    return _con_nombre(
        f"Pagina{nombre}",
        {
            "datos": ma.fields.List(ma.fields.Nested(esquema), required=True),
            "siguiente": ma.fields.String(
                required=True, allow_none=True, metadata={"description": "Cursor de la página siguiente."}
            ),
        },
    )


def _con_nombre(nombre: str, campos: dict[str, Any]) -> type[ma.Schema]:
    # Not `from_dict`: apispec names a component after the class, and from_dict's are all GeneratedSchema.
    return type(nombre, (Esquema,), {**campos, "Meta": type("Meta", (Esquema.Meta,), {"register": False})})


def _traducir(campo: ma.fields.Field[Any]) -> None:
    campo.error_messages = {
        clave: MENSAJES.get(texto, texto) if isinstance(texto, str) else texto
        for clave, texto in campo.error_messages.items()
    }
    _traducir_validadores(campo.validators)
    hijos: Iterable[Any] = (
        getattr(campo, "inner", None),
        getattr(campo, "key_field", None),
        getattr(campo, "value_field", None),
        *getattr(campo, "tuple_fields", ()),
    )
    for hijo in hijos:
        if hijo is not None:
            _traducir(hijo)


def _traducir_validadores(validadores: Iterable[Any]) -> None:
    for validador in validadores:
        if isinstance(validador, validate.And):
            _traducir_validadores(validador.validators)
        error = getattr(validador, "error", None)
        if isinstance(error, str):
            validador.error = _ERRORES.get(error, error)
        elif isinstance(validador, validate.Length):
            vars(validador).update(_LONGITUD)
        elif isinstance(validador, validate.Range):
            vars(validador).update(_rango(validador))


def _rango(validador: validate.Range) -> dict[str, str]:
    minimo = f"mayor {'o igual que' if validador.min_inclusive else 'que'} {{min}}"
    maximo = f"menor {'o igual que' if validador.max_inclusive else 'que'} {{max}}"
    return {
        "message_min": f"Debe ser {minimo}.",
        "message_max": f"Debe ser {maximo}.",
        "message_all": f"Debe ser {minimo} y {maximo}.",
    }
