"""Privacy: the notice and its acceptance, what is held about somebody, and its erasure (derechos ARCO)."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask.views import MethodView
from flask_smorest import Blueprint

from services.gateway.auth import requiere_perfil, requiere_raiz, requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar, perfil_actual
from services.gateway.paso import exigir_paso
from services.gateway.routes.perfiles import clave_opcional, limitar_contrasena
from services.gateway.schemas import PaginaArgs, esquema_de, pagina_de
from shared.contracts import clientes as c

blp = Blueprint("privacidad", __name__, description="Avisos de privacidad, consentimientos y derechos ARCO")

_CONFIRMAR = {"description": "Envíe true: no se puede deshacer."}


class SupresionDePerfilEntrada(esquema_de(c.SuprimirPerfil, "perfil_id", "confirmar")):  # type: ignore[misc]
    confirmar = ma.fields.Boolean(load_default=False, metadata=_CONFIRMAR)


class SupresionDeClienteEntrada(esquema_de(c.SuprimirCliente, "cuenta_id", "nic", "actor", "confirmar")):  # type: ignore[misc]
    confirmar = ma.fields.Boolean(load_default=False, metadata=_CONFIRMAR)


class ConsentimientoSalida(esquema_de(c.Consentimiento)):  # type: ignore[misc]
    origen_ip = ma.fields.String(metadata={"description": "Desde qué dirección se aceptó."})


class DatosDePerfilSalida(esquema_de(c.DatosDePerfil, "perfil", "consentimientos")):  # type: ignore[misc]
    perfil = ma.fields.Nested(esquema_de(c.Perfil), required=True)
    consentimientos = ma.fields.List(ma.fields.Nested(ConsentimientoSalida))


@blp.route("/v1/operacion/avisos-privacidad")
class AvisosPrivacidad(MethodView):
    @requiere_raiz("administrador")
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, pagina_de(esquema_de(c.VersionDeAviso)))
    def get(self, args: dict[str, Any]) -> Any:
        """Versiones del aviso de privacidad, la vigente primero (personal de la raíz)."""
        return llamar(c.LISTAR_VERSIONES_DE_AVISO, c.ListarVersionesDeAviso(**args))

    @requiere_raiz("administrador")
    @blp.arguments(esquema_de(c.PublicarAviso, "actor"))
    @blp.response(201, esquema_de(c.VersionDeAviso))
    def post(self, datos: dict[str, Any]) -> Any:
        """Publica una versión nueva, que rige desde ahora y que cada perfil debe aceptar (personal de la raíz)."""
        yo, clave = actual(), clave_idempotencia()
        return llamar(c.PUBLICAR_AVISO, c.PublicarAviso(clave=clave, actor=yo.perfil_id, **datos))


@blp.route("/v1/perfiles/yo/privacidad")
class MiPrivacidad(MethodView):
    @requiere_perfil
    @blp.response(200, esquema_de(c.Privacidad))
    def get(self) -> Any:
        """Qué versión del aviso de privacidad rige, cuál aceptó su perfil y si le falta aceptar la vigente."""
        return llamar(c.CONSULTAR_PRIVACIDAD, c.ConsultarPrivacidad(perfil_id=perfil_actual().perfil_id))


@blp.route("/v1/perfiles/yo/consentimientos")
class MisConsentimientos(MethodView):
    @requiere_perfil
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, pagina_de(ConsentimientoSalida))
    def get(self, args: dict[str, Any]) -> Any:
        """Qué versiones del aviso de privacidad aceptó su perfil, cuándo y desde dónde."""
        peticion = c.ListarConsentimientos(perfil_id=perfil_actual().perfil_id, **args)
        return llamar(c.LISTAR_CONSENTIMIENTOS, peticion)

    @requiere_perfil
    @blp.arguments(esquema_de(c.AceptarAviso, "perfil_id"))
    @blp.response(201, ConsentimientoSalida)
    def post(self, datos: dict[str, Any]) -> Any:
        """Acepta la versión vigente del aviso de privacidad. Repetirlo no es un error."""
        perfil_id = perfil_actual().perfil_id
        clave = clave_opcional("consentir", str(perfil_id))
        return llamar(c.ACEPTAR_AVISO, c.AceptarAviso(clave=clave, perfil_id=perfil_id, **datos))


@blp.route("/v1/perfiles/yo/datos")
class MisDatos(MethodView):
    @requiere_perfil
    @blp.response(200, DatosDePerfilSalida)
    def get(self) -> Any:
        """Todos los datos que se guardan de su perfil, sin secretos."""
        peticion = c.ExportarDatosDePerfil(perfil_id=perfil_actual().perfil_id)
        return llamar(c.EXPORTAR_DATOS_DE_PERFIL, peticion)


@blp.route("/v1/perfiles/yo/supresion")
class MiSupresion(MethodView):
    @requiere_perfil
    @blp.arguments(SupresionDePerfilEntrada)
    @blp.response(200, esquema_de(c.Supresion))
    def post(self, datos: dict[str, Any]) -> Any:
        """Suprime su perfil y sus datos personales, para siempre. Pide la contraseña y confirmar.

        El titular de una cuenta vigente debe entregarla antes a otra persona.
        """
        exigir_paso()
        limitar_contrasena()
        perfil_id = perfil_actual().perfil_id
        clave = clave_opcional("supresion", str(perfil_id))
        return llamar(c.SUPRIMIR_PERFIL, c.SuprimirPerfil(clave=clave, perfil_id=perfil_id, **datos))


@blp.route("/v1/clientes/<int:nic>/datos-personales")
class DatosPersonales(MethodView):
    @requiere_sesion("administrador")
    @blp.response(200, esquema_de(c.DatosDeCliente))
    def get(self, nic: int) -> Any:
        """Todos los datos que se guardan de un cliente, para entregárselos si los pide."""
        peticion = c.ExportarDatosDeCliente(cuenta_id=actual().cuenta_id, nic=nic)
        return llamar(c.EXPORTAR_DATOS_DE_CLIENTE, peticion)


@blp.route("/v1/clientes/<int:nic>/supresion")
class SupresionDeCliente(MethodView):
    @requiere_sesion("titular")
    @blp.arguments(SupresionDeClienteEntrada)
    @blp.response(200, esquema_de(c.Supresion))
    def post(self, datos: dict[str, Any], nic: int) -> Any:
        """Suprime los datos personales de un cliente que está en Bajas, para siempre.

        Su NIC, sus CTI y sus movimientos se conservan por obligación fiscal (artículo 30 del Código Fiscal de la
        Federación, cinco años); la respuesta dice qué y por qué.
        """
        exigir_paso()
        yo, clave = actual(), clave_idempotencia()
        peticion = c.SuprimirCliente(
            clave=clave, cuenta_id=yo.cuenta_id, nic=nic, actor=yo.perfil_id, **datos
        )
        return llamar(c.SUPRIMIR_CLIENTE, peticion)
