"""Bulk transfers on a real PostgreSQL: the ledger's rules, each row once, what is told, what is shown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError

from services.facturacion import use_cases as facturacion
from services.facturacion.repository import Repositorio as RepositorioFacturacion
from services.timbrado.domain.masivas import motivo
from services.timbrado.repository import Repositorio
from services.timbrado.use_cases import cuentas, masivas, transferencias
from shared.contracts import eventos as ev
from shared.contracts import timbrado as c
from shared.contracts.base import load
from shared.contracts.facturacion import ListarVentas
from shared.errors import Codigo, DomainError
from shared.ledger import sealing
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork

Fila = tuple[str, int, str]


@dataclass
class Banco:
    """A migrated timbrado database with CMs."""

    engine: Engine
    nic: int = 0
    ctis: dict[str, UUID] = field(default_factory=dict)

    def uow(self) -> UnitOfWork[Repositorio]:
        return UnitOfWork(self.engine, Repositorio)

    def correr(self, caso: Callable[..., Any], peticion: Any) -> Any:
        with self.uow() as uow:
            respuesta = caso(uow, peticion)
            uow.commit()
            return respuesta

    def cm(self, existencia: int, ctis: int = 3) -> tuple[UUID, list[str]]:
        """A CM with its stock and some CTI, of a cliente each."""
        cm = uuid4()
        self.correr(cuentas.abrir_existencia, ev.CuentaMaestraCreada(cuenta_id=cm, nombre="CM"))
        if existencia:
            self.correr(transferencias.emitir, c.Emitir(clave="e", cuenta_id=cm, cantidad=existencia))
        nombres = []
        for _ in range(ctis):
            self.nic += 1
            cti, cliente = f"CTI{self.nic:05}", uuid4()
            self.correr(
                cuentas.crear_cti_estandar,
                ev.ClienteCreado(cuenta_id=cm, cliente_id=cliente, nic=self.nic, nombre="C", cti=cti),
            )
            self.ctis[cti] = cliente
            nombres.append(cti)
        return cm, nombres

    def pedir(self, cm: UUID, filas: list[Fila], todo_o_nada: bool = False) -> c.TransferenciaMasiva:
        peticion = c.TransferirMasivamente(
            clave="k", cuenta_id=cm, todo_o_nada=todo_o_nada, **columnas(filas)
        )
        recibida = self.correr(masivas.transferir_masivamente, peticion)
        assert isinstance(recibida, c.TransferenciaMasiva)
        return recibida

    def simular(self, cm: UUID, filas: list[Fila], todo_o_nada: bool = False) -> c.SimulacionMasiva:
        peticion = c.SimularTransferenciaMasiva(cuenta_id=cm, todo_o_nada=todo_o_nada, **columnas(filas))
        simulada = self.correr(masivas.simular_transferencia_masiva(lambda f, *a: f(*a)), peticion)
        assert isinstance(simulada, c.SimulacionMasiva)
        return simulada

    def aplicar(self, porcion: int = 2) -> None:
        while masivas.aplicar_una(self.uow, porcion):
            pass

    def ver(self, m: c.TransferenciaMasiva, cm: UUID) -> c.TransferenciaMasiva:
        vista = self.correr(
            masivas.obtener_transferencia_masiva, c.ObtenerTransferenciaMasiva(cuenta_id=cm, masiva_id=m.id)
        )
        assert isinstance(vista, c.TransferenciaMasiva)
        return vista

    def filas(self, m: c.TransferenciaMasiva, cm: UUID, **otros: Any) -> list[c.FilaDeMasiva]:
        """All its rows, page by page."""
        hojas: list[c.FilaDeMasiva] = []
        cursor = None
        while True:
            pagina = self.correr(
                masivas.listar_filas_de_masiva,
                c.ListarFilasDeMasiva(cuenta_id=cm, masiva_id=m.id, limite=2, cursor=cursor, **otros),
            )
            hojas += pagina.datos
            if pagina.siguiente is None:
                return hojas
            cursor = pagina.siguiente

    def resultados(self, m: c.TransferenciaMasiva, cm: UUID) -> list[str]:
        """Each row's refusal, or its state."""
        return [f.codigo or f.estado for f in self.filas(m, cm)]

    def saldos(self, cm: UUID, ctis: list[str]) -> tuple[int, dict[str, int]]:
        """The CM's stock and the balance of each CTI."""
        with self.uow() as uow:
            libro = uow.repo.libro.buscar([("existencia", str(cm)), *[("cti", i) for i in ctis]])
            return libro["existencia", str(cm)].saldo, {i: libro["cti", i].saldo for i in ctis}

    def lotes(self, cm: UUID) -> list[ev.TimbresTransferidosLote]:
        """The events of a CM's bulk transfers, as a consumer reads them."""
        with self.engine.connect() as connection:
            cargas = connection.execute(
                text("SELECT carga FROM outbox WHERE evento = :e AND carga->>'cuenta_id' = :cm ORDER BY id"),
                {"e": ev.TIMBRES_TRANSFERIDOS_LOTE.nombre, "cm": str(cm)},
            ).scalars()
            return [load(ev.TimbresTransferidosLote, carga) for carga in cargas]

    def cuadrar(self) -> None:
        while sealing.seal(self.engine):
            pass
        with self.engine.connect() as connection:
            assert sealing.verify(connection) == []
            for sql in (
                (
                    "SELECT count(*) FROM transferencias_masivas_filas f WHERE rechazo IS NULL AND NOT EXISTS"
                    " (SELECT FROM movimientos m WHERE m.operacion = f.operacion AND m.destino = f.libro_id"
                    " AND m.cantidad = f.cantidad AND m.importe = f.importe AND m.motivo = 'masiva')"
                ),
                (
                    "SELECT count(*) FROM movimientos m WHERE motivo = 'masiva' AND NOT EXISTS"
                    " (SELECT FROM transferencias_masivas_filas f WHERE f.operacion = m.operacion)"
                ),
            ):
                assert connection.execute(text(sql)).scalar_one() == 0


