"""Forecast of the days that a CTI's balance lasts (`services/timbrado/domain/pronostico.py` says how)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import Rpc


@dataclass(frozen=True, kw_only=True)
class Pronostico:
    """`promedio_diario` in timbres. `dias` that the balance covers, today included, and the day on which it does not
    any more: null when nothing is consumed (or, of `termina`, when it lies over a century away). `poca_historia`:
    fewer than three days are known, so it is hardly more than a guess."""

    cti: str
    nic: int
    disponible: int
    promedio_diario: Decimal | None = None
    dias: int | None = None
    termina: date | None = None
    poca_historia: bool


@dataclass(frozen=True, kw_only=True)
class ObtenerPronostico:
    cuenta_id: UUID
    cti: str


@dataclass(frozen=True, kw_only=True)
class ListarPronosticos:
    """CTI estándar of a CM, those that end first; those without consumption last, or left out by `dias_menos_de`."""

    cuenta_id: UUID
    dias_menos_de: int | None = field(default=None, metadata={"validate": validate.Range(min=1, max=36_500)})
    limite: int = field(default=50, metadata={"validate": validate.Range(min=1, max=200)})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaPronosticos:
    datos: list[Pronostico]
    siguiente: str | None = None


OBTENER_PRONOSTICO = Rpc("timbrado", "obtener_pronostico_v1", ObtenerPronostico, Pronostico)
LISTAR_PRONOSTICOS = Rpc("timbrado", "listar_pronosticos_v1", ListarPronosticos, PaginaPronosticos)
