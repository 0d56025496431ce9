"""Registering, confirming, passwords, one's own data; and the timer that forgets what nobody confirmed."""

from __future__ import annotations

from functools import partial
from typing import Any

from nameko.rpc import rpc

from services.clientes.credenciales import CredencialesReales
from services.clientes.service.anticipar import anticipar
from services.clientes.use_cases import registro
from shared.contracts import clientes as c
from shared.messaging.background import Background
from shared.messaging.bus import Bus, BusWorker
from shared.messaging.wire import WireError

Payload = dict[str, Any]


def _limpiar(bus: Bus) -> bool:
    with bus.uow() as uow:
        mas = registro.limpiar(uow)
        uow.commit()
        return mas


class Registro:
    """One line per call, event and timer."""

    bus: BusWorker
    credenciales: CredencialesReales
    sin_confirmar = Background(_limpiar, idle=600.0)

    @rpc(expected_exceptions=WireError)
    def registrar_perfil_v1(self, **payload: Any) -> Payload:
        hechas = anticipar(self.bus, self.credenciales, c.REGISTRAR_PERFIL, payload, resumir="contrasena")
        return self.bus.run(c.REGISTRAR_PERFIL, payload, partial(registro.registrar, credenciales=hechas))

    @rpc(expected_exceptions=WireError)
    def reenviar_confirmacion_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.REENVIAR_CONFIRMACION, payload, registro.reenviar)

    @rpc(expected_exceptions=WireError)
    def confirmar_correo_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CONFIRMAR_CORREO, payload, registro.confirmar)

    @rpc(expected_exceptions=WireError)
    def recuperar_contrasena_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.RECUPERAR_CONTRASENA, payload, registro.recuperar)

    @rpc(expected_exceptions=WireError)
    def restablecer_contrasena_v1(self, **payload: Any) -> Payload:
        contrato = c.RESTABLECER_CONTRASENA_DE_PERFIL
        hechas = anticipar(self.bus, self.credenciales, contrato, payload, resumir="nueva")
        return self.bus.run(contrato, payload, partial(registro.restablecer, credenciales=hechas))

    @rpc(expected_exceptions=WireError)
    def cambiar_contrasena_v1(self, **payload: Any) -> Payload:
        contrato = c.CAMBIAR_CONTRASENA
        hechas = anticipar(self.bus, self.credenciales, contrato, payload, resumir="nueva", comparar="actual")
        return self.bus.run(contrato, payload, partial(registro.cambiar_contrasena, credenciales=hechas))

    @rpc(expected_exceptions=WireError)
    def editar_perfil_v1(self, **payload: Any) -> Payload:
        hechas = anticipar(self.bus, self.credenciales, c.EDITAR_PERFIL, payload, comparar="contrasena")
        return self.bus.run(c.EDITAR_PERFIL, payload, partial(registro.editar, credenciales=hechas))
