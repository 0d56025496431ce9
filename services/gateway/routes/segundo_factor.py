"""The second factor of the perfil in use."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Response, after_this_request, request
from flask.views import MethodView
from flask_smorest import Blueprint

from services.gateway.auth import COOKIE, requiere_perfil
from services.gateway.contexto import llamar, perfil_actual
from services.gateway.llamante import por_https
from services.gateway.routes.perfiles import clave_opcional, limitar_contrasena
from services.gateway.schemas import esquema_de
from shared.contracts import clientes as c

blp = Blueprint("segundo_factor", __name__, description="Segundo factor del perfil")

RUTA = "/v1/perfiles/yo/segundo-factor"
_SEMANA = 7 * 24 * 3600
CodigoEntrada = esquema_de(c.ConCodigo, "perfil_id", "sesion_id", nombre="CodigoDeSegundoFactor")


@blp.route(RUTA)
class SegundoFactor(MethodView):
    @requiere_perfil
    @blp.response(200, esquema_de(c.SegundoFactor))
    def get(self) -> Any:
        """Si el perfil tiene segundo factor, y cuántos códigos de recuperación le quedan."""
        perfil = perfil_actual()
        peticion = c.ObtenerSegundoFactor(perfil_id=perfil.perfil_id, sesion_id=perfil.sesion_id)
        return llamar(c.OBTENER_SEGUNDO_FACTOR, peticion)

    @requiere_perfil
    @blp.arguments(esquema_de(c.IniciarSegundoFactor, "perfil_id"))
    @blp.response(201, esquema_de(c.SegundoFactorIniciado))
    def post(self, datos: dict[str, Any]) -> Any:
        """Da el secreto para su aplicación (TOTP) y su código QR, una vez. No cuenta hasta confirmarlo con PUT."""
        limitar_contrasena()
        _sin_cache()
        perfil_id = perfil_actual().perfil_id
        peticion = c.IniciarSegundoFactor(clave=_clave(), perfil_id=perfil_id, **datos)
        return llamar(c.INICIAR_SEGUNDO_FACTOR, peticion)

    @requiere_perfil
    @blp.arguments(CodigoEntrada)
    @blp.response(200, esquema_de(c.CodigosDeRecuperacion))
    def put(self, datos: dict[str, Any]) -> Any:
        """Lo confirma con un código. Da diez códigos de recuperación, una vez, y cierra las demás sesiones."""
        _sin_cache()
        return llamar(c.CONFIRMAR_SEGUNDO_FACTOR, c.ConCodigo(**_quien(), **datos))

    @requiere_perfil
    @blp.arguments(esquema_de(c.QuitarSegundoFactor, "perfil_id", "sesion_id"))
    @blp.response(204)
    def delete(self, datos: dict[str, Any]) -> None:
        """Lo quita, con la contraseña y un código."""
        limitar_contrasena()
        llamar(c.QUITAR_SEGUNDO_FACTOR, c.QuitarSegundoFactor(**_quien(), **datos))


@blp.route(f"{RUTA}/codigos")
class Codigos(MethodView):
    @requiere_perfil
    @blp.arguments(CodigoEntrada)
    @blp.response(201, esquema_de(c.CodigosDeRecuperacion))
    def post(self, datos: dict[str, Any]) -> Any:
        """Da otros diez códigos de recuperación, una vez; los anteriores dejan de servir."""
        _sin_cache()
        return llamar(c.REGENERAR_CODIGOS, c.ConCodigo(**_quien(), **datos))


@blp.route(f"{RUTA}/verificaciones")
class Verificaciones(MethodView):
    @requiere_perfil
    @blp.arguments(CodigoEntrada)
    @blp.response(201, esquema_de(c.AccesoVerificado))
    def post(self, datos: dict[str, Any]) -> Any:
        """Verifica un código y da un token de acceso que por 5 minutos permite lo que pide segundo factor.

        Con la sesión en cookies el token va en la cookie y `acceso` es nulo.
        """
        _sin_cache()
        hecho = llamar(c.VERIFICAR_SEGUNDO_FACTOR, c.ConCodigo(**_quien(), **datos))
        if hecho.acceso is None or "Authorization" in request.headers:
            return hecho
        acceso = hecho.acceso

        @after_this_request
        def _(respuesta: Response) -> Response:
            respuesta.set_cookie(
                COOKIE,
                acceso,
                max_age=_SEMANA,
                path="/",
                secure=por_https(request.environ),
                httponly=True,
                samesite="Strict",
            )
            return respuesta

        return replace(hecho, acceso=None)


def _clave() -> str:
    return clave_opcional("segundo-factor", str(perfil_actual().perfil_id))


def _quien() -> dict[str, Any]:
    perfil = perfil_actual()
    return {"clave": _clave(), "perfil_id": perfil.perfil_id, "sesion_id": perfil.sesion_id}


def _sin_cache() -> None:
    @after_this_request
    def _(respuesta: Response) -> Response:
        respuesta.headers["Cache-Control"] = "no-store"
        return respuesta
