"""The cartera searched and counted."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import marshmallow as ma
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import validate

from services.gateway.auth import requiere_sesion
from services.gateway.contexto import actual, llamar
from services.gateway.schemas import Decimales, Esquema, PaginaArgs, esquema_de, pagina_de
from shared.contracts import clientes as c

blp = Blueprint("cartera", __name__, description="Búsqueda en los clientes de la Cuenta Maestra")

_TIMBRES = validate.Range(min=0, max=2**62, error="Escriba un número de timbres de cero en adelante.")


class CtiDeCarteraSalida(Esquema):
    id = ma.fields.String(required=True)


class ClienteDeCarteraSalida(esquema_de(c.ClienteDeCartera, "cti", "advertencias")):  # type: ignore[misc]
    cti = ma.fields.Nested(CtiDeCarteraSalida, required=True, metadata={"description": "Su primera CTI."})


class BusquedaArgs(Esquema):
    """What the list and the export are asked for alike."""

    q = ma.fields.String(
        load_default=None,
        validate=[c.SIN_NULOS, validate.Length(max=200, error="Escriba a lo más 200 caracteres.")],
        metadata={
            "description": "Palabras que el cliente debe tener, en cualquier orden, en su NIC, CTI, razón social,"
            " nombre comercial, RFC, teléfono, correo, o en el nombre, correo o teléfonos de sus contactos. No"
            " distingue acentos ni mayúsculas; una palabra de una o dos letras se busca al inicio de palabra. Un"
            " teléfono o RFC se escribe con o sin espacios, guiones, lada o extensión."
        },
    )
    orden = ma.fields.String(
        load_default="alta_reciente",
        validate=validate.OneOf(
            c.ORDENES_DE_CARTERA, error=f"El orden debe ser uno de: {', '.join(c.ORDENES_DE_CARTERA)}."
        ),
        metadata={"description": "Quien no tiene compra o emisión va al final."},
    )
    favorito = ma.fields.Boolean(load_default=None)
    baja = ma.fields.String(
        load_default="false",
        validate=validate.OneOf(c.BAJAS, error="Baja debe ser true, false o todas."),
        metadata={"description": "`false` oculta las bajas, `true` muestra solo ellas, `todas` ambos."},
    )
    color = ma.fields.String(
        load_default=None,
        validate=validate.OneOf(c.COLORES, error=f"El color debe ser uno de: {', '.join(c.COLORES)}."),
    )
    timbres_desde = ma.fields.Integer(load_default=None, validate=_TIMBRES)
    timbres_hasta = ma.fields.Integer(load_default=None, validate=_TIMBRES)
    puntos_desde = Decimales(load_default=None)
    puntos_hasta = Decimales(load_default=None)


class CarteraArgs(BusquedaArgs, PaginaArgs):
    cursor = ma.fields.String(
        load_default=None,
        validate=validate.Length(max=2000, error="El cursor no es válido."),
        metadata={"description": "El `siguiente` de la página anterior, del mismo orden y filtros."},
    )


@blp.route("/v1/clientes")
class Cartera(MethodView):
    @requiere_sesion
    @blp.arguments(CarteraArgs, location="query")
    @blp.response(200, pagina_de(ClienteDeCarteraSalida))
    def get(self, args: dict[str, Any]) -> Any:
        """Clientes de la cuenta: busca, filtra y ordena. Los saldos van segundos atrás."""
        pagina = llamar(c.LISTAR_CARTERA, c.ListarCartera(cuenta_id=actual().cuenta_id, **args))
        return {"datos": [_ver(x) for x in pagina.datos], "siguiente": pagina.siguiente}


@blp.route("/v1/clientes/resumen")
class Resumen(MethodView):
    @requiere_sesion
    @blp.response(200, esquema_de(c.ResumenDeCartera))
    def get(self) -> Any:
        """Cuántos clientes hay en total, en favoritos, en bajas y de cada color."""
        return llamar(c.CONTAR_CARTERA, c.ContarCartera(cuenta_id=actual().cuenta_id))


def _ver(cliente: c.ClienteDeCartera) -> dict[str, Any]:
    datos = {campo.name: getattr(cliente, campo.name) for campo in fields(cliente)}
    return {**datos, "cti": {"id": cliente.cti}}
