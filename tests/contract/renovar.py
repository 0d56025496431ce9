"""Declares the contracts as they are now: `python -m tests.contract.renovar`.

A change that is not additive is refused: publish it as `_v2` beside `_v1`. Before a contract was ever
deployed, `--romper` writes it all the same.
"""

from __future__ import annotations

import json
import sys

from tests.contract.instantanea import CARPETA, actuales, declarados, rupturas


def main(argumentos: list[str]) -> int:
    """Write one file per family; 1 and nothing written when a change breaks what was declared."""
    ahora = actuales()
    malas = rupturas(declarados(), ahora)
    if malas and "--romper" not in argumentos:
        print("Not additive; add a _v2 beside it:", *malas, sep="\n  ", file=sys.stderr)
        return 1
    CARPETA.mkdir(exist_ok=True)
    for ruta in CARPETA.glob("*.json"):
        if ruta.stem not in ahora:
            ruta.unlink()
    for familia, contratos in ahora.items():
        (CARPETA / f"{familia}.json").write_text(
            json.dumps(contratos, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
