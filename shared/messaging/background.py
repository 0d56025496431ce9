"""Work that a service does by itself, in the background: woken after a commit, or looking each second.

    aplicador = Background(lambda bus: masivas.aplicar_una(bus.uow))

Every replica runs one; what they share is in the database (`FOR UPDATE SKIP LOCKED`), so that whichever lives
goes on where another died.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import eventlet
from eventlet.event import Event
from nameko.extensions import DependencyProvider

from shared.logging import get_logger
from shared.messaging.bus import Bus

log = get_logger(__name__)

_LONGEST_WAIT = 10.0
#: Seconds for which others of this process stand back while it works.
_PATIENCE = 10.0


class Background(DependencyProvider):  # type: ignore[misc]
    """Runs `step(bus)` until it says that there is nothing left, then waits for `wake()` or `idle` seconds."""

    def __init__(self, step: Callable[[Bus], bool], idle: float = 1.0) -> None:
        self._step = step
        self._idle = idle
        self._wake = Event()
        self._stopping = False
        self._since: float | None = None

    def start(self) -> None:
        self._bus: Bus = next(e for e in self.container.extensions if isinstance(e, Bus))
        self.container.spawn_managed_thread(self._run, identifier=f"background-{self.attr_name}")

    def stop(self) -> None:
        self._stopping = True
        self.wake()

    def get_dependency(self, worker_ctx: object) -> Background:  # noqa: ARG002
        return self

    def wake(self) -> None:
        """Look now: there is something to do."""
        if not self._wake.ready():
            self._wake.send(None)

    @property
    def busy(self) -> bool:
        """At work, and not for long yet: what else is heavy in this event loop had better run in a replica, or later."""
        return self._since is not None and time.monotonic() - self._since < _PATIENCE

    def _run(self) -> None:
        failures = 0
        while not self._stopping:
            wait = self._idle * random.uniform(0.7, 1.3)
            try:
                while not self._stopping and self._step(self._bus):
                    self._since = self._since or time.monotonic()
                    failures = 0
                # Once, so that what was told on the way leaves in few lots; the relay looks each second anyway.
                self._bus.relay.wake()
            except Exception as exc:
                # The database is away, or a lock was not had in time: the next turn tries again.
                failures += 1
                log.warning("background_failed", que=self.attr_name, error=str(exc), failures=failures)
                wait = min(_LONGEST_WAIT, wait * 2**failures)
            self._since = None
            with eventlet.Timeout(wait, False):
                self._wake.wait()
            self._wake = Event()
