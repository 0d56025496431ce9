"""The nameko class of licencias: one line per call and per event."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast
from uuid import UUID

from nameko.extensions import DependencyProvider
from nameko.rpc import rpc

from services.licencias import use_cases
from services.licencias.domain import Llavero
from services.licencias.keyring import LlaveroPem
from services.licencias.repository import Repositorio
from shared.config import settings
from shared.contracts import licencias as c
from shared.contracts.eventos import (
    CLIENTE_CONVERTIDO,
    CLIENTE_CREADO,
    CLIENTE_SUPRIMIDO,
    CLIENTES_CAMBIADOS,
    CLIENTES_CREADOS_LOTE,
    CUENTA_MAESTRA_CREADA,
    CUENTA_RENOVADA,
    CUENTA_SUPRIMIDA,
)
from shared.messaging.bus import Bus, BusWorker
from shared.messaging.events import event
from shared.messaging.wire import WireError


class Llaves(DependencyProvider):  # type: ignore[misc]
    """The signing keys, read once; the service does not start without them."""

    def setup(self) -> None:
        self.llavero = LlaveroPem(settings().licencias_keys_dir)

    def get_dependency(self, _: Any) -> Llavero:
        return self.llavero


class LicenciasService:
    """MKL contracts and signed licences."""

    name = "licencias"
    # nameko puts a BusWorker and a key ring in their place for each call.
    bus = cast("BusWorker", Bus(Repositorio))
    llavero = cast("Llavero", Llaves())

    def _con_llaves(self, caso: Callable[..., Any]) -> Callable[..., Any]:
        return partial(caso, llavero=self.llavero)

    @rpc(expected_exceptions=WireError)
    def salud_v1(self) -> dict[str, Any]:
        """The database answers."""
        return self.bus.health()

    @rpc(expected_exceptions=WireError)
    def contratar_mkl_v1(self, **payload: Any) -> dict[str, Any]:
        """Record a contract that was paid for."""
        return self.bus.run(c.CONTRATAR_MKL, payload, use_cases.contratar_mkl)

    @rpc(expected_exceptions=WireError)
    def listar_mkl_v1(self, **payload: Any) -> dict[str, Any]:
        """Contracts of a CM."""
        return self.bus.run(c.LISTAR_MKL, payload, use_cases.listar_mkl)

    @rpc(expected_exceptions=WireError)
    def generar_licencia_v1(self, **payload: Any) -> dict[str, Any]:
        """Sign a licence for a cliente."""
        return self.bus.run(c.GENERAR_LICENCIA, payload, self._con_llaves(use_cases.generar_licencia))

    @rpc(expected_exceptions=WireError)
    def listar_licencias_v1(self, **payload: Any) -> dict[str, Any]:
        """Licences of a cliente."""
        return self.bus.run(c.LISTAR_LICENCIAS, payload, use_cases.listar_licencias)

    @rpc(expected_exceptions=WireError)
    def revocar_licencia_v1(self, **payload: Any) -> dict[str, Any]:
        """Revoke a licence for good."""
        return self.bus.run(c.REVOCAR_LICENCIA, payload, use_cases.revocar_licencia)

    @rpc(expected_exceptions=WireError)
    def validar_licencia_v1(self, **payload: Any) -> dict[str, Any]:
        """Judge a document."""
        return self.bus.run(c.VALIDAR_LICENCIA, payload, self._con_llaves(use_cases.validar_licencia))

    @rpc(expected_exceptions=WireError)
    def llaves_publicas_v1(self, **payload: Any) -> dict[str, Any]:
        """Keys and revocations, to verify offline."""
        return self.bus.run(c.LLAVES_PUBLICAS, payload, self._con_llaves(use_cases.llaves_publicas))

    @event(CUENTA_MAESTRA_CREADA)
    def on_cuenta_maestra_creada_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Remember the CM."""
        self.bus.consume(CUENTA_MAESTRA_CREADA, evento_id, carga, use_cases.anotar_cuenta)

    @event(CLIENTE_CREADO)
    def on_cliente_creado_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Remember the cliente."""
        self.bus.consume(CLIENTE_CREADO, evento_id, carga, use_cases.anotar_cliente)

    @event(CLIENTES_CREADOS_LOTE)
    def on_clientes_creados_lote_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Remember each of them."""
        self.bus.consume(CLIENTES_CREADOS_LOTE, evento_id, carga, use_cases.anotar_clientes)

    @event(CLIENTE_CONVERTIDO)
    def on_cliente_convertido_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Note whose the cliente is now."""
        self.bus.consume(CLIENTE_CONVERTIDO, evento_id, carga, use_cases.pasar_cliente_a_su_cuenta)

    @event(CLIENTES_CAMBIADOS)
    def on_clientes_cambiados_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Put the names that clientes have now."""
        self.bus.consume(CLIENTES_CAMBIADOS, evento_id, carga, use_cases.nombrar_clientes)

    @event(CUENTA_SUPRIMIDA)
    def on_cuenta_suprimida_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Forget the CM's name."""
        self.bus.consume(CUENTA_SUPRIMIDA, evento_id, carga, use_cases.olvidar_cuenta)

    @event(CLIENTE_SUPRIMIDO)
    def on_cliente_suprimido_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Forget the cliente's name."""
        self.bus.consume(CLIENTE_SUPRIMIDO, evento_id, carga, use_cases.olvidar_cliente)

    @event(CUENTA_RENOVADA)
    def on_cuenta_renovada_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        """Let the CM's contracts end with it."""
        self.bus.consume(CUENTA_RENOVADA, evento_id, carga, use_cases.renovar_contratos)


SERVICE = LicenciasService
