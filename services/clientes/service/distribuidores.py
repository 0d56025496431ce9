"""A CM's distributors, their renewals, and what time brings about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from nameko.rpc import rpc
from nameko.timer import timer

from services.clientes.credenciales import CredencialesReales
from services.clientes.service.anticipar import anticipar
from services.clientes.use_cases import confirmaciones, red, renovaciones, vida
from shared.contracts import clientes as c
from shared.contracts import eventos as ev
from shared.logging import get_logger
from shared.messaging.bus import BusWorker
from shared.messaging.events import event
from shared.messaging.wire import WireError

log = get_logger(__name__)

Payload = dict[str, Any]


class Distribuidores:
    """One line per call, event and timer."""

    bus: BusWorker
    credenciales: CredencialesReales

    @rpc(expected_exceptions=WireError)
    def crear_distribuidor_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CREAR_DISTRIBUIDOR, payload, red.crear)

    @rpc(expected_exceptions=WireError)
    def listar_distribuidores_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.LISTAR_DISTRIBUIDORES, payload, red.listar)

    @rpc(expected_exceptions=WireError)
    def resumir_distribuidores_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.RESUMIR_DISTRIBUIDORES, payload, red.resumir)

    @rpc(expected_exceptions=WireError)
    def obtener_distribuidor_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.OBTENER_DISTRIBUIDOR, payload, red.obtener)

    @rpc(expected_exceptions=WireError)
    def cambiar_distribuidor_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CAMBIAR_DISTRIBUIDOR, payload, red.cambiar)

    @rpc(expected_exceptions=WireError)
    def reenviar_alta_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.REENVIAR_ALTA, payload, red.reenviar)

    @rpc(expected_exceptions=WireError)
    def ver_alta_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.VER_ALTA, payload, confirmaciones.ver_alta)

    @rpc(expected_exceptions=WireError)
    def confirmar_alta_v1(self, **payload: Any) -> Payload:
        resumir = "contrasena" if payload.get("contrasena") else None
        hechas = anticipar(self.bus, self.credenciales, c.CONFIRMAR_ALTA, payload, resumir=resumir)
        use_case = partial(confirmaciones.confirmar_alta, credenciales=hechas)
        return self.bus.run(c.CONFIRMAR_ALTA, payload, use_case)

    @rpc(expected_exceptions=WireError)
    def cotizar_renovacion_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.COTIZAR_RENOVACION, payload, renovaciones.cotizar)

    @rpc(expected_exceptions=WireError)
    def renovar_cuenta_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.RENOVAR_CUENTA, payload, renovaciones.renovar)

    @rpc(expected_exceptions=WireError)
    def listar_renovaciones_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.LISTAR_RENOVACIONES, payload, renovaciones.listar)

    @rpc(expected_exceptions=WireError)
    def poner_cuota_anual_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.PONER_CUOTA_ANUAL, payload, renovaciones.poner_cuota)

    @rpc(expected_exceptions=WireError)
    def consultar_cuota_anual_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CONSULTAR_CUOTA_ANUAL, payload, renovaciones.consultar_cuota)

    @event(ev.COBRO_RESUELTO)
    def on_cobro_resuelto_v1(self, evento_id: UUID, carga: Payload) -> None:
        self.bus.consume(ev.COBRO_RESUELTO, evento_id, carga, renovaciones.resolver_renovacion)

    @event(ev.MKL_CONTRATADA)
    def on_mkl_contratada_v1(self, evento_id: UUID, carga: Payload) -> None:
        self.bus.consume(ev.MKL_CONTRATADA, evento_id, carga, renovaciones.anotar_mkl)

    @timer(interval=5)
    def vigilar_cuentas(self) -> None:
        for turno in (*vida.TURNOS, renovaciones.vigilar_cobros):
            try:
                while self._vigilar(turno) >= vida.LOTE:
                    pass
            except Exception as exc:  # noqa: BLE001
                # Nothing is lost: what is due stays due for the next turn, and the others have theirs now.
                log.warning("vigilancia_fallida", turno=turno.__name__, error=str(exc))

    def _vigilar(self, turno: Callable[[Any, datetime], int]) -> int:
        with self.bus.uow() as uow:
            hechas = turno(uow, uow.ahora)
            uow.commit()
        return hechas