def columnas(filas: list[Fila]) -> dict[str, str]:
    return {
        "ctis": ",".join(f[0] for f in filas),
        "cantidades": ",".join(str(f[1]) for f in filas),
        "importes": ",".join(f[2] for f in filas),
    }


@pytest.fixture(scope="module")
def banco(base_de_datos_modulo: Callable[[str], str]) -> Iterator[Banco]:
    engine = new_engine(base_de_datos_modulo("timbrado"), 8)
    yield Banco(engine)
    engine.dispose()


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


def test_two_workers_share_the_work_and_each_row_moves_once(banco: Banco) -> None:
    cm, ctis = banco.cm(100_000, ctis=8)
    otra, ctis_de_otra = banco.cm(100_000, ctis=8)
    ms = [banco.pedir(cm, [(ctis[n % 8], 1, "1.00") for n in range(100)]) for _ in range(3)]
    ms_de_otra = [banco.pedir(otra, [(ctis_de_otra[n % 8], 1, "1.00") for n in range(100)]) for _ in range(3)]
    errores: list[Exception] = []

    def trabajar() -> None:
        try:
            banco.aplicar(porcion=7)
        except Exception as exc:  # noqa: BLE001
            errores.append(exc)

    hilos = [threading.Thread(target=trabajar) for _ in range(3)]
    for hilo in hilos:
        hilo.start()
    for hilo in hilos:
        hilo.join()
    banco.aplicar()
    assert errores == []
    assert {banco.ver(m, cm).estado for m in ms} == {"aplicada"}
    assert {banco.ver(m, otra).estado for m in ms_de_otra} == {"aplicada"}
    assert banco.saldos(cm, ctis)[0] == banco.saldos(otra, ctis_de_otra)[0] == 100_000 - 300
    banco.cuadrar()


