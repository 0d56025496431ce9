"""Bulk transfers on a real PostgreSQL: the ledger's rules, each row once, what is told, what moves and what does not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from services.timbrado.domain.masivas import motivo
from services.timbrado.use_cases import cuentas, masivas, transferencias
from shared.contracts import timbrado as c
from tests.integration.apoyo_masivas import Banco, Fila, banco

__all__ = ["banco"]


def test_rows_are_applied_in_order_by_portions_and_the_progress_is_seen(banco: Banco) -> None:
    cm, [a, b, otra] = banco.cm(1000)
    m = banco.pedir(
        cm, [(a, 10, "12.50"), (b, 20, "0.00"), (a, 5, "6.00"), ("ajena-1", 1, "1.00"), (otra, 7, "7.00")]
    )
    assert (m.estado, m.filas, m.timbres_pedidos, m.importe_pedido) == ("recibida", 5, 43, Decimal("26.50"))
    assert banco.resultados(m, cm) == ["pendiente"] * 5
    avance = []
    while masivas.aplicar_una(banco.uow, 2):
        v = banco.ver(m, cm)
        avance.append((v.estado, v.porcentaje, v.aplicadas, v.rechazadas, v.timbres))
        assert [f.fila for f in banco.filas(m, cm)] == [1, 2, 3, 4, 5]
    assert avance == [
        ("aplicando", 0, 0, 0, 0),
        ("aplicando", 40, 2, 0, 30),
        ("aplicando", 80, 3, 1, 35),
        ("aplicada_con_rechazos", 100, 4, 1, 42),
    ]
    assert banco.resultados(m, cm) == ["aplicada", "aplicada", "aplicada", "no_existe", "aplicada"]
    assert banco.ver(m, cm).importe == Decimal("25.50")
    assert banco.saldos(cm, [a, b, otra]) == (958, {a: 15, b: 20, otra: 7})
    rechazada = banco.filas(m, cm, estado="rechazada")
    assert [(f.fila, f.cti, f.motivo, f.transferencia_id) for f in rechazada] == [
        (4, "ajena-1", motivo("no_existe"), None)
    ]
    assert [f.fila for f in banco.filas(m, cm, estado="aplicada")] == [1, 2, 3, 5]
    assert banco.filas(m, cm, estado="pendiente") == []
    banco.cuadrar()


def test_pending_rows_are_listed_where_the_applied_ones_end(banco: Banco) -> None:
    cm, [a, *_] = banco.cm(100)
    m = banco.pedir(cm, [(a, n, "1.00") for n in range(1, 8)])
    assert masivas.aplicar_una(banco.uow, 3)
    assert masivas.aplicar_una(banco.uow, 3)
    filas = banco.filas(m, cm)
    assert [(f.fila, f.cantidad, f.estado) for f in filas] == [
        (n, n, "aplicada" if n <= 3 else "pendiente") for n in range(1, 8)
    ]
    assert [f.fila for f in banco.filas(m, cm, estado="pendiente")] == [4, 5, 6, 7]
    banco.aplicar()


def test_each_venta_is_told_once_in_columns_that_the_contract_reads(banco: Banco) -> None:
    cm, [a, b, _] = banco.cm(100)
    m = banco.pedir(cm, [(a, 10, "12.50"), ("ajena-1", 1, "1.00"), (b, 20, "0.05"), (a, 1, "1.00")])
    banco.aplicar(porcion=3)
    filas = [f for f in banco.filas(m, cm) if f.estado == "aplicada"]
    lotes = banco.lotes(cm)
    assert {(x.cuenta_id, x.origen) for x in lotes} == {(cm, "masiva")}
    dichas = [
        venta
        for x in lotes
        for venta in zip(
            *(
                columna.split(",")
                for columna in (x.transferencias, x.ctis, x.clientes, x.nics, x.cantidades, x.importes)
            ),
            strict=True,
        )
    ]
    assert sorted(dichas, key=str) == sorted(
        [
            (
                str(f.transferencia_id),
                f.cti,
                str(banco.ctis[f.cti]),
                str(int(f.cti[3:])),
                str(f.cantidad),
                str(f.importe),
            )
            for f in filas
        ],
        key=str,
    )


def test_what_does_not_fit_is_passed_over_and_a_later_row_may_fit(banco: Banco) -> None:
    cm, [a, b, _] = banco.cm(100)
    filas: list[Fila] = [(a, 60, "1.00"), (b, 50, "1.00"), (a, 40, "1.00"), (b, 1, "1.00")]
    simulada = banco.simular(cm, filas)
    m = banco.pedir(cm, filas)
    banco.aplicar(porcion=10)
    assert banco.resultados(m, cm) == ["aplicada", "existencia", "aplicada", "existencia"]
    assert banco.saldos(cm, [a, b]) == (0, {a: 100, b: 0})
    assert (simulada.estado, simulada.aplicables, simulada.timbres) == ("aplicada_con_rechazos", 2, 100)
    assert (simulada.existencia_antes, simulada.existencia_despues) == (100, 0)
    assert [(r.fila, r.codigo) for r in simulada.rechazos] == [(2, "existencia"), (4, "existencia")]


def test_all_or_nothing_moves_all_or_nothing(banco: Banco) -> None:
    cm, [a, b, _] = banco.cm(100)
    for malas, esperado in (
        ([(a, 60, "1.00"), ("ajena-1", 1, "1.00")], ["otra_fila", "no_existe"]),
        ([(a, 60, "1.00"), (b, 50, "1.00"), (b, 5, "1.00")], ["otra_fila", "existencia", "otra_fila"]),
    ):
        simulada = banco.simular(cm, malas, todo_o_nada=True)
        assert (simulada.estado, simulada.timbres, simulada.existencia_despues) == ("rechazada", 0, 100)
        m = banco.pedir(cm, malas, todo_o_nada=True)
        banco.aplicar(porcion=1)
        assert banco.resultados(m, cm) == esperado
        v = banco.ver(m, cm)
        assert (v.estado, v.aplicadas, v.timbres, v.importe) == ("rechazada", 0, 0, Decimal(0))
    assert banco.saldos(cm, [a, b]) == (100, {a: 0, b: 0})
    assert banco.lotes(cm) == []
    buena = banco.pedir(cm, [(a, 60, "1.00"), (b, 40, "1.00")], todo_o_nada=True)
    banco.aplicar(porcion=1)
    assert banco.ver(buena, cm).estado == "aplicada"
    assert banco.saldos(cm, [a, b]) == (0, {a: 60, b: 40})
    banco.cuadrar()


def test_ilimitada_foreign_and_blocked(banco: Banco) -> None:
    """A blocked CTI takes timbres, as in a single transfer: it can't spend, and keeps what is its."""
    cm, [ilimitada, bloqueada, _] = banco.cm(100)
    _, [ajena, *_] = banco.cm(0)
    with banco.engine.begin() as connection:
        connection.execute(text("UPDATE ctis SET tipo = 'ilimitada' WHERE id = :i"), {"i": ilimitada})
    banco.correr(
        cuentas.bloquear_cti,
        c.BloquearCti(clave="b", cuenta_id=cm, cti=bloqueada, bloqueada=True, motivo="No pagó"),
    )
    uno = banco.correr(
        transferencias.transferir,
        c.Transferir(clave="t", cuenta_id=cm, cti=bloqueada, cantidad=1, importe=Decimal(1)),
    )
    assert (uno.saldo, uno.existencia) == (1, 99)
    m = banco.pedir(cm, [(ilimitada, 1, "1.00"), (ajena, 1, "1.00"), (bloqueada, 1, "1.00")])
    banco.aplicar()
    assert banco.resultados(m, cm) == ["ilimitada", "no_existe", "aplicada"]


