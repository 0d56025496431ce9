"""Alembic's entry: runs on the connection that `shared.persistence.migrar` hands over."""

from shared.persistence.migrar import run_env

run_env()
