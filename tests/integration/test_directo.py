"""The one-statement steps of a stamping, against debits and sales that end while they wait for the lock."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from services.timbrado.repository import Directo
from shared.ledger import sealing
from shared.ledger.domain import Captura, Transferencia
from shared.ledger.ledger import Ledger
from shared.persistence.base import new_engine


@dataclass
class Caja:
    """One CTI's account with a balance, its CM's stock, and the steps."""

    engine: Engine
    directo: Directo
    cti: int
    existencia: int
    consumo: int

    def filas(self, cuantas: int, version: int = 1) -> list[dict[str, Any]]:
        """Stampings to hold, each of an invoice of its own."""
        ids = [uuid4() for _ in range(cuantas)]
        return [
            {
                "ids": i, "huellas": hashlib.sha256(i.bytes).digest(), "ctis": "X", "cuentas": i, "clientes": i,
                "idds": None, "emisores": "E", "receptores": "R", "tipos": "I", "totales": "1.00", "sellos": "s",
                "numeros": "1", "xmls": b"<x/>", "libros": self.cti, "versiones": version, "cargos": None,
            }
            for i in ids
        ]  # fmt: skip

    def retener(self, cuantas: int, version: int = 1) -> set[UUID]:
        return self.directo.retener(self.filas(cuantas, version), "sandbox", 10.0)

    def capturar(self, ids: set[UUID]) -> set[UUID]:
        capturas = [Captura(i, i, self.consumo, "timbrado", str(i)) for i in ids]
        return self.directo.capturar(capturas, [uuid4() for _ in ids], [b"tfd"] * len(ids))

    def saldo(self) -> tuple[int, int]:
        with self.engine.connect() as connection:
            fila = connection.execute(
                text("SELECT saldo, retenido FROM cuentas WHERE id = :i"), {"i": self.cti}
            ).one()
            return fila.saldo, fila.retenido

    def vender(self, cantidad: int) -> None:
        with Session(self.engine) as session, session.begin():
            [rechazo] = Ledger(session).transferir(
                [Transferencia(uuid4(), self.existencia, self.cti, cantidad, "transferencia")]
            )
            assert rechazo is None


@pytest.fixture
def caja(base_de_datos: Callable[[str], str]) -> Iterator[Caja]:
    engine = new_engine(base_de_datos("timbrado"), 12)
    with Session(engine) as session, session.begin():
        libro = Ledger(session)
        cuentas = libro.abrir([("cti", "X", True), ("existencia", "M", True)])
        cti, existencia = cuentas["cti", "X"].id, cuentas["existencia", "M"].id
        fijas = libro.buscar([("emision", ""), ("consumo", "")])
        emision, consumo = fijas["emision", ""].id, fijas["consumo", ""].id
        libro.transferir([Transferencia(uuid4(), emision, existencia, 100_000, "emision")])
    yield Caja(engine, Directo(engine), cti, existencia, consumo)
    engine.dispose()


def test_what_fits_is_held_what_does_not_is_as_if_never_asked(caja: Caja) -> None:
    caja.vender(5)
    assert caja.retener(6) == set()
    assert caja.saldo() == (5, 0)
    assert caja.retener(3, version=2) == set()
    retenidas = caja.retener(5)
    assert len(retenidas) == 5
    assert caja.saldo() == (5, 5)
    assert caja.capturar(retenidas) == retenidas
    assert caja.saldo() == (0, 0)
    assert caja.capturar(retenidas) == set()


def test_a_hold_that_waited_decides_by_what_it_waited_for(caja: Caja) -> None:
    """Its snapshot has the account full of holds; by the time of its lock they are captured and more was sold."""
    caja.vender(5)
    retenidas = caja.retener(5)
    with Session(caja.engine) as session, ThreadPoolExecutor(1) as grupo:
        libro = Ledger(session)
        libro.capturar([Captura(i, i, caja.consumo, "timbrado") for i in retenidas])
        libro.transferir([Transferencia(uuid4(), caja.existencia, caja.cti, 4, "transferencia")])
        espera = grupo.submit(caja.retener, 3)
        _hasta_que_espere(caja.engine)
        session.commit()
        assert len(espera.result(10)) == 3
    assert caja.saldo() == (4, 3)


def test_holds_captures_and_sales_at_once_leave_the_books_right(caja: Caja) -> None:
    caja.vender(20)
    vendidos, timbrados, candado = [20], [0], threading.Lock()

    def timbrar(_: int) -> None:
        for cuantas in (3, 5, 4, 2):
            hechas = caja.capturar(caja.retener(cuantas))
            with candado:
                timbrados[0] += len(hechas)
            if len(hechas) < cuantas:
                caja.vender(7)
                with candado:
                    vendidos[0] += 7

    with ThreadPoolExecutor(6) as grupo:
        list(grupo.map(timbrar, range(12)))
    assert caja.saldo() == (vendidos[0] - timbrados[0], 0)
    while sealing.seal(caja.engine):
        pass
    with caja.engine.connect() as connection:
        assert sealing.verify(connection) == []


def _hasta_que_espere(engine: Engine) -> None:
    with engine.connect() as connection:
        for _ in range(400):
            if connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar():
                return
            connection.execute(text("SELECT pg_sleep(0.02)"))
    raise AssertionError("nobody waits for the lock")
