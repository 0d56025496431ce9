"""The root's own staff: minting, the sandbox PAC's failures."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate

from services.gateway.auth import requiere_raiz
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.routes.transferencias import ExistenciaSalida
from services.gateway.schemas import Esquema
from shared.contracts import timbrado as c
from shared.contracts.base import dump

blp = Blueprint("operacion", __name__, description="Operación de la raíz")


class EmisionEntrada(Esquema):
    cantidad = fields.Integer(required=True, strict=True, validate=validate.Range(min=1, max=100_000_000))
    referencia = fields.String(load_default="", validate=validate.Length(max=200))


class FallaEntrada(Esquema):
    modo = fields.String(required=True)
    veces = fields.Integer(load_default=1, validate=validate.Range(min=1, max=10_000))


@blp.route("/v1/operacion/timbres")
class Emision(MethodView):
    @requiere_raiz
    @blp.arguments(EmisionEntrada)
    @blp.response(201, ExistenciaSalida)
    def post(self, datos: dict[str, Any]) -> dict[str, Any]:
        """Emite timbres a la existencia de la raíz (personal de la raíz)."""
        yo = actual()
        return dump(
            llamar(
                c.EMITIR,
                c.Emitir(
                    clave=clave_idempotencia(), cuenta_id=yo.cuenta_id, actor=str(yo.perfil_id), **datos
                ),
            )
        )


@blp.route("/v1/operacion/pac-pruebas/fallas")
class Fallas(MethodView):
    @requiere_raiz
    @blp.arguments(FallaEntrada)
    @blp.response(204)
    def post(self, datos: dict[str, Any]) -> None:
        """Hace fallar al PAC de pruebas (personal de la raíz)."""
        llamar(c.INYECTAR_FALLA, c.InyectarFalla(**datos))
