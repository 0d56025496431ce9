"""What travels on the bus: the serializer, the exchanges, and the one error that crosses it."""

from __future__ import annotations

from typing import Any

import orjson
from kombu import Exchange
from kombu.serialization import register
from nameko.exceptions import deserialize_to_instance

from shared.errors import Codigo, DomainError

SERIALIZER = "orjson"
CONTENT_TYPE = "application/x-orjson"
#: Header with the caller's deadline, milliseconds since the epoch; nameko strips its own prefix.
DEADLINE_HEADER = "plazo"
CORRELATION_HEADER = "correlacion"
#: Header with who asks and from where (`shared/quien.py`); a call without one is the system's own.
WHO_HEADER = "quien"

register(SERIALIZER, orjson.dumps, orjson.loads, CONTENT_TYPE, "utf-8")

EVENTS = Exchange("eventos", type="topic", durable=True)
#: Seconds that a failed event waits before each further try; after the last it is dead.
RETRY_DELAYS = (1, 5, 30, 120, 600)


def event_queue(consumidor: str, evento: str) -> str:
    """Name of the durable queue in which `consumidor` receives `evento` (`timbrado.timbres_transferidos_v1`)."""
    return f"evt.{consumidor}.{evento}"


def dead_queue(consumidor: str, evento: str) -> str:
    """Where an event goes that failed every try; listed and replayed with `shared.messaging.muertas`."""
    return f"{event_queue(consumidor, evento)}.muertas"


def delay_queue(seconds: int) -> str:
    """A queue that nobody reads: its messages expire after `seconds` and go back where they failed."""
    return f"espera.{seconds}s"


@deserialize_to_instance
class WireError(Exception):
    """A `DomainError` on the bus, as plain values: code, detail, field errors, facts."""

    def __init__(self, code: str, detail: str, errores: str = "{}", datos: str = "{}") -> None:
        super().__init__(code, detail, errores, datos)

    @classmethod
    def from_domain(cls, error: DomainError) -> WireError:
        return cls(
            str(error.code),
            error.detail,
            orjson.dumps(error.errores).decode(),
            orjson.dumps(error.datos).decode(),
        )

    def to_domain(self) -> DomainError:
        code, detail, errores, datos = self.args
        try:
            known = Codigo(code)
        except ValueError:  # A newer service may know a code that this process does not.
            known = Codigo.ERROR_INTERNO
        return DomainError(known, detail, errores=orjson.loads(errores), datos=orjson.loads(datos))


def domain_error_of(error: dict[str, Any]) -> DomainError:
    """The error of an RPC reply as a `DomainError`; anything unexpected becomes `error_interno`."""
    if str(error.get("exc_type")) == "WireError":
        return WireError(*error["exc_args"]).to_domain()
    return DomainError(
        Codigo.ERROR_INTERNO, "No pudimos completar la operación. Intente de nuevo en unos minutos."
    )
