"""Sessions and the perfil in use.

A program gets its tokens in the answer. The portal asks for `modo: cookie`: the tokens come in HttpOnly
cookies that no script can read, with a CSRF token beside them.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import Response, after_this_request, request
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import validate

from services.gateway import vigentes
from services.gateway.auth import CABECERA_CSRF, COOKIE, COOKIE_CSRF, publica, requiere_perfil
from services.gateway.auth import dispositivo as dispositivo_de
from services.gateway.contexto import ip, llamar, perfil_actual
from services.gateway.limites import limitar
from services.gateway.llamante import por_https
from services.gateway.schemas import Esquema, PaginaArgs, esquema_de, pagina_de
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError
from shared.quien import origen

blp = Blueprint("sesiones", __name__, description="Sesiones")

COOKIE_RENOVACION = "cm_renovacion"
COOKIE_DISPOSITIVO = "cm_dispositivo"
_RUTA_RENOVACION = "/v1/sesiones"
_SEMANA = 7 * 24 * 3600

#: Tries to sign in of one address in a minute at this process: so many that no office has them, so few that a flood
#: stays off the bus. Failures are counted exactly, over all replicas, by clientes.
_INTENTOS, _INTENTOS_SEGUNDOS = 300, 60.0
_ANO = 365 * 24 * 3600


class SesionEntrada(Esquema):
    usuario = ma.fields.String(
        required=True,
        validate=[c.SIN_NULOS, validate.Length(min=1, max=200, error="Escriba su correo o su móvil.")],
        metadata={"description": "Correo o móvil."},
    )
    contrasena = ma.fields.String(
        required=True,
        load_only=True,
        validate=[c.SIN_NULOS, validate.Length(max=1024, error="La contraseña es demasiado larga.")],
    )
    codigo = ma.fields.String(
        load_default=None,
        load_only=True,
        validate=c.CODIGO,
        metadata={"description": "Del segundo factor, o de recuperación; sólo si el perfil tiene uno."},
    )
    dispositivo = ma.fields.String(
        load_default="",
        load_only=True,
        validate=[c.SIN_NULOS, validate.Length(max=1000, error="El dispositivo no es válido.")],
        metadata={
            "description": "El que le dio un inicio de sesión anterior: intentos de otros no cierran este dispositivo."
        },
    )
    modo = ma.fields.String(
        load_default="token",
        validate=validate.OneOf(["token", "cookie"]),
        metadata={"description": "`token`: en la respuesta; `cookie`: para el portal."},
    )


class RenovacionEntrada(Esquema):
    renovacion = ma.fields.String(
        load_default=None,
        validate=[c.SIN_NULOS, validate.Length(max=200, error="El token de renovación no es válido.")],
        metadata={"description": "Se omite cuando la sesión está en cookies."},
    )


class SesionSalida(esquema_de(c.Sesion)):  # type: ignore[misc]
    """The tokens are null when they went in cookies."""

    acceso = ma.fields.String(allow_none=True)
    renovacion = ma.fields.String(allow_none=True)
    dispositivo = ma.fields.String(
        allow_none=True, metadata={"description": "Guárdelo y envíelo al iniciar sesión otra vez."}
    )


class SesionAbierta(esquema_de(c.SesionAbierta)):  # type: ignore[misc]
    actual = ma.fields.Boolean(required=True, metadata={"description": "true: la que hace esta petición."})


PaginaDeSesiones = pagina_de(SesionAbierta)


@blp.route("/v1/sesiones")
class Sesiones(MethodView):
    @publica
    @blp.arguments(SesionEntrada)
    @blp.response(201, SesionSalida)
    def post(self, datos: dict[str, Any]) -> Any:
        """Inicia sesión con correo o móvil y contraseña."""
        dispositivo = datos["dispositivo"] or request.cookies.get(COOKIE_DISPOSITIVO, "")[:1000]
        # A known device is counted by itself: what others do behind its address is not its fault. Anybody has as many
        # known devices as it wants of a perfil of its own, so those of one address are counted together too.
        conocido = dispositivo_de(dispositivo) if dispositivo else None
        if conocido is not None:
            limitar("sesiones-de-dispositivos", origen(ip()), _INTENTOS, _INTENTOS_SEGUNDOS)
        limitar("sesiones", conocido or origen(ip()), _INTENTOS, _INTENTOS_SEGUNDOS)
        sesion = llamar(
            c.INICIAR_SESION,
            c.IniciarSesion(
                usuario=datos["usuario"],
                contrasena=datos["contrasena"],
                codigo=datos["codigo"],
                origen_ip=ip(),
                origen_red=origen(ip()),
                agente=request.headers.get("User-Agent", "")[:500],
                dispositivo=dispositivo,
            ),
        )
        return _en_cookies(sesion) if datos["modo"] == "cookie" else _sin_cache(sesion)

    @requiere_perfil
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, PaginaDeSesiones)
    def get(self, args: dict[str, Any]) -> Any:
        """Sus sesiones abiertas, de la más reciente a la más antigua: con qué, desde dónde, y cuál es ésta."""
        perfil = perfil_actual()
        pagina = llamar(c.LISTAR_SESIONES, c.ListarSesiones(perfil_id=perfil.perfil_id, **args))
        datos = [{**asdict(x), "actual": x.sesion_id == perfil.sesion_id} for x in pagina.datos]
        return {"datos": datos, "siguiente": pagina.siguiente}

    @requiere_perfil
    @blp.response(204)
    def delete(self) -> None:
        """Cierra todas sus demás sesiones, en cualquier dispositivo; ésta sigue."""
        perfil = perfil_actual()
        peticion = c.RevocarOtrasSesiones(sesion_id=perfil.sesion_id, perfil_id=perfil.perfil_id)
        vigentes.matar(*llamar(c.REVOCAR_OTRAS_SESIONES, peticion).sesiones)


@blp.route("/v1/sesiones/<uuid:sesion_id>")
class UnaSesion(MethodView):
    @requiere_perfil
    @blp.response(204)
    def delete(self, sesion_id: UUID) -> None:
        """Cierra una de sus sesiones: deja de servir en unos segundos."""
        peticion = c.RevocarSesion(sesion_id=sesion_id, perfil_id=perfil_actual().perfil_id)
        llamar(c.REVOCAR_SESION, peticion)
        vigentes.matar(sesion_id)


@blp.route("/v1/sesiones/renovaciones")
class Renovaciones(MethodView):
    @publica
    @blp.arguments(RenovacionEntrada, required=False)
    @blp.response(201, SesionSalida)
    def post(self, datos: dict[str, Any]) -> Any:
        """Cambia un token de renovación por otros nuevos. Usarlo de nuevo más tarde termina la sesión."""
        dada = (datos or {}).get("renovacion")
        renovacion = dada or _renovacion_de_cookie()
        sesion = llamar(c.RENOVAR_SESION, c.RenovarSesion(renovacion=renovacion, origen_ip=ip()))
        vigentes.olvidar(sesion.sesion_id, sesion.perfil_id)
        return _sin_cache(sesion) if dada else _en_cookies(sesion)


@blp.route("/v1/sesiones/actual")
class SesionActual(MethodView):
    @requiere_perfil
    @blp.response(204)
    def delete(self) -> None:
        """Cierra la sesión en uso."""
        perfil = perfil_actual()
        llamar(c.CERRAR_SESION, c.CerrarSesion(sesion_id=perfil.sesion_id, perfil_id=perfil.perfil_id))
        vigentes.matar(perfil.sesion_id)
        after_this_request(_borrar_cookies)


def _renovacion_de_cookie() -> str:
    renovacion = request.cookies.get(COOKIE_RENOVACION, "")
    csrf, cabecera = request.cookies.get(COOKIE_CSRF, ""), request.headers.get(CABECERA_CSRF, "")
    if not renovacion or not csrf or not hmac.compare_digest(csrf.encode(), cabecera.encode()):
        raise DomainError(Codigo.NO_AUTENTICADO, "La sesión terminó. Inicie sesión de nuevo.")
    return renovacion


def _sin_cache(sesion: c.Sesion) -> c.Sesion:
    @after_this_request
    def _(respuesta: Response) -> Response:
        respuesta.headers["Cache-Control"] = "no-store"
        return respuesta

    return sesion


def _en_cookies(sesion: c.Sesion) -> Any:
    """Tokens to cookies; the answer keeps everything else."""

    @after_this_request
    def _(respuesta: Response) -> Response:
        seguro = por_https(request.environ)
        for nombre, valor, ruta, oculta in (
            (COOKIE, sesion.acceso, "/", True),
            (COOKIE_RENOVACION, sesion.renovacion, _RUTA_RENOVACION, True),
            (COOKIE_CSRF, secrets.token_urlsafe(24), "/", False),
        ):
            respuesta.set_cookie(
                nombre, valor, max_age=_SEMANA, path=ruta, secure=seguro, httponly=oculta, samesite="Strict"
            )
        if sesion.dispositivo:
            # It outlives the session: at the next sign-in it says that this device is a known one.
            respuesta.set_cookie(
                COOKIE_DISPOSITIVO,
                sesion.dispositivo,
                max_age=_ANO,
                path=_RUTA_RENOVACION,
                secure=seguro,
                httponly=True,
                samesite="Strict",
            )
        return respuesta

    _sin_cache(sesion)
    return replace(sesion, acceso=None, renovacion=None, dispositivo=None)  # type: ignore[arg-type]


def _borrar_cookies(respuesta: Response) -> Response:
    for nombre, ruta in ((COOKIE, "/"), (COOKIE_RENOVACION, _RUTA_RENOVACION), (COOKIE_CSRF, "/")):
        respuesta.delete_cookie(nombre, path=ruta)
    return respuesta
