"""Unit of work: one transaction, its repository, and the events it tells.

A use case gets one, changes things through `repo`, and calls `publish`. Whoever opened it (the bus, a
timer) commits. Nothing is told to the outside before the commit: events go to the outbox, in the same
transaction, and the relay publishes them afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

import orjson
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.orm import Session

from shared.auditoria import asiento
from shared.contracts.base import RPCS, Carga, Evento, PeticionConClave, dump, earlier_hash, request_hash
from shared.contracts.eventos import AUDITORIA, AsientoDeAuditoria
from shared.correlation import correlation
from shared.crash import crash_point
from shared.errors import Codigo, DomainError
from shared.persistence.aislamiento import ACOTAR
from shared.quien import Quien as Quien  # noqa: PLC0414 (use cases take it from here)
from shared.quien import acotada
from shared.quien import quien as quien  # noqa: PLC0414 (and this)

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


class _Acotada(Session):
    """A session that sees one CM: each of its transactions begins by saying so (`aislamiento.py`)."""


@event.listens_for(_Acotada, "after_begin")
def _acotar(session: Session, _: Any, connection: Connection) -> None:
    connection.exec_driver_sql(ACOTAR, (session.info["cuenta"],))


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
        if (cuenta := acotada.get()) is None:
            self.session = Session(self._engine, expire_on_commit=False)
        else:
            self.session = _Acotada(self._engine, expire_on_commit=False, info={"cuenta": str(cuenta)})
        self.repo = self._repository(self.session)
        self._events = []
        self._peticion: PeticionConClave | None = None
        self._nota = asiento.Nota()
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

    def auditar(
        self, *, objeto: str = "", antes: Any = None, despues: Any = None, cuentas: Sequence[UUID] = ()
    ) -> None:
        """Add to the audit entry that the call being served leaves by itself: what was before, what is after.

        `objeto` names what was acted upon (`cti:ABC`); `cuentas` are the CMs in whose logs it belongs when that is
        not the request's own. Values are masked and bounded (`shared/auditoria/asiento.py`); a later call replaces.
        """
        self._nota = asiento.Nota(objeto, antes, despues, tuple(cuentas))

    def asentar(
        self,
        accion: str,
        *,
        cuentas: Sequence[UUID] = (),
        objeto: str = "",
        detalle: Mapping[str, Any] | None = None,
        resultado: str = "hecho",
        actor: Quien | None = None,
    ) -> None:
        """Write an audit entry of what no call with a key did (a sign-in, a timer), in the log of each of `cuentas`.

        `accion` is `servicio.que_se_hizo`. A refusal (`resultado="rechazado"`) is only kept if this commits.
        """
        self._asentar(
            accion,
            asiento.de_hecho(
                accion,
                cuentas=cuentas,
                objeto=objeto,
                detalle={"datos": asiento.mostrar(detalle or {})},
                en=self.ahora,
                q=actor or quien.get(),
                resultado=resultado,
            ),
        )

    def _asentar(self, accion: str, asientos: Sequence[AsientoDeAuditoria]) -> None:
        evento = AUDITORIA[accion.partition(".")[0]]
        for uno in asientos:
            self.publish(evento, uno)

    @contextmanager
    def todo_o_nada(self) -> Iterator[None]:
        """A savepoint: when what is done inside raises, it is undone, what it told included, and the rest stays."""
        contados, nota = len(self._events), self._nota
        try:
            with self.session.begin_nested():
                yield
        except BaseException:
            del self._events[contados:]
            self._nota = nota
            raise

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
        self._peticion = peticion
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
        """Keep the answer of a call whose key `first_answer` reserved, and leave its entry in the audit log."""
        self.session.execute(
            _ANSWER, {"contrato": contrato, "clave": clave, "respuesta": orjson.dumps(respuesta).decode()}
        )
        dicho = RPCS.get(contrato)
        if dicho is None or self._peticion is None or dicho.sin_auditar:
            return
        self._asentar(
            contrato,
            asiento.de_llamada(dicho, self._peticion, respuesta, self._nota, self.ahora, quien.get()),
        )
