"""Stamped documents of the CM: a CTI's list, one with its XML and PDF, what the SAT says; the sandbox's receiver."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, request
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate

from services.gateway import documentos
from services.gateway.auth import requiere_raiz, requiere_sesion
from services.gateway.contexto import actual, llamar
from services.gateway.schemas import Decimales, Esquema, PaginaArgs
from services.gateway.timbrado import Respuesta
from shared.contracts import timbrado as c
from shared.contracts.base import dump
from shared.contracts.timbrado.comprobantes import ESTADOS
from shared.errors import campo_invalido

blp = Blueprint("comprobantes", __name__, description="Comprobantes timbrados")

_RFC = validate.Length(min=12, max=13, error="Un RFC tiene 12 o 13 caracteres.")


class TimbradosArgs(PaginaArgs):
    desde = fields.AwareDateTime(load_default=None, metadata={"description": "Enviados desde este momento."})
    hasta = fields.AwareDateTime(
        load_default=None, metadata={"description": "Enviados antes de este momento."}
    )
    emisor = fields.String(load_default=None, validate=_RFC)
    receptor = fields.String(load_default=None, validate=_RFC)
    estado = fields.String(load_default=None, validate=validate.OneOf(ESTADOS))
    uuid = fields.UUID(load_default=None)
    idd = fields.String(load_default=None, validate=validate.Length(min=1, max=100))


class TimbradoSalida(Esquema):
    id = fields.UUID()
    uuid = fields.String(allow_none=True)
    idd = fields.String(allow_none=True)
    estado = fields.String(metadata={"description": ", ".join(ESTADOS)})
    cancelacion = fields.String(
        allow_none=True, metadata={"description": "solicitada, en_proceso o cancelada, si se pidió."}
    )
    emisor = fields.String()
    receptor = fields.String()
    tipo = fields.String(metadata={"description": "I, E, T, N o P; R si es de retenciones."})
    total = Decimales(lugares=6)
    pac = fields.String()
    rechazo = fields.String(allow_none=True)
    creado_en = fields.String()
    terminado_en = fields.String(allow_none=True)


class PaginaDeTimbrados(Esquema):
    datos = fields.List(fields.Nested(TimbradoSalida))
    siguiente = fields.String(allow_none=True)


class CancelacionSalida(Esquema):
    uuid = fields.String()
    estado = fields.String(metadata={"description": "solicitada, en_proceso, cancelada o rechazada"})
    motivo = fields.String()
    sustituye = fields.String(allow_none=True)
    codigo = fields.String(allow_none=True, metadata={"description": "Del SAT: 201, 202, 204 …"})
    detalle = fields.String(allow_none=True)
    acuse = fields.String(allow_none=True, metadata={"description": "El acuse del SAT, XML."})
    solicitada_en = fields.String()
    terminada_en = fields.String(allow_none=True)


class ComprobanteSalida(Esquema):
    uuid = fields.String()
    idd = fields.String()
    repetido = fields.Boolean()
    xml = fields.String()
    cancelacion = fields.Nested(CancelacionSalida, allow_none=True)


class EstadoSalida(Esquema):
    uuid = fields.String()
    estado = fields.String(metadata={"description": "Vigente, Cancelado o No Encontrado"})
    es_cancelable = fields.String()
    estatus_cancelacion = fields.String()
    codigo = fields.String()
    cancelacion = fields.Nested(CancelacionSalida, allow_none=True)


class AceptacionEntrada(Esquema):
    uuid = fields.UUID(required=True)
    aceptada = fields.Boolean(required=True)


@blp.route("/v1/ctis/<string:cti>/timbrados")
class Timbrados(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.arguments(TimbradosArgs, location="query")
    @blp.response(200, PaginaDeTimbrados)
    def get(self, args: dict[str, Any], cti: str) -> dict[str, Any]:
        """Comprobantes de una cuenta de timbrado, del más reciente al más antiguo."""
        if args["desde"] and args["hasta"] and args["desde"] >= args["hasta"]:
            raise campo_invalido("hasta", "La fecha final debe ser posterior a la inicial.")
        pagina = dump(
            llamar(c.LISTAR_TIMBRADOS, c.ListarTimbrados(cuenta_id=actual().cuenta_id, cti=cti, **args))
        )
        for fila in pagina["datos"]:
            fila["uuid"] = fila["uuid"] and fila["uuid"].upper()
        return pagina


@blp.route("/v1/comprobantes/<uuid:uuid>")
class UnComprobante(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.response(200, ComprobanteSalida)
    def get(self, uuid: UUID) -> Response:
        """Un comprobante timbrado; con `Accept: application/xml` el XML, con `application/pdf` su representación."""
        return _responder(documentos.comprobante(request.environ, _obtener(uuid)))


@blp.route("/v1/comprobantes/<uuid:uuid>/estado")
class EstadoDeComprobante(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.response(200, EstadoSalida)
    def get(self, uuid: UUID) -> dict[str, Any]:
        """Lo que el SAT dice del comprobante: vigente o cancelado, y si se puede cancelar."""
        visto = llamar(c.OBTENER_ESTADO, c.ObtenerComprobante(cuenta_id=actual().cuenta_id, uuid=uuid))
        return documentos.estado_en_json(visto)


@blp.route("/v1/comprobantes/<uuid:uuid>/acuse")
class AcuseDeComprobante(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.response(200, content_type="application/xml")
    def get(self, uuid: UUID) -> Response:
        """El acuse de cancelación del SAT, XML."""
        return _responder(documentos.acuse(_obtener(uuid)))


@blp.route("/v1/operacion/pac-pruebas/aceptaciones")
class Aceptaciones(MethodView):
    @requiere_raiz("administrador")
    @blp.arguments(AceptacionEntrada)
    @blp.response(204)
    def post(self, datos: dict[str, Any]) -> None:
        """Responde como el receptor a una cancelación en proceso del PAC de pruebas (personal de la raíz)."""
        llamar(c.RESPONDER_CANCELACION, c.ResponderCancelacion(**datos))


def _obtener(uuid: UUID) -> c.Comprobante:
    return llamar(c.OBTENER_COMPROBANTE, c.ObtenerComprobante(cuenta_id=actual().cuenta_id, uuid=uuid))


def _responder(r: Respuesta) -> Response:
    return Response(r.cuerpo, status=r.status, headers=[("Content-Type", r.tipo), *r.cabeceras])
