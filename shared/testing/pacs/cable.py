"""The wire under the local PACs: requests in, answers out, and the ways in which an answer goes wrong on the way."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import SplitResult, parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Peticion:
    """What came in."""

    metodo: str
    url: SplitResult
    cabeceras: Mapping[str, str]
    cuerpo: bytes = field(repr=False)

    @property
    def ruta(self) -> str:
        return self.url.path

    def argumento(self, nombre: str) -> str:
        """First value of a query's argument."""
        return parse_qs(self.url.query).get(nombre, [""])[0]


@dataclass(frozen=True, slots=True)
class Salida:
    """What goes out."""

    cuerpo: bytes = b""
    estado: int = 200
    tipo: str = "application/json; charset=utf-8"
    cabeceras: Mapping[str, str] = field(default_factory=dict)


class Cable:
    """The connection of one request, to be treated badly."""

    def __init__(self, manejador: BaseHTTPRequestHandler) -> None:
        self._m = manejador

    def escribir(self, s: Salida) -> None:
        self._cabeceras(s)
        self._m.wfile.write(s.cuerpo)

    def a_medias(self, s: Salida) -> None:
        self._cabeceras(s)
        self._m.wfile.write(s.cuerpo[: len(s.cuerpo) // 2])
        self._m.wfile.flush()
        self.cortar()

    def gotear(self, s: Salida, fin: threading.Event) -> None:
        self._cabeceras(Salida(s.cuerpo * 1000, s.estado, s.tipo, s.cabeceras))
        for byte in s.cuerpo:
            try:
                self._m.wfile.write(bytes([byte]))
                self._m.wfile.flush()
            except OSError:
                break
            if fin.wait(0.02):
                break
        self.cortar()

    def cortar(self) -> None:
        self._m.close_connection = True
        try:
            self._m.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def _cabeceras(self, s: Salida) -> None:
        self._m.send_response(s.estado)
        self._m.send_header("Content-Type", s.tipo)
        self._m.send_header("Content-Length", str(len(s.cuerpo)))
        for nombre, valor in s.cabeceras.items():
            self._m.send_header(nombre, valor)
        self._m.end_headers()


def manejador(servir: Callable[[Peticion, Cable], None]) -> Callable[..., BaseHTTPRequestHandler]:
    """A handler class for `ThreadingHTTPServer` that gives each request to `servir`."""

    class Manejador(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _servir(self) -> None:
            largo = int(self.headers.get("Content-Length") or 0)
            cuerpo = self.rfile.read(largo)
            cabeceras = {k.lower(): v for k, v in self.headers.items()}
            try:
                servir(Peticion(self.command, urlsplit(self.path), cabeceras, cuerpo), Cable(self))
            except OSError:
                self.close_connection = True

        do_GET = do_POST = do_PUT = _servir

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Manejador
