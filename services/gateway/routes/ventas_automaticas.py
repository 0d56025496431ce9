"""Automatic sale of timbres to CTI estándar, one and many; and the forecast of the days that a balance lasts."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate

from services.gateway.auth import requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.csv import responder_lista
from services.gateway.schemas import Decimales, Esquema, PaginaArgs, esquema_de, pagina_de
from shared.contracts import timbrado as c
from shared.errors import Codigo, DomainError

blp = Blueprint("ventas-automaticas", __name__, description="Venta automática y pronóstico de timbres")

_CANTIDAD = validate.Range(min=1, max=100_000_000, error="Escriba de 1 a 100,000,000 timbres.")


class VentaAutomaticaEntrada(Esquema):
    minimo = fields.Integer(
        required=True,
        strict=True,
        validate=_CANTIDAD,
        metadata={"description": "Cuando el saldo baje de esta cantidad se hace la venta."},
    )
    abonar = fields.Integer(
        required=True, strict=True, validate=_CANTIDAD, metadata={"description": "Timbres de cada venta."}
    )
    importe = Decimales(required=True, metadata={"description": "Importe de cada venta, MXN."})
    tope_mensual = fields.Integer(
        load_default=None,
        allow_none=True,
        strict=True,
        validate=_CANTIDAD,
        metadata={"description": "Timbres por mes calendario, como máximo; sin él no hay tope."},
    )
    confirmar = fields.Boolean(
        load_default=False,
        metadata={"description": "Cada venta será irreversible y se hará sola: envíe true."},
    )


class VentasAutomaticasEntrada(VentaAutomaticaEntrada):
    ctis = fields.List(
        fields.String(validate=validate.Length(min=1, max=64)),
        required=True,
        validate=validate.Length(min=1, max=1_000),
    )
    simular = fields.Boolean(
        load_default=False, metadata={"description": "true: solo dice lo que se vendería, sin cambiar nada."}
    )


class PronosticosArgs(PaginaArgs):
    dias_menos_de = fields.Integer(
        load_default=None,
        validate=validate.Range(min=1, max=36_500),
        metadata={"description": "Solo las CTI cuyo saldo alcanza para menos días que estos."},
    )


@blp.route("/v1/ctis/<string:cti>/venta-automatica")
class VentaAutomatica(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.response(200, esquema_de(c.VentaAutomatica))
    def get(self, cti: str) -> Any:
        """Venta automática de la CTI, con su última venta y lo vendido en el mes."""
        peticion = c.ObtenerVentaAutomatica(cuenta_id=actual().cuenta_id, cti=cti)
        return llamar(c.OBTENER_VENTA_AUTOMATICA, peticion)

    @requiere_sesion(rol="administrador")
    @blp.arguments(VentaAutomaticaEntrada)
    @blp.response(200, esquema_de(c.VentaAutomatica))
    def put(self, datos: dict[str, Any], cti: str) -> Any:
        """Configura la venta automática: al bajar del mínimo se abonan timbres por el importe indicado."""
        _confirmada(datos)
        yo = actual()
        peticion = c.PonerVentaAutomatica(
            clave=clave_idempotencia(), cuenta_id=yo.cuenta_id, cti=cti, actor=str(yo.perfil_id), **datos
        )
        return llamar(c.PONER_VENTA_AUTOMATICA, peticion)

    @requiere_sesion(rol="administrador")
    @blp.response(204)
    def delete(self, cti: str) -> None:
        """Quita la venta automática; lo que ya se vendió no cambia."""
        yo = actual()
        llamar(
            c.QUITAR_VENTA_AUTOMATICA,
            c.QuitarVentaAutomatica(
                clave=clave_idempotencia(), cuenta_id=yo.cuenta_id, cti=cti, actor=str(yo.perfil_id)
            ),
        )


@blp.route("/v1/ventas-automaticas")
class VentasAutomaticas(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, pagina_de(esquema_de(c.VentaAutomatica)))
    def get(self, args: dict[str, Any]) -> Any:
        """Ventas automáticas de la cuenta, por CTI."""
        peticion = c.ListarVentasAutomaticas(cuenta_id=actual().cuenta_id, **args)
        return responder_lista(llamar(c.LISTAR_VENTAS_AUTOMATICAS, peticion), esquema_de(c.VentaAutomatica))

    @requiere_sesion(rol="administrador")
    @blp.arguments(VentasAutomaticasEntrada)
    @blp.response(200, esquema_de(c.VentasAutomaticasPuestas))
    def put(self, datos: dict[str, Any]) -> Any:
        """Configura la misma venta automática en hasta 1,000 CTI, o simula lo que vendería."""
        yo = actual()
        if datos.pop("simular"):
            datos.pop("confirmar")
            simular = c.SimularVentasAutomaticas(cuenta_id=yo.cuenta_id, **datos)
            return llamar(c.SIMULAR_VENTAS_AUTOMATICAS, simular)
        _confirmada(datos)
        poner = c.PonerVentasAutomaticas(
            clave=clave_idempotencia(), cuenta_id=yo.cuenta_id, actor=str(yo.perfil_id), **datos
        )
        return llamar(c.PONER_VENTAS_AUTOMATICAS, poner)


@blp.route("/v1/ctis/<string:cti>/pronostico")
class Pronostico(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.response(200, esquema_de(c.Pronostico))
    def get(self, cti: str) -> Any:
        """Para cuántos días alcanza el saldo de la CTI, según su consumo por día de la semana."""
        return llamar(c.OBTENER_PRONOSTICO, c.ObtenerPronostico(cuenta_id=actual().cuenta_id, cti=cti))


@blp.route("/v1/pronosticos")
class Pronosticos(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.arguments(PronosticosArgs, location="query")
    @blp.response(200, pagina_de(esquema_de(c.Pronostico)))
    def get(self, args: dict[str, Any]) -> Any:
        """CTI estándar de la cuenta; primero aquellas a las que se les acaba antes el saldo."""
        peticion = c.ListarPronosticos(cuenta_id=actual().cuenta_id, **args)
        return responder_lista(llamar(c.LISTAR_PRONOSTICOS, peticion), esquema_de(c.Pronostico))


def _confirmada(datos: dict[str, Any]) -> None:
    if not datos.pop("confirmar"):
        raise DomainError(
            Codigo.CONFIRMACION_REQUERIDA,
            "Cada venta automática será irreversible y se hará sola. Revise mínimo, abonar e importe y envíe"
            " confirmar: true.",
        )
