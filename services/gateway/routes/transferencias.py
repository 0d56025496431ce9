"""Timbres that move: transfers to CTI, stock, statements."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate

from services.gateway.auth import requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.paso import exigir_paso
from services.gateway.schemas import Decimales, Esquema, PaginaArgs
from shared.contracts import timbrado as c
from shared.contracts.base import dump
from shared.errors import Codigo, DomainError

blp = Blueprint("transferencias", __name__, description="Timbres y transferencias")


class TransferenciaEntrada(Esquema):
    cantidad = fields.Integer(required=True, strict=True, validate=validate.Range(min=1, max=100_000_000))
    importe = Decimales(required=True)
    confirmar = fields.Boolean(
        load_default=False, metadata={"description": "La transferencia es irreversible: envíe true."}
    )


class TransferenciaSalida(Esquema):
    transferencia_id = fields.String()
    cti = fields.String()
    cantidad = fields.Integer()
    importe = fields.String()
    saldo = fields.Integer()
    existencia = fields.Integer()


class MovimientoSalida(Esquema):
    id = fields.Integer()
    operacion = fields.String()
    cantidad = fields.Integer()
    motivo = fields.String()
    referencia = fields.String()
    importe = fields.String(allow_none=True)
    creado_en = fields.String()
    secuencia = fields.Integer(allow_none=True)
    saldo = fields.Integer(allow_none=True)
    sello = fields.String(allow_none=True)


class PaginaDeMovimientos(Esquema):
    datos = fields.List(fields.Nested(MovimientoSalida))
    siguiente = fields.String(allow_none=True)


class ExistenciaSalida(Esquema):
    cuenta_id = fields.String()
    existencia = fields.Integer()


@blp.route("/v1/ctis/<string:cti>/transferencias")
class Transferencias(MethodView):
    @requiere_sesion(rol="operador")
    @blp.arguments(TransferenciaEntrada)
    @blp.response(201, TransferenciaSalida)
    def post(self, datos: dict[str, Any], cti: str) -> dict[str, Any]:
        """Transfiere timbres de la existencia de la CM a la CTI. Irreversible."""
        if not datos.pop("confirmar"):
            raise DomainError(
                Codigo.CONFIRMACION_REQUERIDA,
                "La transferencia es irreversible. Revise cantidad e importe y envíe confirmar: true.",
            )
        exigir_paso(timbres=datos["cantidad"])
        yo = actual()
        return dump(
            llamar(
                c.TRANSFERIR,
                c.Transferir(
                    clave=clave_idempotencia(),
                    cuenta_id=yo.cuenta_id,
                    cti=cti,
                    actor=str(yo.perfil_id),
                    **datos,
                ),
            )
        )


@blp.route("/v1/ctis/<string:cti>/movimientos")
class MovimientosDeCti(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, PaginaDeMovimientos)
    def get(self, args: dict[str, Any], cti: str) -> dict[str, Any]:
        """Estado de cuenta de la CTI, lo más reciente primero."""
        return dump(
            llamar(c.LISTAR_MOVIMIENTOS, c.ListarMovimientos(cuenta_id=actual().cuenta_id, cti=cti, **args))
        )


@blp.route("/v1/timbres")
class Timbres(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.response(200, ExistenciaSalida)
    def get(self) -> dict[str, Any]:
        """Existencia de timbres de la cuenta maestra."""
        return dump(llamar(c.CONSULTAR_EXISTENCIA, c.ConsultarExistencia(cuenta_id=actual().cuenta_id)))


@blp.route("/v1/timbres/movimientos")
class MovimientosDeTimbres(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, PaginaDeMovimientos)
    def get(self, args: dict[str, Any]) -> dict[str, Any]:
        """Estado de cuenta de la existencia de la CM."""
        return dump(llamar(c.LISTAR_MOVIMIENTOS, c.ListarMovimientos(cuenta_id=actual().cuenta_id, **args)))
