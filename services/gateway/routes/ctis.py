"""CTI of the CM: creation, lists, block, password, keys, limits, logbook."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate

from services.gateway.auth import alcanza, exigir_tambien, requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.paso import exigir_paso
from services.gateway.schemas import Esquema, PaginaArgs, esquema_de, pagina_de
from shared.contracts import clientes
from shared.contracts import timbrado as c
from shared.contracts.base import dump
from shared.errors import campo_invalido

blp = Blueprint("ctis", __name__, description="Cuentas de timbrado")

_UNA_VEZ = {
    "description": "La generada; se muestra una sola vez. Nula si usted la eligió o si repite la petición."
}

#: What a key needs besides its own scope to look for clientes, or to be told their names.
_DE_CLIENTES = "clientes:leer"


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


class CtiListadaSalida(CtiSalida):
    cliente = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Nombre (razón social) del cliente de ese NIC; nulo para una llave de API sin el alcance"
            f" `{_DE_CLIENTES}`."
        },
    )


class PaginaDeCtis(Esquema):
    datos = fields.List(fields.Nested(CtiListadaSalida))
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


class TodasLasCtisArgs(CtisArgs):
    nic = fields.Integer(load_default=None, metadata={"description": "Solo las del cliente de este NIC."})
    q = fields.String(
        load_default=None,
        validate=[clientes.SIN_NULOS, validate.Length(max=200, error="Escriba a lo más 200 caracteres.")],
        metadata={
            "description": "Las CTI de los clientes, también los que son baja, que `GET /v1/clientes` halla con la"
            f" misma `q`: por NIC, CTI, nombre, RFC, teléfonos, correos y contactos. Con más de {clientes.NICS_HALLADOS:,}"
            f" clientes se pide una búsqueda más precisa (422). Una llave de API necesita también `{_DE_CLIENTES}`."
        },
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
    @blp.arguments(TodasLasCtisArgs, location="query")
    @blp.response(200, PaginaDeCtis)
    def get(self, args: dict[str, Any]) -> dict[str, Any]:
        """Cuentas de timbrado de la cuenta maestra; también las de los clientes que se busquen."""
        q, nic = (args.pop("q") or "").strip(), args.pop("nic")
        if q:
            exigir_tambien(_DE_CLIENTES)
        nics = _hallar(q) if q else None
        if nics == []:
            return {"datos": [], "siguiente": None}
        peticion = c.ListarCtis(
            cuenta_id=actual().cuenta_id, nic=None if nic is None else _nic(nic), nics=nics, **args
        )
        return _con_nombres(llamar(c.LISTAR_CTIS, peticion))


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
        return _con_nombres(pagina)

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


def _hallar(q: str) -> list[int]:
    """The NIC that a search finds. timbrado pages by its own order, so it is told them all, or the search is refused."""
    hallados = llamar(clientes.HALLAR_CLIENTES, clientes.HallarClientes(cuenta_id=actual().cuenta_id, q=q))
    if not hallados.completos:
        raise campo_invalido(
            "q",
            f"Más de {clientes.NICS_HALLADOS:,} clientes coinciden. Escriba más datos del cliente, o su NIC.",
        )
    return hallados.nics


def _con_nombres(pagina: c.PaginaCtis) -> dict[str, Any]:
    """A page whose rows say who each one's cliente is, all asked at once."""
    nics = sorted({cti.nic for cti in pagina.datos})
    nombres: dict[str, str] = {}
    if nics and alcanza(_DE_CLIENTES):
        peticion = clientes.NombrarClientes(cuenta_id=actual().cuenta_id, nics=nics)
        nombres = llamar(clientes.NOMBRAR_CLIENTES, peticion).nombres
    escrita = dump(pagina)
    return {
        **escrita,
        "datos": [{**fila, "cliente": nombres.get(str(fila["nic"]))} for fila in escrita["datos"]],
    }


def _nic(nic: int) -> int:
    """A number that no bigint holds is nobody's NIC: let it be one that does not exist."""
    return nic if -(2**63) <= nic < 2**63 else 0
