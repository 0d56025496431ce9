"""The root's own staff: minting, PACs and their reconciliation, the sandbox PAC's failures."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate

from services.gateway.auth import requiere_raiz
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.routes.transferencias import ExistenciaSalida
from services.gateway.schemas import Esquema, PaginaArgs, esquema_de, pagina_de
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
    @requiere_raiz("administrador")
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
    @requiere_raiz("administrador")
    @blp.arguments(FallaEntrada)
    @blp.response(204)
    def post(self, datos: dict[str, Any]) -> None:
        """Hace fallar al PAC de pruebas (personal de la raíz)."""
        llamar(c.INYECTAR_FALLA, c.InyectarFalla(**datos))


class PausaEntrada(Esquema):
    motivo = fields.String(required=True, validate=validate.Length(min=1, max=300))


class ConciliacionEntrada(Esquema):
    pac = fields.String(required=True, validate=validate.Length(min=1, max=40))
    dia = fields.Date(
        required=True, metadata={"description": "Día de FechaTimbrado, hora del centro; ya terminado."}
    )


class ConciliacionesArgs(PaginaArgs):
    pac = fields.String(load_default=None, validate=validate.Length(max=40))


class DiferenciasArgs(PaginaArgs):
    abiertas = fields.Boolean(
        load_default=None,
        metadata={"description": "true: solo las que faltan por resolver; false: las resueltas."},
    )


@blp.route("/v1/operacion/pacs")
class Pacs(MethodView):
    @requiere_raiz
    @blp.response(200, pagina_de(esquema_de(c.PacDeOperacion)))
    def get(self) -> Any:
        """Los PAC configurados y cómo están, en el orden en que se usan (personal de la raíz)."""
        return llamar(c.LISTAR_PACS, c.ListarPacs())


@blp.route("/v1/operacion/pacs/<string:nombre>/pausa")
class PausaDePac(MethodView):
    @requiere_raiz("operador")
    @blp.arguments(PausaEntrada)
    @blp.response(200, esquema_de(c.PacDeOperacion))
    def put(self, datos: dict[str, Any], nombre: str) -> Any:
        """Deja de enviar comprobantes a un PAC (personal de la raíz)."""
        return llamar(c.PAUSAR_PAC, c.PausarPac(nombre=nombre, **_quien(), **datos))

    @requiere_raiz("operador")
    @blp.response(200, esquema_de(c.PacDeOperacion))
    def delete(self, nombre: str) -> Any:
        """Vuelve a enviarle, con sus fallas olvidadas (personal de la raíz)."""
        return llamar(c.REANUDAR_PAC, c.ReanudarPac(nombre=nombre, **_quien()))


@blp.route("/v1/operacion/conciliaciones")
class Conciliaciones(MethodView):
    @requiere_raiz
    @blp.arguments(ConciliacionesArgs, location="query")
    @blp.response(200, pagina_de(esquema_de(c.Conciliacion)))
    def get(self, args: dict[str, Any]) -> Any:
        """Conciliaciones diarias contra la lista de cada PAC (personal de la raíz)."""
        return llamar(c.LISTAR_CONCILIACIONES, c.ListarConciliaciones(**args))

    @requiere_raiz("operador")
    @blp.arguments(ConciliacionEntrada)
    @blp.response(201, esquema_de(c.Conciliacion))
    def post(self, datos: dict[str, Any]) -> Any:
        """Concilia un día con un PAC, por primera vez o de nuevo; se hace en segundo plano (personal de la raíz)."""
        return llamar(c.CONCILIAR_PAC, c.ConciliarPac(**_quien(), **datos))


@blp.route("/v1/operacion/conciliaciones/<uuid:conciliacion_id>/diferencias")
class DiferenciasDePac(MethodView):
    @requiere_raiz
    @blp.arguments(DiferenciasArgs, location="query")
    @blp.response(200, pagina_de(esquema_de(c.DiferenciaDePac)))
    def get(self, args: dict[str, Any], conciliacion_id: UUID) -> Any:
        """Diferencias de una conciliación, la más antigua primero (personal de la raíz)."""
        peticion = c.ListarDiferenciasDePac(conciliacion_id=conciliacion_id, **args)
        return llamar(c.LISTAR_DIFERENCIAS_DE_PAC, peticion)


def _quien() -> dict[str, Any]:
    yo = actual()
    return {"clave": clave_idempotencia(), "cuenta_id": yo.cuenta_id, "actor": str(yo.perfil_id)}
