"""Each service's mapped tables are what its migrations make: same tables, same columns, same types."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from shared.persistence.base import new_engine


@pytest.mark.parametrize("servicio", ["clientes", "timbrado", "puntos", "licencias", "facturacion"])
def test_the_models_match_the_migrated_database(servicio: str, base_de_datos: Callable[[str], str]) -> None:
    metadata = importlib.import_module(f"services.{servicio}.models").Base.metadata
    assert metadata.tables
    engine = new_engine(base_de_datos(servicio), 1)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                # Tables that no model maps (ledger, outbox, inbox, idempotency) are their DDL's business;
                # constraints and indexes are written in the migrations alone.
                "include_object": lambda objeto, nombre, tipo, reflejado, otro: (
                    nombre in metadata.tables if tipo == "table" else tipo == "column"
                ),
            },
        )
        diferencias = compare_metadata(context, metadata)
    engine.dispose()
    assert diferencias == []