def test_one_that_fails_lets_the_others_go_first_and_is_tried_again(
    banco: Banco, monkeypatch: pytest.MonkeyPatch
) -> None:
    cm, [a, b, _] = banco.cm(100)
    mala = banco.pedir(cm, [(a, 1, "1.00")])
    assert masivas.aplicar_una(banco.uow)
    buena = banco.pedir(cm, [(b, 1, "1.00")])
    with monkeypatch.context() as roto:
        roto.setattr(masivas, "_mover", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            masivas.aplicar_una(banco.uow)
    banco.aplicar()
    assert banco.ver(buena, cm).estado == "aplicada"
    assert banco.resultados(mala, cm) == ["pendiente"]
    with banco.engine.begin() as connection:
        connection.execute(
            text("UPDATE transferencias_masivas SET turno = now() WHERE id = :i"), {"i": mala.id}
        )
    banco.aplicar()
    assert banco.ver(mala, cm).estado == "aplicada"


def test_someone_elses_is_not_there(banco: Banco) -> None:
    cm, [a, *_] = banco.cm(10)
    otra, _ = banco.cm(10)
    m = banco.pedir(cm, [(a, 1, "1.00")])
    for caso, peticion in (
        (masivas.obtener_transferencia_masiva, c.ObtenerTransferenciaMasiva(cuenta_id=otra, masiva_id=m.id)),
        (masivas.listar_filas_de_masiva, c.ListarFilasDeMasiva(cuenta_id=otra, masiva_id=m.id)),
    ):
        with pytest.raises(DomainError) as refus:
            banco.correr(caso, peticion)
        assert refus.value.code is Codigo.NO_ENCONTRADO
    banco.aplicar()


def test_pages_of_bulk_transfers(banco: Banco) -> None:
    cm, [a, *_] = banco.cm(10)
    ms = [banco.pedir(cm, [(a, 1, "1.00")]) for _ in range(3)]
    banco.aplicar()
    vistas: list[UUID] = []
    cursor = None
    while True:
        pagina = banco.correr(
            masivas.listar_transferencias_masivas,
            c.ListarTransferenciasMasivas(cuenta_id=cm, limite=2, cursor=cursor, estado="aplicada"),
        )
        vistas += [m.id for m in pagina.datos]
        cursor = pagina.siguiente
        if cursor is None:
            break
    assert vistas == [m.id for m in reversed(ms)]
    with pytest.raises(DomainError):
        banco.correr(
            masivas.listar_transferencias_masivas, c.ListarTransferenciasMasivas(cuenta_id=cm, estado="otro")
        )


@pytest.mark.parametrize(
    "cambio",
    [
        "aplicadas = 2",
        "aplicadas = 1, timbres = 0",
        "estado = 'aplicada', terminada_en = now()",
        "estado = 'rechazada', iniciada_en = now(), terminada_en = now(), ctis = NULL, cantidades = NULL, importes = NULL",
        "ctis = NULL",
    ],
)
def test_the_database_refuses_a_state_that_does_not_hold(banco: Banco, cambio: str) -> None:
    cm, [a, *_] = banco.cm(10)
    m = banco.pedir(cm, [(a, 1, "1.00")])
    with pytest.raises(DBAPIError), banco.engine.begin() as connection:
        connection.execute(text(f"UPDATE transferencias_masivas SET {cambio} WHERE id = :i"), {"i": m.id})
    banco.aplicar()


@pytest.mark.parametrize(
    ("campo", "valor"),
    [
        ("ctis", "CTI00001,"), ("ctis", "a'b"), ("cantidades", "0"), ("cantidades", "100000001"), ("cantidades", "-1"),
        ("importes", "1.5"), ("importes", "1e3"), ("ctis", "CTI00001,CTI00002"),
    ],
)  # fmt: skip
def test_columns_of_another_form_are_refused(banco: Banco, campo: str, valor: str) -> None:
    cm, [a, *_] = banco.cm(10)
    datos: dict[str, Any] = {"cuenta_id": str(cm), "clave": "k", **columnas([(a, 1, "1.00")]), campo: valor}
    with pytest.raises(DomainError) as refus:
        banco.correr(masivas.transferir_masivamente, load(c.TransferirMasivamente, datos))
    assert refus.value.code is Codigo.DATOS_INVALIDOS


def test_facturacion_keeps_each_venta_once(base_de_datos: Callable[[str], str]) -> None:
    engine = new_engine(base_de_datos("facturacion"))
    ids, clientes = [uuid4() for _ in range(3)], [uuid4() for _ in range(3)]
    lote = ev.TimbresTransferidosLote(
        cuenta_id=uuid4(), origen="masiva", en=datetime.now(UTC), transferencias=",".join(map(str, ids)),
        clientes=",".join(map(str, clientes)), nics="1,2,3", ctis="A,B,C", cantidades="10,20,30",
        importes="1.00,0.00,2.50",
    )  # fmt: skip
    for _ in range(2):
        with UnitOfWork(engine, RepositorioFacturacion) as uow:
            facturacion.anotar_ventas_de_timbres(uow, lote)
            uow.commit()
    with UnitOfWork(engine, RepositorioFacturacion) as uow, pytest.raises(DBAPIError):
        facturacion.anotar_ventas_de_timbres(uow, replace(lote, nics="1,2"))
    with UnitOfWork(engine, RepositorioFacturacion) as uow:
        pagina = facturacion.listar_ventas(
            uow, ListarVentas(cuenta_id=lote.cuenta_id, origen="masiva", tipo="timbres")
        )
    assert {(v.id, v.nic, v.cantidad, v.importe, v.estado) for v in pagina.datos} == {
        (ids[0], 1, Decimal(10), Decimal("1.00"), "por_facturar"),
        (ids[1], 2, Decimal(20), Decimal(0), "por_facturar"),
        (ids[2], 3, Decimal(30), Decimal("2.50"), "por_facturar"),
    }
    engine.dispose()
