"""The SAT's LCO, for the root's own staff: what is in use, and whether stamping asks it."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields

from services.gateway.auth import requiere_raiz
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.schemas import Esquema
from shared.contracts import timbrado as c
from shared.contracts.base import Vacio, dump

blp = Blueprint("lco", __name__, description="LCO del SAT")


class LcoEntrada(Esquema):
    exigir = fields.Boolean(
        required=True,
        truthy={True},
        falsy={False},
        metadata={"description": "Consultar la LCO en cada timbrado (códigos 402 y 304)."},
    )


class LcoSalida(Esquema):
    exigir = fields.Boolean(required=True)
    version = fields.Integer(allow_none=True, required=True)
    fecha = fields.String(
        allow_none=True,
        required=True,
        metadata={"format": "date", "description": "La que el SAT puso en la lista."},
    )
    lineas = fields.Integer(required=True)
    cargada_en = fields.String(allow_none=True, required=True, metadata={"format": "date-time"})


@blp.route("/v1/operacion/lco")
class Lco(MethodView):
    @requiere_raiz
    @blp.response(200, LcoSalida)
    def get(self) -> dict[str, Any]:
        """La lista en uso (personal de la raíz). Se carga con `make lco`."""
        return dump(llamar(c.CONSULTAR_LCO, Vacio()))

    @requiere_raiz("administrador")
    @blp.arguments(LcoEntrada)
    @blp.response(200, LcoSalida)
    def put(self, datos: dict[str, Any]) -> dict[str, Any]:
        """Exige o no la lista al timbrar (personal de la raíz)."""
        return dump(
            llamar(
                c.CONFIGURAR_LCO,
                c.ConfigurarLco(clave=clave_idempotencia(), actor=str(actual().perfil_id), **datos),
            )
        )
