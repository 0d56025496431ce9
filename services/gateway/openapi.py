"""The OpenAPI 3.1 document, generated from the routes, and its page at /docs (swagger-ui, from here)."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import marshmallow as ma
import orjson
from flask import Flask, Response
from flask_smorest import Api

from services.gateway import openapi_dialectos
from services.gateway.alcances import alcance_de
from services.gateway.auth import CABECERA_CUENTA, COOKIE, publica, vista
from services.gateway.claves import OBLIGATORIA, uso_de
from services.gateway.contexto import CLAVE
from services.gateway.cuenta_detenida import estados_de
from services.gateway.errors import PROBLEMA
from services.gateway.openapi_timbrado import ESQUEMAS, RUTAS
from services.gateway.schemas import Problema

ESTATICOS = Path(__file__).parent / "static"
VERSION = "1.0.0"

DESCRIPCION = """\
API de Cuenta Maestra: timbres, puntos, licencias y facturación de un distribuidor y de sus clientes.

- Los importes y los puntos son texto con dos decimales (`"1250.00"`); los timbres, enteros.
- Las fechas van en RFC 3339, en UTC.
- Las listas aceptan `limite` y `cursor`, y con `Accept: text/csv` responden en CSV.
- Los errores son `application/problem+json`: lea `code` en sus programas y muestre `detail` a las personas.
- Las que mueven saldo o crean algo exigen `Idempotency-Key`; otras la aceptan. Al reintentar repita la
  misma: no se cobra dos veces.
- Si usted administra varias cuentas, diga cuál en la cabecera `Cuenta`.
- Un programa usa una llave de API de su cuenta (`POST /v1/llaves-api`) donde la operación diga `x-alcance`.
"""

ESQUEMAS_DE_SEGURIDAD: dict[str, dict[str, str]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Token de acceso de `POST /v1/sesiones`.",
    },
    "sesion": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "Sesión del portal; al cambiar algo se envía además `X-CSRF-Token`.",
    },
    "llave": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "cm_<id>_<secreto>",
        "description": "Llave de API de la Cuenta Maestra, con el alcance que diga `x-alcance`.",
    },
    "cti": {
        "type": "http",
        "scheme": "basic",
        "description": "Cuenta de timbrado: su identificador y su contraseña.",
    },
}

_CLAVE = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"}
CABECERAS: dict[str, dict[str, Any]] = {
    "Cuenta": {
        "in": "header",
        "name": CABECERA_CUENTA,
        "required": False,
        "schema": {"type": "string", "format": "uuid"},
        "description": "La cuenta en uso, si usted administra varias.",
    },
    "IdempotencyKey": {
        "in": "header",
        "name": CLAVE,
        "required": True,
        "schema": _CLAVE,
        "description": "Un UUID nuevo por operación; el mismo al reintentar. Sin ella: 400 `clave_requerida`.",
    },
    "IdempotencyKeyOpcional": {
        "in": "header",
        "name": CLAVE,
        "required": False,
        "schema": _CLAVE,
        "description": "Opcional: con la misma, un reintento responde lo que respondió la primera vez.",
    },
}

OPCIONES: dict[str, Any] = {
    "API_TITLE": "Cuenta Maestra",
    "API_VERSION": VERSION,
    "OPENAPI_VERSION": "3.1.0",
    "API_SPEC_OPTIONS": {
        "info": {"description": DESCRIPCION},
        "security": [{"bearer": []}, {"sesion": []}],
        "servers": [{"url": "/"}],
    },
}

#: `<uuid:perfil_id>` as Flask writes a parameter.
_PARAMETRO = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")

_PAGINA = """<!doctype html>
<html lang="es-MX"><head><meta charset="utf-8"><title>API de Cuenta Maestra</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="swagger-ui"></div><script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/inicio.js"></script></body></html>
"""
_INICIO = """window.ui = SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true,
  validatorUrl: null, persistAuthorization: false});
"""
#: swagger-ui writes style attributes and data: images; scripts only come from here.
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_TIPOS = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
}


class ApiCuentaMaestra(Api):  # type: ignore[misc]
    """flask-smorest's Api with our error form; handlers are registered by `errors.registrar`."""

    ERROR_SCHEMA = Problema

    def __init__(self, app: Flask) -> None:
        super().__init__(app)
        self.aplicacion = app

    def _register_error_handlers(self) -> None:
        """Ours stand instead."""


def crear_api(app: Flask) -> ApiCuentaMaestra:
    """The Api of an app, with our types and security schemes."""
    app.config.update(OPCIONES)
    api = ApiCuentaMaestra(app)
    api.ma_plugin.converter.add_attribute_function(_decimal_texto)
    for nombre, esquema in (ESQUEMAS_DE_SEGURIDAD | openapi_dialectos.ESQUEMAS_DE_SEGURIDAD).items():
        api.spec.components.security_scheme(nombre, esquema)
    return api


