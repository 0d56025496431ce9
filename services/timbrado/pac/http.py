"""HTTP to a PAC, where the only thing that matters is whether the request may have arrived.

`NoConectado`: surely not; nothing of it was written to a socket. `SinRespuesta`: perhaps. The standard
library's client makes that line exact (connect, then write, then read), which `requests` blurs: there a TLS
failure while connecting and one while reading are the same exception. Works alike in threads and, once the
process is patched, in green threads. Bodies and credentials are never logged.
"""

from __future__ import annotations

import http.client
import os
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

MAXIMO: Final = 8 * 1024 * 1024
"""Bytes of an answer; a stamped CFDI of 4 MiB in base64 fits."""
OCIOSA: Final = 15.0
"""Seconds that an idle connection is kept: less than a server's own usual time-out, so that it is rarely stale."""
_TROZO: Final = 64 * 1024
_SIN_CUERPO: Final = b""


class NoConectado(Exception):
    """Surely nothing arrived: name not resolved, connection refused or too slow, TLS not trusted."""


class SinRespuesta(Exception):
    """The request may have arrived: time-out, cut, answer too large or not HTTP."""


@dataclass(frozen=True, slots=True)
class Respuesta:
    """An answer, whatever its status. Redirections are not followed: they are answers."""

    estado: int
    cabeceras: Mapping[str, str]
    """Names in lower case."""
    cuerpo: bytes = field(repr=False)

    def texto(self) -> str:
        """The body as UTF-8, with what is not replaced."""
        return self.cuerpo.decode("utf-8", "replace")


@dataclass(slots=True)
class _Conexion:
    http: http.client.HTTPConnection
    usada: float = 0.0


class Transporte:
    """Connections to one host, kept for the next request; safe for any number of threads.

    `conectar`: seconds to resolve, connect and shake hands. `plazo`: seconds of a whole request, however
    slowly its answer drips.
    """

    def __init__(
        self,
        url: str,
        *,
        conectar: float = 3.0,
        plazo: float = 8.0,
        autoridades: str | None = None,
        reserva: int = 16,
    ) -> None:
        """`url` is the root that paths are added to. `autoridades`: a PEM file, instead of the system's.

        Raises ValueError if it is not http(s).
        """
        partes: SplitResult = urlsplit(url)
        if partes.scheme not in ("http", "https") or not partes.hostname:
            raise ValueError(f"not an http(s) URL: {url}")
        self._host, self._puerto = partes.hostname, partes.port
        self._raiz = partes.path.rstrip("/")
        self._tls = ssl.create_default_context(cafile=autoridades) if partes.scheme == "https" else None
        self._conectar = conectar
        self.plazo = plazo
        self._reserva = reserva
        self._libres: deque[_Conexion] = deque()
        self._candado = threading.Lock()

    def pedir(
        self,
        metodo: str,
        ruta: str,
        cuerpo: bytes = _SIN_CUERPO,
        cabeceras: Mapping[str, str] | None = None,
        plazo: float | None = None,
    ) -> Respuesta:
        """Send and read the answer within the deadline. Raises `NoConectado` or `SinRespuesta`.

        Never sent twice: what to do after a doubt is the caller's.
        """
        limite = time.monotonic() + (self.plazo if plazo is None else plazo)
        conexion = self._tomar(limite)
        if time.monotonic() >= limite:
            self._dejar(conexion, True)
            raise NoConectado("sin tiempo para enviar")
        corte = threading.Timer(max(limite - time.monotonic(), 0.001), _cortar, (conexion.http.sock,))
        corte.daemon = True
        corte.start()
        try:
            respuesta, se_queda = self._ida_y_vuelta(
                conexion.http, metodo, ruta, cuerpo, cabeceras or {}, limite
            )
        except SinRespuesta:
            conexion.http.close()
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            conexion.http.close()
            agotado = isinstance(error, TimeoutError) or time.monotonic() >= limite
            raise SinRespuesta("tiempo de espera agotado" if agotado else type(error).__name__) from error
        finally:
            corte.cancel()
        self._dejar(conexion, se_queda)
        return respuesta

    def cerrar(self) -> None:
        """Close the idle connections."""
        with self._candado:
            libres, self._libres = list(self._libres), deque()
        for conexion in libres:
            conexion.http.close()

    def _ida_y_vuelta(
        self,
        conexion: http.client.HTTPConnection,
        metodo: str,
        ruta: str,
        cuerpo: bytes,
        cabeceras: Mapping[str, str],
        limite: float,
    ) -> tuple[Respuesta, bool]:
        enchufe: socket.socket = conexion.sock  # http.client hands it over when the server will close
        _limitar(enchufe, limite)
        conexion.request(metodo, self._raiz + ruta, body=cuerpo or None, headers=dict(cabeceras))
        _limitar(enchufe, limite)
        respuesta = conexion.getresponse()
        recibido = bytearray()
        while trozo := respuesta.read1(_TROZO):
            recibido += trozo
            if len(recibido) > MAXIMO:
                raise SinRespuesta("respuesta demasiado grande")
            _limitar(enchufe, limite)
        respuesta.close()
        if time.monotonic() >= limite:  # the watchdog's cut looks like an end of the body
            raise SinRespuesta("tiempo de espera agotado")
        if not recibido and respuesta.length is None and not respuesta.chunked:
            # An end in the middle of the headers looks like an empty body that ends with the connection.
            raise SinRespuesta("respuesta cortada")
        if respuesta.length:  # bytes that Content-Length promised and never came
            raise SinRespuesta("respuesta cortada")
        nombres = {k.lower(): v for k, v in respuesta.getheaders()}
        return Respuesta(respuesta.status, nombres, bytes(recibido)), not respuesta.will_close

    def _tomar(self, limite: float) -> _Conexion:
        while True:
            with self._candado:
                conexion = self._libres.pop() if self._libres else None
            if conexion is None:
                return self._abrir(limite)
            if time.monotonic() - conexion.usada < OCIOSA and _viva(conexion.http):
                return conexion
            conexion.http.close()

    def _abrir(self, limite: float) -> _Conexion:
        segundos = min(self._conectar, limite - time.monotonic())
        if segundos <= 0:
            raise NoConectado("sin tiempo para conectar")
        if self._tls is None:
            conexion = http.client.HTTPConnection(self._host, self._puerto, timeout=segundos)
        else:
            conexion = http.client.HTTPSConnection(
                self._host, self._puerto, timeout=segundos, context=self._tls
            )
        try:
            conexion.connect()
        except (OSError, http.client.HTTPException, ValueError) as error:
            conexion.close()
            raise NoConectado(_motivo(error)) from error
        return _Conexion(conexion)

    def _dejar(self, conexion: _Conexion, se_queda: bool) -> None:
        conexion.usada = time.monotonic()
        if se_queda and conexion.http.sock is not None:
            with self._candado:
                if len(self._libres) < self._reserva:
                    self._libres.append(conexion)
                    return
        conexion.http.close()


