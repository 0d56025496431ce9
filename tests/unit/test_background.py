"""The background loop: works while there is work, is woken, survives failures, stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import eventlet
import pytest
from eventlet.event import Event

from shared.messaging import background
from shared.messaging.background import Background
from shared.messaging.bus import Bus


class _Contenedor:
    """What a nameko container gives to an extension."""

    def __init__(self) -> None:
        bus = Bus(lambda _: None)
        bus.relay = type("Relay", (), {"wake": self._despertar})()
        self.extensions = [bus]
        self.avisos = 0

    def _despertar(self) -> None:
        self.avisos += 1

    def spawn_managed_thread(self, funcion: Callable[[], None], identifier: str) -> None:
        assert identifier == "background-obrero"
        self.hilo = eventlet.spawn(funcion)


@contextmanager
def corriendo(paso: Callable[[Any], bool], idle: float) -> Iterator[tuple[Background, _Contenedor]]:
    contenedor = _Contenedor()
    obrero = Background(paso, idle)
    obrero.container, obrero.attr_name = contenedor, "obrero"
    obrero.start()
    with eventlet.Timeout(10):
        yield obrero, contenedor
        obrero.stop()
        contenedor.hilo.wait()


def test_it_works_until_nothing_is_left_and_again_when_woken() -> None:
    pendientes, vacia = [3], [Event(), Event()]

    def paso(bus: Bus) -> bool:
        if pendientes[0]:
            pendientes[0] -= 1
            return True
        vacia[0].send(None)
        return False

    with corriendo(paso, 3600) as (obrero, contenedor):
        vacia[0].wait()
        assert pendientes == [0]
        pendientes[0] = 2
        vacia.pop(0)
        obrero.wake()
        vacia[0].wait()
        vacia.insert(0, Event())
        assert pendientes == [0]
        assert contenedor.avisos >= 1


def test_it_is_busy_while_it_works_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    ocupado: list[bool] = []
    vacia = Event()

    def paso(bus: Bus) -> bool:
        ocupado.append(obrero.busy)
        if len(ocupado) == 2:
            monkeypatch.setattr(background, "_PATIENCE", 0.0)
        if len(ocupado) < 4:
            return True
        vacia.send(None)
        return False

    with corriendo(paso, 3600) as (obrero, _):
        assert not obrero.busy
        vacia.wait()
        eventlet.sleep(0)
        monkeypatch.undo()
        assert not obrero.busy
    assert ocupado == [False, True, False, False]


def test_it_looks_by_itself_and_a_failure_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_LONGEST_WAIT", 0.01)
    veces, vista = [0], Event()

    def paso(bus: Bus) -> bool:
        veces[0] += 1
        if veces[0] < 4:
            raise RuntimeError("the database is away")
        if not vista.ready():
            vista.send(None)
        return False

    with corriendo(paso, 0.01):
        vista.wait()
    assert veces[0] >= 4
