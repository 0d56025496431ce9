"""clientes on the bus: its calls, events and timers, a module per capability."""

from __future__ import annotations

from typing import Any

from nameko.extensions import DependencyProvider
from nameko.rpc import rpc

from services.clientes.credenciales import CredencialesReales
from services.clientes.repository import Repositorio
from services.clientes.service.altas import Altas
from services.clientes.service.auditoria import Auditoria
from services.clientes.service.avisos import Avisos
from services.clientes.service.cartera import Cartera
from services.clientes.service.clientes import Clientes
from services.clientes.service.conversiones import Conversiones
from services.clientes.service.correos import Correos
from services.clientes.service.cuentas import Cuentas
from services.clientes.service.distribuidores import Distribuidores
from services.clientes.service.importaciones import Importaciones
from services.clientes.service.llaves_api import LlavesApi
from services.clientes.service.perfiles import Perfiles
from services.clientes.service.privacidad import Privacidad
from services.clientes.service.registro import Registro
from services.clientes.service.segundo_factor import SegundoFactor, TotpDelServicio
from services.clientes.service.sesiones import Sesiones
from services.clientes.service.usuarios import Usuarios
from shared.config import settings
from shared.messaging.bus import Bus, BusWorker
from shared.messaging.cpu import offload
from shared.messaging.wire import WireError


class CredencialesDelServicio(DependencyProvider):  # type: ignore[misc]
    """Password hashing in native threads, and the key that signs access tokens."""

    def setup(self) -> None:
        llave = settings().token_private_key_file
        if llave is None:
            raise RuntimeError("TOKEN_PRIVATE_KEY_FILE is not set")
        self.credenciales = CredencialesReales(
            llave.read_text(), offload, en_fila=max(2, settings().max_workers - 2)
        )

    def get_dependency(self, worker_ctx: Any) -> CredencialesReales:  # noqa: ARG002
        return self.credenciales


class ClientesService(
    Perfiles,
    Registro,
    SegundoFactor,
    Sesiones,
    Cuentas,
    Distribuidores,
    Clientes,
    Cartera,
    Importaciones,
    Altas,
    Conversiones,
    Correos,
    Auditoria,
    Avisos,
    LlavesApi,
    Usuarios,
    Privacidad,
):
    """Perfiles, sessions, the tree of cuentas maestras, and their clientes."""

    name = "clientes"
    bus: BusWorker = Bus(Repositorio)
    credenciales = CredencialesDelServicio()
    totp = TotpDelServicio()

    @rpc(expected_exceptions=WireError)
    def salud_v1(self, **_: Any) -> dict[str, Any]:
        return self.bus.health()


SERVICE = ClientesService

__all__ = ["SERVICE", "ClientesService"]