def documento(api: ApiCuentaMaestra) -> dict[str, Any]:
    """The document as served: errors as problem+json, no numeric bounds on decimal text."""
    # A copy, because apispec gives its own parts, which stay as they are.
    doc: dict[str, Any] = copy.deepcopy(api.spec.to_dict())
    esquemas = doc["components"]["schemas"]
    for escritos in (ESQUEMAS, openapi_dialectos.ESQUEMAS):
        # One name for two schemas would tell the wrong one of some route.
        if dobles := esquemas.keys() & escritos.keys():
            raise ValueError(f"schemas of two: {sorted(dobles)}")
        esquemas |= escritos
    doc["components"]["parameters"] = doc["components"].get("parameters", {}) | CABECERAS
    doc["paths"] |= RUTAS | openapi_dialectos.RUTAS
    # flask-smorest's own, which our pages do not use.
    esquemas.pop("PaginationMetadata", None)
    doc["components"].get("headers", {}).pop("PAGINATION", None)
    _arreglar(doc)
    claves = _claves(api.aplicacion)
    for ruta, metodos in doc["paths"].items():
        for metodo, operacion in metodos.items():
            if metodo != "parameters":
                _decir_alcance(metodo, operacion)
                if "x-rol" in operacion:
                    operacion["x-estados"] = list(estados_de(metodo, bool(operacion.get("x-estados"))))
                cabeceras = _cabeceras(operacion, claves.get((metodo, ruta)))
                operacion["parameters"] = [*operacion.get("parameters", []), *cabeceras]
    return doc


def registrar_rutas(app: Flask, api: ApiCuentaMaestra) -> None:
    """`/openapi.json`, `/docs` and its two static files."""
    guardado: list[bytes] = []

    @app.get("/openapi.json")
    @publica
    def openapi_json() -> Response:
        if not guardado:
            guardado.append(orjson.dumps(documento(api), option=orjson.OPT_INDENT_2))
        return Response(guardado[0], mimetype="application/json", headers={"Cache-Control": "no-cache"})

    @app.get("/docs")
    @publica
    def docs() -> Response:
        return Response(_PAGINA, mimetype="text/html", headers={"Content-Security-Policy": _CSP})

    @app.get("/docs/inicio.js")
    @publica
    def docs_inicio() -> Response:
        return Response(_INICIO, content_type="text/javascript; charset=utf-8")

    @app.get("/docs/<any('swagger-ui.css', 'swagger-ui-bundle.js'):archivo>")
    @publica
    def docs_archivo(archivo: str) -> Response:
        return Response(
            (ESTATICOS / archivo).read_bytes(),
            content_type=_TIPOS[archivo],
            headers={"Cache-Control": "public, max-age=86400"},
        )


def _decir_alcance(metodo: str, operacion: dict[str, Any]) -> None:
    """What an API key needs for a session's route; flask-smorest tags an operation with its blueprint."""
    if "x-rol" not in operacion or operacion.get("x-raiz"):
        return
    familia = next(iter(operacion.get("tags", ())), None)
    alcance = alcance_de(familia, metodo, operacion.get("x-alcance"))
    if alcance is not None:
        operacion["x-alcance"] = alcance
        operacion["security"] = [*operacion["security"], {"llave": []}]


def _claves(app: Flask) -> dict[tuple[str, str], str]:
    """How each of Flask's routes, by method and documented path, uses `Idempotency-Key`."""
    return {
        (metodo.lower(), _PARAMETRO.sub(r"{\1}", regla.rule)): uso
        for regla in app.url_map.iter_rules()
        for metodo in (regla.methods or set()) - {"HEAD", "OPTIONS"}
        if (uso := uso_de(vista(app, regla.endpoint, metodo))) is not None
    }


def _cabeceras(operacion: dict[str, Any], clave: str | None) -> list[dict[str, str]]:
    """The headers that a route reads, which no schema tells."""
    nombres = ["Cuenta"] if "x-rol" in operacion else []
    if clave is not None:
        nombres.append("IdempotencyKey" if clave == OBLIGATORIA else "IdempotencyKeyOpcional")
    return [{"$ref": f"#/components/parameters/{nombre}"} for nombre in nombres]


def _decimal_texto(_self: Any, field: ma.fields.Field[Any], **_: Any) -> dict[str, Any]:
    """apispec calls a Decimal a number, though `as_string` writes text."""
    if not isinstance(field, ma.fields.Decimal) or not field.as_string:
        return {}
    return {"type": ["string", "null"] if field.allow_none else "string", "format": "decimal"}


def _arreglar(nodo: Any) -> None:
    if isinstance(nodo, dict):
        if nodo.get("format") == "decimal":
            nodo.pop("minimum", None)
            nodo.pop("maximum", None)
        contenido = nodo.get("content")
        if isinstance(contenido, dict):
            cuerpo = contenido.get("application/json")
            if isinstance(cuerpo, dict) and "Problema" in str(cuerpo.get("schema", {}).get("$ref", "")):
                contenido[PROBLEMA] = contenido.pop("application/json")
        for hijo in nodo.values():
            _arreglar(hijo)
    elif isinstance(nodo, list):
        for hijo in nodo:
            _arreglar(hijo)
