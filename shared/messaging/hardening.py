"""Cures for what stock nameko 2.14.1 does wrong, each proven by a test (design/tech.md, nameko traps).

1. On SIGTERM it closes the connection before the acks, so calls in flight run again elsewhere: stop
   consuming first, close when the last worker has finished.
2. When the broker dies while a reply is in flight, the service exits: let the broker redeliver instead.
3. RPC replies are persistent and confirmed: a lost reply is a time-out that the caller repeats with its
   key, so neither is worth its price.
"""

from __future__ import annotations

import sys
from typing import Any

from amqp.exceptions import AMQPError
from kombu.exceptions import KombuError
from nameko import messaging, rpc
from nameko.amqp.publish import Publisher

from shared.crash import crash_point
from shared.logging import get_logger

log = get_logger(__name__)

BROKER_ERRORS: tuple[type[BaseException], ...] = (OSError, AMQPError, KombuError)


class ReplyPublisher(Publisher):  # type: ignore[misc]
    """Replies: not persistent, not confirmed."""

    use_confirms = False
    delivery_mode = 1
    retry = False


def apply() -> None:
    """Install the cures. Called once by the runtime before any service is built."""
    rpc.Responder.publisher_cls = ReplyPublisher
    original_send = rpc.Responder.send_response

    def send_response(self: Any, result: Any, exc_info: Any) -> tuple[Any, Any]:
        crash_point("rpc.antes_de_responder")
        try:
            sent: tuple[Any, Any] = original_send(self, result, exc_info)
            return sent
        except BROKER_ERRORS as exc:
            log.warning("reply_lost", error=str(exc))
            return result, exc_info or sys.exc_info()

    rpc.Responder.send_response = send_response

    def on_iteration(self: Any) -> None:
        self._cancel_consumers_if_requested()
        if len(self._consumers) == 0 and self.container._worker_pool.running() == 0:
            self.should_stop = True

    messaging.QueueConsumer.on_iteration = on_iteration
