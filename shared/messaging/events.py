"""`@event(CONTRACT)`: a handler that an event reaches at least once, retried with growing delays, then set aside.

nameko's own event handler acks and loses an event whose handler raises, or loops hot. Here a failure
sends the message to a delay queue (1 s … 10 min) that hands it back to this handler's own queue, and
after the last try to `….muertas`, from where `python -m shared.messaging.muertas` replays it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from kombu import Connection, Producer, Queue
from nameko.exceptions import ContainerBeingKilled
from nameko.extensions import Entrypoint
from nameko.messaging import HeaderDecoder, QueueConsumer

from shared.config import settings
from shared.contracts.base import Evento
from shared.logging import get_logger
from shared.messaging.wire import (
    CORRELATION_HEADER,
    EVENTS,
    RETRY_DELAYS,
    SERIALIZER,
    dead_queue,
    delay_queue,
    event_queue,
)

log = get_logger(__name__)

#: Consumer service and event of every handler that is imported; the topology job declares their queues.
SUBSCRIPTIONS: set[tuple[str, str]] = set()


def queue_for(consumidor: str, evento: str) -> Queue:
    """The handler's durable quorum queue, bound to the event."""
    return Queue(
        event_queue(consumidor, evento),
        exchange=EVENTS,
        routing_key=evento,
        durable=True,
        queue_arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": 20,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": dead_queue(consumidor, evento),
        },
    )


class EventEntrypoint(Entrypoint, HeaderDecoder):  # type: ignore[misc]
    """The method is called with `(evento_id, carga)`."""

    queue_consumer = QueueConsumer()

    def __init__(self, contrato: Evento[Any], **kwargs: Any) -> None:
        self.contrato = contrato
        super().__init__(**kwargs)

    def setup(self) -> None:
        self.queue = queue_for(self.container.service_name, self.contrato.nombre)
        self.queue_consumer.register_provider(self)

    def stop(self) -> None:
        self.queue_consumer.unregister_provider(self)

    def handle_message(self, body: Any, message: Any) -> None:
        headers = message.headers or {}
        context = {CORRELATION_HEADER: headers.get(CORRELATION_HEADER, "")}
        args = (UUID(message.properties["message_id"]), body)
        try:
            self.container.spawn_worker(
                self, args, {}, context_data=context, handle_result=partial(self.handle_result, message, body)
            )
        except ContainerBeingKilled:
            self.queue_consumer.requeue_message(message)

    def handle_result(
        self,
        message: Any,
        body: Any,
        worker_ctx: Any,  # noqa: ARG002
        result: Any,
        exc_info: Any,
    ) -> tuple[Any, Any]:
        if exc_info is not None:
            try:
                self._set_aside(message, body, str(exc_info[1]))
            except Exception as exc:
                # The broker is away: unacked, it will deliver the event again by itself.
                log.warning("event_retry_failed", evento=self.contrato.nombre, error=str(exc))
                self.queue_consumer.requeue_message(message)
                return result, None
        self.queue_consumer.ack_message(message)
        # The failure was dealt with; nameko need not report it a second time.
        return result, None

    def _set_aside(self, message: Any, body: Any, error: str) -> None:
        attempt = int((message.headers or {}).get("intento", 0))
        consumidor = self.container.service_name
        dead = attempt >= len(RETRY_DELAYS)
        target = dead_queue(consumidor, self.contrato.nombre) if dead else self.queue.name
        log.warning("event_failed", evento=self.contrato.nombre, intento=attempt, muerta=dead, error=error)
        with Connection(
            settings().amqp_url, connect_timeout=3, transport_options={"confirm_publish": True}
        ) as connection:
            Producer(connection.channel()).publish(
                body,
                exchange="" if dead else f"{delay_queue(RETRY_DELAYS[attempt])}",
                routing_key=target,
                serializer=SERIALIZER,
                delivery_mode=2,
                message_id=message.properties["message_id"],
                headers={
                    **(message.headers or {}),
                    "intento": attempt + 1,
                    "error": error[:500],
                    "fallo_en": int(time.time()),
                },
                retry=False,
            )


_decorate = EventEntrypoint.decorator


def event(contrato: Evento[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Mark a service's method as the handler of `contrato`. Its name is a wire name: frozen once published."""
    decorator: Callable[[Callable[..., None]], Callable[..., None]] = _decorate(contrato)
    return decorator
