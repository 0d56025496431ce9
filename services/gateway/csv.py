"""Lists as CSV (`Accept: text/csv`): the same rows as the JSON, safe to open in a spreadsheet.

Done after the route, for every answer of the form `{datos, siguiente}`, so that no route can forget it.
The next page's cursor goes in `Link: <…>; rel="next"`, since a CSV has no place for it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import marshmallow as ma
import orjson
from flask import Response, current_app, g, request

from services.gateway.auth import vista

#: What a spreadsheet would run as a formula, also behind the blanks that it trims.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def quiere_csv() -> bool:
    """The caller prefers CSV to JSON."""
    return request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv"


def responder_lista(pagina: Any, esquema: type[ma.Schema]) -> Any:
    """The page itself, naming the schema of its rows where the response schema does not tell them."""
    g.columnas = list(esquema().dump_fields)
    return pagina


def convertir(respuesta: Response) -> Response:
    """After a request: a page in JSON becomes CSV when the caller asked for it."""
    if request.method != "GET" or respuesta.status_code != 200 or respuesta.mimetype != "application/json":
        return respuesta
    if not quiere_csv():
        return respuesta
    pagina = orjson.loads(respuesta.get_data())
    if not isinstance(pagina, dict) or set(pagina) != {"datos", "siguiente"}:
        return respuesta
    filas: list[dict[str, Any]] = pagina["datos"]
    respuesta.set_data(a_csv(filas, g.get("columnas") or _columnas() or list(filas[0] if filas else {})))
    respuesta.content_type = "text/csv; charset=utf-8"
    respuesta.headers["Content-Disposition"] = f'attachment; filename="{_nombre()}.csv"'
    respuesta.headers["Vary"] = "Accept"
    if pagina["siguiente"]:
        args = {**request.args.to_dict(), "cursor": pagina["siguiente"]}
        respuesta.headers["Link"] = f'<{request.path}?{urlencode(args)}>; rel="next"'
    return respuesta


def a_csv(filas: Iterable[Mapping[str, Any]], columnas: Sequence[str]) -> bytes:
    """UTF-8 with BOM, which is how a spreadsheet knows its accents."""
    salida = io.StringIO()
    escritor = csv.writer(salida)
    escritor.writerow(columnas)
    escritor.writerows([celda(fila.get(c)) for c in columnas] for fila in filas)
    return salida.getvalue().encode("utf-8-sig")


def celda(valor: Any) -> str:
    """A value as a cell. Text that begins like a formula gets an apostrophe; a number does not."""
    if valor is None:
        return ""
    if isinstance(valor, bool):
        return "true" if valor else "false"
    if isinstance(valor, int | float):
        return str(valor)
    texto = valor if isinstance(valor, str) else orjson.dumps(valor, default=str).decode()
    if texto.lstrip(" ").startswith(_FORMULA) and not _es_numero(texto):
        return f"'{texto}"
    return texto


def _es_numero(texto: str) -> bool:
    return texto.isascii() and texto[0] == "-" and texto[1:].replace(".", "", 1).isdigit()


def _nombre() -> str:
    partes = request.path.strip("/").split("/")
    return "".join(c for c in partes[-1] if c.isascii() and (c.isalnum() or c == "-")) or "lista"


def _columnas() -> list[str]:
    """The fields that the route's response schema declares, so that an empty list has its header too."""
    doc = getattr(vista(current_app, request.endpoint, "get"), "_apidoc", {})
    documentadas = doc.get("response", {}).get("responses", {}).get(200, [])
    esquema = documentadas[0].get("schema") if documentadas else None
    lista = esquema.fields.get("datos") if isinstance(esquema, ma.Schema) else None
    anidado = getattr(lista, "inner", None)
    return list(anidado.schema.dump_fields) if isinstance(anidado, ma.fields.Nested) else []
