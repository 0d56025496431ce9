"""The one way in: `self.bus.run(contract, payload, use_case)` for calls, `consume` for events.

run     = validate → BEGIN → idempotency look-up → use case → dump the answer → COMMIT → reply
consume = BEGIN → inbox → use case → COMMIT → ack

A call with a `cuenta_id` sees that CM's rows alone (`acotada`); one that changes something leaves its entry in the audit
log with the answer that it remembers (`UnitOfWork.remember_answer`), in the same transaction.

A worker's commit happens inside the method, because nameko replies before it tears down.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

import eventlet
from nameko.extensions import DependencyProvider
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from shared.config import settings
from shared.contracts.base import Evento, PeticionConClave, Rpc, dump, load
from shared.correlation import correlation
from shared.crash import crash_point
from shared.errors import Codigo, DomainError
from shared.logging import get_logger
from shared.messaging.relay import Relay
from shared.messaging.rpc_client import no_disponible
from shared.messaging.wire import CORRELATION_HEADER, DEADLINE_HEADER, WHO_HEADER, WireError
from shared.persistence.aislamiento import forzar
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from shared.quien import Quien, acotada, quien

log = get_logger(__name__)
Req = TypeVar("Req")
Resp = TypeVar("Resp")
Carga = TypeVar("Carga")

#: SQLSTATE of a deadlock and of a serialization failure: the transaction may simply be run again.
_RETRYABLE = {"40P01", "40001"}
_ATTEMPTS = 3
#: An hour, more or less.
_INTENTOS_DE_FORZAR = 130


class Bus(DependencyProvider):  # type: ignore[misc]
    """Dependency of every service: its database, its relay, its way in."""

    def __init__(self, repository: Callable[[Session], Any]) -> None:
        self._repository = repository

    def setup(self) -> None:
        url = settings().database_url
        if url is None:
            raise RuntimeError("DATABASE_URL is not set")
        self.engine: Engine = new_engine(url, settings().db_pool)
        self.relay = Relay(self.engine, settings().amqp_url)

    def start(self) -> None:
        self.container.spawn_managed_thread(self.relay.run, identifier="relay")
        self.container.spawn_managed_thread(self._forzar, identifier="aislamiento")

    def _forzar(self) -> None:
        """After an upgrade: close the wall once the last process of the version before has gone."""
        for intento in range(_INTENTOS_DE_FORZAR):
            try:
                with self.engine.begin() as connection:
                    if forzar(connection):
                        return
            except SQLAlchemyError as exc:
                # Not had the lock in time, or another replica was at it: the next look tells.
                log.info("aislamiento_espera", error=str(exc))
            eventlet.sleep(min(30, 1 + intento))
        log.error("aislamiento_sin_forzar", detalle="a connection that does not know cm.cuenta stays open")

    def stop(self) -> None:
        self.relay.stop()

    def get_dependency(self, worker_ctx: Any) -> BusWorker:
        return BusWorker(self, dict(worker_ctx.context_data or {}))

    def uow(self) -> UnitOfWork[Any]:
        return UnitOfWork(self.engine, self._repository, self.relay.wake)


class BusWorker:
    """The bus as one call sees it: with the caller's deadline and correlation id."""

    def __init__(self, bus: Bus, context: dict[str, Any]) -> None:
        self._bus = bus
        self._deadline: int | None = context.get(DEADLINE_HEADER)
        correlation.set(str(context.get(CORRELATION_HEADER) or ""))
        quien.set(Quien.leer(context.get(WHO_HEADER)))
        acotada.set(None)

    @property
    def engine(self) -> Engine:
        return self._bus.engine

    def uow(self) -> UnitOfWork[Any]:
        """A unit of work of this service, for timers and for pipelines of several transactions."""
        return self._bus.uow()

    def run(
        self,
        contrato: Rpc[Req, Resp],
        payload: dict[str, Any],
        use_case: Callable[[UnitOfWork[Any], Req], Resp],
    ) -> dict[str, Any]:
        """Serve a call in one transaction. Answers `{"datos": …, "repetida": bool}`."""
        with self.guarded(contrato.servicio):
            peticion = load(contrato.peticion, payload)
            with _acotado(contrato, peticion):
                return _with_retry(lambda: self._once(contrato, peticion, use_case))

    def _once(
        self, contrato: Rpc[Req, Resp], peticion: Req, use_case: Callable[[UnitOfWork[Any], Req], Resp]
    ) -> dict[str, Any]:
        with self._bus.uow() as uow:
            if contrato.cambia:
                assert isinstance(peticion, PeticionConClave)
                earlier = uow.first_answer(contrato.nombre, peticion)
                if earlier is not None:
                    return {"datos": earlier, "repetida": True}
                datos = dump(use_case(uow, peticion))
                public = {k: None if k in contrato.secretos else v for k, v in datos.items()}
                uow.remember_answer(contrato.nombre, peticion.clave, public)
            else:
                datos = dump(use_case(uow, peticion))
            uow.commit()
            return {"datos": datos, "repetida": False}

    def call(
        self, contrato: Rpc[Req, Resp], payload: dict[str, Any], action: Callable[[Req], Resp]
    ) -> dict[str, Any]:
        """Serve a call whose action opens its own transactions (the stamping pipeline)."""
        with self.guarded(contrato.servicio):
            peticion = load(contrato.peticion, payload)
            with _acotado(contrato, peticion):
                return {"datos": dump(action(peticion)), "repetida": False}

    def consume(
        self,
        evento: Evento[Carga],
        evento_id: UUID,
        payload: dict[str, Any],
        use_case: Callable[[UnitOfWork[Any], Carga], Any],
    ) -> None:
        """Handle an event once in effect, however often it is delivered."""

        def once() -> None:
            with self._bus.uow() as uow:
                if uow.first_time(evento_id, use_case.__name__):
                    use_case(uow, load(evento.carga, payload))
                    crash_point("inbox.antes_de_confirmar")
                    uow.commit()

        with self.guarded(evento.servicio):
            _with_retry(once)
        crash_point("inbox.despues_de_confirmar")

    def health(self) -> dict[str, Any]:
        """`{"datos": {"estado": "ok"}}` when the database answers; raises `no_disponible` otherwise."""
        with self.guarded(settings().servicio), self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        return {"datos": {"estado": "ok"}, "repetida": False}

    @contextmanager
    def guarded(self, que: str) -> Iterator[None]:
        """The caller's deadline, and every failure as a `WireError` with a known code."""
        remaining = settings().rpc_timeout
        if self._deadline is not None:
            remaining = self._deadline / 1000 - time.time()
        if remaining <= 0:
            raise WireError.from_domain(no_disponible(que))
        timeout = eventlet.Timeout(remaining)
        try:
            yield
        except DomainError as exc:
            raise WireError.from_domain(exc) from exc
        except eventlet.Timeout as exc:
            # A BaseException that nameko does not catch; only our own is translated.
            if exc is not timeout:
                raise
            log.warning("deadline_passed", que=que)
            raise WireError.from_domain(no_disponible(que)) from None
        except (OperationalError, PoolTimeout) as exc:
            log.warning("database_unavailable", error=str(exc))
            raise WireError.from_domain(no_disponible(que)) from exc
        except Exception as exc:
            log.exception("unexpected_error", que=que)
            raise WireError.from_domain(
                DomainError(
                    Codigo.ERROR_INTERNO,
                    "No pudimos completar la operación. Intente de nuevo en unos minutos.",
                )
            ) from exc
        finally:
            timeout.cancel()


@contextmanager
def _acotado(contrato: Rpc[Req, Resp], peticion: Req) -> Iterator[None]:
    """Every transaction inside sees only the rows of the CM that asks, if the contract has one."""
    token = acotada.set(contrato.cuenta_de(peticion))
    try:
        yield
    finally:
        acotada.reset(token)


Result = TypeVar("Result")


def _with_retry(action: Callable[[], Result]) -> Result:
    """Run a transaction again when PostgreSQL chose it as a deadlock's victim, or a restart cut its connection.

    Safe even when the cut hid a commit: a call has its idempotency key, an event its inbox row.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return action()
        except DBAPIError as exc:
            again = exc.connection_invalidated or getattr(exc.orig, "sqlstate", None) in _RETRYABLE
            if not again or attempt == _ATTEMPTS - 1:
                raise
            eventlet.sleep(0.01 * (attempt + 1))
    raise AssertionError("unreachable")


with_retry = _with_retry
