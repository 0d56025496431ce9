"""The one table code → HTTP status, and the one form of every error: `application/problem+json` (RFC 9457).

DomainError ──────────────┐
marshmallow, webargs ─────┼─ DomainError ─ problema() → status line, headers, bytes
werkzeug's HTTPException ─┤
anything else ────────────┘  (logged; its text never leaves)
"""

from __future__ import annotations

from typing import Any

import orjson
from flask import Flask, Response
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from services.gateway.traza import correlation
from shared.contracts.base import flatten
from shared.errors import Codigo, DomainError
from shared.logging import get_logger

log = get_logger(__name__)

PROBLEMA = "application/problem+json"

#: Closed: a test asserts that every code has its row.
ESTADOS: dict[Codigo, tuple[int, str]] = {
    Codigo.DATOS_INVALIDOS: (422, "Datos no válidos"),
    Codigo.CUERPO_DEMASIADO_GRANDE: (413, "Cuerpo demasiado grande"),
    Codigo.CLAVE_REQUERIDA: (400, "Falta la clave de idempotencia"),
    Codigo.CONFIRMACION_REQUERIDA: (422, "Se requiere confirmación"),
    Codigo.CFDI_INVALIDO: (422, "CFDI no válido"),
    Codigo.NO_AUTENTICADO: (401, "Sin sesión"),
    Codigo.CREDENCIALES_INVALIDAS: (401, "Credenciales no válidas"),
    Codigo.PERFIL_SIN_CONFIRMAR: (403, "Perfil sin confirmar"),
    Codigo.SEGUNDO_FACTOR_REQUERIDO: (401, "Se requiere el segundo factor"),
    Codigo.NO_PERMITIDO: (403, "No permitido"),
    Codigo.NO_ENCONTRADO: (404, "No encontrado"),
    Codigo.CONFLICTO: (409, "Conflicto"),
    Codigo.CLAVE_REUTILIZADA: (409, "Clave de idempotencia reutilizada"),
    Codigo.ENLACE_VENCIDO: (410, "Enlace vencido"),
    Codigo.SALDO_INSUFICIENTE: (402, "Saldo insuficiente"),
    Codigo.CUENTA_BLOQUEADA: (403, "Cuenta bloqueada"),
    Codigo.CONTRATO_REQUERIDO: (402, "Se requiere contrato"),
    Codigo.DEMASIADOS_INTENTOS: (429, "Demasiados intentos"),
    Codigo.PENDIENTE: (503, "Operación pendiente"),
    Codigo.PAC_RECHAZO: (422, "El PAC rechazó el comprobante"),
    Codigo.NO_DISPONIBLE: (503, "Servicio no disponible"),
    Codigo.ERROR_INTERNO: (500, "Error interno"),
}

#: Codes whose caller should come back, and in how many seconds if the error does not say.
REINTENTAR = {Codigo.PENDIENTE: 3, Codigo.NO_DISPONIBLE: 2, Codigo.DEMASIADOS_INTENTOS: 30}

INTERNO = "Ocurrió un error de nuestro lado. Intente en unos minutos; si continúa, dé este folio a soporte."
INVALIDOS = "Algunos datos no son válidos. Corrija los campos señalados e intente de nuevo."

#: HTTP errors that werkzeug or webargs raise before any of our code runs.
_HTTP: dict[int, tuple[Codigo, str]] = {
    400: (
        Codigo.DATOS_INVALIDOS,
        "La petición no se pudo leer. Revise que el cuerpo sea JSON válido en UTF-8.",
    ),
    401: (Codigo.NO_AUTENTICADO, "Inicie sesión e intente de nuevo."),
    403: (Codigo.NO_PERMITIDO, "Su usuario no tiene permiso para esta operación."),
    404: (Codigo.NO_ENCONTRADO, "Esta ruta no existe. Consulte /docs para ver las disponibles."),
    405: (
        Codigo.DATOS_INVALIDOS,
        "Esta ruta no admite ese método. Use uno de los que indica la cabecera Allow.",
    ),
    406: (Codigo.DATOS_INVALIDOS, "No podemos responder en ese formato. Pida application/json o text/csv."),
    409: (Codigo.CONFLICTO, "El recurso cambió. Vuelva a consultarlo e intente de nuevo."),
    413: (
        Codigo.CUERPO_DEMASIADO_GRANDE,
        "El cuerpo de la petición es demasiado grande. Envíe uno más pequeño.",
    ),
    415: (Codigo.DATOS_INVALIDOS, "Envíe el cuerpo con Content-Type: application/json."),
    422: (Codigo.DATOS_INVALIDOS, INVALIDOS),
    429: (Codigo.DEMASIADOS_INTENTOS, "Demasiadas peticiones. Espere un momento e intente de nuevo."),
    503: (Codigo.NO_DISPONIBLE, "El servicio no está disponible. Intente de nuevo en unos segundos."),
}


