"""The gateway's HTTP server alone, without a bus: `python -m tests.unit.gateway.servidor_de_prueba`.

Answers on HTTP_PORT; `POST /eco` gives the body's length, `GET /lento` takes a second. Stops on SIGTERM.
"""

# ruff: noqa: E402
from __future__ import annotations

import warnings

warnings.filterwarnings("ignore", category=DeprecationWarning)

import eventlet

eventlet.monkey_patch()

import os
import signal
import time
from typing import Any

from services.gateway import conexion, service
from services.gateway.app import crear_app
from services.gateway.llamante import direccion
from services.gateway.server import Frente
from shared.config import settings


class _Contenedor:
    config: dict[str, Any] = {}  # noqa: RUF012

    def spawn_managed_thread(self, fn: Any, identifier: str | None = None) -> Any:
        return eventlet.spawn(fn)


class _Cliente:
    def close(self) -> None: ...


def _eco(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    body = str(len(environ["wsgi.input"].read())).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def _lento(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    time.sleep(1.0)
    return _eco(environ, start_response)


def _falla(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    raise ValueError("secreto interno")


def _direccion(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    body = str(direccion(environ)).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


class _Servidor(service.ServidorHttp):
    def get_wsgi_app(self) -> Frente:
        cliente: Any = _Cliente()
        self._cliente = cliente
        return Frente(
            crear_app(cliente, rutas=()),
            {
                ("POST", "/eco"): _eco,
                ("GET", "/lento"): _lento,
                ("GET", "/falla"): _falla,
                ("GET", "/direccion"): _direccion,
            },
            settings().http_max_body,
        )


def main() -> None:
    conexion.PLAZO_CABECERAS = float(os.environ.get("PRUEBA_PLAZO_CABECERAS", "10"))
    servidor = _Servidor()
    servidor.container = _Contenedor()
    avisos: list[int] = []
    signal.signal(signal.SIGTERM, lambda signo, _: avisos.append(signo))
    servidor.start()
    print("listo", flush=True)
    while not avisos:  # A hub asleep in poll() does not notice what a signal handler spawned.
        eventlet.sleep(0.05)
    servidor.stop()
    print("detenido", flush=True)


if __name__ == "__main__":
    main()
