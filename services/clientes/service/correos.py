"""Mails: the sender of each replica, and what the root's staff does with them."""

from __future__ import annotations

from functools import cache
from typing import Any

from nameko.rpc import rpc
from nameko.timer import timer

from services.clientes.domain import Transporte
from services.clientes.transporte import Carpeta, Remitente, Smtp
from services.clientes.use_cases import correos
from shared.config import settings
from shared.contracts import clientes as c
from shared.logging import get_logger
from shared.messaging.background import Background
from shared.messaging.bus import Bus, BusWorker
from shared.messaging.cpu import offload
from shared.messaging.wire import WireError

log = get_logger(__name__)


@cache
def transporte() -> Transporte | None:
    """What this process sends through, by its settings; None: mails wait. Raises ValueError naming what is wrong."""
    s = settings()
    remitente = Remitente(de=s.correo_de, portal=s.portal_url)
    if s.smtp_url is not None:
        contrasena = s.smtp_password_file.read_text().strip() if s.smtp_password_file else None
        return Smtp(
            s.smtp_url,
            remitente,
            usuario=s.smtp_user,
            contrasena=contrasena,
            timeout=s.smtp_timeout,
            ejecutar=offload,
        )
    if s.correo_dir is not None:
        return Carpeta(s.correo_dir, remitente)
    log.warning("correo_sin_salida", que="neither SMTP_URL nor CORREO_DIR is set: mails wait")
    return None


def enviar_uno(bus: Bus) -> bool:
    """Send one mail; whether there may be more."""
    salida = transporte()
    return salida is not None and correos.enviar_uno(bus.uow, salida)


class Correos:
    """One line per call, event and timer."""

    bus: BusWorker
    cartero = Background(enviar_uno)

    @rpc(expected_exceptions=WireError)
    def listar_correos_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_CORREOS, payload, correos.listar_correos)

    @rpc(expected_exceptions=WireError)
    def reintentar_correo_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.REINTENTAR_CORREO, payload, correos.reintentar_correo)

    @timer(interval=600)
    def limpiar_correos(self) -> None:
        """Forget mails of long ago, a lot at a time."""
        with self.bus.uow() as uow:
            correos.limpiar(uow)
            uow.commit()
