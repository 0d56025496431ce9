"""Notices to the CM: what happened that it has to know."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields

from services.gateway.auth import requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.schemas import PaginaArgs, esquema_de, pagina_de
from shared.contracts import timbrado as c

blp = Blueprint("avisos", __name__, description="Avisos a la Cuenta Maestra")


class AvisosArgs(PaginaArgs):
    leido = fields.Boolean(
        load_default=None, metadata={"description": "true: solo los leídos; false: solo los que faltan."}
    )


@blp.route("/v1/avisos")
class Avisos(MethodView):
    @requiere_sesion
    @blp.arguments(AvisosArgs, location="query")
    @blp.response(200, pagina_de(esquema_de(c.Aviso)))
    def get(self, args: dict[str, Any]) -> Any:
        """Avisos de la cuenta, del más reciente al más antiguo."""
        return llamar(c.LISTAR_AVISOS, c.ListarAvisos(cuenta_id=actual().cuenta_id, **args))


@blp.route("/v1/avisos/lectura")
class LecturaDeTodos(MethodView):
    @requiere_sesion("operador")
    @blp.response(200, esquema_de(c.AvisosLeidos))
    def put(self) -> Any:
        """Marca todos los avisos como leídos."""
        return llamar(c.LEER_AVISOS, c.LeerAvisos(**_quien()))


@blp.route("/v1/avisos/<uuid:aviso_id>/lectura")
class Lectura(MethodView):
    @requiere_sesion("operador")
    @blp.response(200, esquema_de(c.Aviso))
    def put(self, aviso_id: UUID) -> Any:
        """Marca un aviso como leído."""
        return llamar(c.LEER_AVISO, c.LeerAviso(aviso_id=aviso_id, **_quien()))


def _quien() -> dict[str, Any]:
    yo = actual()
    return {"clave": clave_idempotencia(), "cuenta_id": yo.cuenta_id, "actor": str(yo.perfil_id)}
