"""`Idempotency-Key` in /openapi.json is what the routes do: each is run without one, and what it did is compared."""

from __future__ import annotations

import inspect
import re
import time
from typing import Any
from uuid import UUID

import pytest
from flask import Flask, g
from werkzeug.test import EnvironBuilder

from services.gateway import claves, limites
from services.gateway.app import crear_app
from services.gateway.auth import vista
from services.gateway.contexto import Contexto, Perfil
from services.gateway.routes.publico import CABECERA_LLAVE
from shared.errors import Codigo, DomainError
from tests.matriz_de_roles import concretar
from tests.unit.gateway.test_matriz_de_roles import _Lejos

#: What a route has to be sent to come to its key: each field is "x" where nothing is said.
_CON: dict[str, dict[str, Any]] = {
    "PUT /v1/contrasenas": {"actual": None},
    "POST /v1/publico/altas": {"sitio_web": "", "boleto": None},
    "POST /v1/cuentas-maestras": {"sitio_web": "", "boleto": None},
    "PUT /v1/clientes/clasificaciones": {"nics": [1]},
    "PUT /v1/ventas-automaticas": {"simular": False, "confirmar": True},
}
_MASIVA = {"filas": [{"cti": "CTI-1", "cantidad": 10, "importe": "12.50"}], "confirmar": True}
#: The same of what a view reads from the request itself.
_ENVIADO: dict[str, dict[str, Any]] = {
    "POST /v1/clientes/importaciones": {"data": b"x", "content_type": "text/csv"},
    "POST /v1/transferencias-masivas": {"json": _MASIVA},
    "POST /v1/publico/altas": {"headers": {CABECERA_LLAVE: "pk_x", "Origin": "http://localhost"}},
}
_YO = UUID(int=7)


class _Cuerpo(dict[str, Any]):
    """A validated body with any field that is asked of it."""

    def __missing__(self, _: str) -> str:
        return "x"

    def get(self, campo: str, _: Any = None) -> Any:
        return self[campo]

    def pop(self, campo: str, *_: Any) -> Any:
        return self[campo]


class _Entorno(dict[str, Any]):
    """A WSGI environ that notes whether the header was looked for."""

    vista = False

    def __getitem__(self, nombre: str) -> Any:
        self.vista |= nombre == "HTTP_IDEMPOTENCY_KEY"
        return super().__getitem__(nombre)

    def __contains__(self, nombre: object) -> bool:
        self.vista |= nombre == "HTTP_IDEMPOTENCY_KEY"
        return super().__contains__(nombre)

    def get(self, nombre: str, otro: Any = None) -> Any:
        self.vista |= nombre == "HTTP_IDEMPOTENCY_KEY"
        return super().get(nombre, otro)


@pytest.fixture(scope="module")
def completa() -> Flask:
    return crear_app(_Lejos())  # type: ignore[arg-type]


def _doc(app: Flask) -> Any:
    return app.test_client().get("/openapi.json").json


def _rutas(app: Flask) -> dict[str, Any]:
    """`POST /v1/cosas/{id}` → its rule, for every route that changes something."""
    return {
        f"{metodo} " + re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", regla.rule): regla
        for regla in app.url_map.iter_rules()
        for metodo in (regla.methods or set()) - {"HEAD", "OPTIONS", "GET"}
    }


def _documentado(operacion: dict[str, Any]) -> str | None:
    nombres = {p["$ref"].rpartition("/")[2] for p in operacion.get("parameters", ()) if "$ref" in p}
    if "IdempotencyKey" in nombres:
        return claves.OBLIGATORIA
    return claves.OPCIONAL if "IdempotencyKeyOpcional" in nombres else None


def _hecho(app: Flask, ruta: str, regla: Any) -> str | None:
    """What a route's own code does without the header, past its marks and its schemas."""
    metodo, _, camino = ruta.partition(" ")
    view = inspect.unwrap(vista(app, regla.endpoint, metodo))
    argumentos = {
        nombre: _de_la_ruta(parametro) if nombre in regla.arguments else _Cuerpo(_CON.get(ruta, {}))
        for nombre, parametro in inspect.signature(view).parameters.items()
    }
    entorno = _Entorno(
        EnvironBuilder(concretar(camino), method=metodo, **_ENVIADO.get(ruta, {})).get_environ()
    )
    with app.request_context(entorno):
        g.perfil = Perfil(_YO, _YO, "Ana", segundo_factor=True, segundo_factor_en=int(time.time()))
        g.contexto = Contexto(_YO, _YO, "Ana", _YO, "titular", True, "127.0.0.1")
        try:
            view(**argumentos)
        except DomainError as exc:
            if exc.code is Codigo.CLAVE_REQUERIDA:
                return claves.OBLIGATORIA
        except (TypeError, ValueError, AttributeError):
            pass  # Bodies that no schema made go no farther than this.
        return claves.OPCIONAL if entorno.vista else None


def _de_la_ruta(parametro: inspect.Parameter) -> Any:
    return {"int": 1, "UUID": _YO}.get(str(parametro.annotation), "x")


@pytest.mark.usefixtures("llave")
def test_every_route_does_what_its_documentation_says(completa: Flask) -> None:
    doc = _doc(completa)
    hecho, documentado = {}, {}
    for ruta, regla in _rutas(completa).items():
        limites.olvidar()
        metodo, _, camino = ruta.partition(" ")
        hecho[ruta] = _hecho(completa, ruta, regla)
        documentado[ruta] = _documentado(doc["paths"][camino][metodo.lower()])
    limites.olvidar()
    assert documentado == hecho
    assert {claves.OBLIGATORIA, claves.OPCIONAL, None} == set(hecho.values())


def test_no_route_that_only_reads_asks_for_a_key(completa: Flask) -> None:
    doc = _doc(completa)
    assert [r for r, m in doc["paths"].items() if _documentado(m.get("get", {})) is not None] == []


def test_the_two_headers(completa: Flask) -> None:
    cabeceras = _doc(completa)["components"]["parameters"]
    exige = {n: p["required"] for n, p in cabeceras.items() if p["name"] == "Idempotency-Key"}
    assert exige == {"IdempotencyKey": True, "IdempotencyKeyOpcional": False}


def test_a_reader_is_found_through_functions_and_closures_of_the_gateway_alone() -> None:
    from services.gateway.routes import avisos, clientes, perfiles, segundo_factor

    assert claves.uso_de(avisos._quien) == claves.OBLIGATORIA
    assert claves.uso_de(clientes._clave) == claves.OPCIONAL
    assert claves.uso_de(segundo_factor._quien) == claves.OPCIONAL
    assert claves.uso_de(perfiles.limitar_contrasena) is None
    assert claves.uso_de(None) is claves.uso_de(print) is None
