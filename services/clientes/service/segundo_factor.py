"""The second factor of a perfil. A try is counted before its code is looked at, in a transaction of its own."""

from __future__ import annotations

from functools import partial
from typing import Any

from nameko.extensions import DependencyProvider
from nameko.rpc import rpc

from services.clientes.credenciales import CredencialesReales
from services.clientes.segundo_factor import TotpReal
from services.clientes.service.anticipar import anticipar
from services.clientes.use_cases import segundo_factor
from shared.config import settings
from shared.contracts import clientes as c
from shared.contracts.base import PeticionConClave, Rpc, load
from shared.messaging.bus import BusWorker
from shared.messaging.cpu import offload
from shared.messaging.wire import WireError

Payload = dict[str, Any]


class TotpDelServicio(DependencyProvider):  # type: ignore[misc]
    """Codes of time and the key that seals their secrets."""

    def setup(self) -> None:
        self.totp = TotpReal(settings().segundo_factor_key_file, offload)

    def get_dependency(self, worker_ctx: Any) -> TotpReal:  # noqa: ARG002
        return self.totp


class SegundoFactor:
    """One line per call, event and timer."""

    bus: BusWorker
    credenciales: CredencialesReales
    totp: TotpReal

    @rpc(expected_exceptions=WireError)
    def obtener_segundo_factor_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.OBTENER_SEGUNDO_FACTOR, payload, segundo_factor.obtener)

    @rpc(expected_exceptions=WireError)
    def iniciar_segundo_factor_v1(self, **payload: Any) -> Payload:
        contrato = c.INICIAR_SEGUNDO_FACTOR
        hechas = anticipar(self.bus, self.credenciales, contrato, payload, comparar="contrasena")
        use_case = partial(segundo_factor.iniciar, credenciales=hechas, totp=self.totp)
        return self.bus.run(contrato, payload, use_case)

    @rpc(expected_exceptions=WireError)
    def confirmar_segundo_factor_v1(self, **payload: Any) -> Payload:
        self._contar(c.CONFIRMAR_SEGUNDO_FACTOR, payload, por_confirmar=True)
        use_case = partial(segundo_factor.confirmar, totp=self.totp)
        return self.bus.run(c.CONFIRMAR_SEGUNDO_FACTOR, payload, use_case)

    @rpc(expected_exceptions=WireError)
    def regenerar_codigos_v1(self, **payload: Any) -> Payload:
        self._contar(c.REGENERAR_CODIGOS, payload)
        return self.bus.run(c.REGENERAR_CODIGOS, payload, partial(segundo_factor.regenerar, totp=self.totp))

    @rpc(expected_exceptions=WireError)
    def quitar_segundo_factor_v1(self, **payload: Any) -> Payload:
        contrato = c.QUITAR_SEGUNDO_FACTOR
        hechas = anticipar(self.bus, self.credenciales, contrato, payload, comparar="contrasena")
        # A code that comes with a wrong password is never looked at, and so not counted.
        if hechas.alguna_igual:
            self._contar(contrato, payload)
        return self.bus.run(
            contrato, payload, partial(segundo_factor.quitar, credenciales=hechas, totp=self.totp)
        )

    @rpc(expected_exceptions=WireError)
    def retirar_segundo_factor_v1(self, **payload: Any) -> Payload:
        return self.bus.run(c.RETIRAR_SEGUNDO_FACTOR, payload, segundo_factor.retirar)

    @rpc(expected_exceptions=WireError)
    def verificar_segundo_factor_v1(self, **payload: Any) -> Payload:
        self._contar(c.VERIFICAR_SEGUNDO_FACTOR, payload)
        use_case = partial(segundo_factor.verificar, credenciales=self.credenciales, totp=self.totp)
        return self.bus.run(c.VERIFICAR_SEGUNDO_FACTOR, payload, use_case)

    def _contar(self, contrato: Rpc[Any, Any], payload: Payload, *, por_confirmar: bool = False) -> None:
        with self.bus.guarded(contrato.servicio):
            peticion: PeticionConClave = load(contrato.peticion, payload)
            with self.bus.uow() as uow:
                if not uow.repo.ya_respondida(contrato.nombre, peticion.clave):
                    segundo_factor.contar_intento(
                        uow,
                        peticion.perfil_id,  # type: ignore[attr-defined]
                        por_confirmar=por_confirmar,
                    )
                uow.commit()
