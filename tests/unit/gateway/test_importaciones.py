"""A CSV of clientes as people save it: encodings, separators, headers, and what is wrong with a file as a whole."""

from __future__ import annotations

import json

import pytest

from services.gateway import importaciones
from shared.contracts import clientes as c
from shared.errors import DomainError


def filas(archivo: importaciones.Archivo) -> list[list[object]]:
    return [fila for _, contenido in archivo.piezas for fila in json.loads(contenido)]


@pytest.mark.parametrize("codificacion", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("separador", [",", ";", "\t"])
def test_encodings_and_separators(codificacion: str, separador: str) -> None:
    texto = f"Código Postal{separador}NOMBRE\r\n06600{separador}Peñón\r\n"
    archivo = importaciones.leer(texto.encode(codificacion))
    assert archivo.columnas == ["codigo_postal", "nombre"]
    assert filas(archivo) == [[2, "06600", "Peñón"]]


def test_lines_are_counted_as_an_editor_does() -> None:
    texto = 'sep=;\nnombre;notas;;\n\n"a";"una\ndos";;\n;;;\nb;"x;y"\n'
    archivo = importaciones.leer(texto.encode())
    assert archivo.columnas == ["nombre", "notas"]
    assert filas(archivo) == [[4, "a", "una\ndos"], [7, "b", "x;y"]]


def test_pieces_are_bounded_in_rows_and_in_characters() -> None:
    muchas = "nombre\n" + "x\n" * (c.FILAS_DE_PIEZA + 1)
    assert [n for n, _ in importaciones.leer(muchas.encode()).piezas] == [c.FILAS_DE_PIEZA, 1]
    largas = "notas,nombre\n" + f"{'y' * 10_000},x\n" * 120
    piezas = importaciones.leer(largas.encode()).piezas
    assert sum(n for n, _ in piezas) == 120
    assert max(len(contenido) for _, contenido in piezas) < 600_000


@pytest.mark.parametrize(
    ("texto", "dice"),
    [
        (b"", "vac"),
        (b"\r\n\r\n", "vac"),
        (b"nombre\n", "no trae clientes"),
        (b"nombre,apodo\nx,y\n", "apodo"),
        (b"nombre,Nombre\nx,y\n", "más de una vez".encode()),
        (b"correo\na@x.mx\n", "Falta la columna nombre"),
        (b'nombre\n"x\n', "comillas"),
        (b"\xff\xfen\x00o\x00", "UTF-8"),
        (b"nombre\n" + b"x" * (c.CARACTERES_DE_CELDA + 1), "celda"),
        (b"nombre\n" + b"x\n" * (c.FILAS_DE_IMPORTACION + 1), "100,000"),
    ],
)
def test_a_file_that_is_refused_whole(texto: bytes, dice: str | bytes) -> None:
    with pytest.raises(DomainError) as error:
        importaciones._leer(texto)
    assert (dice if isinstance(dice, str) else dice.decode()) in error.value.detail


def test_every_column_of_the_template_is_known() -> None:
    archivo = importaciones.leer((importaciones.cabecera() + "," * 5 + "x\n").encode())
    assert archivo.columnas == list(c.COLUMNAS_DE_CLIENTES)