class PasoRequerido(DomainError):
    """`segundo_factor_requerido` to who has a session: 403, because signing in again is not what lacks."""


def estado(error: DomainError) -> int:
    """HTTP status of an error."""
    return 403 if isinstance(error, PasoRequerido) else ESTADOS[error.code][0]


def problema(exc: BaseException, status: int | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
    """Status line, headers and body of an error, as both WSGI and Flask take them.

    What is not a `DomainError` is told as `error_interno`; logging it is the caller's part.
    """
    error = exc if isinstance(exc, DomainError) else DomainError(Codigo.ERROR_INTERNO, INTERNO)
    status = status or estado(error)
    cuerpo: dict[str, object] = {
        "type": f"urn:cuentamaestra:error:{error.code}",
        "title": ESTADOS[error.code][1],
        "status": status,
        "code": str(error.code),
        "detail": error.detail,
        "errores": error.errores,
        "correlation_id": correlation.get(),
    }
    body = orjson.dumps({**error.datos, **cuerpo}, default=str)
    headers = [("Content-Type", PROBLEMA), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
    if error.code in REINTENTAR:
        headers.append(("Retry-After", _segundos(error)))
    return f"{status} {HTTP_STATUS_CODES.get(status, 'Error')}", headers, body


def error_interno(exc: BaseException) -> DomainError:
    """Log an unexpected exception and give what may be told about it: nothing."""
    log.error("unexpected_error", error=repr(exc), exc_info=exc)
    return DomainError(Codigo.ERROR_INTERNO, INTERNO)


def de_http(exc: HTTPException) -> DomainError:
    """werkzeug's or webargs's exception as one of ours."""
    codigo, detalle = _HTTP.get(
        exc.code or 500, (Codigo.ERROR_INTERNO, INTERNO) if (exc.code or 500) >= 500 else _HTTP[400]
    )
    data: dict[str, Any] = getattr(exc, "data", None) or {}
    mensajes = data.get("messages")
    errores: dict[str, list[str]] = {}
    if exc.code == 422 and isinstance(mensajes, dict):
        # webargs files the fields under where they came from: json, query, headers …
        for donde, campos in mensajes.items():
            errores.update(flatten(campos) if isinstance(campos, dict) else flatten({donde: campos}))
    return DomainError(codigo, detalle, errores=errores)


def responder(error: DomainError, status: int | None = None) -> Response:
    """An error as Flask's response."""
    linea, headers, body = problema(error, status)
    if linea.startswith("401"):
        headers.append(("WWW-Authenticate", 'Bearer realm="Cuenta Maestra"'))
    return Response(body, status=linea, headers=headers)


def responder_http(exc: HTTPException) -> Response:
    """An HTTPException as a problem, with its own status and headers (Allow, Location)."""
    if exc.code is not None and exc.code < 400:
        return Response(status=exc.code, headers=[h for h in exc.get_headers() if h[0] != "Content-Type"])
    respuesta = responder(de_http(exc), exc.code or 500)
    for nombre, valor in exc.get_headers():
        if nombre in {"Allow", "Retry-After"}:
            respuesta.headers[nombre] = valor
    return respuesta


def registrar(app: Flask) -> None:
    """Every way a view can fail ends in a problem."""
    app.register_error_handler(DomainError, responder)
    app.register_error_handler(HTTPException, responder_http)
    app.register_error_handler(Exception, lambda exc: responder(error_interno(exc)))


def _segundos(error: DomainError) -> str:
    valor = error.datos.get("reintentar_en", REINTENTAR[error.code])
    return str(max(1, round(valor))) if isinstance(valor, int | float) else str(REINTENTAR[error.code])
