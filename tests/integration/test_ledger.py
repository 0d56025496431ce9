"""The ledger on a real PostgreSQL: what a plain model says, in a fixed number of statements, without deadlocks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shared.ledger import sealing
from shared.ledger.domain import Captura, Cuenta, Retencion, Transferencia
from shared.ledger.ledger import Ledger
from shared.persistence.base import new_engine

OPERACION = st.tuples(
    st.sampled_from(["transferir", "retener", "capturar", "liberar"]),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 40)), min_size=1, max_size=6),
)


@pytest.fixture(scope="module")
def engine(base_de_datos_modulo: Callable[[str], str]) -> Iterator[Engine]:
    e = new_engine(base_de_datos_modulo("puntos"), 10)
    yield e
    e.dispose()


@pytest.fixture
def propia(base_de_datos: Callable[[str], str]) -> Iterator[Engine]:
    """A database to tamper with."""
    e = new_engine(base_de_datos("puntos"), 10)
    yield e
    e.dispose()


def abrir(engine: Engine, saldos: list[int]) -> tuple[int, list[int]]:
    """The minting account and one account per balance."""
    marca = uuid4().hex
    claves = [("emision", "", False), *[("cm", f"{marca}-{i}", True) for i in range(len(saldos))]]
    with Session(engine) as session, session.begin():
        ledger = Ledger(session)
        cuentas = ledger.abrir(claves)
        emision, *ids = [cuentas[tipo, titular].id for tipo, titular, _ in claves]
        ledger.transferir(
            [Transferencia(uuid4(), emision, i, n, "emision") for i, n in zip(ids, saldos, strict=True) if n]
        )
    return emision, ids


def cuentas_de(engine: Engine, ids: list[int]) -> dict[int, Cuenta]:
    with Session(engine) as session:
        return Ledger(session).tomar(ids)


def problemas(engine: Engine) -> list[str]:
    while sealing.seal(engine):
        pass
    with engine.connect() as connection:
        return sealing.verify(connection)


class Modelo:
    """The same ledger in the plainest Python."""

    def __init__(self, saldos: dict[int, int]) -> None:
        self.saldos = saldos
        self.retenido = dict.fromkeys(saldos, 0)
        self.holds: dict[UUID, tuple[int, int]] = {}

    def disponible(self, i: int) -> int:
        return self.saldos[i] - self.retenido[i]

    def transferir(self, o: int, d: int, n: int) -> bool:
        cabe = self.disponible(o) >= n
        if cabe:
            self.saldos[o] -= n
            self.saldos[d] += n
        return cabe

    def retener(self, id: UUID, c: int, n: int) -> bool:
        cabe = self.disponible(c) >= n
        if cabe:
            self.retenido[c] += n
            self.holds[id] = (c, n)
        return cabe

    def soltar(self, id: UUID, destino: int | None) -> bool:
        if id not in self.holds:
            return False
        c, n = self.holds.pop(id)
        self.retenido[c] -= n
        if destino is not None:
            self.saldos[c] -= n
            self.saldos[destino] += n
        return True


def paso(ledger: Ledger, modelo: Modelo, ids: list[int], que: str, lote: list[tuple[int, int, int]]) -> None:
    """One lot on both; they must answer the same."""
    if que == "transferir":
        ts = [Transferencia(uuid4(), ids[a], ids[b], n, "x") for a, b, n in lote if a != b]
        hechas = [r is None for r in ledger.transferir(ts)]
        assert hechas == [modelo.transferir(t.origen, t.destino, t.cantidad) for t in ts]
    elif que == "retener":
        rs = [Retencion(uuid4(), ids[a], n) for a, _, n in lote]
        retenidas = [r is None for r in ledger.retener(rs)]
        assert retenidas == [modelo.retener(r.id, r.cuenta, r.cantidad) for r in rs]
    elif que == "capturar":
        holds = [*list(modelo.holds)[: len(lote)], uuid4()]
        cs = []
        for hold, (_, b, _) in zip(holds, [*lote, lote[0]], strict=False):
            origen = modelo.holds.get(hold, (0, 0))[0]
            cs.append(Captura(hold, uuid4(), ids[b] if ids[b] != origen else ids[b - 1], "x"))
        hechas_ids = ledger.capturar(cs)
        assert hechas_ids == {c.operacion for c in cs if modelo.soltar(c.retencion, c.destino)}
    else:
        holds = [*list(modelo.holds)[: len(lote)], uuid4()]
        ledger.liberar(holds)
        for hold in holds:
            modelo.soltar(hold, None)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(saldos=st.lists(st.integers(0, 80), min_size=4, max_size=4), pasos=st.lists(OPERACION, max_size=8))
def test_it_does_what_a_plain_model_does(engine: Engine, saldos: list[int], pasos: list[Any]) -> None:
    _, ids = abrir(engine, saldos)
    modelo = Modelo(dict(zip(ids, saldos, strict=True)))
    for que, lote in pasos:
        with Session(engine) as session, session.begin():
            paso(Ledger(session), modelo, ids, que, lote)
        reales = cuentas_de(engine, ids)
        assert {i: (c.saldo, c.retenido) for i, c in reales.items()} == {
            i: (modelo.saldos[i], modelo.retenido[i]) for i in ids
        }
    assert problemas(engine) == []


def test_500_transfers_cost_the_statements_of_two(engine: Engine) -> None:
    emision, ids = abrir(engine, [10_000, 0])
    cuenta: list[str] = []

    def anotar(_c: Any, _cur: Any, sql: str, *_: Any) -> None:
        cuenta.append(sql)

    costos = []
    event.listen(engine, "before_cursor_execute", anotar)
    try:
        for n in (2, 500):
            cuenta.clear()
            with Session(engine) as session, session.begin():
                hechas = Ledger(session).transferir(
                    [Transferencia(uuid4(), ids[0], (ids[1], emision)[i % 2], 1, "x") for i in range(n)]
                )
            assert hechas == [None] * n
            costos.append(len(cuenta))
    finally:
        event.remove(engine, "before_cursor_execute", anotar)
    assert costos[0] == costos[1] <= 4


def test_lots_in_opposite_order_do_not_deadlock(engine: Engine) -> None:
    _, ids = abrir(engine, [1_000] * 6)
    errores: list[SQLAlchemyError] = []

    def mover(orden: list[int]) -> None:
        try:
            for _ in range(15):
                with Session(engine) as session, session.begin():
                    ledger = Ledger(session)
                    ledger.transferir([Transferencia(uuid4(), a, b, 1, "x") for a, b in pairwise(orden)])
        except SQLAlchemyError as exc:
            errores.append(exc)

    hilos = [threading.Thread(target=mover, args=(orden,)) for orden in [ids, ids[::-1]] * 3]
    for h in hilos:
        h.start()
    for h in hilos:
        h.join()
    assert errores == []
    assert sum(c.saldo for c in cuentas_de(engine, ids).values()) == 6_000
    assert problemas(engine) == []


@pytest.mark.parametrize(
    ("tabla", "sql", "dice"),
    [
        ("cuentas", "UPDATE cuentas SET saldo = saldo + 1 WHERE tipo = 'cm'", "movements say"),
        ("cuentas", "UPDATE cuentas SET retenido = 1 WHERE tipo = 'cm'", "holds say"),
        ("movimientos", "UPDATE movimientos SET referencia = 'otra'", "the chain breaks"),
        ("movimientos", "UPDATE movimientos SET importe = 1", "the chain breaks"),
        (
            "movimientos",
            "UPDATE movimientos SET creado_en = creado_en - interval '1 day'",
            "the chain breaks",
        ),
        ("cadena", "UPDATE cadena SET saldo = saldo + 1", "the chain breaks"),
        ("cadena", "UPDATE cadena SET sello = sha256(sello)", "the chain breaks"),
        ("cadena", "DELETE FROM cadena WHERE secuencia = 1", "the chain breaks"),
        ("cadena", "DELETE FROM cadena WHERE secuencia = 2", "neither sealed nor"),
    ],
)
def test_verify_finds_what_was_tampered_with(propia: Engine, tabla: str, sql: str, dice: str) -> None:
    _, ids = abrir(propia, [50, 50])
    with Session(propia) as session, session.begin():
        Ledger(session).transferir([Transferencia(uuid4(), ids[0], ids[1], 5, "x")])
    assert problemas(propia) == []
    with propia.begin() as connection:
        connection.execute(text(f"ALTER TABLE {tabla} DISABLE TRIGGER USER"))
        connection.execute(text(sql))
    encontrados = problemas(propia)
    assert any(dice in p for p in encontrados), encontrados
