"""A CSV of clientes as it comes: its encoding, its separator and its header understood, its rows cut into pieces.

Only the form of the file is read here; whether a row is a cliente is the service's to say. Everything is done in one
pass off the event loop, since 100,000 rows take a second or so.
"""

from __future__ import annotations

import csv
import hashlib
import io
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError, campo_invalido
from shared.messaging.cpu import offload

#: Bytes from which reading is worth a thread of its own.
_MUCHO = 64 * 1024
#: Characters of a piece from which it is closed, however few its rows.
_PIEZA = 512 * 1024


@dataclass(frozen=True, slots=True)
class Archivo:
    """What was read: the file's columns by their names, and its rows in pieces of (rows, JSON)."""

    huella: str
    columnas: list[str]
    filas: int
    piezas: list[tuple[int, str]]


def leer(cuerpo: bytes) -> Archivo:
    """A file of clientes. Raises `datos_invalidos` naming what is wrong with the file as a whole."""
    archivo: Archivo = _leer(cuerpo) if len(cuerpo) < _MUCHO else offload(_leer, cuerpo)
    return archivo


def cabecera() -> str:
    """The first line of an export, and all of the template."""
    salida = io.StringIO()
    csv.writer(salida).writerow(c.COLUMNAS_DE_CLIENTES)
    return salida.getvalue()


def _leer(cuerpo: bytes) -> Archivo:
    texto = _texto(cuerpo)
    if texto[:4].lower() == "sep=":
        # A spreadsheet's own first line; the lines keep their numbers.
        texto = "\n" + texto.partition("\n")[2]
    lector = csv.reader(io.StringIO(texto, newline=""), delimiter=_separador(texto), strict=True)
    try:
        columnas: list[str] = []
        while not columnas and (celdas := next(lector, None)) is not None:
            columnas = _columnas(celdas) if any(celdas) else []
        if not columnas:
            raise campo_invalido("cuerpo", "El archivo está vacío. Descargue la plantilla y llénela.")
        piezas = list(_piezas(_filas(lector, len(columnas))))
    except csv.Error as exc:
        raise campo_invalido(
            "cuerpo", f"La línea {lector.line_num} del CSV no se pudo leer: revise sus comillas. ({exc})"
        ) from None
    filas = sum(cuantas for cuantas, _ in piezas)
    if not filas:
        raise campo_invalido("cuerpo", "El archivo no trae clientes: escriba al menos uno bajo los títulos.")
    return Archivo(hashlib.sha256(cuerpo).hexdigest(), columnas, filas, piezas)


def _texto(cuerpo: bytes) -> str:
    """UTF-8 with or without its mark; else Windows-1252, which is how a spreadsheet here saves a plain CSV."""
    for codificacion in ("utf-8-sig", "cp1252"):
        try:
            texto = cuerpo.decode(codificacion)
        except UnicodeDecodeError:
            continue
        if "\x00" not in texto:
            return texto
    raise campo_invalido(
        "cuerpo", "El archivo no está en UTF-8 ni en Windows-1252. Guárdelo como «CSV UTF-8»."
    )


def _separador(texto: str) -> str:
    """The one that the header has most of."""
    titulos = texto.lstrip("\r\n").partition("\n")[0]
    return max((",", ";", "\t"), key=titulos.count)


def _columnas(celdas: list[str]) -> list[str]:
    while celdas and not celdas[-1].strip():
        celdas = celdas[:-1]
    columnas = [_nombre(celda) for celda in celdas]
    ajenas = [celda.strip()[:60] or "(vacío)" for celda, x in zip(celdas, columnas, strict=True)
              if x not in c.COLUMNAS_DE_CLIENTES]  # fmt: skip
    repetidas = sorted({x for x in columnas if columnas.count(x) > 1})
    if ajenas:
        raise DomainError(
            Codigo.DATOS_INVALIDOS,
            f"No se conocen estas columnas: {', '.join(ajenas[:20])}. Quítelas o use los títulos de la plantilla.",
            errores={"columnas": [f"«{x}» no es una columna de la plantilla." for x in ajenas[:20]]},
            datos={"columnas": list(c.COLUMNAS_DE_CLIENTES)},
        )
    if repetidas:
        raise campo_invalido("columnas", f"Estas columnas vienen más de una vez: {', '.join(repetidas)}.")
    if "nombre" not in columnas and "nic" not in columnas:
        raise campo_invalido("columnas", "Falta la columna nombre (o nic, si solo va a actualizar).")
    return columnas


def _nombre(titulo: str) -> str:
    """`Código Postal` → `codigo_postal`."""
    plano = unicodedata.normalize("NFD", titulo.strip().lower())
    return "_".join("".join(x for x in plano if not unicodedata.combining(x)).replace("_", " ").split())


def _filas(lector: Iterator[list[str]], columnas: int) -> Iterator[list[int | str]]:
    """Each row behind the number of the line that it begins in; empty ones are passed over, and so are the empty
    cells that a spreadsheet leaves to the right of the last column."""
    total = 0
    anterior: int = lector.line_num  # type: ignore[attr-defined]
    for celdas in lector:
        linea, anterior = anterior + 1, lector.line_num  # type: ignore[attr-defined]
        if not any(celdas):
            continue
        total += 1
        if total > c.FILAS_DE_IMPORTACION:
            raise campo_invalido(
                "cuerpo", f"El archivo pasa de {c.FILAS_DE_IMPORTACION:,} clientes. Divídalo en varios."
            )
        if max(map(len, celdas)) > c.CARACTERES_DE_CELDA:
            raise campo_invalido(
                "cuerpo", f"La línea {linea} trae una celda de más de {c.CARACTERES_DE_CELDA:,} caracteres."
            )
        sobran = celdas[columnas:]
        yield [linea, *(celdas if any(sobran) else celdas[:columnas])]


def _piezas(filas: Iterator[list[int | str]]) -> Iterator[tuple[int, str]]:
    pieza: list[bytes] = []
    largo = 0
    for fila in filas:
        escrita = orjson.dumps(fila)
        pieza.append(escrita)
        largo += len(escrita)
        if len(pieza) == c.FILAS_DE_PIEZA or largo > _PIEZA:
            yield len(pieza), f"[{b','.join(pieza).decode()}]"
            pieza, largo = [], 0
    if pieza:
        yield len(pieza), f"[{b','.join(pieza).decode()}]"
