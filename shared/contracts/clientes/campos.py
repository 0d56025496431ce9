"""Rules of form that the contracts of clientes share."""

from __future__ import annotations

from dataclasses import field
from decimal import Decimal
from typing import Any

from marshmallow import validate

#: Neither PostgreSQL nor JSON in UTF-8 can carry these.
SIN_NULOS = validate.Regexp(r"[^\x00\ud800-\udfff]*\Z", error="El texto tiene caracteres que no se admiten.")


NOMBRE = validate.And(SIN_NULOS, validate.Length(min=1, max=200, error="Escriba de 1 a 200 caracteres."))


CORREO = validate.And(
    SIN_NULOS,
    validate.Length(max=254, error="El correo no puede pasar de 254 caracteres."),
    validate.Email(error="El correo no tiene la forma correcta, por ejemplo ana@empresa.mx."),
)


MOVIL = validate.Regexp(
    r"^\+?[\d\s().-]{10,24}$", error="El móvil debe tener 10 dígitos, o empezar con + y la clave del país."
)


CONTRASENA = validate.And(
    SIN_NULOS, validate.Length(min=10, max=128, error="La contraseña debe tener de 10 a 128 caracteres.")
)


TEXTO = validate.And(SIN_NULOS, validate.Length(max=200, error="Escriba a lo más 200 caracteres."))


NOTAS = validate.And(SIN_NULOS, validate.Length(max=4000, error="Escriba a lo más 4,000 caracteres."))


PRECIO = validate.Range(
    min=Decimal(0), max=Decimal("999999.9999"), error="El precio debe ser de 0 a 999,999.9999 pesos."
)


LARGO = validate.Length(max=1024, error="La contraseña es demasiado larga.")


LIMITE = validate.Range(min=1, max=200, error="El límite debe ser de 1 a 200.")


COLORES = ("rojo", "naranja", "amarillo", "verde", "azul", "morado", "rosa", "gris")


COLOR = validate.OneOf(
    COLORES, error=f"El color debe ser uno de: {', '.join(COLORES)}; o nulo para quitarlo."
)


TELEFONO = validate.And(SIN_NULOS, validate.Length(max=60, error="Escriba a lo más 60 caracteres."))


def opcional(*reglas: Any) -> Any:
    return field(default=None, metadata={"validate": validate.And(*reglas)})
