"""Typed RPC client with a deadline: speaks nameko's RPC protocol, and never waits for ever.

One connection to publish, one to read the replies of every call under way. Plain threading primitives:
under eventlet's monkey patch they are cooperative, and scripts can use it without eventlet.
A broker that is away, blocked or slow gives `no_disponible` within the deadline; the next call opens
new connections (nameko's own standalone proxy stays broken after a reconnect).
"""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import suppress
from typing import Any

from kombu import Connection, Consumer, Exchange, Producer, Queue
from kombu.exceptions import KombuError

from shared.contracts.base import Req, Resp, Rpc, dump, load
from shared.correlation import correlation
from shared.errors import Codigo, DomainError
from shared.logging import get_logger
from shared.messaging.wire import (
    CONTENT_TYPE,
    CORRELATION_HEADER,
    DEADLINE_HEADER,
    SERIALIZER,
    WHO_HEADER,
    domain_error_of,
)
from shared.quien import SISTEMA, quien

log = get_logger(__name__)

RPC_EXCHANGE = Exchange("nameko-rpc", type="topic", durable=True)
#: Seconds between two signs of life of the listener, well within a heartbeat.
_SHOW = 0.5
TRANSPORT = {"connect_timeout": 2, "read_timeout": 5, "write_timeout": 3}


def no_disponible(que: str) -> DomainError:
    """503: a part of the system did not answer in time. The caller may repeat with the same key."""
    return DomainError(
        Codigo.NO_DISPONIBLE,
        f"El servicio de {que} no respondió a tiempo. Intente de nuevo en unos segundos; no se cobrará dos veces.",
        datos={"reintentar_en": 2},
    )


def _headers(deadline: float) -> dict[str, Any]:
    headers: dict[str, Any] = {
        f"nameko.{DEADLINE_HEADER}": int((time.time() + deadline - time.monotonic()) * 1000),
        f"nameko.{CORRELATION_HEADER}": correlation.get(),
    }
    if (q := quien.get()) is not SISTEMA:
        headers[f"nameko.{WHO_HEADER}"] = q.escribir()
    return headers


class _Pending:
    __slots__ = ("done", "reply")

    def __init__(self) -> None:
        self.done = threading.Event()
        self.reply: dict[str, Any] | None = None


