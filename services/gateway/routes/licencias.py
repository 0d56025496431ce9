"""MKL contracts, licences of a cliente, and what anyone needs to verify a licence."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate

from services.gateway.auth import publica, requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.csv import responder_lista
from services.gateway.schemas import Esquema, PaginaArgs, esquema_de, pagina_de
from shared.contracts import licencias as c
from shared.contracts.base import Vacio

blp = Blueprint("licencias", __name__, description="MKL y licencias firmadas")

_PRODUCTO = validate.Length(min=1, max=64)


class LicenciaEntrada(Esquema):
    producto = fields.String(
        required=True, validate=_PRODUCTO, metadata={"description": "Clave del producto, `punto-de-venta`."}
    )
    caracteristicas = fields.List(
        fields.String(validate=_PRODUCTO),
        load_default=list,
        validate=validate.Length(max=50, error="Indique 50 características como máximo."),
    )


class ValidacionEntrada(Esquema):
    documento = fields.String(
        required=True,
        validate=validate.Length(min=1, max=16_384),
        metadata={"description": "El texto completo de la licencia."},
    )
    producto = fields.String(
        load_default="",
        validate=validate.Length(max=64),
        metadata={"description": "Clave del producto que pregunta; vacía: cualquiera."},
    )


@blp.route("/v1/mkl")
class Mkls(MethodView):
    @requiere_sesion
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, pagina_de(esquema_de(c.Mkl)))
    def get(self, args: dict[str, Any]) -> Any:
        """Contratos MKL de la cuenta; primero el que vence más tarde."""
        peticion = c.ListarMkl(cuenta_id=actual().cuenta_id, **args)
        return responder_lista(llamar(c.LISTAR_MKL, peticion), esquema_de(c.Mkl))


@blp.route("/v1/clientes/<int:nic>/licencias")
class LicenciasDeCliente(MethodView):
    @requiere_sesion
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, pagina_de(esquema_de(c.Licencia)))
    def get(self, args: dict[str, Any], nic: int) -> Any:
        """Licencias de un cliente, de la más reciente a la más antigua."""
        peticion = c.ListarLicencias(cuenta_id=actual().cuenta_id, nic=_nic(nic), **args)
        return responder_lista(llamar(c.LISTAR_LICENCIAS, peticion), esquema_de(c.Licencia))

    @requiere_sesion("operador")
    @blp.arguments(LicenciaEntrada)
    @blp.response(201, esquema_de(c.Licencia))
    def post(self, datos: dict[str, Any], nic: int) -> Any:
        """Genera una licencia por un año; requiere la MKL vigente del producto."""
        yo = actual()
        peticion = c.GenerarLicencia(
            clave=clave_idempotencia(), cuenta_id=yo.cuenta_id, actor=yo.perfil_id, nic=_nic(nic), **datos
        )
        return llamar(c.GENERAR_LICENCIA, peticion)


@blp.route("/v1/licencias/<uuid:licencia_id>")
class UnaLicencia(MethodView):
    @requiere_sesion("operador")
    @blp.response(200, esquema_de(c.Licencia))
    def delete(self, licencia_id: UUID) -> Any:
        """Revoca una licencia para siempre."""
        yo = actual()
        # A revocation is for good, so the licence itself is the key: repeating it answers the same.
        clave = f"{yo.cuenta_id}:{licencia_id}"
        peticion = c.RevocarLicencia(
            clave=clave, cuenta_id=yo.cuenta_id, actor=yo.perfil_id, licencia_id=licencia_id
        )
        return llamar(c.REVOCAR_LICENCIA, peticion)


@blp.route("/v1/licencias/validaciones")
class Validaciones(MethodView):
    @publica
    @blp.arguments(ValidacionEntrada)
    @blp.response(200, esquema_de(c.Validacion))
    def post(self, datos: dict[str, Any]) -> Any:
        """Dice si una licencia es válida: VALIDA, EXPIRADA, REVOCADA, FIRMA_INVALIDA o PRODUCTO_DISTINTO."""
        return llamar(c.VALIDAR_LICENCIA, c.ValidarLicencia(**datos))


@blp.route("/.well-known/licencias.json")
class Llaves(MethodView):
    @publica
    @blp.response(200, esquema_de(c.LlavesPublicas))
    def get(self) -> Any:
        """Llaves públicas y lista firmada de revocaciones, para validar sin conexión."""
        return llamar(c.LLAVES_PUBLICAS, Vacio()), 200, {"Cache-Control": "public, max-age=300"}


def _nic(nic: int) -> int:
    """A number that no bigint holds is nobody's NIC: let it be one that does not exist."""
    return nic if nic < 2**63 else 0
