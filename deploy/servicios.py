"""The services of the system as data: what `make up`, the compose file and their tests go by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Servicio:
    """A service and how many processes of it run by default."""

    nombre: str
    procesos: int = 1
    base: bool = True
    """It owns a database."""
    http: bool = False
    """It listens on the public HTTP port; its processes share it."""
    modulo: str = "shared.messaging.runtime"
    """What `python -m` runs, with the name as argument."""
    secretos: tuple[str, ...] = ()
    """Variables, of those in `deploy.secretos.RUTAS`, whose files this service alone may know."""


SERVICIOS = (
    Servicio(
        "clientes",
        secretos=("TOKEN_PRIVATE_KEY_FILE", "TOKEN_PUBLIC_KEY_FILE", "SEGUNDO_FACTOR_KEY_FILE"),
    ),
    Servicio("timbrado", procesos=2, secretos=("CFDI_AUTORIDADES_DIR", "PAC_SANDBOX_DIR")),
    Servicio("puntos"),
    Servicio("licencias", secretos=("LICENCIAS_KEYS_DIR",)),
    Servicio("facturacion"),
    # The gateway verifies sessions, and refuses documents of unknown authorities before they cost a hop.
    Servicio(
        "gateway",
        base=False,
        http=True,
        secretos=("TOKEN_PUBLIC_KEY_FILE", "CFDI_AUTORIDADES_DIR", "DIALECTOS_KEY_FILE"),
    ),
)
