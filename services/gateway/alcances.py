"""What an API key needs for each route: a closed list of scopes, and none where only a person may.

A route's scope comes from the family that it is in (its blueprint) and from whether it only reads, or from its own
mark: `@requiere_sesion("operador", alcance="puntos:mover")`. A family that is not in the table takes no key, and a
test fails until someone says which of the two is meant.
"""

from __future__ import annotations

from shared.contracts.clientes import ALCANCES
from shared.errors import Codigo, DomainError

SEGUROS = frozenset({"GET", "HEAD", "OPTIONS"})

#: Blueprint → the scope to read, and the one to change.
FAMILIAS: dict[str, tuple[str, str]] = {
    "auditoria": ("auditoria:leer", "auditoria:leer"),
    "cuenta": ("cuenta:leer", "cuenta:escribir"),
    "avisos": ("cuenta:leer", "cuenta:escribir"),
    "renovaciones": ("cuenta:leer", "puntos:mover"),
    "clientes": ("clientes:leer", "clientes:escribir"),
    "cartera": ("clientes:leer", "clientes:escribir"),
    "importaciones": ("clientes:leer", "clientes:escribir"),
    "distribuidores": ("distribuidores:leer", "distribuidores:escribir"),
    "altas": ("distribuidores:leer", "distribuidores:escribir"),
    "conversiones": ("distribuidores:leer", "distribuidores:escribir"),
    "facturacion": ("facturacion:leer", "facturacion:escribir"),
    "licencias": ("licencias:leer", "licencias:escribir"),
    "puntos": ("puntos:leer", "puntos:mover"),
    "ctis": ("timbres:leer", "timbres:mover"),
    "transferencias": ("timbres:leer", "timbres:mover"),
    "masivas": ("timbres:leer", "timbres:mover"),
    "ilimitadas": ("timbres:leer", "timbres:mover"),
    "ventas-automaticas": ("timbres:leer", "timbres:mover"),
    "comprobantes": ("timbres:leer", "timbres:mover"),
    "estados-de-cuenta": ("timbres:leer", "timbres:mover"),
}

#: Families about people and their access, and the root's operation: a key would give itself more, or outlive someone.
DE_PERSONAS = frozenset(
    {
        "perfiles",
        "sesiones",
        "segundo_factor",
        "usuarios",
        "llaves-api",
        "privacidad",
        "preferencias-de-avisos",
        "publico",
        "operacion",
        "correos",
        "lco",
    }
)

#: Scopes of routes at which a session shows its second factor again (`paso.py`). A key never does, so whoever makes a
#: key with one of these does it then.
CON_PASO = frozenset({"timbres:mover", "puntos:mover", "distribuidores:escribir"})


def alcance_de(familia: str | None, metodo: str, propio: str | None = None) -> str | None:
    """The scope that a key needs for a route of a CM (its own mark's wins); None: no key may call it."""
    if propio is not None:
        return propio
    leer_cambiar = FAMILIAS.get(familia or "")
    return None if leer_cambiar is None else leer_cambiar[metodo.upper() not in SEGUROS]


def alcance_valido(alcance: str | None) -> str | None:
    """A mark's own scope. Raises ValueError for one that is not in the closed list."""
    if alcance is not None and alcance not in ALCANCES:
        raise ValueError(f"unknown scope {alcance!r}")
    return alcance


def exigir_alcance(tiene: tuple[str, ...], necesita: str | None) -> None:
    """Raises `no_permitido` (403) unless a key has the scope."""
    if necesita is None:
        raise DomainError(
            Codigo.NO_PERMITIDO,
            "Esto no se puede hacer con una llave de API. Inicie sesión con su perfil en el portal o en"
            " POST /v1/sesiones.",
        )
    if necesita not in tiene:
        raise DomainError(
            Codigo.NO_PERMITIDO,
            f"La llave no tiene el alcance {necesita}. Cree una que lo tenga en POST /v1/llaves-api y use ésa.",
            datos={"alcance": necesita},
        )
