"""Imports of clientes, and the worker that takes them a piece at a time."""

from __future__ import annotations

from typing import Any

from nameko.rpc import rpc

from services.clientes.use_cases import importaciones
from shared.contracts import clientes as c
from shared.messaging.background import Background
from shared.messaging.bus import BusWorker
from shared.messaging.cpu import offload
from shared.messaging.wire import WireError

Payload = dict[str, Any]


class Importaciones:
    """One line per call, event and timer."""

    bus: BusWorker
    importador = Background(lambda bus: importaciones.avanzar_una(bus.uow, offload))

    @rpc(expected_exceptions=WireError)
    def recibir_importacion_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.RECIBIR_IMPORTACION, payload, importaciones.recibir_importacion)

    @rpc(expected_exceptions=WireError)
    def recibir_pieza_v1(self, **payload: Any) -> Payload:
        respuesta = self.bus.run(c.RECIBIR_PIEZA, payload, importaciones.recibir_pieza)
        if respuesta["datos"]["estado"] == "recibida":
            self.importador.wake()
        return respuesta

    @rpc(expected_exceptions=WireError)
    def cancelar_importacion_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CANCELAR_IMPORTACION, payload, importaciones.cancelar_importacion)

    @rpc(expected_exceptions=WireError)
    def obtener_importacion_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.OBTENER_IMPORTACION, payload, importaciones.obtener_importacion)

    @rpc(expected_exceptions=WireError)
    def listar_importaciones_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.LISTAR_IMPORTACIONES, payload, importaciones.listar_importaciones)

    @rpc(expected_exceptions=WireError)
    def listar_filas_de_importacion_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.LISTAR_FILAS_DE_IMPORTACION, payload, importaciones.listar_filas)
