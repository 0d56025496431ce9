"""The step up: what is worth much needs the second factor again, of who has one.

    exigir_paso(timbres=datos["cantidad"])   # above PASO_TIMBRES
    exigir_paso()                            # always: a new password or key of a CTI
    exigir_paso_con_factor()                 # and nobody without one: what takes another's away

The token says when its session last showed a code (`sf`). Who has no second factor passes, and so does an API key,
whose scopes say what it may do.
"""

from __future__ import annotations

import time
from decimal import Decimal

from flask import g

from services.gateway.contexto import Perfil
from services.gateway.errors import PasoRequerido
from shared.config import settings
from shared.errors import Codigo

#: Seconds for which a code that was shown counts as recent.
VIGENCIA = 300
ACTIVAR_EN = "/v1/perfiles/yo/segundo-factor"
VERIFICAR_EN = f"{ACTIVAR_EN}/verificaciones"


def exigir_paso(*, timbres: int | None = None, puntos: Decimal | None = None) -> None:
    """Raises `segundo_factor_requerido` (403) unless the session showed its second factor in the last five minutes.

    With amounts, only when one of them is above its limit.
    """
    perfil: Perfil | None = g.get("perfil")
    if perfil is None or not perfil.segundo_factor or time.time() - perfil.segundo_factor_en <= VIGENCIA:
        return
    s = settings()
    con_monto = timbres is not None or puntos is not None
    if con_monto and (timbres or 0) <= s.paso_timbres and (puntos or 0) <= s.paso_puntos:
        return
    raise PasoRequerido(
        Codigo.SEGUNDO_FACTOR_REQUERIDO,
        "Esta operación pide su segundo factor de nuevo. Envíe su código a"
        f" POST {VERIFICAR_EN}, y repítala con el token que reciba en los siguientes 5 minutos.",
        datos={"verificar_en": VERIFICAR_EN, "vigencia": VIGENCIA},
    )


def exigir_paso_con_factor() -> None:
    """As `exigir_paso()`, and who has no second factor does not pass either."""
    perfil: Perfil | None = g.get("perfil")
    if perfil is not None and not perfil.segundo_factor:
        raise PasoRequerido(
            Codigo.SEGUNDO_FACTOR_REQUERIDO,
            f"Esto sólo lo hace quien tiene segundo factor. Active el suyo en POST {ACTIVAR_EN}, verifíquelo en"
            f" POST {VERIFICAR_EN} y repita la operación con el token que reciba.",
            datos={"activar_en": ACTIVAR_EN, "verificar_en": VERIFICAR_EN, "vigencia": VIGENCIA},
        )
    exigir_paso()
