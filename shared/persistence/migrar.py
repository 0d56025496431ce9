"""Migrations as a one-shot job: `python -m shared.persistence.migrar timbrado` (DATABASE_URL names where).

Never run by a replica. An advisory lock makes two jobs at once harmless.
"""

from __future__ import annotations

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from shared.config import settings
from shared.persistence.aislamiento import forzar
from shared.persistence.base import new_engine

LOCK = 7_170_417


def migrate(servicio: str, url: str, revision: str = "head") -> None:
    """Bring the database of `servicio` at `url` to `revision`."""
    folder = Path(__file__).resolve().parents[2] / "services" / servicio / "migrations"
    engine = new_engine(url, pool_size=1)
    with engine.connect() as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("SET lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        connection.commit()
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
        # Or later, by a service's first replica: a process of the version before may still be at work.
        forzar(connection)
        connection.commit()
    engine.dispose()


def run_env() -> None:
    """What each service's `migrations/env.py` calls: run with the connection that `migrate` handed over."""
    from alembic import context

    context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


if __name__ == "__main__":
    url = settings().database_url
    if len(sys.argv) != 2 or url is None:
        sys.exit("usage: DATABASE_URL=postgresql://… python -m shared.persistence.migrar SERVICE")
    migrate(sys.argv[1], url)
