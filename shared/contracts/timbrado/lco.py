"""The SAT's LCO (lista de contribuyentes con obligaciones), as the root's staff sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from shared.contracts.base import PeticionConClave, Rpc, Vacio


@dataclass(frozen=True, kw_only=True)
class EstadoDeLco:
    """The list in use. `exigir`: stamping asks it. `fecha`: the day that the SAT wrote in it."""

    exigir: bool
    version: int | None = None
    fecha: date | None = None
    lineas: int = 0
    cargada_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ConfigurarLco(PeticionConClave):
    """Have stamping ask the list (402, 304), or not."""

    exigir: bool
    actor: str | None = None


CONSULTAR_LCO = Rpc("timbrado", "consultar_lco_v1", Vacio, EstadoDeLco)
CONFIGURAR_LCO = Rpc("timbrado", "configurar_lco_v1", ConfigurarLco, EstadoDeLco, cambia=True)
