"""The reconciler of stampings: finishes what a dead worker, or a PAC that did not answer, left pendiente.

The PAC that may have the document is asked first. Only it may be sent the document again while it may still
have it in its hands (`EN_MANOS`); past that, and only if it says that it knows of none, another PAC may.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from services.timbrado.pac.protocolo import NoEncontrado, Pac, Solicitud
from services.timbrado.use_cases.envio import Envio, Hecho, Respuesta
from shared.crash import crash_point
from shared.logging import get_logger
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.repository import Repositorio

log = get_logger(__name__)

#: How long a request that was given to a PAC may still turn into a stamp there: far more than any time-out.
EN_MANOS = timedelta(minutes=10)
_POR_RONDA = 100


class Conciliador:
    """Takes rows whose lease ended, and brings each to its end."""

    def __init__(self, envio: Envio, uow: Callable[[], UnitOfWork[Repositorio]]) -> None:
        self._envio = envio
        self._uow = uow

    def conciliar(self) -> int:
        """One round; returns how many rows were taken."""
        self._envio.pacs.sondear()
        with self._uow() as uow:
            filas = uow.repo.abandonados(_POR_RONDA, self._envio.plazo)
            uow.commit()
        if not filas:
            return 0
        respuestas: list[Respuesta] = []
        libres = [f for f in filas if f.por_enviar]
        for nombre in sorted({f.pac for f in filas if not f.por_enviar}):
            grupo = [f for f in filas if f.pac == nombre and not f.por_enviar]
            hechas, sueltas = self._preguntar(nombre, grupo)
            respuestas += hechas
            libres += sueltas
        respuestas += self._enviar_libres(libres)
        crash_point("conciliador.despues_del_pac")
        self._envio.terminar(respuestas)
        log.info("conciliados", total=len(filas), libres=len(libres))
        return len(filas)

    def _preguntar(self, nombre: str, filas: Sequence[Any]) -> tuple[list[Respuesta], list[Any]]:
        """Ask the PAC that may have them; what it lacks goes to it again. Answers (answers, rows free to go elsewhere)."""
        pac = self._envio.pacs.por_nombre(nombre)
        if pac is None:
            # Only that PAC knows whether a stamp exists, so the hold stays until the configuration has it again.
            log.critical("pac_desconocido", pac=nombre, pendientes=len(filas))
            return [], []
        hechos = [_hecho(f, libre=False) for f in filas]
        respuestas: list[Respuesta] = []
        ausentes: list[Hecho] = []
        sueltas: list[Any] = []
        contestadas = self._envio.pacs.consultar(pac, [h.solicitud for h in hechos])
        disponible = self._envio.pacs.disponible(nombre)
        for fila, hecho, r in zip(filas, hechos, contestadas, strict=True):
            if not isinstance(r, NoEncontrado):
                respuestas.append((hecho, r, pac))
            elif disponible:
                ausentes.append(hecho)
            elif fila.en_manos > EN_MANOS:
                sueltas.append(fila)
            else:
                respuestas.append((hecho, r, pac))
        if ausentes:
            respuestas += self._envio.enviar(self._envio.encargar(ausentes, nombre, nombre), pac)
        return respuestas, sueltas

    def _enviar_libres(self, filas: Sequence[Any]) -> list[Respuesta]:
        """What no PAC has goes to the best one; without any, it waits for the next round."""
        pac: Pac | None = self._envio.pacs.elegir() if filas else None
        if pac is None:
            return []
        encargados: list[Hecho] = []
        for nombre in sorted({f.pac for f in filas}):
            hechos = [_hecho(f, libre=True) for f in filas if f.pac == nombre]
            encargados += self._envio.encargar(hechos, nombre, pac.nombre)
        return self._envio.enviar(encargados, pac)


def _hecho(f: Any, *, libre: bool) -> Hecho:
    solicitud = Solicitud(
        bytes(f.huella), bytes(f.xml), f.sello, f.emisor, f.no_certificado, f.receptor, str(f.total)
    )
    return Hecho(f.id, f.cti, solicitud, f.turno, libre)
