"""The cartera of a cuenta maestra."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import marshmallow as ma
from flask import request
from flask.views import MethodView
from flask_smorest import Blueprint

from services.gateway.auth import requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, clave_si_viene, llamar
from services.gateway.limites import limitar_hallazgos
from services.gateway.schemas import Esquema, esquema_de
from shared.contracts import clientes as c
from shared.contracts import timbrado
from shared.errors import DomainError, campo_invalido
from shared.logging import get_logger

log = get_logger(__name__)
blp = Blueprint("clientes", __name__, description="Clientes de la Cuenta Maestra")

CONTACTOS = ("representante", "financiero", "tecnico")
#: Seconds that a new cliente waits for its CTI's password before it is answered without.
_PLAZO_CTI = 3.0


class CtiDeCliente(Esquema):
    id = ma.fields.String(required=True)


class CtiConContrasena(CtiDeCliente):
    contrasena = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Se muestra una sola vez. Nula si ya se mostró o si timbrado no respondió:"
            " repita con la misma Idempotency-Key o restablézcala."
        },
    )


class ClienteSalida(esquema_de(c.Cliente, "cti")):  # type: ignore[misc]
    cti = ma.fields.Nested(CtiDeCliente, required=True, metadata={"description": "Su primera CTI."})


class ClienteNuevoSalida(ClienteSalida):
    cti = ma.fields.Nested(CtiConContrasena, required=True)


@blp.route("/v1/clientes")
class Clientes(MethodView):
    @requiere_sesion("operador")
    @blp.arguments(esquema_de(c.CrearCliente))
    @blp.response(201, ClienteNuevoSalida)
    def post(self, datos: dict[str, Any]) -> Any:
        """Da de alta un cliente con su NIC y su primera CTI."""
        yo, clave = actual(), clave_idempotencia()
        peticion = c.CrearCliente(clave=clave, cuenta_id=yo.cuenta_id, actor=yo.perfil_id, **datos)
        cliente = llamar(c.CREAR_CLIENTE, peticion)
        return {**_ver(cliente), "cti": {"id": cliente.cti, "contrasena": _contrasena(cliente, clave)}}


@blp.route("/v1/clientes/<int:nic>")
class UnCliente(MethodView):
    @requiere_sesion
    @blp.response(200, ClienteSalida)
    def get(self, nic: int) -> Any:
        """Un cliente."""
        return _ver(llamar(c.OBTENER_CLIENTE, c.ObtenerCliente(cuenta_id=actual().cuenta_id, nic=_nic(nic))))

    @requiere_sesion("operador")
    @blp.arguments(esquema_de(c.EditarCliente, "nic", "borrar"))
    @blp.response(200, ClienteSalida)
    def patch(self, datos: dict[str, Any], nic: int) -> Any:
        """Cambia los campos enviados; los nulos se vacían. Con `version` rechaza si otro lo cambió antes.

        De un contacto o del domicilio cambia solo los datos enviados; `otros` se reemplaza completo.
        """
        dados = request.get_json(silent=True) or {}
        borrar = sorted(
            campo for campo in datos.keys() - {"version"} if campo in dados and dados[campo] is None
        )
        borrar += sorted(
            f"{campo}.{parte}"
            for campo in (*CONTACTOS, "domicilio")
            for parte, valor in (dados.get(campo) or {}).items()
            if valor is None
        )
        if "nombre" in borrar:
            raise campo_invalido("nombre", "El nombre no se puede vaciar.")
        yo = actual()
        peticion = c.EditarCliente(
            clave=_clave(), cuenta_id=yo.cuenta_id, actor=yo.perfil_id, nic=_nic(nic), borrar=borrar, **datos
        )
        return _ver(llamar(c.EDITAR_CLIENTE, peticion))


@blp.route("/v1/clientes/<int:nic>/perfil-principal")
class PerfilPrincipal(MethodView):
    @requiere_sesion("operador")
    @blp.arguments(esquema_de(c.AsignarPerfilPrincipal, "nic"))
    @blp.response(200, esquema_de(c.PerfilPrincipal))
    def put(self, datos: dict[str, Any], nic: int) -> Any:
        """Asigna quién controla la cuenta del cliente; nunca un perfil que administre una Cuenta Maestra."""
        yo = actual()
        peticion = c.AsignarPerfilPrincipal(
            clave=_clave(), cuenta_id=yo.cuenta_id, actor=yo.perfil_id, nic=_nic(nic), **datos
        )
        # The refusals say who has a perfil, and who administers a CM.
        with limitar_hallazgos(str(yo.perfil_id)):
            return llamar(c.ASIGNAR_PERFIL_PRINCIPAL, peticion)

    @requiere_sesion("operador")
    @blp.response(200, ClienteSalida)
    def delete(self, nic: int) -> Any:
        """Retira el perfil principal: nadie controla la cuenta del cliente hasta que se asigne otro."""
        yo = actual()
        peticion = c.QuitarPerfilPrincipal(
            clave=_clave(), cuenta_id=yo.cuenta_id, actor=yo.perfil_id, nic=_nic(nic)
        )
        return _ver(llamar(c.QUITAR_PERFIL_PRINCIPAL, peticion))


@blp.route("/v1/clientes/<int:nic>/clasificacion")
class Clasificacion(MethodView):
    @requiere_sesion("operador")
    @blp.arguments(esquema_de(c.ClasificarCliente, "nic"))
    @blp.response(200, ClienteSalida)
    def put(self, datos: dict[str, Any], nic: int) -> Any:
        """Pone la clasificación completa del cliente: favoritos, bajas y color. Son etiquetas: no lo bloquean."""
        yo = actual()
        peticion = c.ClasificarCliente(
            clave=_clave(), cuenta_id=yo.cuenta_id, actor=yo.perfil_id, nic=_nic(nic), **datos
        )
        return _ver(llamar(c.CLASIFICAR_CLIENTE, peticion))


@blp.route("/v1/clientes/clasificaciones")
class Clasificaciones(MethodView):
    @requiere_sesion("operador")
    @blp.arguments(esquema_de(c.ClasificarClientes, "quitar_color"))
    @blp.response(200, esquema_de(c.Clasificados))
    def put(self, datos: dict[str, Any]) -> Any:
        """Clasifica hasta 500 clientes, todos o ninguno: cambia solo lo enviado; `color` nulo lo quita."""
        dados = request.get_json(silent=True) or {}
        quitar = "color" in dados and dados["color"] is None
        yo = actual()
        datos["nics"] = [_nic(nic) for nic in datos["nics"]]
        peticion = c.ClasificarClientes(
            clave=_clave(), cuenta_id=yo.cuenta_id, actor=yo.perfil_id, quitar_color=quitar, **datos
        )
        return llamar(c.CLASIFICAR_CLIENTES, peticion)


def _ver(cliente: c.Cliente) -> dict[str, Any]:
    datos = {campo.name: getattr(cliente, campo.name) for campo in fields(cliente)}
    return {**datos, "cti": {"id": cliente.cti}}


def _contrasena(cliente: c.Cliente, clave: str) -> str | None:
    """The generated password of the first CTI. The cliente exists, so a failure here is told as null."""
    try:
        return llamar(
            timbrado.ENTREGAR_CTI_INICIAL,
            timbrado.EntregarCtiInicial(
                clave=clave,
                cuenta_id=cliente.cuenta_id,
                cliente_id=cliente.cliente_id,
                nic=cliente.nic,
                cti=cliente.cti,
                actor=str(actual().perfil_id),
            ),
            _PLAZO_CTI,
        ).contrasena
    except DomainError as exc:
        log.warning("cti_password_not_delivered", cti=cliente.cti, code=str(exc.code))
        return None


def _clave() -> str:
    """PATCH and PUT repeat without harm, so their Idempotency-Key is optional."""
    return clave_si_viene()


def _nic(nic: int) -> int:
    """A number that no bigint holds is nobody's NIC: let it be one that does not exist."""
    return nic if 0 <= nic < 2**63 else 0
