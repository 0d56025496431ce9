"""Events told by a SELECT, for a use case that tells hundreds in one statement; others use `uow.publish`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.correlation import correlation


def publicar_seleccion(session: Session, evento: str, cargas: str, valores: Mapping[str, Any]) -> None:
    """Tell one `evento` for each row of `cargas`, a SELECT whose only column `carga` is its payload (jsonb).

    They leave when (and only if) the transaction commits. The relay finds them within a second; whoever opened
    the transaction may wake it.
    """
    session.execute(
        text(
            "INSERT INTO outbox (evento_id, evento, carga, correlacion)"
            f" SELECT gen_random_uuid(), :evento_, carga, :correlacion_ FROM ({cargas}) cargas"
        ),
        {**valores, "evento_": evento, "correlacion_": correlation.get()},
    )
