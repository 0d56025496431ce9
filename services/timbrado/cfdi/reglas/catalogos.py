"""What the rules need of the SAT's catalogues beyond the keys: decimals of a currency, who may use a régimen.

Decimals are satcfdi's `catalogs.db`. Columns that it leaves out are here, as published in catCFDI_V_4 (2024–
2026): c_RegimenFiscal "aplica para tipo persona" and c_UsoCFDI "régimen fiscal receptor". Keys whose columns
changed between publications, or that are there no more (609, 622, 628–630, P01), are left out: not checked.
Neither is 606 of a company: the SAT's own test environment has stamped it (corpus).
"""

from __future__ import annotations

import pickle
from functools import lru_cache
from typing import Final

from services.timbrado.cfdi.zonas import catalogo

SOLO_FISICAS: Final = frozenset(["605", "607", "608", "611", "612", "614", "615", "616", "621", "625"])
SOLO_MORALES: Final = frozenset(["601", "603", "620", "623", "624"])

_EMPRESARIALES: Final = frozenset(
    ["601", "603", "606", "612", "620", "621", "622", "623", "624", "625", "626"]
)
_DEDUCCIONES: Final = frozenset(["605", "606", "607", "608", "611", "612", "614", "615", "625"])
_SIN_LISTA: Final = frozenset(["609", "628", "629", "630"])
"""Régimenes of earlier publications, which no list of c_UsoCFDI names: not checked."""

REGIMENES_DE_USO: Final = {
    **{f"G0{n}": _EMPRESARIALES | _SIN_LISTA for n in (1, 3)},
    "G02": _EMPRESARIALES | _SIN_LISTA | {"616"},
    **{f"I0{n}": _EMPRESARIALES | _SIN_LISTA for n in range(1, 9)},
    **{f"D{n:02}": _DEDUCCIONES | _SIN_LISTA for n in range(1, 11)},
    "CN01": frozenset({"605"}),
}
"""UsoCFDI → régimenes of a receiver that may use it. S01 and CP01 are for all."""
USOS_DE_FISICAS: Final = frozenset({"CN01", *(f"D{n:02}" for n in range(1, 11))})

PUBLICO: Final = "XAXX010101000"
EXTRANJERO: Final = "XEXX010101000"


@lru_cache(maxsize=512)
def decimales_de(moneda: str) -> int:
    """Decimals of a currency of c_Moneda; two for one that it does not have."""
    fila = (
        catalogo()
        .execute("SELECT value FROM C756_c_Moneda WHERE key = ?", (pickle.dumps(moneda, protocol=4),))
        .fetchone()
    )
    # Package data of a pinned dependency, never input: pickle is the format satcfdi stores it in.
    return 2 if fila is None else int(pickle.loads(fila[0])[1])  # noqa: S301
