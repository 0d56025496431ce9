"""Unit of work: one transaction, its repository, and the events it tells.

A use case gets one, changes things through `repo`, and calls `publish`. Whoever opened it (the bus, a
timer) commits. Nothing is told to the outside before the commit: events go to the outbox, in the same
transaction, and the relay publishes them afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

import orjson
from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from shared.contracts.base import Carga, Evento, PeticionConClave, dump, earlier_hash, request_hash
from shared.correlation import correlation
from shared.crash import crash_point
from shared.errors import Codigo, DomainError

R = TypeVar("R")

_OUTBOX = text(
    "INSERT INTO outbox (evento_id, evento, carga, correlacion)"
    " SELECT (e->>'id')::uuid, e->>'evento', e->'carga', :correlacion FROM jsonb_array_elements(:eventos) e"
)
_INBOX = text("INSERT INTO inbox (evento_id, manejador) VALUES (:id, :manejador) ON CONFLICT DO NOTHING")
_RESERVE = text(
    "INSERT INTO idempotency (contrato, clave, huella) VALUES (:contrato, :clave, :huella)"
    " ON CONFLICT DO NOTHING"
)
_FIRST_ANSWER = text(
    "SELECT huella, respuesta FROM idempotency WHERE contrato = :contrato AND clave = :clave"
)
_ANSWER = text(
    "UPDATE idempotency SET respuesta = CAST(:respuesta AS jsonb) WHERE contrato = :contrato AND clave = :clave"
)


class UnitOfWork(Generic[R]):
    """`with UnitOfWork(engine, Repositorio) as uow: …; uow.commit()`. Leaving without commit rolls back."""

    repo: R

    def __init__(
        self,
        engine: Engine | Connection,
        repository: Callable[[Session], R],
        on_publish: Callable[[], None] | None = None,
    ) -> None:
        self._engine = engine
        self._repository = repository
        self._on_publish = on_publish
        self._events: list[dict[str, Any]] = []

    def __enter__(self) -> UnitOfWork[R]:
        self.session = Session(self._engine, expire_on_commit=False)
        self.repo = self._repository(self.session)
        self._events = []
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()

    @property
    def ahora(self) -> datetime:
        """The time of this action, UTC. A test's fake moves it."""
        return datetime.now(UTC)

    def publish(self, evento: Evento[Carga], carga: Carga) -> UUID:
        """Tell an event when (and only if) this transaction commits. Returns the event's id."""
        id_ = uuid4()
        self._events.append({"id": str(id_), "evento": evento.nombre, "carga": dump(carga)})
        return id_

    def commit(self) -> None:
        """Write the events and commit; then wake the relay."""
        told = self.write_events()
        crash_point("outbox.antes_de_confirmar")
        self.session.commit()
        if told and self._on_publish is not None:
            self._on_publish()

    def write_events(self) -> bool:
        """Put what was told into the outbox; says whether there was anything.

        Only for a unit of work inside a transaction of someone else, who commits; `commit` does it by itself.
        """
        if not self._events:
            return False
        self.session.execute(
            _OUTBOX, {"correlacion": correlation.get(), "eventos": orjson.dumps(self._events).decode()}
        )
        self._events = []
        return True

    def first_time(self, evento_id: UUID, manejador: str) -> bool:
        """Record an event as handled by `manejador`; false if it already was (a repeated delivery)."""
        result = self.session.execute(_INBOX, {"id": evento_id, "manejador": manejador})
        return bool(result.rowcount)  # type: ignore[attr-defined]

    def first_answer(self, contrato: str, peticion: PeticionConClave) -> dict[str, Any] | None:
        """The stored answer of an earlier call with this key, or None when this call is the first.

        A concurrent call with the same key waits here for the first one to finish. Raises
        `clave_reutilizada` when the content differs.
        """
        huella = request_hash(peticion)
        params = {"contrato": contrato, "clave": peticion.clave, "huella": huella}
        if self.session.execute(_RESERVE, params).rowcount:  # type: ignore[attr-defined]
            return None
        row = self.session.execute(_FIRST_ANSWER, params).one()
        if bytes(row.huella) not in (huella, earlier_hash(peticion)):
            raise DomainError(
                Codigo.CLAVE_REUTILIZADA,
                "Esta Idempotency-Key ya se usó con otros datos. Genere una nueva para esta operación.",
            )
        return dict(row.respuesta)

    def remember_answer(self, contrato: str, clave: str, respuesta: dict[str, Any]) -> None:
        """Keep the answer of a call whose key `first_answer` reserved."""
        self.session.execute(
            _ANSWER, {"contrato": contrato, "clave": clave, "respuesta": orjson.dumps(respuesta).decode()}
        )
