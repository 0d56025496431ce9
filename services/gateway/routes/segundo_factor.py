"""The second factor of the perfil in use, and the root's way to take away that of who lost it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import marshmallow as ma
from flask import Response, after_this_request, request
from flask.views import MethodView
from flask_smorest import Blueprint

from services.gateway import vigentes
from services.gateway.auth import COOKIE, requiere_perfil, requiere_raiz
from services.gateway.contexto import actual, clave_idempotencia, llamar, perfil_actual
from services.gateway.limites import limitar
from services.gateway.llamante import por_https
from services.gateway.paso import ACTIVAR_EN, exigir_paso_con_factor
from services.gateway.routes.perfiles import clave_opcional, limitar_contrasena
from services.gateway.schemas import esquema_de
from shared.contracts import clientes as c

blp = Blueprint("segundo_factor", __name__, description="Segundo factor del perfil")

RUTA = ACTIVAR_EN
_SEMANA = 7 * 24 * 3600
#: How many one person of the root may take away in an hour.
_RETIROS = (20, 3600)
CodigoEntrada = esquema_de(c.ConCodigo, "perfil_id", "sesion_id", nombre="CodigoDeSegundoFactor")


class SegundoFactorRetiradoSalida(esquema_de(c.SegundoFactorRetirado, "sesiones")):  # type: ignore[misc]
    sesiones_cerradas = ma.fields.Integer(required=True)


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


@blp.route("/v1/operacion/segundos-factores/retiros")
class Retiros(MethodView):
    @requiere_raiz("administrador")
    @blp.arguments(esquema_de(c.RetirarSegundoFactor))
    @blp.response(201, SegundoFactorRetiradoSalida)
    def post(self, datos: dict[str, Any]) -> Any:
        """Retira el de quien perdió teléfono y códigos, ya comprobada su identidad (personal de la raíz).

        Pide el segundo factor de quien lo retira. Cierra las sesiones de la persona, le avisa por correo y queda en la
        auditoría con el motivo: escriba cómo se comprobó, sin datos personales.
        """
        exigir_paso_con_factor()
        yo = actual()
        limitar("retiros-de-segundo-factor", str(yo.perfil_id), *_RETIROS)
        hecho = llamar(
            c.RETIRAR_SEGUNDO_FACTOR,
            c.RetirarSegundoFactor(
                clave=clave_idempotencia(), cuenta_id=yo.cuenta_id, actor=yo.perfil_id, **datos
            ),
        )
        vigentes.matar(*hecho.sesiones)
        return {
            "perfil_id": hecho.perfil_id,
            "retirado_en": hecho.retirado_en,
            "sesiones_cerradas": len(hecho.sesiones),
        }


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
