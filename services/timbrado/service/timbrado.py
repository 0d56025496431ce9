"""Stampings, what was stamped, and cancellations."""

from __future__ import annotations

from typing import Any

from nameko.rpc import rpc
from nameko.timer import timer

from services.timbrado.credenciales import Credenciales
from services.timbrado.use_cases import (
    comprobantes,
    recuperar,
    saldo,
)
from services.timbrado.use_cases.cancelar import Cancelador
from services.timbrado.use_cases.conciliar import Conciliador
from services.timbrado.use_cases.timbrar import Timbrador
from shared.contracts import timbrado as c
from shared.logging import get_logger
from shared.messaging.bus import BusWorker
from shared.messaging.idle_first import idle_first
from shared.messaging.wire import WireError

log = get_logger(__name__)


class Timbrado:
    """One line per call, event and timer."""

    bus: BusWorker
    pipeline: Timbrador
    relevos: Conciliador
    vistas: Credenciales
    cancelaciones: Cancelador

    @idle_first(expected_exceptions=WireError)
    def timbrar_lote_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.call(c.TIMBRAR_LOTE, payload, self.pipeline.timbrar_lote)

    @rpc(expected_exceptions=WireError)
    def consultar_timbrado_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.call(c.CONSULTAR_TIMBRADO, payload, self.pipeline.consultar)

    @rpc(expected_exceptions=WireError)
    def recuperar_timbrado_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.RECUPERAR_TIMBRADO, payload, recuperar.recuperar_timbrado(self.vistas))

    @rpc(expected_exceptions=WireError)
    def consultar_saldo_cti_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.CONSULTAR_SALDO_CTI, payload, saldo.consultar_saldo(self.vistas))

    @rpc(expected_exceptions=WireError)
    def validar_cfdi_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.call(c.VALIDAR_CFDI, payload, self.pipeline.validar)

    @rpc(expected_exceptions=WireError)
    def cancelar_timbrado_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.call(c.CANCELAR_TIMBRADO, payload, self.cancelaciones.cancelar)

    @rpc(expected_exceptions=WireError)
    def consultar_estado_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.call(c.CONSULTAR_ESTADO, payload, self.cancelaciones.estado)

    @rpc(expected_exceptions=WireError)
    def obtener_estado_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.call(c.OBTENER_ESTADO, payload, self.cancelaciones.estado_de)

    @rpc(expected_exceptions=WireError)
    def consultar_comprobante_v1(self, **payload: Any) -> dict[str, Any]:
        use_case = comprobantes.consultar_comprobante(self.cancelaciones.credenciales)
        return self.bus.run(c.CONSULTAR_COMPROBANTE, payload, use_case)

    @rpc(expected_exceptions=WireError)
    def obtener_comprobante_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.OBTENER_COMPROBANTE, payload, comprobantes.obtener_comprobante)

    @rpc(expected_exceptions=WireError)
    def listar_timbrados_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_TIMBRADOS, payload, comprobantes.listar_timbrados)

    @rpc(expected_exceptions=WireError)
    def responder_cancelacion_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.call(c.RESPONDER_CANCELACION, payload, self.cancelaciones.responder)

    @timer(interval=1)
    def conciliar(self) -> None:
        try:
            while self.relevos.conciliar():
                pass
        except Exception as exc:  # noqa: BLE001
            # The database or the PAC is away: the next second tries again, and no hold is lost.
            log.warning("conciliacion_fallida", error=str(exc))

    @timer(interval=1)
    def conciliar_cancelaciones(self) -> None:
        try:
            while self.cancelaciones.conciliar():
                pass
        except Exception as exc:  # noqa: BLE001
            # The database is away: the signed requests wait in it, and the next second tries again.
            log.warning("conciliacion_de_cancelaciones_fallida", error=str(exc))
