"""CTI and timbres of the CM: lists, transfers, block, password, statements."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate

from services.gateway.auth import requiere_raiz, requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.schemas import Esquema, PaginaArgs
from shared.contracts import timbrado as c
from shared.contracts.base import dump
from shared.errors import Codigo, DomainError

blp = Blueprint("ctis", __name__, description="Cuentas de timbrado y timbres")


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


class PaginaDeCtis(Esquema):
    datos = fields.List(fields.Nested(CtiSalida))
    siguiente = fields.String(allow_none=True)


class TransferenciaEntrada(Esquema):
    cantidad = fields.Integer(required=True, strict=True, validate=validate.Range(min=1, max=100_000_000))
    importe = fields.Decimal(required=True, places=2, as_string=True)
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


class BloqueoEntrada(Esquema):
    motivo = fields.String(required=True, validate=validate.Length(min=1, max=500))


class ContrasenaEntrada(Esquema):
    contrasena = fields.String(load_default=None, allow_none=True, validate=validate.Length(min=8, max=128))


class ContrasenaSalida(Esquema):
    id = fields.String()
    contrasena = fields.String(allow_none=True)


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


class EmisionEntrada(Esquema):
    cantidad = fields.Integer(required=True, strict=True, validate=validate.Range(min=1, max=100_000_000))
    referencia = fields.String(load_default="", validate=validate.Length(max=200))


class FallaEntrada(Esquema):
    modo = fields.String(required=True)
    veces = fields.Integer(load_default=1, validate=validate.Range(min=1, max=10_000))


@blp.route("/v1/ctis")
class Ctis(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, PaginaDeCtis)
    def get(self, args: dict[str, Any]) -> dict[str, Any]:
        """Cuentas de timbrado de la cuenta maestra."""
        return dump(llamar(c.LISTAR_CTIS, c.ListarCtis(cuenta_id=actual().cuenta_id, **args)))


@blp.route("/v1/clientes/<int:nic>/ctis")
class CtisDeCliente(MethodView):
    @requiere_sesion(rol="consulta")
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, PaginaDeCtis)
    def get(self, args: dict[str, Any], nic: int) -> dict[str, Any]:
        """Cuentas de timbrado de un cliente."""
        return dump(llamar(c.LISTAR_CTIS, c.ListarCtis(cuenta_id=actual().cuenta_id, nic=nic, **args)))


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
        return _bloquear(cti, bloqueada=True, motivo=datos["motivo"])

    @requiere_sesion(rol="operador")
    @blp.response(200, CtiSalida)
    def delete(self, cti: str) -> dict[str, Any]:
        """Reactiva la CTI."""
        return _bloquear(cti, bloqueada=False, motivo=None)


@blp.route("/v1/ctis/<string:cti>/contrasena")
class Contrasena(MethodView):
    @requiere_sesion(rol="administrador")
    @blp.arguments(ContrasenaEntrada)
    @blp.response(200, ContrasenaSalida)
    def put(self, datos: dict[str, Any], cti: str) -> dict[str, Any]:
        """Restablece la contraseña; sin `contrasena` se genera una y se muestra una sola vez."""
        yo = actual()
        return dump(
            llamar(
                c.RESTABLECER_CONTRASENA,
                c.RestablecerContrasena(
                    clave=clave_idempotencia(),
                    cuenta_id=yo.cuenta_id,
                    cti=cti,
                    actor=str(yo.perfil_id),
                    **datos,
                ),
            )
        )


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


@blp.route("/v1/operacion/timbres")
class Emision(MethodView):
    @requiere_raiz
    @blp.arguments(EmisionEntrada)
    @blp.response(201, ExistenciaSalida)
    def post(self, datos: dict[str, Any]) -> dict[str, Any]:
        """Emite timbres a la existencia de la raíz (personal de la raíz)."""
        yo = actual()
        return dump(
            llamar(
                c.EMITIR,
                c.Emitir(
                    clave=clave_idempotencia(), cuenta_id=yo.cuenta_id, actor=str(yo.perfil_id), **datos
                ),
            )
        )


@blp.route("/v1/operacion/pac-pruebas/fallas")
class Fallas(MethodView):
    @requiere_raiz
    @blp.arguments(FallaEntrada)
    @blp.response(204)
    def post(self, datos: dict[str, Any]) -> None:
        """Hace fallar al PAC de pruebas (personal de la raíz)."""
        llamar(c.INYECTAR_FALLA, c.InyectarFalla(**datos))


def _bloquear(cti: str, *, bloqueada: bool, motivo: str | None) -> dict[str, Any]:
    yo = actual()
    return dump(
        llamar(
            c.BLOQUEAR_CTI,
            c.BloquearCti(
                clave=clave_idempotencia(),
                cuenta_id=yo.cuenta_id,
                cti=cti,
                bloqueada=bloqueada,
                motivo=motivo,
                actor=str(yo.perfil_id),
            ),
        )
    )
