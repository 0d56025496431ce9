"""Puntos of the CM: balance, statement, transfers to its clientes."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields

from services.gateway.auth import requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.csv import responder_lista
from services.gateway.paso import exigir_paso
from services.gateway.schemas import Decimales, Esquema, PaginaArgs, esquema_de, pagina_de
from shared.contracts import puntos as c
from shared.errors import Codigo, DomainError

blp = Blueprint("puntos", __name__, description="Puntos de la Cuenta Maestra")

MovimientoDePuntos = esquema_de(c.Movimiento, nombre="MovimientoDePuntos")


class TransferenciaDePuntosEntrada(Esquema):
    puntos = Decimales(required=True, metadata={"description": "Mayor que cero, como texto: `150.00`."})
    importe = Decimales(required=True, metadata={"description": "Precio de venta en MXN; puede ser `0.00`."})
    confirmar = fields.Boolean(
        load_default=False, metadata={"description": "La transferencia es irreversible: envíe true."}
    )


@blp.route("/v1/puntos")
class Puntos(MethodView):
    @requiere_sesion
    @blp.response(200, esquema_de(c.Saldo, nombre="SaldoDePuntos"))
    def get(self) -> Any:
        """Saldo de puntos de la cuenta."""
        return llamar(c.CONSULTAR_SALDO, c.ConsultarSaldo(cuenta_id=actual().cuenta_id))


@blp.route("/v1/puntos/movimientos")
class MovimientosPuntos(MethodView):
    @requiere_sesion
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, pagina_de(MovimientoDePuntos))
    def get(self, args: dict[str, Any]) -> Any:
        """Estado de cuenta de los puntos, lo más reciente primero."""
        peticion = c.ListarMovimientos(cuenta_id=actual().cuenta_id, **args)
        return responder_lista(llamar(c.LISTAR_MOVIMIENTOS, peticion), MovimientoDePuntos)


@blp.route("/v1/clientes/<int:nic>/puntos/transferencias")
class TransferenciasPuntos(MethodView):
    @requiere_sesion("operador")
    @blp.arguments(TransferenciaDePuntosEntrada)
    @blp.response(201, esquema_de(c.Transferencia, nombre="TransferenciaDePuntos"))
    def post(self, datos: dict[str, Any], nic: int) -> Any:
        """Transfiere puntos de la cuenta a un cliente. Irreversible."""
        if not datos.pop("confirmar"):
            raise DomainError(
                Codigo.CONFIRMACION_REQUERIDA,
                "La transferencia es irreversible. Revise los puntos y el importe y envíe confirmar: true.",
                errores={"confirmar": ["Envíe true para confirmar."]},
            )
        exigir_paso(puntos=datos["puntos"])
        yo = actual()
        peticion = c.Transferir(
            clave=clave_idempotencia(),
            cuenta_id=yo.cuenta_id,
            actor=yo.perfil_id,
            # A number that no bigint holds is nobody's NIC: let it be one that does not exist.
            nic=nic if nic < 2**63 else 0,
            **datos,
        )
        return llamar(c.TRANSFERIR, peticion)
