"""How rows become values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Select, Table
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

T = TypeVar("T")


class Base:
    """What every part of the repository stands on."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def una(self, clase: type[T], consulta: Select[*tuple[Any, ...]]) -> T | None:
        fila = self.session.execute(consulta).one_or_none()
        return None if fila is None else clase(**fila._mapping)

    def insertar_si_cabe(self, modelo: type[Any], valores: Mapping[str, Any]) -> bool:
        destino = tabla(modelo)
        llave: Sequence[Any] = list(destino.primary_key.columns)
        hecho = pg_insert(destino).values(**valores).on_conflict_do_nothing().returning(*llave)
        return self.session.execute(hecho).first() is not None


def tabla(modelo: type[Any]) -> Table:
    """Its columns one by one: `select(modelo)` would give an entity."""
    hallada: Table = modelo.__table__
    return hallada
