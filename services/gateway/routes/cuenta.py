"""The cuenta maestra in use."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask.views import MethodView
from flask_smorest import Blueprint

from services.gateway.auth import requiere_sesion
from services.gateway.contexto import actual, llamar
from services.gateway.schemas import esquema_de
from shared.contracts import clientes as c

blp = Blueprint("cuenta", __name__, description="La Cuenta Maestra en uso")


class CuentaSalida(esquema_de(c.CuentaMaestra)):  # type: ignore[misc]
    cuenta_id = ma.fields.UUID(required=True)


@blp.route("/v1/cuenta")
class Cuenta(MethodView):
    @requiere_sesion(aunque_no_activa=True)
    @blp.response(200, CuentaSalida)
    def get(self) -> Any:
        """La Cuenta Maestra en uso, con su estado y su vencimiento."""
        return llamar(c.OBTENER_CUENTA, c.ObtenerCuenta(cuenta_id=actual().cuenta_id))
