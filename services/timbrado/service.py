"""timbrado on the bus: one line per call, event and timer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from nameko.extensions import DependencyProvider
from nameko.rpc import rpc
from nameko.timer import timer

from services.timbrado.aplicaciones import Aplicaciones, leer_llave
from services.timbrado.cfdi.certificados import Confianza
from services.timbrado.cfdi.lco import LcoGuardada
from services.timbrado.cfdi.validacion import Validador
from services.timbrado.credenciales import Credenciales, hash_password
from services.timbrado.domain import Contrasena, generar_contrasena, revisar_contrasena
from services.timbrado.pac.configuracion import cargar, construir
from services.timbrado.pac.enrutador import Enrutador
from services.timbrado.pac.protocolo import PacCompleto
from services.timbrado.pac.sandbox import Falla, PacSandbox
from services.timbrado.pac.sandbox_sat import FallaDeCancelacion
from services.timbrado.repository import (
    Directo,
    EstadosDePacs,
    FuenteLcoPostgres,
    MemoriaPostgres,
    MemoriaSatPostgres,
    Repositorio,
)
from services.timbrado.repository.consumo import al_sellar
from services.timbrado.use_cases import (
    aplicaciones,
    avisos,
    comprobantes,
    conciliacion_pac,
    consumos,
    cuentas,
    estados_de_cuenta,
    guarda,
    ilimitadas,
    lco,
    llaves,
    masivas,
    pronostico,
    recuperar,
    saldo,
    transferencias,
    venta_automatica,
)
from services.timbrado.use_cases.aplicaciones import Admision
from services.timbrado.use_cases.cancelar import Cancelador
from services.timbrado.use_cases.conciliar import Conciliador
from services.timbrado.use_cases.envio import Envio
from services.timbrado.use_cases.timbrar import Timbrador
from shared.config import settings
from shared.contracts import eventos as ev
from shared.contracts import timbrado as c
from shared.contracts.base import Rpc, Vacio, load
from shared.crash import crash_point
from shared.errors import campo_invalido
from shared.ledger import sealing
from shared.ledger.sealing import Eslabon
from shared.logging import get_logger
from shared.messaging.background import Background
from shared.messaging.bus import Bus, BusWorker
from shared.messaging.cpu import offload
from shared.messaging.events import event
from shared.messaging.wire import WireError
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = get_logger(__name__)

#: Seconds past the PAC's own time-out before another replica may take over a stamping.
MARGEN_DE_RELEVO = 2.0


def _contrasena(bus: BusWorker, contrato: Rpc[Any, Any], payload: dict[str, Any]) -> Contrasena:
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


class Vistas(DependencyProvider):  # type: ignore[misc]
    """The process's credentials, for what is noted while they are verified."""

    def get_dependency(self, worker_ctx: Any) -> Credenciales:  # noqa: ARG002
        return credenciales_de(next(e for e in self.container.extensions if isinstance(e, Bus)))


class PacsInstalados(DependencyProvider):  # type: ignore[misc]
    """The process's PACs by name; a PACS_FILE with a mistake stops the process with its message."""

    def start(self) -> None:
        pacs_de(next(e for e in self.container.extensions if isinstance(e, Bus)))

    def get_dependency(self, worker_ctx: Any) -> dict[str, tuple[int, PacCompleto]]:  # noqa: ARG002
        return pacs_de(next(e for e in self.container.extensions if isinstance(e, Bus)))


class Pipeline(DependencyProvider):  # type: ignore[misc]
    """The stamping pipeline, one per process: schemas and certificates are loaded once."""

    _timbrador: Timbrador | None = None

    def get_dependency(self, worker_ctx: Any) -> Timbrador:  # noqa: ARG002
        if self._timbrador is None:
            bus = next(e for e in self.container.extensions if isinstance(e, Bus))
            self._timbrador = build(bus)
        return self._timbrador


class Relevos(DependencyProvider):  # type: ignore[misc]
    """The reconciler of stampings, on the same PACs as the pipeline."""

    def get_dependency(self, worker_ctx: Any) -> Conciliador:  # noqa: ARG002
        bus = next(e for e in self.container.extensions if isinstance(e, Bus))
        return Conciliador(envio_de(bus), bus.uow)


