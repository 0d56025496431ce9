"""PACs, as operators see them."""

from __future__ import annotations

from dataclasses import dataclass, field

from marshmallow import validate

from shared.contracts.base import Rpc, Vacio


@dataclass(frozen=True, kw_only=True)
class InyectarFalla:
    """Tell the sandbox PAC to fail, `veces` times, as a PAC fails (`services/timbrado/pac/sandbox.py`)."""

    modo: str
    veces: int = field(default=1, metadata={"validate": validate.Range(min=1, max=10_000)})


INYECTAR_FALLA = Rpc("timbrado", "inyectar_falla_v1", InyectarFalla, Vacio)