class RpcClient:
    """`cliente.llamar(contrato, peticion)` → the contract's answer. Thread-safe; `close()` when done."""

    def __init__(self, amqp_url: str, publishers: int = 4, heartbeat: int = 5) -> None:
        """`heartbeat`: seconds; a listener that is silent for two of them is taken for dead by the broker."""
        self._url = amqp_url
        self._heartbeat = heartbeat
        self._unacknowledged: int | None = None
        self._pending: dict[str, _Pending] = {}
        self._reply_to = str(uuid.uuid4())
        self._stopping = False
        self._listening = threading.Event()
        self._slots = threading.BoundedSemaphore(publishers)
        self._idle: list[tuple[Connection, Producer]] = []
        self._listener = threading.Thread(target=self._listen, daemon=True, name="rpc-replies")
        self._listener.start()

    def llamar(self, contrato: Rpc[Req, Resp], peticion: Req, plazo: float | None = None) -> Resp:
        """Call and wait. Raises the service's own `DomainError`, or `no_disponible` at the deadline."""
        return self.llamar_con_marca(contrato, peticion, plazo)[0]

    def llamar_con_marca(
        self, contrato: Rpc[Req, Resp], peticion: Req, plazo: float | None = None
    ) -> tuple[Resp, bool]:
        """As `llamar`, and whether the answer is the stored one of an earlier call with the same key."""
        data = self.llamar_crudo(contrato.servicio, contrato.ruta, dump(peticion), plazo or contrato.plazo)
        return load(contrato.respuesta, data["datos"]), bool(data.get("repetida"))

    def llamar_crudo(self, servicio: str, ruta: str, kwargs: dict[str, Any], plazo: float) -> dict[str, Any]:
        """The call itself, with plain values in and out."""
        deadline = time.monotonic() + plazo
        id_ = str(uuid.uuid4())
        pending = self._pending[id_] = _Pending()
        try:
            if not self._listening.wait(plazo):
                raise no_disponible(servicio)
            self._publish(servicio, ruta, kwargs, id_, plazo, deadline)
            if not pending.done.wait(max(0.0, deadline - time.monotonic())):
                raise no_disponible(servicio)
        finally:
            # Popped whatever happened, or every timed-out call would leak its entry.
            self._pending.pop(id_, None)
        reply = pending.reply
        if reply is None:
            raise no_disponible(servicio)
        if reply.get("error"):
            raise domain_error_of(reply["error"])
        result: dict[str, Any] = reply["result"]
        return result

    def close(self) -> None:
        """Stop listening and close every connection."""
        self._stopping = True
        while self._idle:
            self._idle.pop()[0].release()

    def _publish(
        self, servicio: str, ruta: str, kwargs: dict[str, Any], id_: str, plazo: float, deadline: float
    ) -> None:
        if not self._slots.acquire(timeout=max(0.001, deadline - time.monotonic())):
            raise no_disponible(servicio)
        connection: Connection | None = None
        try:
            connection, producer = self._idle.pop() if self._idle else self._connect()
            producer.publish(
                {"args": (), "kwargs": kwargs},
                exchange=RPC_EXCHANGE,
                routing_key=f"{servicio}.{ruta}",
                reply_to=self._reply_to,
                correlation_id=id_,
                serializer=SERIALIZER,
                delivery_mode=1,
                # A call that nobody took in time is worth nothing to anyone, so the broker drops it.
                expiration=plazo,
                headers=_headers(deadline),
                retry=False,
            )
            self._idle.append((connection, producer))
        except (OSError, *Connection(self._url).connection_errors) as exc:
            log.warning("rpc_publish_failed", servicio=servicio, error=str(exc))
            _close(connection)
            self._drop_idle()
            raise no_disponible(servicio) from exc
        except BaseException:
            _close(connection)
            raise
        finally:
            self._slots.release()

    def _drop_idle(self) -> None:
        """After one connection failed its sisters are suspect: the broker may have restarted."""
        while self._idle:
            _close(self._idle.pop()[0])

    def _connect(self) -> tuple[Connection, Producer]:
        connection = Connection(self._url, connect_timeout=2, transport_options=dict(TRANSPORT))
        connection.connect()
        return connection, Producer(connection.channel(), auto_declare=False)

    def _listen(self) -> None:
        while not self._stopping:
            connection = Connection(self._url, connect_timeout=2, heartbeat=self._heartbeat)
            try:
                connection.connect()
                queue = Queue(
                    f"rpc.reply-{self._reply_to}",
                    exchange=RPC_EXCHANGE,
                    routing_key=self._reply_to,
                    durable=False,
                    auto_delete=False,
                    queue_arguments={"x-expires": 60_000},
                )
                channel = connection.channel()
                self._unacknowledged = None
                with Consumer(channel, [queue], on_message=self._on_reply, accept=[SERIALIZER]):
                    self._listening.set()
                    self._drain(connection, channel)
            except Exception as exc:
                if not self._stopping:
                    log.warning("rpc_listener_lost", error=str(exc))
                    time.sleep(0.3)
            finally:
                self._listening.clear()
                _close(connection)

    def _drain(self, connection: Connection, channel: Any) -> None:
        """Read replies until stopped, and show the broker every `_SHOW` seconds that we live.

        Also while replies never cease: the broker cut a listener that only read, in the middle of a reply. One
        acknowledgement tells of all that came since the last; what was on its way when a connection broke is
        delivered again to the next one.
        """
        shown = time.monotonic()
        while not self._stopping:
            with suppress(TimeoutError):
                connection.drain_events(timeout=_SHOW)
            if time.monotonic() - shown >= _SHOW:
                if self._unacknowledged is not None:
                    channel.basic_ack(self._unacknowledged, multiple=True)
                    self._unacknowledged = None
                connection.heartbeat_check()
                shown = time.monotonic()

    def _on_reply(self, message: Any) -> None:
        pending = self._pending.get(str(message.properties.get("correlation_id")))
        if pending is not None:
            try:
                pending.reply = message.payload
            except KombuError as exc:
                # Or it would be delivered again and again, before every other reply.
                log.error("rpc_reply_unreadable", error=str(exc))
            pending.done.set()
        self._unacknowledged = message.delivery_tag


def _close(connection: Connection | None) -> None:
    if connection is None:
        return
    try:
        # Not `release()`: a polite close waits for a broker that may be frozen.
        connection.collect()
    except Exception as exc:
        log.debug("connection_close_failed", error=str(exc))


__all__ = ["CONTENT_TYPE", "RpcClient", "no_disponible"]
