"""CTI ilimitadas: prices, contracts and their years; registered applications."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate

from services.gateway.auth import requiere_raiz, requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.csv import responder_lista
from services.gateway.schemas import Decimales, Esquema, PaginaArgs, esquema_de, pagina_de
from shared.contracts import timbrado as c
from shared.contracts.base import Vacio
from shared.errors import Codigo, DomainError

blp = Blueprint("ilimitadas", __name__, description="CTI ilimitadas y aplicaciones registradas")

Contratacion = esquema_de(c.Contratacion)
Tarifa = esquema_de(c.TarifaIlimitada)
Aplicacion = esquema_de(c.Aplicacion)


class ContratacionEntrada(Esquema):
    modalidad = fields.String(
        required=True,
        validate=validate.OneOf(("abierta", "un_rfc")),
        metadata={"description": "`abierta`: cualquier RFC emisor; `un_rfc`: solo el de `rfc`."},
    )
    rfc = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=20),
        metadata={"description": "RFC emisor, con `un_rfc`. No puede ser genérico."},
    )
    precio = Decimales(
        load_default=None,
        allow_none=True,
        metadata={"description": "El precio que vio, en puntos: si cambió se responde 409 y no se cobra."},
    )
    confirmar = fields.Boolean(
        load_default=False,
        metadata={"description": "Se cobra un año en puntos y no se reembolsa: envíe true."},
    )


class ContratoSalida(Esquema):
    cti = fields.String()
    vigente = fields.Boolean(metadata={"description": "Su año está pagado: puede timbrar."})
    modalidad = fields.String(allow_none=True)
    rfc = fields.String(allow_none=True)
    vigente_hasta = fields.DateTime(allow_none=True)
    en_proceso = fields.Nested(
        Contratacion, allow_none=True, metadata={"description": "La que aún se está cobrando."}
    )
    siguientes = fields.List(
        fields.Nested(Contratacion), metadata={"description": "Años ya pagados que aún no comienzan."}
    )


class TarifasEntrada(Esquema):
    abierta = Decimales(required=True, metadata={"description": "Puntos por un año."})
    un_rfc = Decimales(required=True, metadata={"description": "Puntos por un año."})


class AplicacionEntrada(Esquema):
    nombre = fields.String(required=True, validate=validate.Length(min=1, max=100))
    plataforma = fields.String(
        required=True,
        validate=validate.OneOf(("windows", "web")),
        metadata={"description": "`windows` (desde la versión 10) o `web` (FactuDesk Web)."},
    )
    llave_publica = fields.String(
        required=True,
        validate=validate.Length(min=1, max=1000),
        metadata={"description": "Llave pública Ed25519, en PEM o sus 32 bytes en base64url."},
    )


@blp.route("/v1/catalogo/ctis-ilimitadas")
class Catalogo(MethodView):
    @requiere_sesion
    @blp.response(200, pagina_de(Tarifa))
    def get(self) -> Any:
        """Precio anual, en puntos, de cada modalidad de CTI ilimitada."""
        return responder_lista(llamar(c.CONSULTAR_TARIFAS, Vacio()), Tarifa)


@blp.route("/v1/ctis/<string:cti>/contrato")
class Contrato(MethodView):
    @requiere_sesion
    @blp.response(200, ContratoSalida)
    def get(self, cti: str) -> Any:
        """Modalidad y vigencia de una CTI ilimitada, y lo que está en proceso o pagado para después."""
        return llamar(c.OBTENER_CONTRATO, c.ObtenerContrato(cuenta_id=actual().cuenta_id, cti=cti))


@blp.route("/v1/ctis/<string:cti>/contrataciones")
class Contrataciones(MethodView):
    @requiere_sesion
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, pagina_de(Contratacion))
    def get(self, args: dict[str, Any], cti: str) -> Any:
        """Contrataciones de una CTI ilimitada, de la más reciente a la más antigua."""
        peticion = c.ListarContrataciones(cuenta_id=actual().cuenta_id, cti=cti, **args)
        return responder_lista(llamar(c.LISTAR_CONTRATACIONES, peticion), Contratacion)

    @requiere_sesion("operador")
    @blp.arguments(ContratacionEntrada)
    @blp.response(202, Contratacion)
    def post(self, datos: dict[str, Any], cti: str) -> Any:
        """Contrata o renueva un año de la CTI ilimitada con puntos de la cuenta. Consulte después su `estado`."""
        if not datos.pop("confirmar"):
            raise DomainError(
                Codigo.CONFIRMACION_REQUERIDA,
                "Se cobrará un año completo en puntos. Revise modalidad, RFC y precio, y envíe confirmar: true.",
                errores={"confirmar": ["Envíe true para confirmar."]},
            )
        yo = actual()
        peticion = c.ContratarIlimitada(
            clave=clave_idempotencia(), cuenta_id=yo.cuenta_id, cti=cti, actor=str(yo.perfil_id), **datos
        )
        return llamar(c.CONTRATAR_ILIMITADA, peticion)


@blp.route("/v1/contrataciones/<uuid:contratacion_id>")
class UnaContratacion(MethodView):
    @requiere_sesion
    @blp.response(200, Contratacion)
    def get(self, contratacion_id: UUID) -> Any:
        """Una contratación: `solicitada` hasta que se cobra; después `activa`, o por qué no."""
        peticion = c.ObtenerContratacion(cuenta_id=actual().cuenta_id, contratacion_id=contratacion_id)
        return llamar(c.OBTENER_CONTRATACION, peticion)

    @requiere_sesion("operador")
    @blp.response(200, Contratacion)
    def delete(self, contratacion_id: UUID) -> Any:
        """Cancela una contratación que aún no se cobra. Si el cobro ya venía en camino, se devuelve."""
        yo = actual()
        # A contract is cancelled once and for good, so it is its own key: repeating it answers the same.
        peticion = c.CancelarContratacion(
            clave=f"{yo.cuenta_id}:{contratacion_id}",
            cuenta_id=yo.cuenta_id,
            contratacion_id=contratacion_id,
            actor=str(yo.perfil_id),
        )
        return llamar(c.CANCELAR_CONTRATACION, peticion)


@blp.route("/v1/operacion/tarifas-ilimitadas")
class Tarifas(MethodView):
    @requiere_raiz
    @blp.response(200, pagina_de(Tarifa))
    def get(self) -> Any:
        """Tarifas de las CTI ilimitadas (personal de la raíz)."""
        return responder_lista(llamar(c.CONSULTAR_TARIFAS, Vacio()), Tarifa)

    @requiere_raiz("administrador")
    @blp.arguments(TarifasEntrada)
    @blp.response(200, pagina_de(Tarifa))
    def put(self, datos: dict[str, Any]) -> Any:
        """Fija las tarifas; lo ya contratado conserva su precio (personal de la raíz)."""
        peticion = c.PonerTarifas(clave=clave_idempotencia(), actor=str(actual().perfil_id), **datos)
        return llamar(c.PONER_TARIFAS, peticion)


@blp.route("/v1/operacion/aplicaciones")
class Aplicaciones(MethodView):
    @requiere_raiz
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, pagina_de(Aplicacion))
    def get(self, args: dict[str, Any]) -> Any:
        """Aplicaciones registradas, vigentes y revocadas (personal de la raíz)."""
        return responder_lista(llamar(c.LISTAR_APLICACIONES, c.ListarAplicaciones(**args)), Aplicacion)

    @requiere_raiz("administrador")
    @blp.arguments(AplicacionEntrada)
    @blp.response(201, Aplicacion)
    def post(self, datos: dict[str, Any]) -> Any:
        """Registra una aplicación que podrá timbrar con CTI ilimitadas (personal de la raíz)."""
        peticion = c.RegistrarAplicacion(clave=clave_idempotencia(), actor=str(actual().perfil_id), **datos)
        return llamar(c.REGISTRAR_APLICACION, peticion)


@blp.route("/v1/operacion/aplicaciones/<uuid:aplicacion_id>")
class UnaAplicacion(MethodView):
    @requiere_raiz("administrador")
    @blp.response(200, Aplicacion)
    def delete(self, aplicacion_id: UUID) -> Any:
        """Revoca una aplicación para siempre; en segundos deja de timbrar (personal de la raíz)."""
        # Revoked once and for good: the application is its own key.
        peticion = c.RevocarAplicacion(
            clave=str(aplicacion_id), aplicacion_id=aplicacion_id, actor=str(actual().perfil_id)
        )
        return llamar(c.REVOCAR_APLICACION, peticion)