class Cancelaciones(DependencyProvider):  # type: ignore[misc]
    """Cancellations, one per process, on the same credentials and PACs as the pipeline."""

    _cancelador: Cancelador | None = None

    def get_dependency(self, worker_ctx: Any) -> Cancelador:  # noqa: ARG002
        if self._cancelador is None:
            bus = next(e for e in self.container.extensions if isinstance(e, Bus))
            self._cancelador = build_cancelador(bus)
        return self._cancelador


@cache
def credenciales_de(bus: Bus) -> Credenciales:
    """The process's one memory of verified credentials."""

    def read(ids: Any) -> Any:
        with bus.uow() as uow:
            return uow.repo.ctis(ids)

    return Credenciales(read, offload)


@cache
def sandbox_de(bus: Bus) -> PacSandbox:
    """The sandbox PAC with its SAT. Raises RuntimeError naming the setting that lacks."""
    carpeta = settings().pac_sandbox_dir
    if carpeta is None:
        raise RuntimeError("PAC_SANDBOX_DIR must be set")
    return PacSandbox(carpeta, MemoriaPostgres(bus.engine), MemoriaSatPostgres(bus.engine))


@cache
def pacs_de(bus: Bus) -> dict[str, tuple[int, PacCompleto]]:
    """The PACs of PACS_FILE with their priorities, or the sandbox alone. Raises ValueError naming what is wrong."""
    s = settings()
    if s.pacs_file is None:
        return {PacSandbox.nombre: (0, sandbox_de(bus))}
    autoridades = Confianza.de_carpeta(s.cfdi_autoridades_dir) if s.cfdi_autoridades_dir else None
    return {p.nombre: (p.prioridad, construir(p, autoridades)) for p in cargar(s.pacs_file)}


def pac_de(bus: Bus) -> Callable[[str], PacCompleto | None]:
    """A configured PAC by its name."""
    return lambda nombre: pacs_de(bus).get(nombre, (0, None))[1]


@cache
def envio_de(bus: Bus) -> Envio:
    """How documents go to the PACs, and what is written of their answers: one per process."""
    s = settings()
    with bus.uow() as uow:
        consumo = uow.repo.cuenta("consumo", "").id
    plazos = [p.timeout for p in cargar(s.pacs_file)] if s.pacs_file else [s.pac_timeout]
    return Envio(
        Enrutador(list(pacs_de(bus).values()), EstadosDePacs(bus.engine)),
        bus.uow,
        Directo(bus.engine),
        consumo,
        max(plazos) + MARGEN_DE_RELEVO,
    )


@cache
def _conciliador_de_pacs(bus: Bus) -> conciliacion_pac.ConciliadorDePacs:
    return conciliacion_pac.ConciliadorDePacs(pacs_de(bus), bus.uow)


def build_cancelador(bus: Bus) -> Cancelador:
    """Assemble the cancellations from settings. Raises RuntimeError naming a setting that lacks."""
    s = settings()
    if s.cfdi_autoridades_dir is None:
        raise RuntimeError("CFDI_AUTORIDADES_DIR must be set")
    return Cancelador(
        pac_de(bus),
        Confianza.de_carpeta(s.cfdi_autoridades_dir),
        credenciales_de(bus),
        bus.uow,
        offload,
        s.pac_timeout,
    )


def build(bus: Bus) -> Timbrador:
    """Assemble the pipeline from settings. Raises RuntimeError naming a setting that lacks."""
    s = settings()
    if s.cfdi_autoridades_dir is None:
        raise RuntimeError("CFDI_AUTORIDADES_DIR must be set")
    Validador.precargar()
    with bus.uow() as uow:
        emision = uow.repo.cuenta("emision", "").id

    def aplicacion(id_: UUID) -> Any:
        with bus.uow() as uow:
            return uow.repo.aplicacion(id_)

    credenciales = credenciales_de(bus)
    return Timbrador(
        Validador(
            Confianza.de_carpeta(s.cfdi_autoridades_dir),
            LcoGuardada(FuenteLcoPostgres(bus.engine)),
            omitidas=s.cfdi_reglas_omitidas,
        ),
        envio_de(bus),
        credenciales,
        bus.uow,
        Directo(bus.engine),
        emision,
        Admision(credenciales, bus.uow, Aplicaciones(aplicacion).verificar).admitir,
    )


