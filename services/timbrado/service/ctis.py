"""CTI: accounts, credentials, limits, notices, ilimitadas and their applications."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from nameko.rpc import rpc
from nameko.timer import timer

from services.timbrado.aplicaciones import leer_llave
from services.timbrado.credenciales import Credenciales, hash_password
from services.timbrado.domain import Contrasena, generar_contrasena, revisar_contrasena
from services.timbrado.use_cases import (
    aplicaciones,
    avisos,
    conversiones,
    cuentas,
    guarda,
    ilimitadas,
    llaves,
)
from shared.contracts import eventos as ev
from shared.contracts import timbrado as c
from shared.contracts.base import Rpc, load
from shared.logging import get_logger
from shared.messaging.bus import BusWorker
from shared.messaging.cpu import offload
from shared.messaging.events import event
from shared.messaging.wire import WireError

log = get_logger(__name__)


def nueva_contrasena(bus: BusWorker, contrato: Rpc[Any, Any], payload: dict[str, Any]) -> Contrasena:
    """The password that a call sets, hashed before its transaction begins: argon2 holds no connection or lock.

    A replay is answered from what is stored and sets none, so its hash is left empty: it pays no argon2.
    """
    with bus.guarded(contrato.servicio):
        peticion = load(contrato.peticion, payload)
        elegida = getattr(peticion, "contrasena", None)
        texto = generar_contrasena() if elegida is None else revisar_contrasena(elegida)
        with bus.uow() as uow:
            repetida = uow.repo.respondida(contrato.nombre, peticion.clave)
        return Contrasena(texto, "" if repetida else str(offload(hash_password, texto)), elegida is None)


class Ctis:
    """One line per call, event and timer."""

    bus: BusWorker
    vistas: Credenciales

    @rpc(expected_exceptions=WireError)
    def entregar_cti_inicial_v1(self, **payload: Any) -> dict[str, Any]:
        nueva = nueva_contrasena(self.bus, c.ENTREGAR_CTI_INICIAL, payload)
        return self.bus.run(c.ENTREGAR_CTI_INICIAL, payload, cuentas.entregar_cti_inicial(nueva))

    @rpc(expected_exceptions=WireError)
    def crear_cti_v1(self, **payload: Any) -> dict[str, Any]:
        nueva = nueva_contrasena(self.bus, c.CREAR_CTI, payload)
        return self.bus.run(c.CREAR_CTI, payload, cuentas.crear_cti(nueva))

    @rpc(expected_exceptions=WireError)
    def restablecer_contrasena_v1(self, **payload: Any) -> dict[str, Any]:
        nueva = nueva_contrasena(self.bus, c.RESTABLECER_CONTRASENA, payload)
        return self.bus.run(c.RESTABLECER_CONTRASENA, payload, cuentas.restablecer_contrasena(nueva))

    @rpc(expected_exceptions=WireError)
    def bloquear_cti_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.BLOQUEAR_CTI, payload, cuentas.bloquear_cti)

    @rpc(expected_exceptions=WireError)
    def listar_ctis_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_CTIS, payload, cuentas.listar_ctis)

    @rpc(expected_exceptions=WireError)
    def obtener_cti_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.OBTENER_CTI, payload, cuentas.obtener_cti)

    @rpc(expected_exceptions=WireError)
    def listar_bitacora_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_BITACORA, payload, cuentas.listar_bitacora)

    @rpc(expected_exceptions=WireError)
    def crear_llave_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.CREAR_LLAVE, payload, llaves.crear_llave)

    @rpc(expected_exceptions=WireError)
    def listar_llaves_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_LLAVES, payload, llaves.listar_llaves)

    @rpc(expected_exceptions=WireError)
    def revocar_llave_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.REVOCAR_LLAVE, payload, llaves.revocar_llave)

    @rpc(expected_exceptions=WireError)
    def consultar_limites_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.CONSULTAR_LIMITES, payload, llaves.consultar_limites)

    @rpc(expected_exceptions=WireError)
    def poner_limites_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.PONER_LIMITES, payload, llaves.poner_limites)

    @rpc(expected_exceptions=WireError)
    def listar_avisos_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_AVISOS, payload, avisos.listar_avisos)

    @rpc(expected_exceptions=WireError)
    def leer_aviso_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LEER_AVISO, payload, avisos.leer_aviso)

    @rpc(expected_exceptions=WireError)
    def leer_avisos_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LEER_AVISOS, payload, avisos.leer_avisos)

    @rpc(expected_exceptions=WireError)
    def consultar_tarifas_ilimitadas_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.CONSULTAR_TARIFAS, payload, ilimitadas.consultar_tarifas)

    @rpc(expected_exceptions=WireError)
    def poner_tarifas_ilimitadas_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.PONER_TARIFAS, payload, ilimitadas.poner_tarifas)

    @rpc(expected_exceptions=WireError)
    def contratar_ilimitada_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.CONTRATAR_ILIMITADA, payload, ilimitadas.contratar)

    @rpc(expected_exceptions=WireError)
    def cancelar_contratacion_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.CANCELAR_CONTRATACION, payload, ilimitadas.cancelar)

    @rpc(expected_exceptions=WireError)
    def obtener_contrato_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.OBTENER_CONTRATO, payload, ilimitadas.obtener_contrato)

    @rpc(expected_exceptions=WireError)
    def obtener_contratacion_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.OBTENER_CONTRATACION, payload, ilimitadas.obtener)

    @rpc(expected_exceptions=WireError)
    def listar_contrataciones_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_CONTRATACIONES, payload, ilimitadas.listar)

    @rpc(expected_exceptions=WireError)
    def registrar_aplicacion_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.REGISTRAR_APLICACION, payload, aplicaciones.registrar(leer_llave))

    @rpc(expected_exceptions=WireError)
    def revocar_aplicacion_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.REVOCAR_APLICACION, payload, aplicaciones.revocar)

    @rpc(expected_exceptions=WireError)
    def listar_aplicaciones_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_APLICACIONES, payload, aplicaciones.listar)

    @event(ev.CLIENTE_CREADO)
    def on_cliente_creado_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        self.bus.consume(ev.CLIENTE_CREADO, evento_id, carga, cuentas.crear_cti_estandar)

    @event(ev.CLIENTES_CREADOS_LOTE)
    def on_clientes_creados_lote_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        self.bus.consume(ev.CLIENTES_CREADOS_LOTE, evento_id, carga, cuentas.crear_ctis_estandar)

    @event(ev.CLIENTE_CONVERTIDO)
    def on_cliente_convertido_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        self.bus.consume(ev.CLIENTE_CONVERTIDO, evento_id, carga, conversiones.pasar_ctis_a_su_cuenta)

    @event(ev.COBRO_RESUELTO)
    def on_cobro_resuelto_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        self.bus.consume(ev.COBRO_RESUELTO, evento_id, carga, ilimitadas.resolver)

    @timer(interval=5)
    def vigilar_ilimitadas(self) -> None:
        try:
            while self._vigilar():
                pass
        except Exception as exc:  # noqa: BLE001
            # The database is away: the next turn goes on from where this one stopped.
            log.warning("vigilancia_fallida", error=str(exc))

    def _vigilar(self) -> int:
        with self.bus.uow() as uow:
            hechos = ilimitadas.vigilar(uow, uow.ahora)
            uow.commit()
            return hechos

    @timer(interval=10)
    def vigilar(self) -> None:
        try:
            with self.bus.uow() as uow:
                guarda.anotar_vistas(uow, self.vistas)
            with self.bus.uow() as uow:
                guarda.vigilar(uow)
        except Exception as exc:  # noqa: BLE001
            # The next time looks again, and what was noted is kept for it.
            log.warning("guarda_fallida", error=str(exc))
