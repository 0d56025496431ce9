"""Operaciones por facturar: ventas, and the invoices registered for them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate

from services.gateway.auth import requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.csv import responder_lista
from services.gateway.schemas import Esquema, PaginaArgs, esquema_de, pagina_de
from shared.contracts import facturacion as c

blp = Blueprint("facturacion", __name__, description="Operaciones por facturar y facturas registradas")

_NIC = validate.Range(min=1, max=2**63 - 1, error="El NIC no es válido.")


class VentaSalida(esquema_de(c.Venta)):  # type: ignore[misc]
    cantidad = fields.String(
        required=True, metadata={"description": "Timbres (entero) o puntos (dos decimales), según `tipo`."}
    )


class VentasArgs(PaginaArgs):
    estado = fields.String(load_default=None, validate=validate.OneOf(["por_facturar", "facturada"]))
    tipo = fields.String(load_default=None, validate=validate.OneOf(["timbres", "puntos"]))
    origen = fields.String(
        load_default=None,
        validate=validate.Regexp(r"[a-z_]{1,40}\Z"),
        metadata={"description": "Cómo se hizo la venta, por ejemplo `transferencia`."},
    )
    cliente = fields.Integer(load_default=None, validate=_NIC, metadata={"description": "NIC del cliente."})


class FacturasArgs(PaginaArgs):
    estado = fields.String(load_default=None, validate=validate.OneOf(["vigente", "anulada"]))
    cliente = fields.Integer(load_default=None, validate=_NIC, metadata={"description": "NIC del cliente."})


class FacturaEntrada(Esquema):
    nic = fields.Integer(required=True, strict=True, validate=_NIC)
    referencia = fields.String(
        required=True,
        validate=validate.Length(min=1, max=100),
        metadata={"description": "La de su propia factura: folio o UUID."},
    )
    ventas = fields.List(
        fields.UUID(),
        required=True,
        validate=validate.Length(min=1, max=1000, error="Elija de 1 a 1000 ventas."),
        metadata={"description": "Ventas por facturar, todas del mismo cliente."},
    )


@blp.route("/v1/ventas")
class Ventas(MethodView):
    @requiere_sesion
    @blp.arguments(VentasArgs, location="query")
    @blp.response(200, pagina_de(VentaSalida))
    def get(self, args: dict[str, Any]) -> Any:
        """Ventas de la cuenta, de la más reciente a la más antigua."""
        nic = args.pop("cliente")
        pagina = llamar(c.LISTAR_VENTAS, c.ListarVentas(cuenta_id=actual().cuenta_id, nic=nic, **args))
        datos = [{**asdict(v), "cantidad": f"{v.cantidad:f}"} for v in pagina.datos]
        return responder_lista({"datos": datos, "siguiente": pagina.siguiente}, VentaSalida)


@blp.route("/v1/facturas")
class Facturas(MethodView):
    @requiere_sesion
    @blp.arguments(FacturasArgs, location="query")
    @blp.response(200, pagina_de(esquema_de(c.Factura)))
    def get(self, args: dict[str, Any]) -> Any:
        """Facturas registradas, de la más reciente a la más antigua."""
        nic = args.pop("cliente")
        peticion = c.ListarFacturas(cuenta_id=actual().cuenta_id, nic=nic, **args)
        return responder_lista(llamar(c.LISTAR_FACTURAS, peticion), esquema_de(c.Factura))

    @requiere_sesion("operador")
    @blp.arguments(FacturaEntrada)
    @blp.response(201, esquema_de(c.Factura))
    def post(self, datos: dict[str, Any]) -> Any:
        """Registra la factura de una o varias ventas de un cliente."""
        yo = actual()
        peticion = c.RegistrarFactura(
            clave=clave_idempotencia(), cuenta_id=yo.cuenta_id, actor=yo.perfil_id, **datos
        )
        return llamar(c.REGISTRAR_FACTURA, peticion)


@blp.route("/v1/facturas/<uuid:factura_id>")
class UnaFactura(MethodView):
    @requiere_sesion("operador")
    @blp.response(200, esquema_de(c.Factura))
    def delete(self, factura_id: UUID) -> Any:
        """Anula el registro de una factura; sus ventas quedan de nuevo por facturar."""
        yo = actual()
        # An annulment is for good, so the invoice itself is the key: repeating it answers the same.
        clave = f"{yo.cuenta_id}:{factura_id}"
        peticion = c.AnularFactura(
            clave=clave, cuenta_id=yo.cuenta_id, actor=yo.perfil_id, factura_id=factura_id
        )
        return llamar(c.ANULAR_FACTURA, peticion)
