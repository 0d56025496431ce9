"""Orders of automatic sale on a real PostgreSQL: what tests put, empty, and look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.timbrado.repository import Repositorio
from services.timbrado.use_cases import transferencias
from services.timbrado.use_cases import venta_automatica as ventas
from shared.contracts import timbrado as c
from shared.persistence.uow import UnitOfWork
from tests.integration.test_timbrado_pipeline import Banco, armar


@pytest.fixture
def banco(base_de_datos: Callable[[str], str], tmp_path: Path) -> Iterator[Banco]:
    b = armar(base_de_datos("timbrado"), tmp_path, 10)
    yield b
    b.engine.dispose()


def poner(banco: Banco, minimo: int = 10, abonar: int = 20, tope: int | None = None) -> c.VentaAutomatica:
    with banco.uow() as uow:
        puesta = ventas.poner_venta_automatica(
            uow,
            c.PonerVentaAutomatica(
                clave=uuid4().hex,
                cuenta_id=banco.cm,
                cti=banco.cti,
                minimo=minimo,
                abonar=abonar,
                importe=Decimal("35.50"),
                tope_mensual=tope,
            ),
        )
        uow.commit()
        return puesta


def atender(banco: Banco, uow_de: type[UnitOfWork[Repositorio]] = UnitOfWork) -> int:
    with uow_de(banco.engine, Repositorio) as uow:
        vendidas = ventas.atender(uow)
        uow.commit()
        return vendidas


def emitir(banco: Banco, cantidad: int) -> None:
    with banco.uow() as uow:
        transferencias.emitir(uow, c.Emitir(clave=uuid4().hex, cuenta_id=banco.cm, cantidad=cantidad))
        uow.commit()


def filas(banco: Banco, sql: str, **datos: Any) -> list[Any]:
    with banco.engine.connect() as connection:
        return list(connection.execute(text(sql), datos))


def en_cola(banco: Banco) -> int:
    return len(filas(banco, "SELECT FROM bajo_umbral"))
