"""Whether the notices of the CM in use come by mail. A person's own choice, so no API key may make it.

Only titular and administradores are written to, so only they have something to choose.
"""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint

from services.gateway.auth import requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.schemas import esquema_de
from shared.contracts import clientes as c

blp = Blueprint("preferencias-de-avisos", __name__, description="Avisos por correo")


@blp.route("/v1/avisos/preferencias")
class Preferencias(MethodView):
    @requiere_sesion
    @blp.response(200, esquema_de(c.PreferenciasDeAvisos))
    def get(self) -> Any:
        """Si los avisos de la cuenta en uso le llegan también por correo (al titular y a los administradores)."""
        yo = actual()
        peticion = c.LeerPreferenciasDeAvisos(cuenta_id=yo.cuenta_id, perfil_id=yo.perfil_id)
        return llamar(c.LEER_PREFERENCIAS_DE_AVISOS, peticion)

    @requiere_sesion("administrador")
    @blp.arguments(esquema_de(c.CambiarPreferenciasDeAvisos, "perfil_id"))
    @blp.response(200, esquema_de(c.PreferenciasDeAvisos))
    def patch(self, datos: dict[str, Any]) -> Any:
        """Elige si los avisos de la cuenta en uso le llegan también por correo."""
        yo = actual()
        return llamar(
            c.CAMBIAR_PREFERENCIAS_DE_AVISOS,
            c.CambiarPreferenciasDeAvisos(
                clave=clave_idempotencia(), cuenta_id=yo.cuenta_id, perfil_id=yo.perfil_id, **datos
            ),
        )
