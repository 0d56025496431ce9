"""CTI of the CM: creation, lists, block, password, keys, limits, logbook."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate

from services.gateway.auth import requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.paso import exigir_paso
from services.gateway.schemas import Esquema, PaginaArgs, esquema_de, pagina_de
from shared.contracts import clientes
from shared.contracts import timbrado as c
from shared.contracts.base import dump

blp = Blueprint("ctis", __name__, description="Cuentas de timbrado")

_UNA_VEZ = {
    "description": "La generada; se muestra una sola vez. Nula si usted la eligió o si repite la petición."
}


class CtiSalida(Esquema):
    id = fields.String()
    nic = fields.Integer()
    tipo = fields.String()
    activa = fields.Boolean()
    motivo_bloqueo = fields.String(allow_none=True)
    saldo = fields.Integer()
    disponible = fields.Integer()
    con_contrasena = fields.Boolean()
    creada_en = fields.String()
    anterior_hasta = fields.String(
        allow_none=True, metadata={"description": "Hasta cuándo sirve todavía la contraseña anterior."}
    )
    rfc_contratado = fields.String(allow_none=True)
    vigente_hasta = fields.String(allow_none=True)


class PaginaDeCtis(Esquema):
    datos = fields.List(fields.Nested(CtiSalida))
    siguiente = fields.String(allow_none=True)


class CtisArgs(PaginaArgs):
    tipo = fields.String(load_default=None, validate=validate.OneOf(("estandar", "ilimitada")))
    activa = fields.Boolean(load_default=None)
    saldo_menor_que = fields.Integer(
        load_default=None, metadata={"description": "Solo CTI estándar: una ilimitada no tiene saldo."}
    )
    texto = fields.String(load_default=None, metadata={"description": "Cómo empieza el id."})
    orden = fields.String(
        load_default="id",
        validate=validate.OneOf(c.ORDENES),
        metadata={"description": "`-saldo`: el saldo mayor primero."},
    )


class CtiEntrada(Esquema):
    tipo = fields.String(required=True, validate=validate.OneOf(("estandar", "ilimitada")))
    id = fields.String(
        load_default=None,
        allow_none=True,
        metadata={"description": "De 3 a 64 letras, números o . _ @ - ; vacío: el sistema asigna uno."},
    )
    contrasena = fields.String(
        load_default=None,
        allow_none=True,
        validate=c.CONTRASENA_TEXTO,
        metadata={"description": "Vacía: se genera una y se muestra una sola vez."},
    )


class CtiNuevaSalida(Esquema):
    id = fields.String(required=True)
    nic = fields.Integer(required=True)
    tipo = fields.String(required=True)
    contrasena = fields.String(required=True, allow_none=True, metadata=_UNA_VEZ)


class BloqueoEntrada(Esquema):
    motivo = fields.String(required=True, validate=[c.SIN_NULOS, validate.Length(min=1, max=500)])


class ReactivacionEntrada(Esquema):
    motivo = fields.String(load_default=None, allow_none=True, validate=c.MOTIVO_DE_BLOQUEO)


class ContrasenaEntrada(Esquema):
    contrasena = fields.String(load_default=None, allow_none=True, validate=c.CONTRASENA_TEXTO)
    traslape_horas = fields.Integer(
        load_default=0,
        strict=True,
        validate=c.TRASLAPE,
        metadata={"description": "Horas, de 0 a 168, en las que la contraseña anterior sirve todavía."},
    )


class ContrasenaSalida(Esquema):
    id = fields.String()
    contrasena = fields.String(allow_none=True, metadata=_UNA_VEZ)
    anterior_hasta = fields.String(allow_none=True)


class AnotacionSalida(esquema_de(c.Anotacion)):  # type: ignore[misc]
    actor = fields.String(
        required=True, metadata={"description": "El perfil que lo hizo; `guarda` o `sistema` si nadie."}
    )


@blp.route("/v1/ctis")
class Ctis(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.arguments(CtisArgs, location="query")
    @blp.response(200, PaginaDeCtis)
    def get(self, args: dict[str, Any]) -> dict[str, Any]:
        """Cuentas de timbrado de la cuenta maestra."""
        return dump(llamar(c.LISTAR_CTIS, c.ListarCtis(cuenta_id=actual().cuenta_id, **args)))


@blp.route("/v1/clientes/<int:nic>/ctis")
class CtisDeCliente(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.arguments(CtisArgs, location="query")
    @blp.response(200, PaginaDeCtis)
    def get(self, args: dict[str, Any], nic: int) -> dict[str, Any]:
        """Cuentas de timbrado de un cliente."""
        peticion = c.ListarCtis(cuenta_id=actual().cuenta_id, nic=_nic(nic), **args)
        pagina = llamar(c.LISTAR_CTIS, peticion)
        if not pagina.datos:
            # timbrado only knows CTI: whether there is such a cliente, clientes says, with its 404.
            llamar(
                clientes.OBTENER_CLIENTE, clientes.ObtenerCliente(cuenta_id=actual().cuenta_id, nic=_nic(nic))
            )
        return dump(pagina)

    @requiere_sesion(rol="operador")
    @blp.arguments(CtiEntrada)
    @blp.response(201, CtiNuevaSalida)
    def post(self, datos: dict[str, Any], nic: int) -> dict[str, Any]:
        """Crea una cuenta de timbrado adicional. Una ilimitada timbra en cuanto se paga su año."""
        return dump(llamar(c.CREAR_CTI, c.CrearCti(nic=_nic(nic), **_quien(), **datos)))


@blp.route("/v1/ctis/<string:cti>")
class UnaCti(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.response(200, CtiSalida)
    def get(self, cti: str) -> dict[str, Any]:
        """Una cuenta de timbrado con su saldo."""
        return dump(llamar(c.OBTENER_CTI, c.ObtenerCti(cuenta_id=actual().cuenta_id, cti=cti)))


@blp.route("/v1/ctis/<string:cti>/bloqueo")
class Bloqueo(MethodView):
    @requiere_sesion(rol="operador")
    @blp.arguments(BloqueoEntrada)
    @blp.response(200, CtiSalida)
    def put(self, datos: dict[str, Any], cti: str) -> dict[str, Any]:
        """Bloquea la CTI: deja de timbrar al momento."""
        peticion = c.BloquearCti(cti=cti, bloqueada=True, **_quien(), **datos)
        return dump(llamar(c.BLOQUEAR_CTI, peticion))

    @requiere_sesion(rol="operador")
    @blp.arguments(ReactivacionEntrada, required=False)
    @blp.response(200, CtiSalida)
    def delete(self, datos: dict[str, Any], cti: str) -> dict[str, Any]:
        """Reactiva la CTI; el motivo es opcional."""
        peticion = c.BloquearCti(cti=cti, bloqueada=False, **_quien(), **datos)
        return dump(llamar(c.BLOQUEAR_CTI, peticion))


@blp.route("/v1/ctis/<string:cti>/contrasena")
class Contrasena(MethodView):
    @requiere_sesion(rol="administrador")
    @blp.arguments(ContrasenaEntrada)
    @blp.response(200, ContrasenaSalida)
    def put(self, datos: dict[str, Any], cti: str) -> dict[str, Any]:
        """Restablece la contraseña; sin `contrasena` se genera una y se muestra una sola vez."""
        exigir_paso()
        peticion = c.RestablecerContrasena(cti=cti, **_quien(), **datos)
        return dump(llamar(c.RESTABLECER_CONTRASENA, peticion))


@blp.route("/v1/ctis/<string:cti>/bitacora")
class Bitacora(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, pagina_de(AnotacionSalida))
    def get(self, args: dict[str, Any], cti: str) -> Any:
        """Qué se hizo con la CTI, quién, desde dónde y por qué; lo más reciente primero."""
        pagina = llamar(c.LISTAR_BITACORA, c.ListarBitacora(cuenta_id=actual().cuenta_id, cti=cti, **args))
        return {"datos": pagina.datos, "siguiente": pagina.siguiente}


@blp.route("/v1/ctis/<string:cti>/llaves")
class Llaves(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, pagina_de(esquema_de(c.Llave)))
    def get(self, args: dict[str, Any], cti: str) -> Any:
        """Llaves de acceso de la CTI, sin su valor; las revocadas también."""
        return llamar(c.LISTAR_LLAVES, c.ListarLlaves(cuenta_id=actual().cuenta_id, cti=cti, **args))

    @requiere_sesion(rol="administrador")
    @blp.arguments(esquema_de(c.CrearLlave, "cti"))
    @blp.response(201, esquema_de(c.LlaveCreada))
    def post(self, datos: dict[str, Any], cti: str) -> Any:
        """Crea una llave que se usa en lugar de la contraseña; se muestra una sola vez."""
        exigir_paso()
        return llamar(c.CREAR_LLAVE, c.CrearLlave(cti=cti, **_quien(), **datos))


@blp.route("/v1/ctis/<string:cti>/llaves/<uuid:llave_id>")
class UnaLlave(MethodView):
    @requiere_sesion(rol="administrador")
    @blp.response(200, esquema_de(c.Llave))
    def delete(self, cti: str, llave_id: UUID) -> Any:
        """Revoca la llave: deja de servir al momento."""
        return llamar(c.REVOCAR_LLAVE, c.RevocarLlave(cti=cti, llave_id=llave_id, **_quien()))


@blp.route("/v1/ctis/<string:cti>/limites")
class LimitesDeCti(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.response(200, esquema_de(c.Limites))
    def get(self, cti: str) -> Any:
        """Límites de uso de la CTI; nulo o vacío: sin límite."""
        return llamar(c.CONSULTAR_LIMITES, c.ConsultarLimites(cuenta_id=actual().cuenta_id, cti=cti))

    @requiere_sesion(rol="administrador")
    @blp.arguments(esquema_de(c.PonerLimites, "cti"))
    @blp.response(200, esquema_de(c.Limites))
    def put(self, datos: dict[str, Any], cti: str) -> Any:
        """Reemplaza los límites: timbrados por minuto, RFC emisores, direcciones y tope por hora."""
        return llamar(c.PONER_LIMITES, c.PonerLimites(cti=cti, **_quien(), **datos))


def _quien() -> dict[str, Any]:
    """Who asks, from where and with which key: what every change carries."""
    yo = actual()
    return {
        "clave": clave_idempotencia(),
        "cuenta_id": yo.cuenta_id,
        "actor": str(yo.perfil_id),
        "origen_ip": yo.ip,
    }


def _nic(nic: int) -> int:
    """A number that no bigint holds is nobody's NIC: let it be one that does not exist."""
    return nic if nic < 2**63 else 0
