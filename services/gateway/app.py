"""The Flask application: every route but the stamping hot path, which stands in front (`server.py`)."""

from __future__ import annotations

import importlib

import marshmallow as ma
from flask import Flask, Response, g
from flask_smorest import Blueprint
from webargs.flaskparser import FlaskParser
from werkzeug.routing import IntegerConverter

from services.gateway import auth, csv, errors, llaves, openapi, salud, vigentes
from services.gateway.contexto import REPETIDA
from shared.messaging.rpc_client import RpcClient

#: Modules of `services.gateway.routes`, each with its blueprint `blp`.
RUTAS = (
    "sesiones",
    "perfiles",
    "segundo_factor",
    "cuenta",
    "clientes",
    "importaciones",
    "cartera",
    "facturacion",
    "licencias",
    "puntos",
    "ctis",
    "avisos",
    "preferencias_de_avisos",
    "transferencias",
    "comprobantes",
    "masivas",
    "ventas_automaticas",
    "estados_de_cuenta",
    "operacion",
    "correos",
    "lco",
    "ilimitadas",
    "distribuidores",
    "renovaciones",
    "publico",
    "altas",
    "conversiones",
    "privacidad",
    "auditoria",
    "llaves_api",
    "usuarios",
)


class _Numero(IntegerConverter):
    """A number in a path. One that no row and no message can hold stands for the largest, which nothing has either."""

    def to_python(self, value: str) -> int:
        return min(int(super().to_python(value)), 2**63 - 1)


def crear_app(cliente: RpcClient, rutas: tuple[str, ...] = RUTAS) -> Flask:
    """The application, calling the services through `cliente`."""
    # webargs ignores unknown arguments of a query; None leaves it to the schema, and ours refuse them.
    Blueprint.ARGUMENTS_PARSER.DEFAULT_UNKNOWN_BY_LOCATION = {
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": None, "headers": ma.EXCLUDE
    }  # fmt: skip
    app = Flask(__name__, static_folder=None)
    app.config.update(PROPAGATE_EXCEPTIONS=False, TRAP_HTTP_EXCEPTIONS=False)
    app.extensions["rpc"] = cliente
    app.extensions["llaves_api"] = llaves.Memoria()
    app.extensions["sesiones"] = vigentes.crear()
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = True
    app.url_map.converters["int"] = _Numero
    api = openapi.crear_api(app)
    errors.registrar(app)
    auth.vigilar(app)
    app.after_request(_marcar_repetida)
    app.after_request(csv.convertir)
    for nombre in rutas:
        modulo = importlib.import_module(f"services.gateway.routes.{nombre}")
        api.register_blueprint(modulo.blp)
    openapi.registrar_rutas(app, api)
    salud.registrar_rutas(app, cliente)
    app.extensions["openapi"] = api
    return app


def _marcar_repetida(respuesta: Response) -> Response:
    if g.get("repetida"):
        respuesta.headers[REPETIDA] = "true"
    return respuesta
