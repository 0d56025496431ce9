"""Lists as CSV (`Accept: text/csv`): the same rows as the JSON, safe to open in a spreadsheet.

    return responder_lista(pagina, ClienteSalida)

The next page's cursor goes in `Link: <…>; rel="next"`, since a CSV has no place for it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

import marshmallow as ma
import orjson
from flask import Response, request

#: What a spreadsheet would run as a formula, also behind the blanks that it trims.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def quiere_csv() -> bool:
    """The caller prefers CSV to JSON."""
    return request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv"


def responder_lista(pagina: Any, esquema: type[ma.Schema]) -> Any:
    """The page as it is, for `@blp.response` to dump; or as CSV with one column per field of `esquema`."""
    if not quiere_csv():
        return pagina
    datos, siguiente = _partes(pagina)
    respuesta = Response(a_csv(datos, esquema), content_type="text/csv; charset=utf-8")
    respuesta.headers["Content-Disposition"] = f'attachment; filename="{_nombre()}.csv"'
    respuesta.headers["Vary"] = "Accept"
    if siguiente:
        args = {**request.args.to_dict(), "cursor": siguiente}
        respuesta.headers["Link"] = f'<{request.path}?{urlencode(args)}>; rel="next"'
    return respuesta


def a_csv(datos: Iterable[Any], esquema: type[ma.Schema]) -> bytes:
    """UTF-8 with BOM, which is how a spreadsheet knows its accents."""
    instancia = esquema()
    columnas = list(instancia.dump_fields)
    salida = io.StringIO()
    escritor = csv.writer(salida)
    escritor.writerow(columnas)
    for dato in datos:
        fila: Mapping[str, Any] = instancia.dump(dato)
        escritor.writerow([celda(fila.get(c)) for c in columnas])
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


def _partes(pagina: Any) -> tuple[Iterable[Any], str | None]:
    if isinstance(pagina, Mapping):
        return pagina["datos"], pagina.get("siguiente")
    return pagina.datos, pagina.siguiente
