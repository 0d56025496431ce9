"""`make lco archivo="LCO_2026-11-24_1.XML.gz …"`: loads the SAT's LCO into timbrado and puts it in use.

The files of one day, as the SAT publishes them (XML, gzipped, signed or not), become one new version at once;
stamping reads the earlier one until then. A list far shorter than the one in use is refused, unless forzar=1.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.timbrado.cfdi.lco import LcoIlegible
from services.timbrado.repository.lco import CargaDeLco
from services.timbrado.use_cases.lco import cargar
from shared.errors import DomainError
from shared.persistence.base import new_engine


def main(argumentos: list[str]) -> int:
    """Load the files named; answers the exit code."""
    parser = argparse.ArgumentParser(prog="make lco")
    parser.add_argument("archivos", nargs="+", type=Path)
    parser.add_argument("--forzar", action="store_true")
    opciones = parser.parse_args(argumentos)
    engine = new_engine(os.environ["DATABASE_URL_TIMBRADO"], 1)

    @contextmanager
    def carga() -> Iterator[CargaDeLco]:
        with engine.begin() as connection:
            yield CargaDeLco(connection)

    inicio = time.monotonic()
    try:
        lineas = cargar(opciones.archivos, carga, forzar=opciones.forzar)
    except (LcoIlegible, OSError) as error:
        print(f"LCO not loaded: {error}", file=sys.stderr)
        return 1
    except DomainError as error:
        print(f"LCO not loaded: {error.detail}", file=sys.stderr)
        return 1
    finally:
        engine.dispose()
    print(f"LCO in use: {lineas} lines, in {time.monotonic() - inicio:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