def test_a_blocked_stock_gives_nothing(banco: Banco) -> None:
    cm, [a, *_] = banco.cm(100)
    with banco.uow() as uow:
        cuenta = uow.repo.cuenta("existencia", str(cm))
        assert cuenta is not None
        uow.repo.libro.bloquear(cuenta.id, True)
        uow.commit()
    assert banco.simular(cm, [(a, 1, "1.00")]).estado == "rechazada"
    m = banco.pedir(cm, [(a, 1, "1.00")])
    banco.aplicar()
    assert banco.resultados(m, cm) == ["bloqueada"]
    assert banco.ver(m, cm).estado == "rechazada"


def test_a_simulation_changes_nothing(banco: Banco) -> None:
    cm, [a, *_] = banco.cm(10)
    with banco.engine.connect() as connection:
        antes = connection.execute(
            text("SELECT count(*), (SELECT count(*) FROM outbox) FROM movimientos")
        ).one()
        banco.simular(cm, [(a, 1, "1.00"), ("ajena-1", 1, "1.00")])
        despues = connection.execute(
            text("SELECT count(*), (SELECT count(*) FROM outbox) FROM movimientos")
        ).one()
    assert antes == despues
    assert banco.correr(
        masivas.listar_transferencias_masivas, c.ListarTransferenciasMasivas(cuenta_id=cm)
    ) == c.PaginaTransferenciasMasivas(datos=[])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    existencia=st.integers(0, 60),
    pedidas=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 20)), min_size=1, max_size=12),
    porcion=st.integers(1, 5),
    todo_o_nada=st.booleans(),
)
def test_the_same_as_a_plain_model(
    banco: Banco, existencia: int, pedidas: list[tuple[int, int]], porcion: int, todo_o_nada: bool
) -> None:
    cm, ctis = banco.cm(existencia)
    filas: list[Fila] = [((*ctis, "ajena-1")[i], n, "1.00") for i, n in pedidas]
    queda, saldos, esperado = existencia, dict.fromkeys(ctis, 0), []
    for cti, n, _ in filas:
        esperado.append("no_existe" if cti not in saldos else "aplicada" if n <= queda else "existencia")
        if esperado[-1] == "aplicada":
            queda -= n
            saldos[cti] += n
    if todo_o_nada and set(esperado) != {"aplicada"}:
        esperado = ["otra_fila" if e == "aplicada" else e for e in esperado]
        queda, saldos = existencia, dict.fromkeys(ctis, 0)
    simulada = banco.simular(cm, filas, todo_o_nada)
    m = banco.pedir(cm, filas, todo_o_nada)
    banco.aplicar(porcion)
    assert banco.resultados(m, cm) == esperado
    assert banco.saldos(cm, ctis) == (queda, saldos)
    v = banco.ver(m, cm)
    assert (simulada.estado, simulada.timbres, simulada.importe) == (v.estado, v.timbres, v.importe)
    assert simulada.existencia_despues == queda


def test_a_portion_costs_the_same_number_of_statements_whatever_its_rows(banco: Banco) -> None:
    cm, ctis = banco.cm(10_000)
    cuantas: list[int] = []
    for filas in (2, 200):
        banco.pedir(cm, [(ctis[n % 3], 1, "1.00") for n in range(filas)])
        assert masivas.aplicar_una(banco.uow)
        sentencias: list[str] = []

        def contar(_c: Any, _k: Any, sql: str, *_: Any, anotadas: list[str] = sentencias) -> None:
            anotadas.append(sql)

        event.listen(banco.engine, "before_cursor_execute", contar)
        assert masivas.aplicar_una(banco.uow)
        event.remove(banco.engine, "before_cursor_execute", contar)
        cuantas.append(len(sentencias))
    assert cuantas[0] == cuantas[1] <= 8
