"""The stamping routes: a short WSGI path straight to the batcher, before the framework (ADR 0001).

`POST /v1/timbrado` with HTTP Basic (CTI id and password): an XML body, or JSON `{xml, idd}`. Answers JSON
`{uuid, idd, repetido, xml}`, or the stamped XML alone with `Accept: application/xml`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from services.gateway import dialects
from services.gateway.batcher import Batcher
from services.gateway.errors import problema
from shared.contracts.timbrado import (
    CONSULTAR_TIMBRADO,
    VALIDAR_CFDI,
    ConsultarTimbrado,
    ResultadoDeTimbrado,
    SolicitudDeTimbrado,
)
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
        ("POST", "/v1/timbrado"): _protegida(lambda e: _timbrar(batcher, e)),
        ("POST", "/v1/timbrado/validaciones"): _protegida(lambda e: _validar(cliente, e)),
        **dialects.rutas(batcher, cliente),
    }


def ruta_consulta(cliente: RpcClient) -> App:
    """`GET /v1/timbrado/{uuid_o_idd}`, dispatched by prefix."""

    def consultar(environ: Environ) -> tuple[str, bytes]:
        cti, contrasena = credenciales(environ)
        # WSGI hands the path over as latin-1 (PEP 3333).
        clave = environ["PATH_INFO"].encode("latin-1").decode(errors="replace").removeprefix("/v1/timbrado/")
        hallado = cliente.llamar(
            CONSULTAR_TIMBRADO, ConsultarTimbrado(cti=cti, contrasena=contrasena, uuid_o_idd=clave)
        )
        return _cuerpo(environ, hallado)

    return _protegida(consultar)


def _protegida(action: Callable[[Environ], tuple[str, bytes]]) -> App:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            kind, body = action(environ)
        except DomainError as exc:
            status, headers, body = problema(exc)
            if status.startswith("401"):
                headers.append(("WWW-Authenticate", 'Basic realm="CTI", charset="UTF-8"'))
            start_response(status, headers)
            return [body]
        start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]

    return app


def _timbrar(batcher: Batcher, environ: Environ) -> tuple[str, bytes]:
    return _cuerpo(environ, batcher.timbrar(_solicitud(environ)))


def _validar(cliente: RpcClient, environ: Environ) -> tuple[str, bytes]:
    solicitud = _solicitud(environ)
    resultado = cliente.llamar(VALIDAR_CFDI, solicitud)
    if resultado.error is not None:
        raise DomainError(Codigo(resultado.error), resultado.detail or "", datos=resultado.datos)
    return _JSON, orjson.dumps({"valido": True, "idd": solicitud.idd})


def _cuerpo(environ: Environ, r: ResultadoDeTimbrado) -> tuple[str, bytes]:
    xml = r.xml or ""
    if "application/xml" in environ.get("HTTP_ACCEPT", ""):
        return "application/xml; charset=utf-8", xml.encode()
    return _JSON, orjson.dumps(
        {"uuid": str(r.uuid).upper(), "idd": r.idd, "repetido": r.repetido, "xml": xml}
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
        ip=environ.get("REMOTE_ADDR"),
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
    except (binascii.Error, UnicodeDecodeError):
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
