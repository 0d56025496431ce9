"""Perfiles: registering, confirming a correo, passwords, and the one in use.

What anyone may ask answers 202 whether or not somebody has that correo or móvil; what differs goes by mail.
"""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import uuid4

import marshmallow as ma
from flask import Response, request
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import validate

from services.gateway.auth import PERFIL, exigir, publica, requiere_perfil
from services.gateway.claves import OPCIONAL, lee_clave
from services.gateway.contexto import CLAVE, clave_idempotencia, ip, llamar, perfil_actual
from services.gateway.limites import limitar
from services.gateway.paso import exigir_paso
from services.gateway.schemas import Esquema, esquema_de
from shared.contracts import clientes as c
from shared.contracts.clientes.campos import CONTRASENA, LARGO, SIN_NULOS, TEXTO
from shared.errors import campo_invalido
from shared.quien import origen

blp = Blueprint("perfiles", __name__, description="Perfiles")

_UNA_HORA = 3600.0
_TOKEN = {"description": "El del enlace que llegó por correo."}


class ContrasenaDePerfilEntrada(Esquema):
    """Either `token`, of the mail, or `actual`, in a session."""

    token = ma.fields.String(load_default=None, load_only=True, validate=TEXTO, metadata=_TOKEN)
    actual = ma.fields.String(
        load_default=None,
        load_only=True,
        validate=[SIN_NULOS, LARGO],
        metadata={"description": "La contraseña actual, con la sesión iniciada y sin `token`."},
    )
    nueva = ma.fields.String(required=True, load_only=True, validate=CONTRASENA)


class ConfirmacionEntrada(Esquema):
    token = ma.fields.String(
        required=True, load_only=True, validate=[validate.Length(min=1), TEXTO], metadata=_TOKEN
    )


@blp.route("/v1/perfiles")
class Perfiles(MethodView):
    @publica
    @blp.arguments(esquema_de(c.RegistrarPerfil))
    @blp.response(202, description="Se envió un correo; la respuesta es la misma si ya existe un perfil.")
    def post(self, datos: dict[str, Any]) -> Response:
        """Registra un perfil. Queda sin confirmar hasta abrir el enlace que llega al correo, en 48 horas."""
        limitar("perfiles", origen(ip()), 30, _UNA_HORA)
        clave = clave_opcional("perfil", datos["correo"])
        llamar(c.REGISTRAR_PERFIL, c.RegistrarPerfil(clave=clave, **datos))
        return Response(status=202)


@blp.route("/v1/perfiles/confirmaciones")
class Confirmaciones(MethodView):
    @publica
    @blp.arguments(ConfirmacionEntrada)
    @blp.response(200, esquema_de(c.CorreoConfirmado))
    def post(self, datos: dict[str, Any]) -> Any:
        """Confirma el correo de un registro, o el nuevo de un perfil. Repetirlo no es un error.

        Con varios registros del mismo correo responde 409 y envía un enlace para elegir la contraseña.
        """
        limitar("confirmaciones", origen(ip()), 60, _UNA_HORA)
        clave = clave_opcional("confirmar", datos["token"])
        return llamar(c.CONFIRMAR_CORREO, c.ConfirmarCorreo(clave=clave, token=datos["token"]))


@blp.route("/v1/perfiles/confirmaciones/reenvios")
class Reenvios(MethodView):
    @publica
    @blp.arguments(esquema_de(c.ReenviarConfirmacion))
    @blp.response(202, description="La respuesta es la misma si nadie se registró con ese correo.")
    def post(self, datos: dict[str, Any]) -> Response:
        """Pide otro enlace para activar un registro; los anteriores dejan de servir.

        Con él se elige la contraseña (`PUT /v1/contrasenas` con su `token`): la del registro pudo escribirla otro.
        """
        limitar("reenvios", origen(ip()), 20, _UNA_HORA)
        clave = clave_opcional("reenvio", datos["correo"])
        llamar(c.REENVIAR_CONFIRMACION, c.ReenviarConfirmacion(clave=clave, **datos))
        return Response(status=202)


