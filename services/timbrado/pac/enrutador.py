"""Which PAC is asked: by priority, around those that are paused or resting, and never two at once for one document.

The shared state (pauses, circuit breakers: `domain/pac.py`) is read at most once a second per process. A PAC
whose rest is over is tried with a question that stamps nothing (`sondear`), so that no invoice is the guinea pig.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from services.timbrado.domain.pac import Disyuntor, EstadoDePac
from services.timbrado.pac.protocolo import Desconocido, NoEnviado, Pac, Resultado, Solicitud, Timbrado
from shared.logging import get_logger

log = get_logger(__name__)

#: Seconds for which a process believes what it read of the PACs' state.
REFRESCO = 1.0


class Estados(Protocol):
    """The shared state of the PACs; each call is a transaction of its own."""

    def pacs(self) -> list[EstadoDePac]:
        """Every state there is."""

    def anotar_falla(self, nombre: str, motivo: str) -> EstadoDePac:
        """One more failure; the state after it."""

    def anotar_exito(self, nombre: str) -> None:
        """It answered sense."""

    def tomar_sonda(self, nombre: str) -> bool:
        """Take the one probe of a PAC whose rest is over."""


class Enrutador:
    """The configured PACs, each with its priority (the lower goes first)."""

    def __init__(
        self,
        pacs: Sequence[tuple[int, Pac]],
        estados: Estados,
        reloj: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pacs = {pac.nombre: pac for _, pac in pacs}
        self._prioridad = {pac.nombre: prioridad for prioridad, pac in pacs}
        self._estados = estados
        self._reloj = reloj
        self._leidos: dict[str, EstadoDePac] = {}
        self._hasta = 0.0
        self._muestras: dict[str, Solicitud] = {}

    @property
    def nombres(self) -> list[str]:
        """Names of the configured PACs."""
        return list(self._pacs)

    def por_nombre(self, nombre: str) -> Pac | None:
        """A configured PAC; None if the configuration no longer has it."""
        return self._pacs.get(nombre)

    def elegir(self, excepto: Collection[str] = ()) -> Pac | None:
        """The PAC to ask next, or None when every other one is paused or resting."""
        ahora = self._reloj()
        estados = self._leer()
        candidatos = sorted(
            (e for n, e in estados.items() if n not in excepto), key=lambda e: (e.prioridad or 0, e.nombre)
        )
        for estado in candidatos:
            # Without a sample to ask about, as after a restart, a lot has to be the probe, or it would rest for ever.
            if estado.disponible(ahora) or (
                estado.nombre not in self._muestras and self._a_prueba(estado, ahora)
            ):
                return self._pacs[estado.nombre]
        # Nobody is well: one request tries a PAC whose rest is over, rather than refuse all.
        for estado in candidatos:
            if self._a_prueba(estado, ahora):
                return self._pacs[estado.nombre]
        return None

    def disponible(self, nombre: str) -> bool:
        """May be sent to now."""
        estado = self._leer().get(nombre)
        return estado is not None and estado.disponible(self._reloj())

    def timbrar(self, pac: Pac, lote: Sequence[Solicitud]) -> list[Resultado]:
        """`pac.timbrar`, with its health noted."""
        respuestas = pac.timbrar(lote)
        for solicitud, respuesta in zip(lote, respuestas, strict=True):
            # What a PAC has stamped may be asked of it for ever; some are asked by sending the document again.
            if isinstance(respuesta, Timbrado):
                self._muestras[pac.nombre] = solicitud
                break
        return self._anotar(pac, respuestas)

    def consultar(self, pac: Pac, lote: Sequence[Solicitud]) -> list[Resultado]:
        """`pac.consultar`, with its health noted."""
        return self._anotar(pac, pac.consultar(lote))

    def sondear(self) -> None:
        """Ask each PAC whose rest is over about a document that it was sent before: nothing is stamped."""
        ahora = self._reloj()
        for nombre, estado in self._leer().items():
            muestra = self._muestras.get(nombre)
            if muestra is not None and self._a_prueba(estado, ahora):
                self.consultar(self._pacs[nombre], [muestra])

    def anotar_falla(self, nombre: str, motivo: str) -> None:
        """Count a failure that only the pipeline can see, such as a stamp that is not the document's."""
        estado = self._estados.anotar_falla(nombre, motivo)
        self._leidos[nombre] = self._con_prioridad(estado)
        log.warning("pac_falla", pac=nombre, motivo=motivo, seguidas=estado.fallas_seguidas)

    def _a_prueba(self, estado: EstadoDePac, ahora: datetime) -> bool:
        """Take the probe of a PAC whose rest is over."""
        if estado.pausado or estado.disyuntor(ahora) is not Disyuntor.SEMIABIERTO:
            return False
        self._hasta = 0.0
        return self._estados.tomar_sonda(estado.nombre)

    def _anotar(self, pac: Pac, respuestas: list[Resultado]) -> list[Resultado]:
        malas = [
            r for r in respuestas if isinstance(r, Desconocido) or (isinstance(r, NoEnviado) and r.del_pac)
        ]
        if any(not isinstance(r, Desconocido | NoEnviado) for r in respuestas):
            estado = self._leer().get(pac.nombre)
            if estado is not None and (estado.fallas_seguidas or estado.abierto_hasta):
                self._estados.anotar_exito(pac.nombre)
                self._hasta = 0.0
        elif malas:
            self.anotar_falla(pac.nombre, malas[0].motivo)
        return respuestas

    def _leer(self) -> dict[str, EstadoDePac]:
        if time.monotonic() > self._hasta:
            guardados = {e.nombre: e for e in self._estados.pacs()}
            self._leidos = {n: self._con_prioridad(guardados.get(n, EstadoDePac(n))) for n in self._pacs}
            self._hasta = time.monotonic() + REFRESCO
        return self._leidos

    def _con_prioridad(self, estado: EstadoDePac) -> EstadoDePac:
        if estado.prioridad is not None:
            return estado
        return replace(estado, prioridad=self._prioridad[estado.nombre])
