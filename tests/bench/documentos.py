"""Sealed CFDIs made before the run, on all cores, into one file and its index."""

from __future__ import annotations

import array
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from shared.testing import cfdi

_TANDA = 250


def _tanda(carpeta: Path, desde: int, n: int) -> list[bytes]:
    return list(cfdi.lote(cfdi.preparar(carpeta).emisor(), n, desde=desde))


def crear(material: Path, archivo: Path, indice: Path, n: int) -> None:
    """Write `n` different documents to `archivo` and their ends (64-bit) to `indice`."""
    cfdi.preparar(material).emisor()
    fines = array.array("q")
    fin = 0
    with archivo.open("wb") as salida:
        for documento in _todos(material, n):
            fin += salida.write(documento)
            fines.append(fin)
    indice.write_bytes(fines.tobytes())


def _todos(material: Path, n: int) -> Iterator[bytes]:
    inicios = range(1, n + 1, _TANDA)
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as grupo:
        for tanda in grupo.map(_tanda, [material] * len(inicios), inicios, [_TANDA] * len(inicios)):
            yield from tanda
