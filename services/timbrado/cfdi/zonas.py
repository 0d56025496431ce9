"""Time zone of a código postal, from the SAT's catalogue c_CodigoPostal (column "uso horario").

Fecha in a CFDI is local time of LugarExpedicion without offset (Annex 20), so 72 hours can only be counted
after knowing where. The catalogue is satcfdi's `catalogs.db`; the IANA names are ours: satcfdi maps the
Northwest to Matamoros and the border to Monterrey, which are two hours and one hour wrong part of the year.
"""

from __future__ import annotations

import pickle
import sqlite3
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from services.timbrado.cfdi.cadena import SATCFDI

CENTRO: Final = ZoneInfo("America/Mexico_City")

# Ley de los Husos Horarios (30 Oct 2022): only the border and Baja California still change the clock.
HUSOS: Final = {
    "Tiempo del Centro": CENTRO,
    "Tiempo del Centro en Frontera": ZoneInfo("America/Matamoros"),
    "Tiempo del Noroeste": ZoneInfo("America/Tijuana"),
    "Tiempo del Pacífico": ZoneInfo("America/Mazatlan"),
    "Tiempo del Sureste": ZoneInfo("America/Cancun"),
}


@cache
def catalogo() -> sqlite3.Connection:
    """satcfdi's copy of the SAT's catalogues, read only."""
    ruta = SATCFDI / "catalogs" / "catalogs.db"
    # immutable: no lock files beside package data, and any number of processes share the page cache.
    return sqlite3.connect(f"file:{ruta}?mode=ro&immutable=1", uri=True, check_same_thread=False)


@lru_cache(maxsize=100_000)
def zona(codigo_postal: str) -> ZoneInfo:
    """Zone of a postal code of c_CodigoPostal; central time for one the catalogue does not place."""
    fila = (
        catalogo()
        .execute(
            "SELECT value FROM C756_c_CodigoPostal WHERE key = ?", (pickle.dumps(codigo_postal, protocol=4),)
        )
        .fetchone()
    )
    if fila is None:
        return CENTRO
    # Package data of a pinned dependency, never input: pickle is the format satcfdi stores it in.
    return HUSOS.get(pickle.loads(fila[0])[4], CENTRO)  # noqa: S301
