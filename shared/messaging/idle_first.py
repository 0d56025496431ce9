"""`@idle_first`: a call that goes to a replica that is idle, where there is one.

RabbitMQ deals messages in turns, so of two replicas one gets a second call while the other waits. Here each replica
reads one queue twice: a consumer of high priority that takes one call at a time, and one of low priority that takes
as many as there are workers. The broker fills consumers of high priority first, so a second call reaches a replica
only when none is idle (ADR 17). Measured in docs/bench: it is what keeps two cores busy with two lots.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kombu import Queue
from nameko.messaging import QueueConsumer
from nameko.rpc import Rpc, RpcConsumer, rpc

from shared.contracts.base import IDLE
from shared.messaging.rpc_client import RPC_EXCHANGE


def queue_for(servicio: str, priority: int | None = None) -> Queue:
    """The queue of a service's idle-first calls, as a consumer of `priority` reads it."""
    return Queue(
        f"rpc-{servicio}-{IDLE}",
        exchange=RPC_EXCHANGE,
        routing_key=f"{servicio}.{IDLE}.*",
        durable=True,
        consumer_arguments={} if priority is None else {"x-priority": priority},
    )


class _OneAtATime(QueueConsumer):  # type: ignore[misc]
    prefetch_count = 1


class _AsManyAsWorkers(QueueConsumer):  # type: ignore[misc]
    """A connection of its own: a prefetch belongs to a channel."""


class _IdleConsumer(RpcConsumer):  # type: ignore[misc]
    priority = 10
    queue: Queue | None
    queue_consumer = _OneAtATime()

    def setup(self) -> None:
        if self.queue is None:
            self.queue = queue_for(self.container.service_name, self.priority)
            self.queue_consumer.register_provider(self)

    def get_provider_for_method(self, routing_key: str) -> Any:
        servicio, _, metodo = routing_key.split(".")
        return super().get_provider_for_method(f"{servicio}.{metodo}")


class _BusyConsumer(_IdleConsumer):
    priority = 0
    queue_consumer = _AsManyAsWorkers()


class _Idle(Rpc):  # type: ignore[misc]
    rpc_consumer = _IdleConsumer()


class _Busy(Rpc):  # type: ignore[misc]
    rpc_consumer = _BusyConsumer()


def idle_first(**kwargs: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """As nameko's `@rpc`, for a contract with `ocioso=True`; callers of an older version still reach it too."""

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        for entrypoint in (rpc, _Idle.decorator, _Busy.decorator):
            method = entrypoint(**kwargs)(method)
        return method

    return decorate
