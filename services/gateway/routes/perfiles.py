"""Perfiles: the one in use."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint

from services.gateway.auth import requiere_perfil
from services.gateway.contexto import llamar, perfil_actual
from services.gateway.schemas import esquema_de
from shared.contracts import clientes as c

blp = Blueprint("perfiles", __name__, description="Perfiles")


@blp.route("/v1/perfiles/yo")
class Yo(MethodView):
    @requiere_perfil
    @blp.response(200, esquema_de(c.Perfil))
    def get(self) -> Any:
        """El perfil en uso y las cuentas que administra."""
        return llamar(c.OBTENER_PERFIL, c.ObtenerPerfil(perfil_id=perfil_actual().perfil_id))
