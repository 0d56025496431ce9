"""From a committed hold to its end: the PAC is asked, another if it surely got nothing, and the answer is written.

Capture, release, or leave to the reconciler; the pipeline and the reconciler both end here. A document is in the
hands of one PAC at a time: its row names it, and changes hands in a transaction before the next one is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from services.timbrado.pac.enrutador import Enrutador
from services.timbrado.pac.protocolo import (
    Desconocido,
    NoEncontrado,
    NoEnviado,
    Pac,
    Rechazado,
    Resultado,
    Solicitud,
    TfdAjeno,
    Timbrado,
    verificar_tfd,
)
from shared.crash import crash_point
from shared.ledger.domain import Captura
from shared.logging import get_logger
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.timbrado.repository import Directo, Repositorio

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Hecho:
    """What finishing one pendiente needs. Only who holds the row's `turno` decides about it."""

    id: UUID
    cti: str
    solicitud: Solicitud
    turno: int = 1
    libre: bool = True
    """No PAC can have it yet: a failed connection proves that it was never sent."""


Respuesta = tuple[Hecho, Resultado, Pac]


class Envio:
    """Sends to PACs and writes what came of it. `plazo`: seconds of the lease on a row."""

    def __init__(
        self,
        pacs: Enrutador,
        uow: Callable[[], UnitOfWork[Repositorio]],
        directo: Directo,
        consumo: int,
        plazo: float,
    ) -> None:
        self.pacs = pacs
        self.plazo = plazo
        self._uow = uow
        self._directo = directo
        self._consumo = consumo

    def enviar(self, hechos: Sequence[Hecho], pac: Pac) -> list[Respuesta]:
        """One answer per document, in no order. What `pac` surely never had goes to the next PAC, and so on."""
        respuestas: dict[UUID, Respuesta] = {}
        probados: set[str] = set()
        pedidos = list(hechos)
        siguiente: Pac | None = pac
        while pedidos and siguiente is not None:
            actual = siguiente
            probados.add(actual.nombre)
            for h, r in zip(pedidos, self.pacs.timbrar(actual, [h.solicitud for h in pedidos]), strict=True):
                respuestas[h.id] = (h, r, actual)
            pedidos = [h for h in pedidos if h.libre and isinstance(respuestas[h.id][1], NoEnviado)]
            siguiente = self.pacs.elegir(probados) if pedidos else None
            if siguiente is not None:
                crash_point("relevo.antes_de_cambiar")
                pedidos = self.encargar(pedidos, actual.nombre, siguiente.nombre)
                crash_point("relevo.despues_de_cambiar")
        return list(respuestas.values())

    def encargar(self, hechos: Sequence[Hecho], de: str, a: str) -> list[Hecho]:
        """Put documents in the hands of PAC `a`, committed; those that are still ours to give."""
        with self._uow() as uow:
            ids = uow.repo.encargar([(h.id, h.turno) for h in hechos], de, a, self.plazo)
            uow.commit()
        return [h for h in hechos if h.id in ids]

    def terminar(self, respuestas: Sequence[Respuesta]) -> dict[UUID, tuple[UUID, bytes]]:
        """Capture what was stamped, release what was refused, leave the unknown; answers id → (UUID, TFD)."""
        timbrados: list[tuple[Hecho, UUID, bytes]] = []
        rechazados: list[tuple[UUID, str]] = []
        inciertos: list[tuple[UUID, int, bool]] = []
        for hecho, respuesta, pac in respuestas:
            match respuesta:
                case Timbrado(tfd):
                    try:
                        leido = verificar_tfd(hecho.solicitud, tfd, pac.certificado_de)
                        timbrados.append((hecho, UUID(str(leido.uuid)), tfd))
                    except TfdAjeno as exc:
                        log.error("tfd_ajeno", id=str(hecho.id), pac=pac.nombre, error=str(exc))
                        self.pacs.anotar_falla(pac.nombre, "su timbre no es del documento")
                        inciertos.append((hecho.id, hecho.turno, False))
                case Rechazado(codigo, mensaje):
                    rechazados.append((hecho.id, f"{codigo}: {mensaje}"))
                case NoEnviado():
                    inciertos.append((hecho.id, hecho.turno, hecho.libre))
                case Desconocido() | NoEncontrado():
                    inciertos.append((hecho.id, hecho.turno, False))
        hechos = self._capturar(timbrados) if timbrados else {}
        if rechazados or inciertos:
            with self._uow() as uow:
                if rechazados:
                    libres = uow.repo.marcar_rechazados(rechazados)
                    uow.repo.libro.liberar([r[0] for r in rechazados if r[0] in libres])
                if inciertos:
                    uow.repo.soltar(inciertos)
                uow.commit()
        return hechos

    def _capturar(self, timbrados: Sequence[tuple[Hecho, UUID, bytes]]) -> dict[UUID, tuple[UUID, bytes]]:
        crash_point("timbrado.antes_de_captura")
        capturados = self._directo.capturar(
            [Captura(h.id, h.id, self._consumo, "timbrado", str(u)) for h, u, _ in timbrados],
            [u for _, u, _ in timbrados],
            [tfd for _, _, tfd in timbrados],
        )
        hechos = {h.id: (u, tfd) for h, u, tfd in timbrados if h.id in capturados}
        if len(hechos) < len(timbrados):
            with self._uow() as uow:
                hechos |= _captados_por_otro(uow, [h for h, _, _ in timbrados if h.id not in capturados])
        return hechos


def _captados_por_otro(
    uow: UnitOfWork[Repositorio], hechos: Sequence[Hecho]
) -> dict[UUID, tuple[UUID, bytes]]:
    """Stamps whose hold was gone: the other worker's capture counts, and only that. No TFD leaves without its debit."""
    conocidos = {k.id: k for k in uow.repo.conocidos([h.solicitud.huella for h in hechos], [])}
    captados: dict[UUID, tuple[UUID, bytes]] = {}
    for h in hechos:
        k = conocidos.get(h.id)
        if k is not None and k.uuid is not None and k.tfd is not None:
            captados[h.id] = (k.uuid, bytes(k.tfd))
        else:
            log.critical("timbre_sin_retencion", id=str(h.id), cti=h.cti)
    return captados
