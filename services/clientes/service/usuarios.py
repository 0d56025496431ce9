"""Who administers a cuenta maestra."""

from __future__ import annotations

from functools import partial
from typing import Any

from nameko.rpc import rpc

from services.clientes.credenciales import CredencialesReales
from services.clientes.service.anticipar import anticipar
from services.clientes.use_cases import usuarios
from shared.contracts import clientes as c
from shared.messaging.bus import BusWorker
from shared.messaging.wire import WireError

Payload = dict[str, Any]


class Usuarios:
    """One line per call."""

    bus: BusWorker
    credenciales: CredencialesReales

    @rpc(expected_exceptions=WireError)
    def listar_usuarios_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.LISTAR_USUARIOS, payload, usuarios.listar_usuarios)

    @rpc(expected_exceptions=WireError)
    def buscar_perfil_de_usuario_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.BUSCAR_PERFIL_DE_USUARIO, payload, usuarios.buscar_perfil)

    @rpc(expected_exceptions=WireError)
    def admitir_usuario_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.ADMITIR_USUARIO, payload, usuarios.admitir_usuario)

    @rpc(expected_exceptions=WireError)
    def cambiar_rol_de_usuario_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CAMBIAR_ROL_DE_USUARIO, payload, usuarios.cambiar_rol)

    @rpc(expected_exceptions=WireError)
    def eliminar_usuario_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.ELIMINAR_USUARIO, payload, usuarios.eliminar_usuario)

    @rpc(expected_exceptions=WireError)
    def cancelar_invitacion_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CANCELAR_INVITACION, payload, usuarios.cancelar_invitacion)

    @rpc(expected_exceptions=WireError)
    def ceder_titularidad_v1(self, **payload: Any) -> Payload:
        hechas = anticipar(self.bus, self.credenciales, c.CEDER_TITULARIDAD, payload, comparar="contrasena")
        return self.bus.run(
            c.CEDER_TITULARIDAD, payload, partial(usuarios.ceder_titularidad, credenciales=hechas)
        )

    @rpc(expected_exceptions=WireError)
    def aceptar_invitacion_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.ACEPTAR_INVITACION, payload, usuarios.aceptar_invitacion)
