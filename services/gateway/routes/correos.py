"""The mails that the system sent or could not send, for the root's staff."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate

from services.gateway.auth import requiere_raiz
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.schemas import PaginaArgs, esquema_de, pagina_de
from shared.contracts import clientes as c

blp = Blueprint("correos", __name__, description="Correos enviados y por enviar (operación de la raíz)")


class CorreosArgs(PaginaArgs):
    estado = fields.String(
        load_default=None,
        validate=validate.OneOf(["pendiente", "enviado", "fallido"]),
        metadata={"description": "`pendiente`, `enviado` o `fallido`; sin él, todos."},
    )


@blp.route("/v1/operacion/correos")
class Correos(MethodView):
    @requiere_raiz("administrador")
    @blp.arguments(CorreosArgs, location="query")
    @blp.response(200, pagina_de(esquema_de(c.Correo)))
    def get(self, args: dict[str, Any]) -> Any:
        """Correos, del más reciente al más antiguo, sin su texto (personal de la raíz)."""
        return llamar(c.LISTAR_CORREOS, c.ListarCorreos(**args))


@blp.route("/v1/operacion/correos/<uuid:correo_id>/reintento")
class Reintento(MethodView):
    @requiere_raiz("administrador")
    @blp.response(200, esquema_de(c.Correo))
    def post(self, correo_id: UUID) -> Any:
        """Vuelve a enviar un correo que falló definitivamente y cuyo texto se conserva (personal de la raíz).

        La respuesta muestra la dirección abreviada.
        """
        yo = actual()
        return llamar(
            c.REINTENTAR_CORREO,
            c.ReintentarCorreo(clave=clave_idempotencia(), correo_id=correo_id, actor=yo.perfil_id),
        )
