"""The declarative base and the engine that every service uses.

Each service derives an abstract base with a metadata of its own. The tables of the patterns (outbox, inbox,
idempotency) are DDL here and SQL in `uow.py` and the relay; no service maps them. Every connection has
server-side limits, so that no statement outlives its caller.
"""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.array import ListBinaryDumper
from sqlalchemy import (
    BigInteger,
    DateTime,
    Engine,
    LargeBinary,
    MetaData,
    Text,
    create_engine,
    event,
)
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import DeclarativeBase

from shared.persistence.aislamiento import AJUSTE, APLICACION, TODAS

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

#: Milliseconds. A statement, a wait for a lock and an idle transaction each end by themselves.
STATEMENT_TIMEOUT = 8_000
LOCK_TIMEOUT = 4_000
IDLE_TIMEOUT = 15_000
#: Seconds after which a pooled connection is asked whether it still lives.
IDLE_PING = 2.0


class Base(DeclarativeBase):
    """Columns default to timestamptz and text; names follow one convention, so migrations can name them."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy reads it so)
        datetime: DateTime(timezone=True),
        str: Text(),
        bytes: LargeBinary(),
        int: BigInteger(),
    }


#: DDL of the three tables, run by each service's first migration. Frozen: a change is a new constant.
PATTERNS_V1 = """
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    evento_id uuid NOT NULL,
    evento text NOT NULL,
    carga jsonb NOT NULL,
    correlacion text NOT NULL DEFAULT '',
    creado_en timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_outbox PRIMARY KEY (id)
);
CREATE TABLE inbox (
    evento_id uuid NOT NULL,
    manejador text NOT NULL,
    recibido_en timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_inbox PRIMARY KEY (evento_id, manejador)
);
CREATE TABLE idempotency (
    contrato text NOT NULL,
    clave text NOT NULL,
    huella bytea NOT NULL,
    respuesta jsonb,
    creado_en timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_idempotency PRIMARY KEY (contrato, clave)
);
"""


def new_engine(url: str, pool_size: int = 10, *, plan_once: bool = False) -> Engine:
    """An engine whose every connection is bounded in time. `url` is `postgresql://…` (psycopg 3).

    `plan_once`: for a few statements over lists, always the same. PostgreSQL would plan them anew each time, hoping that
    this time's lists make a better plan: that was a sixth of its time while lots were stamped.
    """
    plans = "-c plan_cache_mode=force_generic_plan" if plan_once else ""
    engine = create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=pool_size,
        max_overflow=0,
        # The last one used is taken first: its statements are prepared and its backend's caches are warm.
        pool_use_lifo=True,
        pool_timeout=4,
        pool_recycle=1800,
        # An error's text reaches the logs: what was in a statement may be of a person, or a secret.
        hide_parameters=True,
        connect_args={
            "application_name": APLICACION,
            "connect_timeout": 3,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            "tcp_user_timeout": 10_000,
            "options": (
                f"-c statement_timeout={STATEMENT_TIMEOUT} -c lock_timeout={LOCK_TIMEOUT} "
                f"-c idle_in_transaction_session_timeout={IDLE_TIMEOUT} -c timezone=UTC "
                # Work of several CMs until a unit of work says whose it is (aislamiento.py).
                f"-c {AJUSTE}={TODAS} {plans}"
            ),
        },
    )
    _ping_the_idle(engine)
    event.listen(engine, "connect", _binary_lists)
    return engine


def driver_sql(sql: str) -> str:
    """SQL with `:name` parameters in the driver's own form, for `Connection.exec_driver_sql`: what is executed many
    times a second need not pass SQLAlchemy's compiler each time."""
    return re.sub(r"(?<![:\w]):([a-z_]+)", r"%(\1)s", sql.replace("%", "%%"))


def _binary_lists(connection: Any, _: Any) -> None:
    """Lists travel in binary: as text, a lot's XML would be hex of twice its size, escaped by a regular expression."""
    connection.adapters.register_dumper(list, ListBinaryDumper)


def _ping_the_idle(engine: Engine) -> None:
    """Ask a connection whether it lives only when it lay idle: a ping per checkout was 11 % of a busy service.

    A busy connection that PostgreSQL's restart cut fails its next statement, and the bus runs it again.
    """

    @event.listens_for(engine, "checkin")
    def checkin(_: Any, record: Any) -> None:
        record.info["since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def checkout(connection: Any, record: Any, _: Any) -> None:
        if time.monotonic() - record.info.get("since", time.monotonic()) > IDLE_PING:
            try:
                connection.execute("")
                connection.rollback()
            except psycopg.Error as exc:
                raise DisconnectionError from exc
