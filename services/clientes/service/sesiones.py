"""The sessions of a perfil: shown, ended, verified by the gateway; and the timer that forgets what is over."""

from __future__ import annotations

from typing import Any

from nameko.rpc import rpc

from services.clientes.use_cases import sesiones
from shared.contracts import clientes as c
from shared.messaging.background import Background
from shared.messaging.bus import Bus, BusWorker
from shared.messaging.wire import WireError

Payload = dict[str, Any]


def _limpiar(bus: Bus) -> bool:
    with bus.uow() as uow:
        mas = sesiones.limpiar(uow)
        uow.commit()
        return mas


class Sesiones:
    """One line per call, event and timer."""

    bus: BusWorker
    sesiones_vencidas = Background(_limpiar, idle=600.0)

    @rpc(expected_exceptions=WireError)
    def verificar_sesion_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.VERIFICAR_SESION, payload, sesiones.verificar_sesion)

    @rpc(expected_exceptions=WireError)
    def listar_sesiones_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.LISTAR_SESIONES, payload, sesiones.listar_sesiones)

    @rpc(expected_exceptions=WireError)
    def revocar_sesion_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.REVOCAR_SESION, payload, sesiones.revocar_sesion)

    @rpc(expected_exceptions=WireError)
    def revocar_otras_sesiones_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.REVOCAR_OTRAS_SESIONES, payload, sesiones.revocar_otras_sesiones)
