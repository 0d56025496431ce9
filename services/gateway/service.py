"""The nameko service: its lifecycle starts and stops the HTTP server, whose WSGI application is ours.

`WebServer.get_wsgi_app` is nameko's hook; around it stand the limits that its server lacks: a deadline for
the headers, a cap of connections, no access log, several processes on one port, and a stop that lets the
requests in flight finish.
"""

from __future__ import annotations

import contextlib
import socket
import time
from typing import Any

import eventlet
from eventlet import wsgi
from nameko.extensions import DependencyProvider
from nameko.web.server import WebServer

from services.gateway import cabeceras, documentos
from services.gateway.app import crear_app
from services.gateway.conexion import INACTIVA, URL_MAXIMA, Protocolo
from services.gateway.server import Frente
from services.gateway.timbrado import rutas_calientes
from shared.config import settings
from shared.logging import get_logger
from shared.messaging.rpc_client import RpcClient

log = get_logger(__name__)

#: Seconds of one socket operation.
PLAZO_SOCKET = 30.0
#: Seconds that a stop waits for the requests in flight: a stamping may take 12, the runtime gives up at 15.
PLAZO_PARO = 13.0
CONEXIONES = 1000
COLA = 1024


class ServidorHttp(WebServer):  # type: ignore[misc]
    """nameko's web server with our application and limits."""

    def __init__(self) -> None:
        super().__init__()
        self._starting: bool = False
        self._pool = eventlet.GreenPool(CONEXIONES)
        self._estados: dict[int, list[Any]] = {}
        self._cliente: RpcClient | None = None

    def start(self) -> None:
        """Listen and accept. Called by nameko once per dependent extension; only the first counts."""
        if self._starting:
            return
        self._starting = True
        cabeceras.instalar()
        s = settings()
        self._sock = eventlet.listen((s.http_host, s.http_port), backlog=COLA, reuse_port=True)
        # An accepted socket inherits it, which saves a system call per connection.
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.settimeout(None)
        self._serv = self.get_wsgi_server(self._sock, self.get_wsgi_app(), protocol=Protocolo)
        self._gt = self.container.spawn_managed_thread(self.run, identifier="http-accept")
        log.info("http_listening", host=s.http_host, port=s.http_port)

    def get_wsgi_app(self) -> Frente:
        """The front, with one RPC client for the whole process."""
        self._cliente = RpcClient(settings().amqp_url)
        return Frente(
            crear_app(self._cliente),
            rutas_calientes(self._cliente),
            settings().http_max_body,
            prefijos=documentos.rutas(self._cliente),
            topes={
                ("POST", "/v1/transferencias-masivas"): settings().http_max_body_masivas,
                ("POST", "/v1/clientes/importaciones"): settings().http_max_body_importaciones,
            },
        )

    def get_wsgi_server(
        self,
        sock: Any,
        wsgi_app: Any,
        protocol: Any = Protocolo,
        debug: bool = False,
    ) -> Any:
        """eventlet's server without log lines per request."""
        return wsgi.Server(
            sock,
            sock.getsockname(),
            wsgi_app,
            protocol=protocol,
            debug=debug,
            log_output=False,
            keepalive=INACTIVA,
            socket_timeout=PLAZO_SOCKET,
            url_length_limit=URL_MAXIMA,
        )

    def run(self) -> None:
        """Accept for ever; when every place is taken, new connections wait in the kernel's queue."""
        while self._is_accepting:
            try:
                sock, address = self._sock.accept()
            except OSError as exc:
                if not self._is_accepting:
                    return
                # Out of descriptors, or a client that left at once: neither may stop the service.
                log.warning("accept_failed", error=str(exc))
                time.sleep(0.05)
                continue
            self._atender(sock, address)

    def stop(self) -> None:
        """Accept no more, close what is idle, and let the requests in flight finish within the deadline."""
        self._is_accepting = False
        self._gt.kill()
        self._aceptar_encoladas()
        self._sock.close()
        # Every answer from here on says Connection: close.
        self._serv.keepalive = False
        fin = time.monotonic() + PLAZO_PARO
        while self._estados and time.monotonic() < fin:
            for estado in list(self._estados.values()):
                if estado[2] == wsgi.STATE_IDLE:
                    _cerrar(estado[1])
            time.sleep(0.02)
        if self._estados:
            log.warning("requests_cut", cuantas=len(self._estados))
        if self._cliente is not None:
            self._cliente.close()

    def _atender(self, sock: Any, address: Any) -> None:
        sock.settimeout(PLAZO_SOCKET)
        self._pool.spawn_n(self._conexion, [address, sock, wsgi.STATE_IDLE])

    def _conexion(self, estado: list[Any]) -> None:
        clave = id(estado)
        self._estados[clave] = estado
        try:
            self._serv.process_request(estado)
        except OSError:
            pass  # The client left: its loss.
        except Exception as exc:  # One connection must not stop the service.
            log.error("connection_failed", error=repr(exc), exc_info=exc)
        finally:
            self._estados.pop(clave, None)
            _cerrar(estado[1])

    def _aceptar_encoladas(self) -> None:
        """Serve who had connected but was not yet accepted: closing the listener would reset them."""
        self._sock.settimeout(0)
        try:
            # A full pool would make this wait for the very requests that the stop is to cut.
            while self._pool.free() > 0:
                sock, address = self._sock.accept()
                estado = [address, sock, wsgi.STATE_REQUEST]
                sock.settimeout(PLAZO_SOCKET)
                self._pool.spawn_n(self._conexion, estado)
        except OSError:
            return


class Http(DependencyProvider):  # type: ignore[misc]
    """What makes the container start and stop the server."""

    server = ServidorHttp()


class GatewayService:
    """The public API. Nothing calls it over the bus."""

    name = "gateway"
    http = Http()


SERVICE = GatewayService


def _cerrar(sock: Any) -> None:
    for accion in (lambda: sock.shutdown(socket.SHUT_RDWR), sock.close):
        with contextlib.suppress(OSError):
            accion()
