"""A statement written as it is read: never whole in memory, and cut off, not complete, when a page can't be had."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from services.gateway.csv import a_csv
from services.gateway.estados.lectura import COLUMNAS, Lectura, cabeza, fila

_BOM = b"\xef\xbb\xbf"


def en_json(lectura: Lectura) -> Iterator[bytes]:
    """The JSON that `verificar` checks."""
    # The head ends with its brace; the movements go in before it.
    yield orjson.dumps(cabeza(lectura.primera))[:-1] + b',"movimientos":['
    separador = b""
    for pagina in lectura.paginas():
        # One dump per page, without the brackets of its list.
        yield separador + orjson.dumps([fila(lectura.primera, m) for m in pagina])[1:-1]
        separador = b","
    yield b"]}"


def en_csv(lectura: Lectura) -> Iterator[bytes]:
    """The rows as CSV, safe to open in a spreadsheet."""
    yield a_csv([], COLUMNAS)
    for pagina in lectura.paginas():
        texto = a_csv([fila(lectura.primera, m) for m in pagina], COLUMNAS)
        yield texto.removeprefix(_BOM).split(b"\r\n", 1)[1]
