"""API keys of the CM in use: a program's credential, with scopes. Only people make and revoke them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import Response, after_this_request
from flask.views import MethodView
from flask_smorest import Blueprint

from services.gateway.alcances import CON_PASO
from services.gateway.auth import requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.paso import exigir_paso
from services.gateway.schemas import PaginaArgs, esquema_de, pagina_de
from shared.contracts import clientes as c

blp = Blueprint("llaves-api", __name__, description="Llaves de API de la Cuenta Maestra")


class LlaveApiEntrada(esquema_de(c.CrearLlaveApi)):  # type: ignore[misc]
    """A time needs its zone here."""

    vence_en = ma.fields.AwareDateTime(load_default=None, allow_none=True)


class LlavesArgs(PaginaArgs):
    revocadas = ma.fields.Boolean(
        load_default=False, metadata={"description": "true: también las revocadas."}
    )


@blp.route("/v1/llaves-api")
class LlavesApi(MethodView):
    @requiere_sesion("administrador")
    @blp.arguments(LlavesArgs, location="query")
    @blp.response(200, pagina_de(esquema_de(c.LlaveApi)))
    def get(self, args: dict[str, Any]) -> Any:
        """Llaves de API de la cuenta, la más reciente primero, con su último uso."""
        return llamar(c.LISTAR_LLAVES_API, c.ListarLlavesApi(cuenta_id=actual().cuenta_id, **args))

    @requiere_sesion("administrador")
    @blp.arguments(LlaveApiEntrada)
    @blp.response(201, esquema_de(c.LlaveApiCreada))
    def post(self, datos: dict[str, Any]) -> Any:
        """Crea una llave de API. Se muestra una sola vez: guárdela; si se repite la petición viene nula."""
        if CON_PASO.intersection(datos["alcances"]):
            exigir_paso()
        yo = actual()
        after_this_request(_sin_cache)
        return llamar(
            c.CREAR_LLAVE_API,
            c.CrearLlaveApi(clave=clave_idempotencia(), cuenta_id=yo.cuenta_id, actor=yo.perfil_id, **datos),
        )


@blp.route("/v1/llaves-api/<uuid:llave_id>")
class UnaLlaveApi(MethodView):
    @requiere_sesion("administrador", aunque_no_activa=True)
    @blp.response(200, esquema_de(c.LlaveApi))
    def delete(self, llave_id: UUID) -> Any:
        """Revoca una llave para siempre: deja de servir en unos segundos."""
        yo = actual()
        # A revocation is for good, so the key itself is the request's: repeating it answers the same.
        return llamar(
            c.REVOCAR_LLAVE_API,
            c.RevocarLlaveApi(
                clave=f"{yo.cuenta_id}:{llave_id}",
                cuenta_id=yo.cuenta_id,
                actor=yo.perfil_id,
                llave_id=llave_id,
            ),
        )


def _sin_cache(respuesta: Response) -> Response:
    respuesta.headers["Cache-Control"] = "no-store"
    return respuesta
