"""Declares every exchange and queue before anything publishes: `python -m shared.messaging.topologia`.

An event published before any queue of its consumers exists would be lost, so this is a job that runs
before the services. Declaring what is already there changes nothing.
"""

from __future__ import annotations

from kombu import Connection, Exchange, Queue

from shared.config import settings
from shared.contracts import timbrado
from shared.contracts.eventos import SUSCRIPCIONES
from shared.messaging import idle_first
from shared.messaging.events import queue_for
from shared.messaging.rpc_client import RPC_EXCHANGE
from shared.messaging.wire import EVENTS, RETRY_DELAYS, dead_queue, delay_queue

SERVICES = ("clientes", "timbrado", "puntos", "licencias", "facturacion")


def declare(amqp_url: str) -> int:
    """Declare everything on the broker at `amqp_url`; returns how many queues."""
    with Connection(amqp_url, connect_timeout=10) as connection:
        channel = connection.channel()
        EVENTS(channel).declare()
        RPC_EXCHANGE(channel).declare()
        queues: list[Queue] = [
            Queue(f"rpc-{s}", exchange=RPC_EXCHANGE, routing_key=f"{s}.*", durable=True) for s in SERVICES
        ]
        queues.append(idle_first.queue_for(timbrado.TIMBRAR_LOTE.servicio))
        for seconds in RETRY_DELAYS:
            name = delay_queue(seconds)
            queues.append(
                Queue(
                    name,
                    exchange=Exchange(name, type="fanout", durable=True),
                    durable=True,
                    # Expired messages go to the default exchange under the routing key that they were
                    # published with: the name of the queue in which they failed.
                    queue_arguments={"x-message-ttl": seconds * 1000, "x-dead-letter-exchange": ""},
                )
            )
        for evento, consumidores in SUSCRIPCIONES.items():
            for consumidor in consumidores:
                queues.append(Queue(dead_queue(consumidor, evento.nombre), durable=True))
                queues.append(queue_for(consumidor, evento.nombre))
        for queue in queues:
            queue(channel).declare()
        return len(queues)


if __name__ == "__main__":
    print(f"{declare(settings().amqp_url)} queues declared")
