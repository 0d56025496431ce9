"""The stamping routes: a short WSGI path straight to the batcher, before the framework (ADR 0001).

`POST /v1/timbrado` with HTTP Basic (CTI id and password): an XML body, or JSON `{xml, idd}`. Answers JSON
`{uuid, idd, repetido, xml}`, or the stamped XML alone with `Accept: application/xml`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from services.gateway import dialects
from services.gateway.batcher import Batcher
from services.gateway.errors import problema
from services.gateway.llamante import direccion
from shared.contracts.timbrado import VALIDAR_CFDI, ResultadoDeTimbrado, SolicitudDeTimbrado
from shared.errors import Codigo, DomainError, campo_invalido, cfdi_invalido
from shared.messaging.rpc_client import RpcClient

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]
_JSON = "application/json; charset=utf-8"


def rutas_calientes(cliente: RpcClient) -> dict[tuple[str, str], App]:
    """`(method, path)` → WSGI callable, for the front dispatcher; a path that ends in `*` is a beginning."""
    batcher = Batcher(cliente)
    return {
        ("POST", "/v1/timbrado"): protegida(lambda e: _timbrar(batcher, e)),
        ("POST", "/v1/timbrado/validaciones"): protegida(lambda e: _validar(cliente, e)),
        **dialects.rutas(batcher, cliente),
    }


@dataclass(frozen=True, slots=True)
class Respuesta:
    """An answer of the short WSGI path."""

    tipo: str
    cuerpo: bytes
    status: str = "200 OK"
    cabeceras: tuple[tuple[str, str], ...] = ()


def protegida(action: Callable[[Environ], Respuesta]) -> App:
    """A WSGI callable whose refusals are problems, and whose 401 asks for Basic credentials."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            r = action(environ)
        except DomainError as exc:
            status, headers, body = problema(exc)
            if status.startswith("401"):
                headers.append(("WWW-Authenticate", 'Basic realm="CTI", charset="UTF-8"'))
            start_response(status, headers)
            return [body]
        largo = ("Content-Length", str(len(r.cuerpo)))
        start_response(r.status, [("Content-Type", r.tipo), largo, *r.cabeceras])
        return [r.cuerpo]

    return app


def _timbrar(batcher: Batcher, environ: Environ) -> Respuesta:
    return _cuerpo(environ, batcher.timbrar(_solicitud(environ)))


def _validar(cliente: RpcClient, environ: Environ) -> Respuesta:
    solicitud = _solicitud(environ)
    resultado = cliente.llamar(VALIDAR_CFDI, solicitud)
    if resultado.error is not None:
        detalle = resultado.detail or ""
        nodo = resultado.datos.get("nodo")
        errores = {str(nodo): [detalle]} if nodo else {}
        raise DomainError(Codigo(resultado.error), detalle, errores=errores, datos=resultado.datos)
    return Respuesta(_JSON, orjson.dumps({"valido": True, "idd": solicitud.idd}))


def _cuerpo(environ: Environ, r: ResultadoDeTimbrado) -> Respuesta:
    xml = r.xml or ""
    if "application/xml" in environ.get("HTTP_ACCEPT", ""):
        return Respuesta("application/xml; charset=utf-8", xml.encode())
    return Respuesta(
        _JSON,
        orjson.dumps({"uuid": str(r.uuid).upper(), "idd": r.idd, "repetido": r.repetido, "xml": xml}),
    )


def _solicitud(environ: Environ) -> SolicitudDeTimbrado:
    cti, contrasena = credenciales(environ)
    body: bytes = environ["wsgi.input"].read()
    idd: str | None = environ.get("HTTP_X_IDD")
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip() == "application/json":
        data = leer_json(body)
        extra = sorted(set(data) - {"xml", "idd"})
        if extra:
            raise campo_invalido(extra[0], "Campo desconocido. Quítelo o revise su nombre en /docs.")
        idd = texto(data, "idd", obligatorio=False)
        xml = texto(data, "xml") or ""
    else:
        xml = decodificar(body)
    return SolicitudDeTimbrado(
        cti=cti,
        contrasena=contrasena,
        xml=xml,
        idd=idd,
        ip=direccion(environ),
        aplicacion=environ.get("HTTP_X_APLICACION"),
    )


def credenciales(environ: Environ) -> tuple[str, str]:
    """CTI id and password of HTTP Basic. Raises `no_autenticado` when they lack or are not well formed."""
    scheme, _, value = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    try:
        if scheme.lower() == "basic":
            cti, found, contrasena = base64.b64decode(value, validate=True).decode().partition(":")
            if found and 0 < len(cti) <= 64 and 0 < len(contrasena) <= 128:
                return cti, contrasena
    except ValueError:  # not base64, not ASCII, not UTF-8
        pass
    raise DomainError(
        Codigo.NO_AUTENTICADO, "Envíe el id y la contraseña de su CTI con autenticación HTTP Basic."
    )


def leer_json(body: bytes) -> dict[str, Any]:
    """A JSON object, or `datos_invalidos`."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        data = None
    if not isinstance(data, dict):
        raise DomainError(
            Codigo.DATOS_INVALIDOS,
            "El cuerpo no es un objeto JSON válido. Revise comillas, comas y codificación.",
        )
    return data


def texto(data: dict[str, Any], campo: str, *, obligatorio: bool = True) -> str | None:
    """A text field of a JSON body."""
    valor = data.get(campo)
    if valor is None and not obligatorio:
        return None
    if not isinstance(valor, str) or not valor:
        raise campo_invalido(campo, f"Escriba el campo «{campo}» como texto.")
    return valor


def decodificar(body: bytes) -> str:
    """The XML's text. Not UTF-8 is a document that the SAT's structure check refuses (301)."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise cfdi_invalido(
            "301", "El comprobante no está en UTF-8. Guárdelo con esa codificación y séllelo de nuevo."
        ) from None
