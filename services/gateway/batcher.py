"""Stampings that arrive together travel in one message: what makes the bus hop cheap (ADR 0001).

A lot leaves as soon as a lane is free, with what is waiting, up to its share: what waits and is under way, over the
lanes. Without the share one lane took all that waited, and one replica worked while the other idled. A lane that
brought several rests for 3 ms, in which most of their callers ask again: the next lot is larger, and a lot costs the
same 3 ms of CPU however large. A lone caller is never delayed. Lanes are how many lots are under way at once: few, so
that lots grow. A slow PAC keeps them busy for seconds, so whoever has waited too long gets an extra lane for one lot.
"""

from __future__ import annotations

import random
import time
from collections import deque
from dataclasses import dataclass, field

import eventlet
from eventlet.event import Event
from eventlet.semaphore import Semaphore

from shared.contracts.timbrado import (
    TIMBRAR_LOTE,
    LoteDeTimbrado,
    ResultadoDeTimbrado,
    SolicitudDeTimbrado,
)
from shared.errors import Codigo, DomainError
from shared.messaging.rpc_client import RpcClient, no_disponible

#: Two lots under way keep two replicas busy (`shared/messaging/idle_first.py` gives each one) and let the next lot
#: grow; more lanes make smaller lots, which measured no faster (docs/bench).
LANES = 2
#: Lots under way at most, and seconds of waiting after which one leaves beside the lanes.
MAX_LANES = 24
PATIENCE = 0.15
#: Seconds that a lane rests after a lot of at least so many.
GATHER, SEVERAL = 0.003, 4
MAX_ITEMS = 64
MAX_BYTES = 1_500_000
#: Waiting stampings past which a new one is refused at once: a queue that long misses every deadline.
MAX_WAITING = 2_000
#: Seconds that a caller waits for its stamping before it is told to ask again.
DEADLINE = 12.0


@dataclass(slots=True)
class _Waiting:
    solicitud: SolicitudDeTimbrado
    deadline: float
    since: float = field(default_factory=time.monotonic)
    done: Event = field(default_factory=Event)


class Batcher:
    """`timbrar(solicitud)` from many greenthreads; the lots are made here."""

    def __init__(self, cliente: RpcClient, lanes: int = LANES) -> None:
        self._cliente = cliente
        self._queue: deque[_Waiting] = deque()
        self._ready = Semaphore(0)
        self._lanes = lanes
        self._under_way = 0
        self._extra = 0
        self._max_extra = MAX_LANES - lanes
        for _ in range(lanes):
            eventlet.spawn(self._lane)
        eventlet.spawn(self._relieve)

    def timbrar(self, solicitud: SolicitudDeTimbrado, plazo: float = DEADLINE) -> ResultadoDeTimbrado:
        """The result of one stamping; its error, if any, is raised as a `DomainError`.

        While the PAC has not answered, the same request is asked again until the deadline: the pipeline
        stamps an invoice once, so asking again is free.
        """
        deadline = time.monotonic() + plazo
        pause = 0.2
        while True:
            resultado = self._once(solicitud, deadline)
            if resultado.error is None:
                return resultado
            if resultado.error != Codigo.PENDIENTE or time.monotonic() + pause + 0.5 > deadline:
                raise DomainError(Codigo(resultado.error), resultado.detail or "", datos=resultado.datos)
            eventlet.sleep(pause * random.uniform(0.7, 1.3))
            pause = min(1.0, pause * 1.6)

    def _once(self, solicitud: SolicitudDeTimbrado, deadline: float) -> ResultadoDeTimbrado:
        if len(self._queue) >= MAX_WAITING:
            raise no_disponible("timbrado")
        waiting = _Waiting(solicitud, deadline)
        self._queue.append(waiting)
        self._ready.release()
        with eventlet.Timeout(max(0.01, deadline - time.monotonic()), False):
            resultado: ResultadoDeTimbrado = waiting.done.wait()
            return resultado
        raise no_disponible("timbrado")

    def _lane(self) -> None:
        while True:
            self._ready.acquire()
            lot = self._take()
            if lot:
                self._send(lot)
                if len(lot) >= SEVERAL:
                    eventlet.sleep(GATHER)

    def _relieve(self) -> None:
        """Give those that wait too long a lane of their own, one lot at a time."""
        while True:
            eventlet.sleep(PATIENCE / 3)
            if (
                self._queue
                and self._extra < self._max_extra
                and time.monotonic() - self._queue[0].since > PATIENCE
                and self._ready.acquire(blocking=False)
            ):
                self._extra += 1
                eventlet.spawn(self._extra_lane)

    def _extra_lane(self) -> None:
        try:
            lot = self._take()
            if lot:
                self._send(lot)
        finally:
            self._extra -= 1

    def _take(self) -> list[_Waiting]:
        lot: list[_Waiting] = []
        size = 0
        now = time.monotonic()
        share = -(-(len(self._queue) + self._under_way) // self._lanes)
        while self._queue and len(lot) < min(share, MAX_ITEMS) and size < MAX_BYTES:
            waiting = self._queue.popleft()
            if lot:
                # Its own permit: the first one's was taken by the lane.
                self._ready.acquire(blocking=False)
            if waiting.deadline > now:
                lot.append(waiting)
                size += len(waiting.solicitud.xml)
        self._under_way += len(lot)
        return lot

    def _send(self, lot: list[_Waiting]) -> None:
        plazo = max(0.5, min(w.deadline for w in lot) - time.monotonic())
        try:
            respuesta = self._cliente.llamar(
                TIMBRAR_LOTE, LoteDeTimbrado(solicitudes=[w.solicitud for w in lot]), plazo
            )
        except DomainError as exc:
            for w in lot:
                w.done.send_exception(exc)
        except Exception as exc:  # noqa: BLE001
            # A lane never dies: whatever went wrong belongs to this lot's callers.
            for w in lot:
                w.done.send_exception(exc)
        else:
            for w, resultado in zip(lot, respuesta.resultados, strict=True):
                w.done.send(resultado)
        finally:
            self._under_way -= len(lot)
