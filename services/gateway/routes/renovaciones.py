"""A further year of the CM in use; and what a year costs, which the root's staff sets."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask.views import MethodView
from flask_smorest import Blueprint

from services.gateway.auth import requiere_raiz, requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.csv import responder_lista
from services.gateway.schemas import Decimales, Esquema, PaginaArgs, esquema_de, pagina_de
from shared.contracts import clientes as c
from shared.contracts.base import Vacio
from shared.errors import Codigo, DomainError

blp = Blueprint("renovaciones", __name__, description="Renovación anual de la Cuenta Maestra")

Concepto = esquema_de(c.ConceptoDeRenovacion)


class Cotizacion(esquema_de(c.CotizacionDeRenovacion)):  # type: ignore[misc]
    cuenta_id = ma.fields.UUID(required=True)
    conceptos = ma.fields.List(ma.fields.Nested(Concepto))


class Renovada(esquema_de(c.Renovacion)):  # type: ignore[misc]
    cuenta_id = ma.fields.UUID(required=True)
    conceptos = ma.fields.List(ma.fields.Nested(Concepto))


class RenovacionDeCuentaEntrada(Esquema):
    total = Decimales(
        required=True,
        metadata={"description": "El de la cotización, en puntos: si cambió se responde 409 y no se cobra."},
    )
    confirmar = ma.fields.Boolean(
        load_default=False,
        metadata={"description": "Se cobra un año en puntos y no se reembolsa: envíe true."},
    )


class CuotaEntrada(Esquema):
    cuota = Decimales(required=True, metadata={"description": "Puntos por un año de una Cuenta Maestra."})


@blp.route("/v1/cuenta/renovaciones")
class Renovaciones(MethodView):
    @requiere_sesion
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, pagina_de(Renovada))
    def get(self, args: dict[str, Any]) -> Any:
        """Renovaciones de la cuenta, de la más reciente a la más antigua, y en qué quedó cada una."""
        peticion = c.ListarRenovaciones(cuenta_id=actual().cuenta_id, **args)
        return responder_lista(llamar(c.LISTAR_RENOVACIONES, peticion), Renovada)

    @requiere_sesion("administrador", aunque_no_activa=True)
    @blp.arguments(RenovacionDeCuentaEntrada)
    @blp.response(202, Renovada)
    def post(self, datos: dict[str, Any]) -> Any:
        """Renueva un año con puntos de la cuenta, con todos sus contratos. Consulte después su `estado`."""
        if not datos["confirmar"]:
            raise DomainError(
                Codigo.CONFIRMACION_REQUERIDA,
                "Se cobrará un año completo en puntos. Revise la cotización y envíe confirmar: true.",
                errores={"confirmar": ["Envíe true para confirmar."]},
            )
        yo = actual()
        return llamar(
            c.RENOVAR_CUENTA,
            c.RenovarCuenta(
                clave=clave_idempotencia(),
                cuenta_id=yo.cuenta_id,
                renovada_id=yo.cuenta_id,
                actor=yo.perfil_id,
                total=datos["total"],
            ),
        )


@blp.route("/v1/cuenta/renovaciones/cotizacion")
class CotizacionPropia(MethodView):
    @requiere_sesion
    @blp.response(200, Cotizacion)
    def get(self) -> Any:
        """Lo que cuesta un año más: la cuota y los contratos completos, y el nuevo vencimiento."""
        yo = actual()
        peticion = c.CotizarRenovacion(cuenta_id=yo.cuenta_id, renovada_id=yo.cuenta_id)
        return llamar(c.COTIZAR_RENOVACION, peticion)


@blp.route("/v1/operacion/cuota-anual")
class CuotaAnual(MethodView):
    @requiere_raiz
    @blp.response(200, esquema_de(c.CuotaAnual))
    def get(self) -> Any:
        """Cuota anual de una Cuenta Maestra, en puntos (personal de la raíz)."""
        return llamar(c.CONSULTAR_CUOTA_ANUAL, Vacio())

    @requiere_raiz("administrador")
    @blp.arguments(CuotaEntrada)
    @blp.response(200, esquema_de(c.CuotaAnual))
    def put(self, datos: dict[str, Any]) -> Any:
        """Fija la cuota anual; lo ya pedido conserva su precio (personal de la raíz)."""
        peticion = c.PonerCuotaAnual(clave=clave_idempotencia(), actor=actual().perfil_id, **datos)
        return llamar(c.PONER_CUOTA_ANUAL, peticion)
