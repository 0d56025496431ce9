"""Lots: what waits travels together, each gets its own answer, and a slow PAC holds nobody up for long."""

from __future__ import annotations

from typing import Any

import eventlet
import pytest

from services.gateway.batcher import LANES, Batcher
from shared.contracts.timbrado import (
    LoteDeTimbrado,
    ResultadoDeTimbrado,
    ResultadosDeTimbrado,
    SolicitudDeTimbrado,
)
from shared.errors import DomainError
from shared.messaging.rpc_client import no_disponible


class _Servicio:
    """Answers each lot after `demora` seconds, and remembers how many were under way at once."""

    def __init__(self, demora: float) -> None:
        self.demora = demora
        self.lotes: list[int] = []
        self.en_curso = 0
        self.maximo = 0
        self.falla: Exception | None = None

    def llamar(self, contrato: Any, lote: LoteDeTimbrado, plazo: float) -> ResultadosDeTimbrado:
        self.en_curso += 1
        self.maximo = max(self.maximo, self.en_curso)
        self.lotes.append(len(lote.solicitudes))
        try:
            eventlet.sleep(self.demora)
            if self.falla is not None:
                raise self.falla
            return ResultadosDeTimbrado(
                resultados=[ResultadoDeTimbrado(xml=s.xml, idd=s.idd) for s in lote.solicitudes]
            )
        finally:
            self.en_curso -= 1


def _pedir(batcher: Batcher, cuantas: int) -> list[ResultadoDeTimbrado]:
    pool = eventlet.GreenPool(200)
    solicitudes = [SolicitudDeTimbrado(cti="c", contrasena="p", xml=f"<x{n}/>") for n in range(cuantas)]
    hechas = list(pool.imap(batcher.timbrar, solicitudes))
    assert [h.xml for h in hechas] == [s.xml for s in solicitudes]
    return hechas


def test_what_waits_travels_together_and_each_gets_its_own_answer() -> None:
    servicio = _Servicio(0.02)
    _pedir(Batcher(servicio), 100)  # type: ignore[arg-type]
    assert sum(servicio.lotes) == 100
    assert len(servicio.lotes) < 30
    assert servicio.maximo == LANES


def test_each_lane_takes_its_share_so_that_no_replica_idles() -> None:
    servicio = _Servicio(0.03)
    _pedir(Batcher(servicio), 60)  # type: ignore[arg-type]
    assert max(servicio.lotes) <= 60 // LANES
    assert servicio.maximo == LANES


def test_a_slow_pac_does_not_hold_up_those_that_came_later() -> None:
    servicio = _Servicio(0.6)
    batcher = Batcher(servicio)  # type: ignore[arg-type]
    primeras = eventlet.GreenPool()
    for n in range(LANES):
        primeras.spawn(batcher.timbrar, SolicitudDeTimbrado(cti="c", contrasena="p", xml=f"<p{n}/>"))
        eventlet.sleep(0.01)
    assert servicio.en_curso == LANES
    _pedir(batcher, 10)
    primeras.waitall()
    assert servicio.maximo > LANES
    assert servicio.en_curso == 0


def test_a_lots_failure_is_told_to_each_and_the_lane_lives_on() -> None:
    servicio = _Servicio(0.01)
    batcher = Batcher(servicio)  # type: ignore[arg-type]
    servicio.falla = no_disponible("timbrado")
    with pytest.raises(DomainError):
        batcher.timbrar(SolicitudDeTimbrado(cti="c", contrasena="p", xml="<x/>"))
    servicio.falla = None
    _pedir(batcher, 10)
