"""The WSGI front: what every request passes before the stamping hot path or the Flask application.

request ─ correlation id ─ body (cap, deadline) ─┬─ exact hot path ── batcher
                                                 ├─ hot prefix
                                                 └─ Flask
response ─ security headers, correlation id

The body is read here, whole and capped, so that nothing behind can be made to wait for it or to hold more
than `http_max_body` of it, whether its length was declared or it comes in chunks.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

import eventlet

from services.gateway import traza
from services.gateway.errors import error_interno, problema
from shared.errors import Codigo, DomainError

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

#: Seconds in which a request's body must have arrived.
PLAZO_CUERPO = 30.0
_TROZO = 64 * 1024

#: Where the protocol leaves a callable that closes the connection after this response (`service.py`).
CERRAR = "cuentamaestra.cerrar"

_SEGURIDAD = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
#: Sent unless the route says otherwise: an API answer is neither a page nor to be kept.
_SI_FALTA = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cache-Control", "no-store"),
    # Pages of others may load the form of an alta, and nothing else.
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_SIN_MARCOS = ("X-Frame-Options", "DENY")


class Frente:
    """WSGI callable: `calientes` are exact `(method, path)`, `prefijos` the same by the path's beginning.

    A path of `calientes` that ends in `*` is a beginning too. An application with a method `rechazar` answers
    in its own form a request whose body can't be taken: the clients of a dialect know no other.
    """

    def __init__(
        self,
        app: App,
        calientes: dict[tuple[str, str], App],
        max_body: int,
        prefijos: dict[tuple[str, str], App] | None = None,
        topes: dict[tuple[str, str], int] | None = None,
    ) -> None:
        self._app = app
        self._calientes = {clave: app for clave, app in calientes.items() if not clave[1].endswith("*")}
        propios = {(m, r[:-1]): app for (m, r), app in calientes.items() if r.endswith("*")}
        self._prefijos = tuple(((prefijos or {}) | propios).items())
        self._max_body = max_body
        self._topes = topes or {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        correlacion = traza.tomar(environ.get("HTTP_TRACEPARENT"))

        def empezar(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            presentes = {nombre.lower() for nombre, _ in headers}
            headers = [
                *headers,
                *_SEGURIDAD,
                *(h for h in _SI_FALTA if h[0].lower() not in presentes),
                *_marcos(headers, presentes),
                ("X-Correlation-Id", correlacion),
            ]
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        try:
            leer_cuerpo(environ, self._tope(environ))
            return self._elegir(environ)(environ, empezar)
        except _CuerpoMal as exc:
            cerrar = environ.get(CERRAR)
            if cerrar is not None:
                cerrar()
            propia = getattr(self._elegir(environ), "rechazar", None)
            if propia is not None:
                respuesta: Iterable[bytes] = propia(exc.error, empezar)
                return respuesta
            return _responder(exc.error, empezar, exc.status)
        except Exception as exc:  # noqa: BLE001 - the last place where an error can become an answer
            return _responder(exc if isinstance(exc, DomainError) else error_interno(exc), empezar)

    def _tope(self, environ: Environ) -> int:
        clave = (environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""))
        return self._topes.get(clave, self._max_body)

    def _elegir(self, environ: Environ) -> App:
        metodo, ruta = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        caliente = self._calientes.get((metodo, ruta))
        if caliente is not None:
            return caliente
        for (m, prefijo), app in self._prefijos:
            if metodo == m and ruta.startswith(prefijo) and len(ruta) > len(prefijo):
                return app
        permitidos = sorted(m for m, r in self._calientes if r == ruta)
        return _otro_metodo(permitidos) if permitidos else self._app


def _marcos(headers: list[tuple[str, str]], presentes: set[str]) -> tuple[tuple[str, str], ...]:
    """No frame may show us, in the header that old browsers know, unless the route's own policy names some pages:
    that header can't, and would forbid them."""
    if "content-security-policy" in presentes:
        politica = next(v for n, v in headers if n.lower() == "content-security-policy")
        if "frame-ancestors" in politica and "frame-ancestors 'none'" not in politica:
            return ()
    return (_SIN_MARCOS,)


class _CuerpoMal(Exception):
    """The body can't be taken; what is left of it is not read, so the connection can't be used again."""

    def __init__(self, status: int, codigo: Codigo, detalle: str) -> None:
        super().__init__(detalle)
        self.status = status
        self.error = DomainError(codigo, detalle)


def leer_cuerpo(environ: Environ, maximo: int) -> None:
    """Replace the request's input by its bytes, at most `maximo` of them and within `PLAZO_CUERPO`."""
    por_trozos = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    largo = _largo(environ)
    if largo is None and not por_trozos:
        environ["wsgi.input"] = io.BytesIO()
        return
    if largo is not None and largo > maximo:
        raise _demasiado_grande(maximo)
    plazo = eventlet.Timeout(PLAZO_CUERPO)
    try:
        cuerpo = _leer(environ["wsgi.input"], largo, maximo)
    except eventlet.Timeout as exc:
        if exc is not plazo:
            raise
        raise _CuerpoMal(
            408, Codigo.DATOS_INVALIDOS, "El cuerpo de la petición no llegó a tiempo. Revise su conexión."
        ) from None
    except (ValueError, OSError) as exc:
        raise _mal_formado() from exc
    finally:
        plazo.cancel()
    if largo is not None and len(cuerpo) < largo:
        raise _mal_formado()
    environ["wsgi.input"] = io.BytesIO(cuerpo)
    environ["CONTENT_LENGTH"] = str(len(cuerpo))
    environ.pop("HTTP_TRANSFER_ENCODING", None)


def _leer(entrada: Any, largo: int | None, maximo: int) -> bytes:
    if largo is not None:
        leido: bytes = entrada.read(largo)
        return leido
    trozos: list[bytes] = []
    total = 0
    while trozo := entrada.read(_TROZO):
        total += len(trozo)
        if total > maximo:
            raise _demasiado_grande(maximo)
        trozos.append(trozo)
    return b"".join(trozos)


def _largo(environ: Environ) -> int | None:
    texto = environ.get("CONTENT_LENGTH")
    if not texto:
        return None
    if not (texto.isascii() and texto.isdigit()):
        raise _mal_formado()
    return int(texto)


def _otro_metodo(permitidos: list[str]) -> App:
    """405 for a hot path asked with another method: Flask does not know it, and would say 404."""

    def app(_: Environ, start_response: StartResponse) -> Iterable[bytes]:
        error = DomainError(
            Codigo.DATOS_INVALIDOS, f"Esta ruta no admite ese método. Use {', '.join(permitidos)}."
        )
        linea, headers, body = problema(error, 405)
        start_response(linea, [*headers, ("Allow", ", ".join(permitidos))])
        return [body]

    return app


def _mal_formado() -> _CuerpoMal:
    return _CuerpoMal(400, Codigo.DATOS_INVALIDOS, "El cuerpo de la petición llegó incompleto o mal formado.")


def _demasiado_grande(maximo: int) -> _CuerpoMal:
    return _CuerpoMal(
        413,
        Codigo.CUERPO_DEMASIADO_GRANDE,
        f"El cuerpo pasa del máximo de {maximo // 1024:,} KB. Envíe uno más pequeño.",
    )


def _responder(
    exc: BaseException, start_response: StartResponse, status: int | None = None
) -> Iterable[bytes]:
    linea, headers, body = problema(exc, status)
    start_response(linea, headers)
    return [body]
