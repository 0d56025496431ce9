"""Checks an exported audit log offline: `python3 verificar.py pagina.json [siguiente.csv …]`. Needs nothing but Python 3.9.

Reads what `GET /v1/auditoria` answers, as JSON or as CSV, one page or several in any order. Works the seal of each
entry out again from what the entry says and the seal before it, and tells in Spanish what does not agree: an entry that
was changed, two that do not follow each other, one that is missing between two (of a filtered list many are: they
are counted, and are no fault). A log made up from beginning to end agrees with itself, so compare a seal with one that
you know from elsewhere (`--sello SELLO`). Exit code: 0 it agrees, 1 it does not, 2 not read.

This file is complete in itself, so that it can be handed to a stranger; a test proves that its rule is the sealer's
(`shared/auditoria/cadena.py`).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import sys
from itertools import product
from pathlib import Path
from typing import Any

GENESIS = "0" * 64
CAMPOS = (
    "anterior", "cadena", "secuencia", "id", "en", "accion", "actor_tipo", "actor", "ip", "correlacion", "objeto",
    "resultado", "detalle",
)  # fmt: skip
#: A spreadsheet would run what begins like this, so the CSV puts an apostrophe before it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Asiento = dict[str, str]


class NoEsAuditoria(Exception):
    """The file is not a page of the audit log; the message says what lacks."""


def sello(a: Asiento) -> str:
    """Seal of an entry, in hex."""
    return hashlib.sha256("\x1f".join(a[c] for c in CAMPOS).encode()).hexdigest()


def leer(contenido: bytes) -> list[Asiento]:
    """Sealed entries of a page, JSON or CSV. Raises NoEsAuditoria."""
    texto = contenido.decode("utf-8-sig")
    filas: list[dict[str, Any]]
    if texto.lstrip().startswith("{"):
        pagina = json.loads(texto)
        filas = pagina.get("datos") if isinstance(pagina.get("datos"), list) else []
    else:
        filas = list(csv.DictReader(io.StringIO(texto, newline="")))
    if not filas:
        raise NoEsAuditoria("No trae asientos de auditoría.")
    if any(not isinstance(f, dict) or not {*CAMPOS, "sello"} <= f.keys() for f in filas):
        raise NoEsAuditoria("A sus asientos les faltan campos: pida la lista completa a GET /v1/auditoria.")
    # The newest may still wait for their seal.
    return [{c: str(f[c]) for c in (*CAMPOS, "sello")} for f in filas if f["sello"]]


def concuerda(a: Asiento) -> bool:
    """Whether an entry has its seal; of a text from a CSV also without the apostrophe that guards it."""
    opciones = [_sin_guarda(a[c]) for c in CAMPOS]
    # Python 3.9 has no zip(strict=True).
    return any(sello(dict(zip(CAMPOS, valores))) == a["sello"] for valores in product(*opciones))  # noqa: B905


def _sin_guarda(valor: str) -> list[str]:
    if valor[:1] == "'" and valor[1:].lstrip(" ").startswith(_FORMULA):
        return [valor, valor[1:]]
    return [valor]


def verificar(asientos: list[Asiento]) -> list[str]:
    """Everything that does not agree, in Spanish; empty when all does."""
    problemas: list[str] = []
    vistos: dict[Any, Asiento] = {}
    for a in asientos:
        lugar = (a["cadena"], int(a["secuencia"]))
        linea = f"Asiento {a['secuencia']} ({a['en']}, {a['accion']})"
        if not concuerda(a):
            problemas.append(f"{linea}: su sello no corresponde a sus datos; se alteró.")
        if lugar[1] == 1 and a["anterior"] != GENESIS:
            problemas.append(f"{linea}: es el primero y su sello anterior no es de ceros.")
        if vistos.setdefault(lugar, a) != a:
            problemas.append(f"{linea}: hay dos con ese número y no dicen lo mismo.")
    for (cadena, numero), a in sorted(vistos.items()):
        previo = vistos.get((cadena, numero - 1))
        if previo is not None and previo["sello"] != a["anterior"]:
            problemas.append(
                f"Asiento {numero}: no sigue al {numero - 1}; se quitó, se agregó o se movió uno."
            )
    return problemas


def faltan(asientos: list[Asiento]) -> int:
    """How many entries lie between those that are given: of a whole log none."""
    numeros: dict[str, set[int]] = {}
    for a in asientos:
        numeros.setdefault(a["cadena"], set()).add(int(a["secuencia"]))
    return sum(max(n) - min(n) + 1 - len(n) for n in numeros.values())


def main(argumentos: Any = None) -> int:
    """The command; returns its exit code."""
    lector = argparse.ArgumentParser(
        prog="verificar", description="Verifica una bitácora de auditoría, sin conexión."
    )
    lector.add_argument("paginas", nargs="+", metavar="pagina", help="JSON o CSV de GET /v1/auditoria")
    lector.add_argument("--sello", help="un sello que usted conoce y que debe estar entre los asientos")
    opciones = lector.parse_args(argumentos)
    asientos: list[Asiento] = []
    problemas: list[str] = []
    for archivo in opciones.paginas:
        try:
            asientos += leer(Path(archivo).read_bytes())
            problemas = verificar(asientos)
        except (OSError, ValueError, RecursionError, NoEsAuditoria) as exc:
            print(f"{archivo}: no se pudo leer. {exc}", file=sys.stderr)
            return 2
    if opciones.sello and opciones.sello.strip().lower() not in {a["sello"] for a in asientos}:
        problemas.append("El sello que usted indicó no está entre los asientos.")
    if problemas:
        print("NO concuerda.", *problemas, sep="\n  - ")
        return 1
    print(f"Concuerda: {len(asientos):,} asientos sellados; faltan {faltan(asientos):,} entre ellos.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
