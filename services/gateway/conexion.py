"""HTTP of one connection: deadlines that eventlet lacks, and refusals in our own form where it answers with nothing."""

from __future__ import annotations

import socket
from typing import Any, Final

import eventlet
from eventlet import wsgi
from nameko.web.server import HttpOnlyProtocol

from services.gateway.errors import problema
from services.gateway.server import CERRAR
from shared.errors import Codigo, DomainError

#: Seconds: a request's line and headers once its first byte came, and an idle connection.
PLAZO_CABECERAS = 10.0
INACTIVA = 60.0
URL_MAXIMA = 8 * 1024
#: What is still read of a refused body, so that the answer is not lost to a reset.
_RESTO_MAXIMO, _RESTO_SEGUNDOS = 8 * 1024 * 1024, 1.0

ILEGIBLES: Final = {
    400: "La petición no está bien formada en HTTP. Revise la primera línea y las cabeceras, y envíela de nuevo.",
    414: "La dirección es demasiado larga. Use menos filtros o valores más cortos.",
    431: "Las cabeceras son demasiado grandes. Quite las que no hagan falta; las cookies suelen ser la causa.",
    505: "Esa versión de HTTP no se atiende. Use HTTP/1.1.",
}
"""What is told of a request that can't be read, by HTTP status."""


class Protocolo(HttpOnlyProtocol):  # type: ignore[misc]
    """HTTP of one connection, with a deadline for the headers."""

    _con_resto = False

    def parse_request(self) -> bool:
        """Read the headers, or close: a client that sends them drop by drop holds nothing for long."""
        try:
            with eventlet.Timeout(PLAZO_CABECERAS):
                return bool(super().parse_request()) and self._largo_claro()
        except eventlet.Timeout:
            self.close_connection = 1
        except (wsgi.HeaderLineTooLong, wsgi.HeadersTooLarge):
            self.send_error(431)
        return False

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Refuse, in the form of every other error, what can't be read as a request. The connection ends."""
        status = code if code in ILEGIBLES else 400
        linea, cabeceras, cuerpo = problema(DomainError(Codigo.DATOS_INVALIDOS, ILEGIBLES[status]), status)
        inicio = "".join(f"{n}: {v}\r\n" for n, v in [*cabeceras, ("Connection", "close")])
        self.wfile.write(f"HTTP/1.1 {linea}\r\n{inicio}\r\n".encode() + cuerpo)
        self.close_connection = 1

    def _largo_claro(self) -> bool:
        largo = self.headers.get("content-length")
        if largo is None or (largo.isascii() and largo.isdigit() and "transfer-encoding" not in self.headers):
            return True
        self.send_error(400)
        return False

    def _read_request_line(self) -> bytes:
        # eventlet's own timeout is per read, so a drop a minute would hold the connection for ever.
        with eventlet.Timeout(INACTIVA + PLAZO_CABECERAS, False):
            line: bytes = super()._read_request_line()
            if len(line) < URL_MAXIMA:
                return line
            self.send_error(414)
        self.close_connection = 1
        return b""

    def get_environ(self) -> dict[str, Any]:
        """The request, with the means to close its connection after the answer."""
        environ: dict[str, Any] = super().get_environ()
        environ[CERRAR] = self._cerrar
        return environ

    def log_message(self, format: str, *args: object) -> None:
        """No access log: figures are in the metrics, errors in our own log."""

    def finish(self) -> None:
        """Close; after a refused body, once the client has had its answer."""
        if self._con_resto:
            self._vaciar()
        super().finish()

    def _cerrar(self) -> None:
        self.close_connection = 1
        self._con_resto = True

    def _vaciar(self) -> None:
        try:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            with eventlet.Timeout(_RESTO_SEGUNDOS, False):
                leido = 0
                while leido < _RESTO_MAXIMO and (trozo := self.connection.recv(64 * 1024)):
                    leido += len(trozo)
        except OSError:
            pass