def multiparte(campo: str, contenido: bytes, tipo: str = "text/xml") -> tuple[bytes, str]:
    """A multipart/form-data body with one file, and its Content-Type."""
    borde = "CuentaMaestra7b1e4c9d2f6a"
    while borde.encode() in contenido:
        borde += "x"
    cuerpo = (
        f'--{borde}\r\nContent-Disposition: form-data; name="{campo}"; filename="{campo}.xml"\r\n'
        f"Content-Type: {tipo}\r\n\r\n"
    ).encode()
    return cuerpo + contenido + f"\r\n--{borde}--\r\n".encode(), f"multipart/form-data; boundary={borde}"


def cabecera(valor: str) -> str:
    """A credential as a header's value: what HTTP does not carry is refused. Raises ValueError."""
    if not valor or any(c in valor for c in "\r\n\0"):
        raise ValueError("a credential that can't be sent in a header")
    valor.encode("latin-1")
    return valor


def _limitar(enchufe: socket.socket, limite: float) -> None:
    resto = limite - time.monotonic()
    if resto <= 0:
        raise SinRespuesta("tiempo de espera agotado")
    if enchufe.fileno() >= 0:  # closed once the whole answer was read from a server that closes
        enchufe.settimeout(resto)


def _cortar(enchufe: socket.socket) -> None:
    """The deadline passed while bytes still drip: whoever reads gets an end.

    Through a second descriptor: `SSLSocket.shutdown` would take the TLS away under the reader's feet.
    """
    try:
        with socket.socket(fileno=os.dup(enchufe.fileno())) as copia:
            copia.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _viva(conexion: http.client.HTTPConnection) -> bool:
    """An idle connection with something to read was closed by the server, or is out of step."""
    if conexion.sock is None:
        return False
    try:
        listos: Iterable[object] = select.select([conexion.sock], [], [], 0)[0]
    except (OSError, ValueError):
        return False
    return not listos


def _motivo(error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return "certificado TLS no confiable"
        case ssl.SSLError():
            return "falla de TLS"
        case socket.gaierror():
            return "el nombre no se resuelve"
        case TimeoutError():
            return "no se pudo conectar a tiempo"
        case ConnectionRefusedError():
            return "conexión rechazada"
        case _:
            return f"no se pudo conectar ({type(error).__name__})"
