"""A form within a form is of the same kind as the whole, however the contracts were used before."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import marshmallow as ma
import marshmallow_dataclass
import pytest
from marshmallow import class_registry

from services.gateway import openapi
from services.gateway.app import crear_app
from services.gateway.schemas import Esquema, esquema_de
from shared.contracts import clientes as c
from shared.contracts.base import RPCS, _WireSchema, schema_of

CONTACTOS = ("representante", "financiero", "tecnico")


@pytest.fixture(autouse=True)
def registro_revuelto() -> Iterator[None]:
    """The name `Contacto` is looked up in a registry where another kind of schema was the first to come."""
    antes = class_registry._registry.get("Contacto", [])
    class_registry._registry["Contacto"] = []
    marshmallow_dataclass.class_schema(c.CrearCliente, base_schema=Ajeno)
    yield
    class_registry._registry["Contacto"] = antes


class Ajeno(ma.Schema):
    """Neither ours nor the wire's."""


@pytest.mark.parametrize("contacto", CONTACTOS)
def test_each_contact_of_a_form_refuses_what_it_does_not_know(contacto: str) -> None:
    errores = esquema_de(c.CrearCliente)().validate({"nombre": "Ana", contacto: {"sobra": 1}})
    dicho: Any = errores[contacto]
    assert dicho == {"sobra": ["Este campo no existe. Quítelo o revise cómo está escrito."]}


@pytest.mark.parametrize("contacto", CONTACTOS)
def test_on_the_wire_each_contact_ignores_it(contacto: str) -> None:
    datos = {"clave": "1", "cuenta_id": "00000000-0000-0000-0000-000000000001", "nombre": "Ana"}
    assert schema_of(c.CrearCliente).validate({**datos, contacto: {"sobra": 1}}) == {}


def test_no_nested_schema_of_a_contract_is_looked_up_by_name() -> None:
    def anidados(esquema: Any, base: type[ma.Schema]) -> list[str]:
        return [
            f"{type(esquema).__name__}.{nombre}"
            for nombre, campo in esquema.fields.items()
            for uno in (campo, getattr(campo, "inner", None))
            if isinstance(uno, ma.fields.Nested)
            and (isinstance(uno.nested, str) or not issubclass(uno.nested, base))  # type: ignore[arg-type]
        ]

    for rpc in RPCS.values():
        tipos: tuple[Any, ...] = (rpc.peticion, rpc.respuesta)
        for tipo in tipos:
            assert anidados(schema_of(tipo), _WireSchema) == []
            assert anidados(esquema_de(tipo)(), Esquema) == []


def test_the_document_has_one_schema_of_each_name() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        app = crear_app(None)  # type: ignore[arg-type]
        esquemas = openapi.documento(app.extensions["openapi"])["components"]["schemas"]
    assert [n for n in esquemas if n[-1].isdigit() and n[:-1] in esquemas] == []
