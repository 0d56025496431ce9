"""What a cuenta maestra that is not active may do: look, and what a route's mark names. In this one place.

    activo                          everything
    suspendido, vencido, cancelado  GET, and the routes marked `aunque_no_activa` (renewing)
    sin_validar, sin_activar        GET of the routes marked so (`GET /v1/cuenta`)

Routes of the person (`@requiere_perfil`: its sessions, its perfil) are of no CM, and stay. The services check again
what they change (`domain.exigir_activa`); this also holds for what they forget.
"""

from __future__ import annotations

from services.gateway.alcances import SEGUROS
from shared.errors import Codigo, DomainError

ACTIVO = "activo"
#: It worked and may again, or its data can still be looked at.
DETENIDA = ("suspendido", "vencido", "cancelado")
#: It has not begun to.
SIN_EMPEZAR = ("sin_validar", "sin_activar")


def estados_de(metodo: str, aunque_no_activa: bool) -> tuple[str, ...]:
    """States of a CM in which a route may be called."""
    lee = metodo.upper() in SEGUROS
    return (
        ACTIVO,
        *(DETENIDA if lee or aunque_no_activa else ()),
        *(SIN_EMPEZAR if lee and aunque_no_activa else ()),
    )


def exigir_estado(estado: str, metodo: str, aunque_no_activa: bool) -> None:
    """Raises `cuenta_bloqueada` (403) in a state in which the route may not be called."""
    if estado in estados_de(metodo, aunque_no_activa):
        return
    if estado in SIN_EMPEZAR:
        detalle = (
            f"La Cuenta Maestra está en estado «{estado}» y todavía no se puede usar. "
            "Termine su alta, o pida a su distribuidor que la active."
        )
    else:
        detalle = (
            f"La Cuenta Maestra está en estado «{estado}» y sólo permite consultar. "
            "Renuévela o pida a su distribuidor que la reactive."
        )
    raise DomainError(Codigo.CUENTA_BLOQUEADA, detalle, datos={"estado": estado})