def _inyectar(uow: UnitOfWork[Repositorio], p: c.InyectarFalla) -> Vacio:
    modos = [*Falla, *FallaDeCancelacion]
    if p.modo not in modos:
        raise campo_invalido("modo", f"Modo desconocido. Use uno de: {', '.join(modos)}.")
    uow.repo.inyectar_falla(p.modo, p.veces)
    return Vacio()


def _al_sellar(connection: Connection, eslabones: Sequence[Eslabon]) -> None:
    """Beside the chain, in its transaction: consumption kept here, and told to the others."""
    al_sellar(connection, eslabones)
    with UnitOfWork(connection, Repositorio) as uow:
        consumos.contar_consumos(uow, [e.movimiento for e in eslabones if e.cuenta == e.movimiento.origen])
        uow.write_events()


class TimbradoService:
    """Stocks, CTI, transfers and stampings."""

    name = "timbrado"
    bus: BusWorker = Bus(Repositorio)
    pipeline: Timbrador = Pipeline()
    relevos: Conciliador = Relevos()
    vistas: Credenciales = Vistas()
    cancelaciones: Cancelador = Cancelaciones()
    pacs: dict[str, tuple[int, PacCompleto]] = PacsInstalados()
    conciliador_de_pacs = Background(lambda bus: _conciliador_de_pacs(bus).paso(), idle=20.0)
    aplicador = Background(lambda bus: masivas.aplicar_una(bus.uow))

    @rpc(expected_exceptions=WireError)
    def timbrar_lote_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.call(c.TIMBRAR_LOTE, payload, self.pipeline.timbrar_lote)

    @rpc(expected_exceptions=WireError)
    def consultar_timbrado_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.call(c.CONSULTAR_TIMBRADO, payload, self.pipeline.consultar)

    @rpc(expected_exceptions=WireError)
    def recuperar_timbrado_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.RECUPERAR_TIMBRADO, payload, recuperar.recuperar_timbrado(self.vistas))

    @rpc(expected_exceptions=WireError)
    def consultar_saldo_cti_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.CONSULTAR_SALDO_CTI, payload, saldo.consultar_saldo(self.vistas))

    @rpc(expected_exceptions=WireError)
    def validar_cfdi_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.call(c.VALIDAR_CFDI, payload, self.pipeline.validar)

    @rpc(expected_exceptions=WireError)
    def cancelar_timbrado_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.call(c.CANCELAR_TIMBRADO, payload, self.cancelaciones.cancelar)

    @rpc(expected_exceptions=WireError)
    def consultar_estado_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.call(c.CONSULTAR_ESTADO, payload, self.cancelaciones.estado)

    @rpc(expected_exceptions=WireError)
    def obtener_estado_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.call(c.OBTENER_ESTADO, payload, self.cancelaciones.estado_de)

    @rpc(expected_exceptions=WireError)
    def consultar_comprobante_v1(self, **payload: Any) -> dict[str, Any]:
        use_case = comprobantes.consultar_comprobante(self.cancelaciones.credenciales)
        return self.bus.run(c.CONSULTAR_COMPROBANTE, payload, use_case)

    @rpc(expected_exceptions=WireError)
    def obtener_comprobante_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.OBTENER_COMPROBANTE, payload, comprobantes.obtener_comprobante)

    @rpc(expected_exceptions=WireError)
    def listar_timbrados_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_TIMBRADOS, payload, comprobantes.listar_timbrados)

    @rpc(expected_exceptions=WireError)
    def responder_cancelacion_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.call(c.RESPONDER_CANCELACION, payload, self.cancelaciones.responder)

    @rpc(expected_exceptions=WireError)
    def entregar_cti_inicial_v1(self, **payload: Any) -> dict[str, Any]:
        nueva = _contrasena(self.bus, c.ENTREGAR_CTI_INICIAL, payload)
        return self.bus.run(c.ENTREGAR_CTI_INICIAL, payload, cuentas.entregar_cti_inicial(nueva))

    @rpc(expected_exceptions=WireError)
    def crear_cti_v1(self, **payload: Any) -> dict[str, Any]:
        nueva = _contrasena(self.bus, c.CREAR_CTI, payload)
        return self.bus.run(c.CREAR_CTI, payload, cuentas.crear_cti(nueva))

    @rpc(expected_exceptions=WireError)
    def restablecer_contrasena_v1(self, **payload: Any) -> dict[str, Any]:
        nueva = _contrasena(self.bus, c.RESTABLECER_CONTRASENA, payload)
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
    def transferir_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.TRANSFERIR, payload, transferencias.transferir)

    @rpc(expected_exceptions=WireError)
    def transferir_masivamente_v1(self, **payload: Any) -> dict[str, Any]:
        respuesta = self.bus.run(c.TRANSFERIR_MASIVAMENTE, payload, masivas.transferir_masivamente)
        self.aplicador.wake()
        return respuesta

    @rpc(expected_exceptions=WireError)
    def simular_transferencia_masiva_v1(self, **payload: Any) -> dict[str, Any]:
        simular = masivas.simular_transferencia_masiva(offload)
        return self.bus.run(c.SIMULAR_TRANSFERENCIA_MASIVA, payload, simular)

    @rpc(expected_exceptions=WireError)
    def listar_transferencias_masivas_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_TRANSFERENCIAS_MASIVAS, payload, masivas.listar_transferencias_masivas)

    @rpc(expected_exceptions=WireError)
    def obtener_transferencia_masiva_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.OBTENER_TRANSFERENCIA_MASIVA, payload, masivas.obtener_transferencia_masiva)

    @rpc(expected_exceptions=WireError)
    def listar_filas_de_masiva_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_FILAS_DE_MASIVA, payload, masivas.listar_filas_de_masiva)

    @rpc(expected_exceptions=WireError)
    def emitir_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.EMITIR, payload, transferencias.emitir)

    @rpc(expected_exceptions=WireError)
    def abastecer_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.ABASTECER, payload, transferencias.abastecer)

    @rpc(expected_exceptions=WireError)
    def consultar_existencia_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.CONSULTAR_EXISTENCIA, payload, transferencias.consultar_existencia)

    @rpc(expected_exceptions=WireError)
    def listar_movimientos_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_MOVIMIENTOS, payload, transferencias.listar_movimientos)

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

    @rpc(expected_exceptions=WireError)
    def poner_venta_automatica_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.PONER_VENTA_AUTOMATICA, payload, venta_automatica.poner_venta_automatica)

    @rpc(expected_exceptions=WireError)
    def quitar_venta_automatica_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.QUITAR_VENTA_AUTOMATICA, payload, venta_automatica.quitar_venta_automatica)

    @rpc(expected_exceptions=WireError)
    def obtener_venta_automatica_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.OBTENER_VENTA_AUTOMATICA, payload, venta_automatica.obtener_venta_automatica)

    @rpc(expected_exceptions=WireError)
    def poner_ventas_automaticas_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.PONER_VENTAS_AUTOMATICAS, payload, venta_automatica.poner_ventas_automaticas)

    @rpc(expected_exceptions=WireError)
    def simular_ventas_automaticas_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(
            c.SIMULAR_VENTAS_AUTOMATICAS, payload, venta_automatica.simular_ventas_automaticas
        )

    @rpc(expected_exceptions=WireError)
    def listar_ventas_automaticas_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_VENTAS_AUTOMATICAS, payload, venta_automatica.listar_ventas_automaticas)

    @rpc(expected_exceptions=WireError)
    def obtener_pronostico_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.OBTENER_PRONOSTICO, payload, pronostico.obtener_pronostico)

    @rpc(expected_exceptions=WireError)
    def listar_pronosticos_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_PRONOSTICOS, payload, pronostico.listar_pronosticos)

    @rpc(expected_exceptions=WireError)
    def estado_de_cuenta_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.ESTADO_DE_CUENTA, payload, estados_de_cuenta.estado_de_cuenta)

    @rpc(expected_exceptions=WireError)
    def inyectar_falla_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.INYECTAR_FALLA, payload, _inyectar)

    @rpc(expected_exceptions=WireError)
    def consultar_lco_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.CONSULTAR_LCO, payload, lco.consultar_lco)

    @rpc(expected_exceptions=WireError)
    def configurar_lco_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.CONFIGURAR_LCO, payload, lco.configurar_lco)

    @rpc(expected_exceptions=WireError)
    def listar_pacs_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_PACS, payload, conciliacion_pac.listar_pacs(self.pacs))

    @rpc(expected_exceptions=WireError)
    def pausar_pac_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.PAUSAR_PAC, payload, conciliacion_pac.pausar_pac(self.pacs))

    @rpc(expected_exceptions=WireError)
    def reanudar_pac_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.REANUDAR_PAC, payload, conciliacion_pac.reanudar_pac(self.pacs))

    @rpc(expected_exceptions=WireError)
    def conciliar_pac_v1(self, **payload: Any) -> dict[str, Any]:
        hecha = self.bus.run(c.CONCILIAR_PAC, payload, conciliacion_pac.conciliar_pac(self.pacs))
        self.conciliador_de_pacs.wake()
        return hecha

    @rpc(expected_exceptions=WireError)
    def listar_conciliaciones_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_CONCILIACIONES, payload, conciliacion_pac.listar_conciliaciones)

    @rpc(expected_exceptions=WireError)
    def listar_diferencias_de_pac_v1(self, **payload: Any) -> dict[str, Any]:
        return self.bus.run(c.LISTAR_DIFERENCIAS_DE_PAC, payload, conciliacion_pac.listar_diferencias)

    @rpc(expected_exceptions=WireError)
    def salud_v1(self) -> dict[str, Any]:
        return self.bus.health()

    @event(ev.CUENTA_MAESTRA_CREADA)
    def on_cuenta_maestra_creada_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        self.bus.consume(ev.CUENTA_MAESTRA_CREADA, evento_id, carga, cuentas.abrir_existencia)
        self.bus.consume(ev.CUENTA_MAESTRA_CREADA, evento_id, carga, conciliacion_pac.recordar_raiz)

    @event(ev.CLIENTE_CREADO)
    def on_cliente_creado_v1(self, evento_id: UUID, carga: dict[str, Any]) -> None:
        self.bus.consume(ev.CLIENTE_CREADO, evento_id, carga, cuentas.crear_cti_estandar)

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

    @timer(interval=1)
    def conciliar(self) -> None:
        try:
            while self.relevos.conciliar():
                pass
        except Exception as exc:  # noqa: BLE001
            # The database or the PAC is away: the next second tries again, and no hold is lost.
            log.warning("conciliacion_fallida", error=str(exc))

    @timer(interval=1)
    def vender_automaticamente(self) -> None:
        try:
            while self._vender() >= venta_automatica.LOTE:
                pass
        except Exception as exc:  # noqa: BLE001
            # Nothing is lost: what is due stays in the queue, or waits, for the next second.
            log.warning("venta_automatica_fallida", error=str(exc))

    def _vender(self) -> int:
        with self.bus.uow() as uow:
            vendidas = venta_automatica.atender(uow)
            uow.commit()
        if vendidas:
            crash_point("venta_automatica.despues_de_confirmar")
        return vendidas

    @timer(interval=5)
    def pronosticar(self) -> None:
        try:
            while self._recalcular() >= pronostico.LOTE:
                pass
        except Exception as exc:  # noqa: BLE001
            log.warning("pronostico_fallido", error=str(exc))

    def _recalcular(self) -> int:
        with self.bus.uow() as uow:
            hechos = pronostico.recalcular_ritmos(uow)
            uow.commit()
        return hechos

    @timer(interval=1)
    def conciliar_cancelaciones(self) -> None:
        try:
            while self.cancelaciones.conciliar():
                pass
        except Exception as exc:  # noqa: BLE001
            # The database is away: the signed requests wait in it, and the next second tries again.
            log.warning("conciliacion_de_cancelaciones_fallida", error=str(exc))

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

    @timer(interval=2)
    def sellar(self) -> None:
        try:
            while sealing.seal(self.bus.engine, _al_sellar):
                pass
        except Exception as exc:  # noqa: BLE001
            log.warning("sellado_fallido", error=str(exc))


SERVICE = TimbradoService
