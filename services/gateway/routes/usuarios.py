"""Who administers the CM in use (manual: Administración de Usuarios). Only people: no API key may."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

import marshmallow as ma
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import validate

from services.gateway.auth import publica, requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, ip, llamar
from services.gateway.csv import responder_lista
from services.gateway.limites import limitar, limitar_busqueda
from services.gateway.paso import exigir_paso
from services.gateway.routes.perfiles import limitar_contrasena
from services.gateway.schemas import Esquema, PaginaArgs, esquema_de, pagina_de
from shared.contracts import clientes as c
from shared.quien import origen

blp = Blueprint("usuarios", __name__, description="Usuarios de la Cuenta Maestra")

#: Invitations go to anybody's mailbox.
_ALTAS = (60, 3600)
_POR_MINUTO = (30, 60)


class UsuarioSalida(esquema_de(c.Usuario)):  # type: ignore[misc]
    """A usuario, or somebody who was invited."""


class RolEntrada(Esquema):
    rol = ma.fields.String(required=True, validate=validate.OneOf(c.ROLES_DE_USUARIO))


class EliminarEntrada(Esquema):
    confirmar = ma.fields.Boolean(
        load_default=False, metadata={"description": "true para eliminarse a uno mismo."}
    )


class TitularidadEntrada(Esquema):
    perfil_id = ma.fields.UUID(required=True, metadata={"description": "El usuario que será el titular."})
    contrasena = ma.fields.String(
        required=True,
        validate=[c.SIN_NULOS, validate.Length(min=1, max=1024)],
        metadata={"description": "La de quien cede la titularidad."},
    )


@blp.route("/v1/usuarios")
class Usuarios(MethodView):
    @requiere_sesion("administrador")
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, pagina_de(UsuarioSalida))
    def get(self, args: dict[str, Any]) -> Any:
        """Usuarios de la cuenta e invitaciones sin aceptar, lo más antiguo primero."""
        pagina = llamar(c.LISTAR_USUARIOS, c.ListarUsuarios(cuenta_id=actual().cuenta_id, **args))
        return responder_lista(pagina, UsuarioSalida)

    @requiere_sesion("administrador")
    @blp.arguments(esquema_de(c.AdmitirUsuario))
    @blp.response(201, UsuarioSalida)
    def post(self, datos: dict[str, Any]) -> Any:
        """Admite el perfil que tiene ese correo y ese móvil; si no hay, invita al correo por 7 días.

        Repetirlo con otra clave reenvía la invitación.
        """
        exigir_paso()
        yo = actual()
        limitar("usuarios", str(yo.perfil_id), *_ALTAS)
        return llamar(
            c.ADMITIR_USUARIO,
            c.AdmitirUsuario(clave=clave_idempotencia(), cuenta_id=yo.cuenta_id, actor=yo.perfil_id, **datos),
        )


@blp.route("/v1/usuarios/busquedas")
class Busquedas(MethodView):
    @requiere_sesion("administrador")
    @blp.arguments(esquema_de(c.BuscarPerfilDeUsuario))
    @blp.response(200, esquema_de(c.PerfilDeUsuario))
    def post(self, datos: dict[str, Any]) -> Any:
        """De quién son ese correo y ese móvil, para verlo antes de agregarlo. Ambos deben coincidir."""
        yo = actual()
        limitar_busqueda(str(yo.perfil_id))
        return llamar(
            c.BUSCAR_PERFIL_DE_USUARIO,
            c.BuscarPerfilDeUsuario(cuenta_id=yo.cuenta_id, actor=yo.perfil_id, **datos),
        )


@blp.route("/v1/usuarios/titularidad")
class Titularidad(MethodView):
    @requiere_sesion("titular")
    @blp.arguments(TitularidadEntrada)
    @blp.response(200, UsuarioSalida)
    def post(self, datos: dict[str, Any]) -> Any:
        """Cede la titularidad a otro usuario, con la contraseña. Quien la cede queda como administrador."""
        exigir_paso()
        limitar_contrasena()
        yo = actual()
        return llamar(
            c.CEDER_TITULARIDAD,
            c.CederTitularidad(
                clave=clave_idempotencia(),
                cuenta_id=yo.cuenta_id,
                perfil_id=yo.perfil_id,
                sucesor_id=datos["perfil_id"],
                contrasena=datos["contrasena"],
            ),
        )


@blp.route("/v1/usuarios/invitaciones/aceptaciones")
class Aceptaciones(MethodView):
    @publica
    @blp.arguments(esquema_de(c.AceptarInvitacion))
    @blp.response(201, esquema_de(c.InvitacionAceptada))
    def post(self, datos: dict[str, Any]) -> Any:
        """Acepta la invitación del correo con el perfil que ya se tiene; sin perfil, 409: hay que registrarse."""
        limitar("aceptar_invitacion", origen(ip()), *_POR_MINUTO)
        # A link is used once and for good, so it is its own key: repeating it answers the same.
        clave = f"invitacion:{hashlib.sha256(datos['token'].encode()).hexdigest()}"
        return llamar(c.ACEPTAR_INVITACION, c.AceptarInvitacion(clave=clave, **datos))


@blp.route("/v1/usuarios/invitaciones/<uuid:invitacion_id>")
class UnaInvitacion(MethodView):
    @requiere_sesion("administrador", aunque_no_activa=True)
    @blp.response(204)
    def delete(self, invitacion_id: UUID) -> None:
        """Cancela una invitación: su enlace deja de servir."""
        yo = actual()
        # An invitation is cancelled for good, so it is its own key.
        llamar(
            c.CANCELAR_INVITACION,
            c.CancelarInvitacion(
                clave=f"{yo.cuenta_id}:{invitacion_id}",
                cuenta_id=yo.cuenta_id,
                actor=yo.perfil_id,
                invitacion_id=invitacion_id,
            ),
        )


@blp.route("/v1/usuarios/<uuid:perfil_id>")
class UnUsuario(MethodView):
    @requiere_sesion("administrador")
    @blp.arguments(RolEntrada)
    @blp.response(200, UsuarioSalida)
    def patch(self, datos: dict[str, Any], perfil_id: UUID) -> Any:
        """Cambia el rol de un usuario; el del titular no se puede."""
        exigir_paso()
        yo = actual()
        return llamar(
            c.CAMBIAR_ROL_DE_USUARIO,
            c.CambiarRolDeUsuario(
                clave=clave_idempotencia(),
                cuenta_id=yo.cuenta_id,
                actor=yo.perfil_id,
                perfil_id=perfil_id,
                **datos,
            ),
        )

    @requiere_sesion("administrador", aunque_no_activa=True)
    @blp.arguments(EliminarEntrada)
    @blp.response(204)
    def delete(self, datos: dict[str, Any], perfil_id: UUID) -> None:
        """Elimina un usuario: pierde el acceso de inmediato. Al titular no se le puede eliminar."""
        yo = actual()
        llamar(
            c.ELIMINAR_USUARIO,
            c.EliminarUsuario(
                clave=clave_idempotencia(),
                cuenta_id=yo.cuenta_id,
                actor=yo.perfil_id,
                perfil_id=perfil_id,
                **datos,
            ),
        )
