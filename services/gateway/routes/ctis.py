"""CTI of the CM: lists, block, password."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate

from services.gateway.auth import requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.schemas import Esquema, PaginaArgs
from shared.contracts import timbrado as c
from shared.contracts.base import dump

blp = Blueprint("ctis", __name__, description="Cuentas de timbrado")


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


class BloqueoEntrada(Esquema):
    motivo = fields.String(required=True, validate=validate.Length(min=1, max=500))


class ContrasenaEntrada(Esquema):
    contrasena = fields.String(load_default=None, allow_none=True, validate=validate.Length(min=8, max=128))


class ContrasenaSalida(Esquema):
    id = fields.String()
    contrasena = fields.String(allow_none=True)


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
