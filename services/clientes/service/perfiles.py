"""Perfiles and their sessions."""

from __future__ import annotations

from functools import partial
from typing import Any

from nameko.rpc import rpc

from services.clientes.credenciales import CredencialesReales
from services.clientes.segundo_factor import TotpReal
from services.clientes.service.anticipar import anticipar
from services.clientes.use_cases import perfiles, sesiones
from shared.contracts import clientes as c
from shared.messaging.bus import BusWorker
from shared.messaging.wire import WireError

Payload = dict[str, Any]


class Perfiles:
    """One line per call, event and timer."""

    bus: BusWorker
    credenciales: CredencialesReales
    totp: TotpReal

    @rpc(expected_exceptions=WireError)
    def iniciar_sesion_v1(self, **payload: Any) -> Payload:
        use_case = partial(sesiones.iniciar_sesion, credenciales=self.credenciales, totp=self.totp)
        return self.bus.run(c.INICIAR_SESION, payload, use_case)

    @rpc(expected_exceptions=WireError)
    def renovar_sesion_v1(self, **payload: Any) -> Payload:
        use_case = partial(sesiones.renovar_sesion, credenciales=self.credenciales)
        return self.bus.run(c.RENOVAR_SESION, payload, use_case)

    @rpc(expected_exceptions=WireError)
    def cerrar_sesion_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CERRAR_SESION, payload, sesiones.cerrar_sesion)

    @rpc(expected_exceptions=WireError)
    def crear_perfil_v1(self, **payload: Any) -> Payload:
        hechas = anticipar(self.bus, self.credenciales, c.CREAR_PERFIL, payload, resumir="contrasena")
        return self.bus.run(c.CREAR_PERFIL, payload, partial(perfiles.crear_perfil, credenciales=hechas))

    @rpc(expected_exceptions=WireError)
    def obtener_perfil_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.OBTENER_PERFIL, payload, perfiles.obtener_perfil)
