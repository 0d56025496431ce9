"""What a process of timbrado is put together from: PACs, credentials, pipeline, reconcilers; one of each."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from uuid import UUID

from nameko.extensions import DependencyProvider

from services.timbrado.aplicaciones import Aplicaciones
from services.timbrado.cfdi.certificados import Confianza
from services.timbrado.cfdi.lco import LcoGuardada
from services.timbrado.cfdi.validacion import Validador
from services.timbrado.credenciales import Credenciales
from services.timbrado.pac.configuracion import cargar, construir
from services.timbrado.pac.enrutador import Enrutador
from services.timbrado.pac.protocolo import PacCompleto
from services.timbrado.pac.sandbox import PacSandbox
from services.timbrado.repository import (
    Directo,
    EstadosDePacs,
    FuenteLcoPostgres,
    MemoriaPostgres,
    MemoriaSatPostgres,
    motor_directo,
)
from services.timbrado.use_cases import (
    conciliacion_pac,
)
from services.timbrado.use_cases.aplicaciones import Admision
from services.timbrado.use_cases.cancelar import Cancelador
from services.timbrado.use_cases.conciliar import Conciliador
from services.timbrado.use_cases.envio import Envio
from services.timbrado.use_cases.timbrar import Timbrador
from shared.config import settings
from shared.messaging.bus import Bus
from shared.messaging.cpu import offload

#: Seconds past the PAC's own time-out before another replica may take over a stamping.
MARGEN_DE_RELEVO = 2.0


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


def base_de_datos() -> tuple[str, int]:
    """Its URL, and how many connections to it a pool may have. Raises RuntimeError: not set."""
    s = settings()
    if s.database_url is None:
        raise RuntimeError("DATABASE_URL must be set")
    return s.database_url, s.db_pool


@cache
def sandbox_de(bus: Bus) -> PacSandbox:
    """The sandbox PAC with its SAT. Raises RuntimeError naming the setting that lacks."""
    carpeta = settings().pac_sandbox_dir
    if carpeta is None:
        raise RuntimeError("PAC_SANDBOX_DIR must be set")
    return PacSandbox(
        carpeta, MemoriaPostgres(motor_directo(*base_de_datos())), MemoriaSatPostgres(bus.engine)
    )


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
        Directo(motor_directo(*base_de_datos())),
        consumo,
        max(plazos) + MARGEN_DE_RELEVO,
    )


@cache
def conciliador_de_pacs(bus: Bus) -> conciliacion_pac.ConciliadorDePacs:
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
        Directo(motor_directo(*base_de_datos())),
        emision,
        Admision(credenciales, bus.uow, Aplicaciones(aplicacion).verificar).admitir,
    )
