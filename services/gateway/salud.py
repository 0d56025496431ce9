"""`/salud/viva`: the process answers. `/salud/lista`: every service does, asked at once, with a deadline."""

from __future__ import annotations

import threading
import time

import orjson
from flask import Flask, Response

from services.gateway.auth import publica
from shared.errors import DomainError
from shared.logging import get_logger
from shared.messaging.rpc_client import RpcClient

log = get_logger(__name__)

SERVICIOS = ("clientes", "timbrado", "puntos", "licencias", "facturacion")
PLAZO = 2.0
VIGENCIA = 1.0


class Salud:
    """Asks the services, at most once a second however often it is asked itself."""

    def __init__(self, cliente: RpcClient) -> None:
        self._cliente = cliente
        self._turno = threading.Lock()
        self._hasta = 0.0
        self._estado: dict[str, str] = {}

    def estado(self) -> dict[str, str]:
        """Service → `lista`, or what it said."""
        with self._turno:
            if time.monotonic() >= self._hasta:
                self._estado = self._preguntar()
                self._hasta = time.monotonic() + VIGENCIA
            return self._estado

    def _preguntar(self) -> dict[str, str]:
        estado = dict.fromkeys(SERVICIOS, "no_disponible")

        def una(servicio: str) -> None:
            try:
                self._cliente.llamar_crudo(servicio, "salud_v1", {}, PLAZO)
                estado[servicio] = "lista"
            except DomainError as exc:
                estado[servicio] = str(exc.code)
            except Exception as exc:  # noqa: BLE001
                log.warning("health_call_failed", servicio=servicio, error=repr(exc))

        hilos = [threading.Thread(target=una, args=(s,), daemon=True) for s in SERVICIOS]
        for hilo in hilos:
            hilo.start()
        fin = time.monotonic() + PLAZO + 0.5
        for hilo in hilos:
            hilo.join(max(0.0, fin - time.monotonic()))
        return dict(estado)


def registrar_rutas(app: Flask, cliente: RpcClient) -> None:
    """The two health routes."""
    salud = Salud(cliente)

    @app.get("/salud/viva")
    @publica
    def viva() -> Response:
        return Response(b'{"estado":"viva"}', mimetype="application/json")

    @app.get("/salud/lista")
    @publica
    def lista() -> Response:
        servicios = salud.estado()
        bien = all(v == "lista" for v in servicios.values())
        cuerpo = orjson.dumps({"estado": "lista" if bien else "no_lista", "servicios": servicios})
        return Response(
            cuerpo,
            status=200 if bien else 503,
            mimetype="application/json",
            headers={} if bien else {"Retry-After": "2"},
        )