@blp.route("/v1/contrasenas/recuperaciones")
class Recuperaciones(MethodView):
    @publica
    @blp.arguments(esquema_de(c.RecuperarContrasena))
    @blp.response(202, description="La respuesta es la misma si nadie tiene ese correo o móvil.")
    def post(self, datos: dict[str, Any]) -> Response:
        """Pide por correo un enlace para elegir otra contraseña. Sirve una hora y una vez."""
        limitar("recuperaciones", origen(ip()), 30, _UNA_HORA)
        clave = clave_opcional("recuperar", datos["usuario"])
        llamar(c.RECUPERAR_CONTRASENA, c.RecuperarContrasena(clave=clave, **datos))
        return Response(status=202)


@blp.route("/v1/contrasenas")
class Contrasenas(MethodView):
    @publica
    @blp.arguments(ContrasenaDePerfilEntrada)
    @blp.response(204)
    def put(self, datos: dict[str, Any]) -> None:
        """Cambia la contraseña, con el enlace del correo o con la actual. Cierra las demás sesiones."""
        token, actual, nueva = datos["token"], datos["actual"], datos["nueva"]
        if (token is None) == (actual is None):
            raise campo_invalido(
                "actual",
                "Envíe la contraseña actual con su sesión, o el token del correo; sólo uno de los dos.",
            )
        if token is not None:
            limitar("restablecer", origen(ip()), 60, _UNA_HORA)
            peticion = c.RestablecerContrasenaDePerfil(
                clave=clave_opcional("restablecer", token), token=token, nueva=nueva
            )
            llamar(c.RESTABLECER_CONTRASENA_DE_PERFIL, peticion)
            return
        exigir(PERFIL, "consulta")
        perfil = perfil_actual()
        limitar_contrasena()
        llamar(
            c.CAMBIAR_CONTRASENA,
            c.CambiarContrasena(
                clave=clave_opcional("contrasena", str(perfil.perfil_id)),
                perfil_id=perfil.perfil_id,
                sesion_id=perfil.sesion_id,
                actual=actual,
                nueva=nueva,
            ),
        )


@blp.route("/v1/perfiles/yo")
class Yo(MethodView):
    @requiere_perfil
    @blp.response(200, esquema_de(c.Perfil))
    def get(self) -> Any:
        """El perfil en uso y las cuentas que administra."""
        return llamar(c.OBTENER_PERFIL, c.ObtenerPerfil(perfil_id=perfil_actual().perfil_id))

    @requiere_perfil
    @blp.arguments(esquema_de(c.EditarPerfil, "perfil_id"))
    @blp.response(200, esquema_de(c.Perfil))
    def patch(self, datos: dict[str, Any]) -> Any:
        """Cambia nombre, móvil o correo. El correo nuevo cuenta cuando se confirma, y pide la contraseña.

        A quien tiene segundo factor, el correo le pide además un código de los últimos 5 minutos.
        """
        perfil_id = perfil_actual().perfil_id
        if datos.get("correo") is not None:
            exigir_paso()
        if datos.get("contrasena") is not None:
            limitar_contrasena()
        if datos.get("movil") is not None:
            # Whether a móvil is somebody's can be told from the answer, so not many are.
            limitar("moviles", str(perfil_id), 10, _UNA_HORA)
        clave = clave_opcional("editar", str(perfil_id))
        return llamar(c.EDITAR_PERFIL, c.EditarPerfil(clave=clave, perfil_id=perfil_id, **datos))


def limitar_contrasena() -> None:
    """Tries at the password of the perfil in use, by who has a session of it."""
    limitar("contrasena-en-sesion", str(perfil_actual().perfil_id), 10, 900.0)


@lee_clave(OPCIONAL)
def clave_opcional(que: str, de: str) -> str:
    """The caller's key, which is optional here, within what it asks; without one each request is its own.

    A hash stands for the person, so that no correo stays among the keys, which are kept for ever.
    """
    if CLAVE not in request.headers:
        return f"{que}:{uuid4()}"
    return clave_idempotencia(f"{que}:{hashlib.sha256(de.strip().lower().encode()).hexdigest()[:32]}")
