"""Privacy: the notice, consents, exports and erasures."""

from __future__ import annotations

from functools import partial
from typing import Any

from nameko.rpc import rpc

from services.clientes.credenciales import CredencialesReales
from services.clientes.service.anticipar import anticipar
from services.clientes.use_cases import privacidad
from shared.contracts import clientes as c
from shared.messaging.bus import BusWorker
from shared.messaging.wire import WireError

Payload = dict[str, Any]


class Privacidad:
    """One line per call."""

    bus: BusWorker
    credenciales: CredencialesReales

    @rpc(expected_exceptions=WireError)
    def publicar_aviso_de_privacidad_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.PUBLICAR_AVISO, payload, privacidad.publicar_aviso)

    @rpc(expected_exceptions=WireError)
    def listar_avisos_de_privacidad_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.LISTAR_VERSIONES_DE_AVISO, payload, privacidad.listar_avisos)

    @rpc(expected_exceptions=WireError)
    def aceptar_aviso_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.ACEPTAR_AVISO, payload, privacidad.aceptar_aviso)

    @rpc(expected_exceptions=WireError)
    def listar_consentimientos_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.LISTAR_CONSENTIMIENTOS, payload, privacidad.listar_consentimientos)

    @rpc(expected_exceptions=WireError)
    def consultar_privacidad_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CONSULTAR_PRIVACIDAD, payload, privacidad.consultar_privacidad)

    @rpc(expected_exceptions=WireError)
    def exportar_datos_de_perfil_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.EXPORTAR_DATOS_DE_PERFIL, payload, privacidad.exportar_perfil)

    @rpc(expected_exceptions=WireError)
    def exportar_datos_de_cliente_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.EXPORTAR_DATOS_DE_CLIENTE, payload, privacidad.exportar_cliente)

    @rpc(expected_exceptions=WireError)
    def suprimir_perfil_v1(self, **payload: Any) -> Payload:
        hechas = anticipar(self.bus, self.credenciales, c.SUPRIMIR_PERFIL, payload, comparar="contrasena")
        return self.bus.run(
            c.SUPRIMIR_PERFIL, payload, partial(privacidad.suprimir_perfil, credenciales=hechas)
        )

    @rpc(expected_exceptions=WireError)
    def suprimir_cliente_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.SUPRIMIR_CLIENTE, payload, privacidad.suprimir_cliente)
