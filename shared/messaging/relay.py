"""The relay: takes told events from the outbox, publishes them confirmed, deletes them.

At least once: a death between publish and commit publishes again, and consumers dedupe by the event's
id. Several replicas share one outbox (`SKIP LOCKED`), so order between events is not promised.
"""

from __future__ import annotations

import random

import eventlet
from eventlet.event import Event
from kombu import Connection, Producer
from sqlalchemy import Engine, text

from shared.crash import crash_point
from shared.logging import get_logger
from shared.messaging.wire import CORRELATION_HEADER, EVENTS, SERIALIZER

log = get_logger(__name__)

_TAKE = text(
    "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT 200 FOR UPDATE SKIP LOCKED)"
    " RETURNING evento_id, evento, carga, correlacion"
)
_IDLE = 1.0
_GATHER = 0.05
_PUBLISH_TIMEOUT = 5.0


class Relay:
    """One per service process. `wake()` after a commit makes it look at once; otherwise it polls."""

    def __init__(self, engine: Engine, amqp_url: str) -> None:
        self._engine = engine
        self._url = amqp_url
        self._wake = Event()
        self._stopping = False
        self._connection: Connection | None = None
        self._producer: Producer | None = None

    def wake(self) -> None:
        """Look at the outbox now."""
        if not self._wake.ready():
            self._wake.send(None)

    def stop(self) -> None:
        """Finish the lot under way and end."""
        self._stopping = True
        self.wake()

    def run(self) -> None:
        """Until stopped. A broker or database that is away is retried with growing, jittered waits."""
        failures = 0
        while not self._stopping:
            try:
                while self.publish_some():
                    pass
                failures = 0
                wait = _IDLE * random.uniform(0.7, 1.3)
            except Exception as exc:
                failures += 1
                log.warning("relay_failed", error=str(exc), failures=failures)
                self._disconnect()
                wait = min(10.0, 0.2 * 2**failures) * random.uniform(0.7, 1.3)
            with eventlet.Timeout(wait, False):
                self._wake.wait()
                # Under load many commits come together: their events leave in one lot.
                eventlet.sleep(_GATHER)
            self._wake = Event()

    def publish_some(self) -> int:
        """Publish one lot in one transaction; returns how many."""
        with self._engine.begin() as connection:
            rows = connection.execute(_TAKE).all()
            if not rows:
                return 0
            crash_point("relay.antes_de_publicar")
            timeout = eventlet.Timeout(_PUBLISH_TIMEOUT, TimeoutError("the broker did not confirm in time"))
            try:
                producer = self._connect()
                for row in rows:
                    producer.publish(
                        row.carga,
                        exchange=EVENTS,
                        routing_key=row.evento,
                        serializer=SERIALIZER,
                        delivery_mode=2,
                        message_id=str(row.evento_id),
                        headers={CORRELATION_HEADER: row.correlacion, "intento": 0},
                        retry=False,
                    )
            finally:
                timeout.cancel()
            crash_point("relay.despues_de_publicar")
        return len(rows)

    def _connect(self) -> Producer:
        if self._producer is None:
            self._connection = Connection(
                self._url, connect_timeout=3, transport_options={"confirm_publish": True, "read_timeout": 5}
            )
            self._producer = Producer(self._connection.channel())
        return self._producer

    def _disconnect(self) -> None:
        if self._connection is not None:
            try:
                self._connection.collect()
            except Exception as exc:
                log.debug("relay_close_failed", error=str(exc))
        self._connection = self._producer = None
