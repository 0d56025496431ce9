"""alembic's entry: the connection comes from `shared.persistence.migrar`."""

from shared.persistence.migrar import run_env

run_env()
