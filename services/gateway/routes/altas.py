"""Publishable keys of a CM, the altas that came by them, and the inscription under the root."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import request
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import validate

from services.gateway.auth import publica, requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar
from services.gateway.routes.publico import SolicitudDeInscripcion, es_propio, limpia, pedir
from services.gateway.schemas import PaginaArgs, esquema_de, pagina_de
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError

blp = Blueprint("altas", __name__, description="Altas de distribuidores desde fuera del portal")

LlavePublica = esquema_de(c.LlavePublica, nombre="LlavePublicaDeAltas")


class AltasArgs(PaginaArgs):
    estado = ma.fields.String(
        load_default=None,
        validate=validate.Length(max=20),
        metadata={"description": "Estado de la cuenta: sin_validar, sin_activar, activo…"},
    )
    llave = ma.fields.String(
        load_default=None, validate=c.LLAVE_PUBLICA, metadata={"description": "Por qué llave llegaron."}
    )


@blp.route("/v1/llaves-publicas")
class LlavesPublicas(MethodView):
    @requiere_sesion("administrador")
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, pagina_de(LlavePublica))
    def get(self, args: dict[str, Any]) -> Any:
        """Llaves públicas de la cuenta, la más reciente primero; también las revocadas."""
        return llamar(c.LISTAR_LLAVES_PUBLICAS, c.ListarLlavesPublicas(cuenta_id=actual().cuenta_id, **args))

    @requiere_sesion("administrador")
    @blp.arguments(esquema_de(c.CrearLlavePublica))
    @blp.response(201, LlavePublica)
    def post(self, datos: dict[str, Any]) -> Any:
        """Crea una llave para el formulario de alta en sus sitios. Necesita el MKL Multi-nivel."""
        yo = actual()
        return llamar(
            c.CREAR_LLAVE_PUBLICA,
            c.CrearLlavePublica(
                clave=clave_idempotencia(), cuenta_id=yo.cuenta_id, actor=yo.perfil_id, **datos
            ),
        )


@blp.route("/v1/llaves-publicas/<llave>")
class UnaLlavePublica(MethodView):
    @requiere_sesion("administrador")
    @blp.response(200, LlavePublica)
    def delete(self, llave: str) -> Any:
        """Revoca una llave para siempre: su formulario deja de funcionar en ese momento."""
        yo, llave = actual(), limpia(llave)
        return llamar(
            c.REVOCAR_LLAVE_PUBLICA,
            c.RevocarLlavePublica(
                clave=f"{yo.cuenta_id}:revocar:{llave}",
                cuenta_id=yo.cuenta_id,
                actor=yo.perfil_id,
                llave=llave,
            ),
        )


@blp.route("/v1/altas")
class Altas(MethodView):
    @requiere_sesion
    @blp.arguments(AltasArgs, location="query")
    @blp.response(200, pagina_de(esquema_de(c.Alta)))
    def get(self, args: dict[str, Any]) -> Any:
        """Altas que llegaron por las llaves públicas o por la inscripción, la más reciente primero."""
        return llamar(c.LISTAR_ALTAS, c.ListarAltas(cuenta_id=actual().cuenta_id, **args))


@blp.route("/v1/cuentas-maestras")
class CuentasMaestras(MethodView):
    @publica
    @blp.arguments(SolicitudDeInscripcion)
    @blp.response(202, esquema_de(c.AltaRecibida))
    def post(self, datos: dict[str, Any]) -> Any:
        """Inscribe un distribuidor nuevo de la cuenta raíz. Se confirma por correo, y la raíz lo activa."""
        sitio = request.headers.get("Origin")
        if sitio is not None and not es_propio(sitio):
            raise DomainError(
                Codigo.NO_PERMITIDO,
                "La inscripción se hace en nuestra página. Para su propio sitio use una llave pública.",
            )
        return pedir(datos, None, None)
