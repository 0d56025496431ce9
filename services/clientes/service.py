"""clientes on the bus: one line per call and per event."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from nameko.extensions import DependencyProvider
from nameko.rpc import rpc

from services.clientes import use_cases
from services.clientes.credenciales import CredencialesReales
from services.clientes.repository import Repositorio
from shared.config import settings
from shared.contracts import clientes as c
from shared.contracts.eventos import TIMBRES_CONSUMIDOS
from shared.messaging.bus import Bus, BusWorker
from shared.messaging.cpu import offload
from shared.messaging.events import event
from shared.messaging.wire import WireError

Payload = dict[str, Any]


class CredencialesDelServicio(DependencyProvider):  # type: ignore[misc]
    """Password hashing in native threads, and the key that signs access tokens."""

    def setup(self) -> None:
        llave = settings().token_private_key_file
        if llave is None:
            raise RuntimeError("TOKEN_PRIVATE_KEY_FILE is not set")
        self.credenciales = CredencialesReales(llave.read_text(), offload)

    def get_dependency(self, worker_ctx: Any) -> CredencialesReales:  # noqa: ARG002
        return self.credenciales


class ClientesService:
    """Perfiles, sessions, the tree of cuentas maestras, and their clientes."""

    name = "clientes"
    bus: BusWorker = Bus(Repositorio)
    credenciales = CredencialesDelServicio()

    @rpc(expected_exceptions=WireError)
    def iniciar_sesion_v1(self, **payload: Any) -> Payload:
        use_case = partial(use_cases.iniciar_sesion, credenciales=self.credenciales)
        return self.bus.run(c.INICIAR_SESION, payload, use_case)

    @rpc(expected_exceptions=WireError)
    def renovar_sesion_v1(self, **payload: Any) -> Payload:
        use_case = partial(use_cases.renovar_sesion, credenciales=self.credenciales)
        return self.bus.run(c.RENOVAR_SESION, payload, use_case)

    @rpc(expected_exceptions=WireError)
    def cerrar_sesion_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CERRAR_SESION, payload, use_cases.cerrar_sesion)

    @rpc(expected_exceptions=WireError)
    def crear_perfil_v1(self, **payload: Any) -> Payload:
        use_case = partial(use_cases.crear_perfil, credenciales=self.credenciales)
        return self.bus.run(c.CREAR_PERFIL, payload, use_case)

    @rpc(expected_exceptions=WireError)
    def obtener_perfil_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.OBTENER_PERFIL, payload, use_cases.obtener_perfil)

    @rpc(expected_exceptions=WireError)
    def crear_cuenta_maestra_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CREAR_CUENTA_MAESTRA, payload, use_cases.crear_cuenta_maestra)

    @rpc(expected_exceptions=WireError)
    def obtener_cuenta_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.OBTENER_CUENTA, payload, use_cases.obtener_cuenta)

    @rpc(expected_exceptions=WireError)
    def crear_cliente_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.CREAR_CLIENTE, payload, use_cases.crear_cliente)

    @rpc(expected_exceptions=WireError)
    def editar_cliente_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.EDITAR_CLIENTE, payload, use_cases.editar_cliente)

    @rpc(expected_exceptions=WireError)
    def obtener_cliente_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.OBTENER_CLIENTE, payload, use_cases.obtener_cliente)

    @rpc(expected_exceptions=WireError)
    def listar_clientes_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.LISTAR_CLIENTES, payload, use_cases.listar_clientes)

    @rpc(expected_exceptions=WireError)
    def asignar_perfil_principal_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.ASIGNAR_PERFIL_PRINCIPAL, payload, use_cases.asignar_perfil_principal)

    @rpc(expected_exceptions=WireError)
    def salud_v1(self, **_: Any) -> Payload:
        return self.bus.health()

    @event(TIMBRES_CONSUMIDOS)
    def on_timbres_consumidos_v1(self, evento_id: UUID, carga: Payload) -> None:
        self.bus.consume(TIMBRES_CONSUMIDOS, evento_id, carga, use_cases.registrar_consumos)


SERVICE = ClientesService
