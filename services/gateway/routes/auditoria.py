"""The audit log: what was done in a CM, by whom, from where, with the seal of each entry."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate

from services.gateway.auth import requiere_sesion
from services.gateway.contexto import actual, llamar
from services.gateway.schemas import PaginaArgs, esquema_de, pagina_de
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError

blp = Blueprint("auditoria", __name__, description="Bitácora de auditoría")

_DESCRIPCION = (
    "Cada asiento lleva el sello del anterior y el suyo: SHA-256 de sus campos unidos por el carácter 0x1F, en el"
    " orden anterior, cadena, secuencia, id, en, accion, actor_tipo, actor, ip, correlacion, objeto, resultado,"
    " detalle. `verificar.py` lo comprueba sin conexión, en JSON o en CSV."
)


class AuditoriaArgs(PaginaArgs):
    actor = fields.String(
        load_default=None,
        validate=validate.Length(max=100),
        metadata={"description": "Identificador del perfil o de la llave."},
    )
    accion = fields.String(
        load_default=None,
        validate=validate.Length(max=100),
        metadata={"description": "Como la dice el asiento: timbrado.bloquear_cti_v1."},
    )
    objeto = fields.String(
        load_default=None,
        validate=validate.Length(max=120),
        metadata={"description": "Como lo dice el asiento: cti:ABC123, cliente:1001."},
    )
    desde = fields.AwareDateTime(load_default=None)
    hasta = fields.AwareDateTime(load_default=None, metadata={"description": "Sin incluirlo."})
    plataforma = fields.Boolean(
        load_default=False,
        metadata={"description": "true: lo que no es de ninguna cuenta (solo la raíz)."},
    )


class AsientoSalida(esquema_de(c.Asiento)):  # type: ignore[misc]
    """In a body the gateway fills in who asks; here it is what is asked."""

    actor = fields.String(required=True)


@blp.route("/v1/auditoria")
class Auditoria(MethodView):
    @requiere_sesion("administrador")
    @blp.doc(description=_DESCRIPCION)
    @blp.arguments(AuditoriaArgs, location="query")
    @blp.response(200, pagina_de(AsientoSalida))
    def get(self, args: dict[str, Any]) -> Any:
        """Asientos de auditoría de la cuenta, del más reciente al más antiguo."""
        if not args.pop("plataforma"):
            return llamar(c.LISTAR_AUDITORIA, c.ListarAuditoria(cuenta_id=actual().cuenta_id, **args))
        if not actual().es_raiz:
            raise DomainError(
                Codigo.NO_PERMITIDO, "Solo la cuenta raíz puede ver la auditoría de la plataforma."
            )
        return llamar(c.LISTAR_AUDITORIA_DE_PLATAFORMA, c.ListarAuditoriaDePlataforma(**args))
