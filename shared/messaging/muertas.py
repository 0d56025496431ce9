"""The events that failed every try: `python -m shared.messaging.muertas [listar|reenviar] [--cola evt…]`.

`reenviar` hands each back to the queue in which it failed, with all its tries before it; the handler's
inbox keeps one that had taken effect from doing so twice. Without `--cola`, every queue of the topology.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from amqp.exceptions import NotFound
from kombu import Connection, Producer, Queue

from shared.config import settings
from shared.contracts.eventos import SUSCRIPCIONES
from shared.messaging.wire import event_queue

_SUFIJO = ".muertas"
_TRANSPORTE = {"confirm_publish": True}


@dataclass(frozen=True, slots=True)
class Muerta:
    """One dead letter. `edad` in seconds, null when nothing says when it died."""

    cola: str
    evento: str
    id: str
    error: str
    intentos: int
    edad: float | None


def colas() -> list[str]:
    """The queue of every handler."""
    return [event_queue(c, e.nombre) for e, consumidores in SUSCRIPCIONES.items() for c in consumidores]


def listar(amqp_url: str, elegidas: Sequence[str] = ()) -> list[Muerta]:
    """Every dead letter, oldest first; all stay where they are."""
    with Connection(amqp_url, connect_timeout=5) as connection:
        # Nothing is acked: the broker puts all back in their order when the connection closes.
        return [_describir(cola, m) for cola, m in _leer(connection, elegidas)]


def reenviar(amqp_url: str, elegidas: Sequence[str] = ()) -> list[Muerta]:
    """Hand each dead letter back to its queue; answers those that went."""
    hechas: list[Muerta] = []
    with Connection(amqp_url, connect_timeout=5, transport_options=_TRANSPORTE) as connection:
        producer = Producer(connection.channel())
        for cola, m in list(_leer(connection, elegidas)):
            headers = {
                k: v for k, v in (m.headers or {}).items() if k not in ("error", "fallo_en", "x-death")
            }
            producer.publish(
                m.body,
                exchange="",
                routing_key=cola,
                content_type=m.content_type,
                content_encoding=m.content_encoding,
                delivery_mode=2,
                message_id=m.properties.get("message_id"),
                headers={**headers, "intento": 0},
                # Back to nobody is an error, not a loss: the letter stays dead.
                mandatory=True,
                retry=False,
            )
            # Confirmed by the broker before it leaves the dead: twice at worst, never lost.
            m.ack()
            hechas.append(_describir(cola, m))
    return hechas


def _leer(connection: Connection, elegidas: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for elegida in elegidas or colas():
        cola = elegida.removesuffix(_SUFIJO)
        try:
            queue = Queue(cola + _SUFIJO)(connection.channel())
            _, cuantas, _ = queue.queue_declare(passive=True)
        except NotFound:
            continue
        for _ in range(cuantas):
            mensaje = queue.get(no_ack=False)
            if mensaje is None:
                break
            yield cola, mensaje


def _describir(cola: str, m: Any) -> Muerta:
    headers = m.headers or {}
    fallo = headers.get("fallo_en")
    evento = cola.split(".", 2)[-1]
    return Muerta(
        cola,
        evento,
        str(m.properties.get("message_id", "")),
        str(headers.get("error", "delivered too often without an answer")),
        int(headers.get("intento", 0)),
        None if fallo is None else time.time() - float(fallo),
    )


def main(argumentos: Sequence[str]) -> int:
    """The tool; 0 also when there is nothing dead."""
    parser = argparse.ArgumentParser(prog="muertas", description=__doc__)
    parser.add_argument("orden", nargs="?", choices=("listar", "reenviar"), default="listar")
    parser.add_argument("--cola", action="append", default=[], help="only this queue; may be repeated")
    opciones = parser.parse_args(argumentos)
    hacer = reenviar if opciones.orden == "reenviar" else listar
    letras = hacer(settings().amqp_url, opciones.cola)
    for m in letras:
        edad = "?" if m.edad is None else f"{m.edad:.0f} s"
        print(f"{m.cola}\t{m.evento}\t{m.id}\t{m.intentos} tries\t{edad}\t{m.error}")
    print(f"{len(letras)} {'sent back' if opciones.orden == 'reenviar' else 'dead'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
