"""Induxsoft's JSON dialect, to the letter: existing applications switch by changing a URL.

`POST /comprobantes/timbrar/` with `{cti, pwd, xml, idd?, nb64?}` always answers HTTP 200 with
`{success: true, data: {uuid, xml, idd, tpo}}` or `{success: false, message}`. With `nb64` true the XML is
a JSON string both ways; otherwise it is base64 of UTF-8, and the answer carries a BOM. Its client reads
messages of the form `…|token|action|message`, in which `continue` means: wait 3 s and send again.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any
from uuid import uuid4

import orjson

from services.gateway.batcher import Batcher
from shared.contracts.timbrado import (
    CONSULTAR_TIMBRADO,
    ConsultarTimbrado,
    ResultadoDeTimbrado,
    SolicitudDeTimbrado,
)
from shared.errors import Codigo, DomainError, campo_invalido, cfdi_invalido
from shared.logging import get_logger
from shared.messaging.rpc_client import RpcClient

log = get_logger(__name__)

BOM = b"\xef\xbb\xbf"
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class Induxsoft:
    """The two calls of the dialect."""

    def __init__(self, batcher: Batcher, cliente: RpcClient) -> None:
        self._batcher = batcher
        self._cliente = cliente

    def timbrar(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Stamp."""
        return self._answer(environ, start_response, self._timbrar)

    def descargar(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """A CFDI stamped before, by its `uuid` or `idd`."""
        return self._answer(environ, start_response, self._descargar)

    def _timbrar(self, data: dict[str, Any]) -> dict[str, Any]:
        plain = _bool(data.get("nb64"))
        resultado = self._batcher.timbrar(
            SolicitudDeTimbrado(
                cti=_text(data, "cti"),
                contrasena=_text(data, "pwd"),
                xml=_xml_in(_text(data, "xml"), plain),
                idd=str(data["idd"]) if data.get("idd") not in (None, "") else None,
            )
        )
        return _data(resultado, plain)

    def _descargar(self, data: dict[str, Any]) -> dict[str, Any]:
        clave = data.get("uuid") or data.get("idd")
        if not isinstance(clave, str):
            raise campo_invalido("uuid", "Indique el uuid o el idd del comprobante.")
        resultado = self._cliente.llamar(
            CONSULTAR_TIMBRADO,
            ConsultarTimbrado(cti=_text(data, "cti"), contrasena=_text(data, "pwd"), uuid_o_idd=clave),
        )
        return _data(resultado, _bool(data.get("nb64")))

    def _answer(
        self,
        environ: dict[str, Any],
        start_response: StartResponse,
        action: Callable[[dict[str, Any]], dict[str, Any]],
    ) -> Iterable[bytes]:
        try:
            body = orjson.dumps({"success": True, "data": action(_json(environ["wsgi.input"].read()))})
        except DomainError as exc:
            body = orjson.dumps({"success": False, "message": _message(exc)})
        except Exception:
            log.exception("unexpected_error", path=environ.get("PATH_INFO"))
            body = orjson.dumps(
                {"success": False, "message": "No pudimos completar el timbrado. Intente de nuevo."}
            )
        start_response(
            "200 OK",
            [("Content-Type", "application/json; charset=utf-8"), ("Content-Length", str(len(body)))],
        )
        return [body]


def _message(exc: DomainError) -> str:
    if exc.code in (Codigo.PENDIENTE, Codigo.NO_DISPONIBLE):
        return f"|{uuid4()}|continue|{exc.detail}"
    return exc.detail


def _data(r: ResultadoDeTimbrado, plain: bool) -> dict[str, Any]:
    xml = (r.xml or "").encode().removeprefix(BOM)
    return {
        "uuid": str(r.uuid).upper(),
        "xml": xml.decode() if plain else base64.b64encode(BOM + xml).decode(),
        "idd": r.idd or str(r.uuid).upper(),
        "tpo": "cfdi",
    }


def _xml_in(value: str, plain: bool) -> str:
    if plain:
        return value
    try:
        return base64.b64decode(value, validate=True).decode("utf-8-sig")
    except (binascii.Error, UnicodeDecodeError):
        raise cfdi_invalido(
            "301", "El campo xml no es base64 de un documento UTF-8. Revise la codificación o use nb64."
        ) from None


def _json(body: bytes) -> dict[str, Any]:
    try:
        data = orjson.loads(body.removeprefix(BOM))
    except orjson.JSONDecodeError:
        data = None
    if not isinstance(data, dict):
        raise DomainError(Codigo.DATOS_INVALIDOS, "La petición no es un objeto JSON válido.")
    return data


def _text(data: dict[str, Any], campo: str) -> str:
    valor = data.get(campo)
    if not isinstance(valor, str) or not valor:
        raise campo_invalido(campo, f"Falta el campo {campo}.")
    return valor


def _bool(value: object) -> bool:
    return value is True or (isinstance(value, str | int) and str(value).lower() in ("true", "1"))
