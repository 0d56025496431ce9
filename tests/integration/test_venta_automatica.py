"""The automatic sale on a real PostgreSQL: once per crossing, whoever works at the same time and whatever changes."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.timbrado.repository import Repositorio
from services.timbrado.repository.consumo import al_sellar
from services.timbrado.use_cases import cuentas, transferencias
from services.timbrado.use_cases import venta_automatica as ventas
from shared.contracts import eventos as ev
from shared.contracts import timbrado as c
from shared.errors import DomainError
from shared.ledger import sealing
from shared.persistence.uow import UnitOfWork
from tests.integration.test_timbrado_pipeline import Banco, armar


@pytest.fixture
def banco(base_de_datos: Callable[[str], str], tmp_path: Path) -> Iterator[Banco]:
    b = armar(base_de_datos("timbrado"), tmp_path, 10)
    yield b
    b.engine.dispose()


class EnOtroMes(UnitOfWork[Repositorio]):
    """The same database, forty days later."""

    @property
    def ahora(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=40)


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


def orden(banco: Banco) -> c.VentaAutomatica:
    with banco.uow() as uow:
        return ventas.obtener_venta_automatica(
            uow, c.ObtenerVentaAutomatica(cuenta_id=banco.cm, cti=banco.cti)
        )


def emitir(banco: Banco, cantidad: int) -> None:
    with banco.uow() as uow:
        transferencias.emitir(uow, c.Emitir(clave=uuid4().hex, cuenta_id=banco.cm, cantidad=cantidad))
        uow.commit()


def vaciar(banco: Banco, quedan: int = 0) -> None:
    """Leave the CM's stock with so much, by selling the rest to another of its CTI."""
    with banco.uow() as uow:
        existencia = transferencias.consultar_existencia(uow, c.ConsultarExistencia(cuenta_id=banco.cm))
        uow.repo.crear_cti("OTRA-CTI", 1002, uuid4(), banco.cm)
        transferencias.transferir(
            uow,
            c.Transferir(
                clave=uuid4().hex,
                cuenta_id=banco.cm,
                cti="OTRA-CTI",
                cantidad=existencia.existencia - quedan,
                importe=Decimal(1),
            ),
        )
        uow.commit()


def bloquear(banco: Banco, bloqueada: bool) -> None:
    with banco.uow() as uow:
        cuentas.bloquear_cti(
            uow,
            c.BloquearCti(
                clave=uuid4().hex, cuenta_id=banco.cm, cti=banco.cti, bloqueada=bloqueada, motivo="Prueba"
            ),
        )
        uow.commit()


def filas(banco: Banco, sql: str, **datos: Any) -> list[Any]:
    with banco.engine.connect() as connection:
        return list(connection.execute(text(sql), datos))


def avisos(banco: Banco) -> list[str]:
    return [f.tipo for f in filas(banco, "SELECT tipo FROM avisos ORDER BY creado_en, id")]


def en_cola(banco: Banco) -> int:
    return len(filas(banco, "SELECT FROM bajo_umbral"))


def test_a_debit_below_the_minimum_sells_once_as_a_venta(banco: Banco) -> None:
    poner(banco)
    assert atender(banco) == 0
    banco.timbrar(banco.factura("A1"))
    assert [atender(banco), atender(banco)] == [1, 0]
    assert banco.saldo() == (29, 0)
    [m] = filas(banco, "SELECT * FROM movimientos WHERE motivo = 'venta_automatica'")
    assert (m.cantidad, m.importe, m.referencia) == (20, Decimal("35.50"), banco.cti)
    [e] = filas(
        banco,
        "SELECT carga FROM outbox WHERE evento LIKE '%timbres_transferidos_v1' ORDER BY id DESC LIMIT 1",
    )
    assert (e.carga["origen"], e.carga["transferencia_id"]) == ("venta_automatica", str(m.operacion))
    puesta = orden(banco)
    assert (puesta.estado, puesta.vendido_en_el_mes, puesta.importe_del_mes) == (
        "activa",
        20,
        Decimal("35.50"),
    )
    assert (puesta.ultima_cantidad, puesta.ultima_operacion) == (20, m.operacion)
    banco.sano()


def test_an_order_for_a_cti_that_is_low_already_sells_at_once(banco: Banco) -> None:
    poner(banco, minimo=50)
    assert atender(banco) == 1
    assert banco.saldo() == (30, 0)


def timbrar_hasta_lograrlo(banco: Banco, lotes: list[list[bytes]]) -> None:
    for lote in lotes:
        pendientes = lote
        while pendientes:
            hechos = banco.timbrar(*pendientes)
            pendientes = [x for x, r in zip(pendientes, hechos, strict=True) if r.error is not None]


def mientras(fin: threading.Event, accion: Callable[[], object]) -> None:
    while not fin.is_set():
        accion()


def test_one_sale_per_crossing_with_several_workers_and_captures_at_once(banco: Banco) -> None:
    minimo = 8
    poner(banco, minimo=minimo, abonar=10)
    lotes = [[banco.factura(f"B{i}-{j}") for j in range(5)] for i in range(24)]
    fin = threading.Event()
    with ThreadPoolExecutor(7) as grupo:
        trabajadores = [grupo.submit(mientras, fin, lambda: atender(banco)) for _ in range(3)]
        aplicaciones = [grupo.submit(timbrar_hasta_lograrlo, banco, lotes[n::4]) for n in range(4)]
        try:
            for a in aplicaciones:
                a.result(60)
        finally:
            fin.set()
    for t in trabajadores:
        t.result()
    atender(banco)
    # In the order in which the account was locked: each sale found it below, and since abonar > minimo it left it
    # above; so between two sales lies exactly one crossing, and at the end none is unattended.
    [cuenta] = filas(banco, "SELECT id, saldo FROM cuentas WHERE tipo = 'cti' AND titular = :t", t=banco.cti)
    saldos, ventas_hechas = [0], 0
    for m in filas(
        banco, "SELECT * FROM movimientos WHERE origen = :c OR destino = :c ORDER BY id", c=cuenta.id
    ):
        if m.motivo == "venta_automatica":
            assert saldos[-1] < minimo
            ventas_hechas += 1
        saldos.append(saldos[-1] + (m.cantidad if m.destino == cuenta.id else -m.cantidad))
    assert min(saldos) >= 0
    assert saldos[-1] == cuenta.saldo >= minimo
    assert ventas_hechas == (120 - 10 + cuenta.saldo) // 10
    assert en_cola(banco) == 0
    banco.sano()


def test_without_stock_it_tells_once_waits_for_nothing_costly_and_sells_when_stock_arrives(
    banco: Banco,
) -> None:
    vaciar(banco, quedan=19)
    poner(banco)
    banco.timbrar(banco.factura("C1"))
    assert atender(banco) == 0
    assert orden(banco).estado == "sin_existencia"
    # It is known as waiting: further debits put nothing in the queue, and nobody tells it again.
    banco.timbrar(banco.factura("C2"))
    assert [en_cola(banco), atender(banco)] == [0, 0]
    assert avisos(banco) == ["venta_automatica_sin_existencia"]
    emitir(banco, 1)
    assert [atender(banco), atender(banco)] == [1, 0]
    assert (banco.saldo(), orden(banco).estado) == ((28, 0), "activa")
    # The next crossing is another one.
    banco.timbrar(*[banco.factura(f"C{n}") for n in range(3, 22)])
    assert banco.saldo() == (9, 0)
    atender(banco)
    assert avisos(banco) == ["venta_automatica_sin_existencia"] * 2
    banco.sano()


def test_stock_for_one_of_two_goes_to_the_one_that_waits_longer(banco: Banco) -> None:
    vaciar(banco)
    poner(banco, minimo=50)
    atender(banco)
    with banco.uow() as uow:
        uow.repo.crear_cti("MAS-TARDE", 1003, uuid4(), banco.cm)
        ventas.poner_venta_automatica(
            uow,
            c.PonerVentaAutomatica(
                clave="t", cuenta_id=banco.cm, cti="MAS-TARDE", minimo=5, abonar=15, importe=Decimal(1)
            ),
        )
        uow.commit()
    atender(banco)
    emitir(banco, 25)
    assert [atender(banco), atender(banco)] == [1, 0]
    assert banco.saldo() == (30, 0)
    emitir(banco, 10)
    assert atender(banco) == 1
    banco.sano()


def test_the_monthly_cap_stops_it_tells_once_and_lets_it_go_on_next_month(banco: Banco) -> None:
    poner(banco, minimo=10, abonar=20, tope=30)
    banco.timbrar(*[banco.factura(f"D{n}") for n in range(5)])
    assert atender(banco) == 1
    banco.timbrar(*[banco.factura(f"D{n}") for n in range(5, 22)])
    assert banco.saldo() == (8, 0)
    assert [atender(banco), atender(banco)] == [0, 0]
    banco.timbrar(banco.factura("D30"))
    assert [en_cola(banco), atender(banco)] == [0, 0]
    assert orden(banco).estado == "tope_alcanzado"
    assert avisos(banco) == ["venta_automatica_tope"]
    assert [atender(banco, EnOtroMes), atender(banco, EnOtroMes)] == [1, 0]
    assert banco.saldo() == (27, 0)
    assert filas(banco, "SELECT espera, vendido FROM ventas_automaticas") == [(None, 20)]
    banco.sano()


def test_a_higher_cap_lets_it_go_on_at_once(banco: Banco) -> None:
    poner(banco, minimo=50, abonar=20, tope=20)
    atender(banco)
    banco.timbrar(banco.factura("E1"))
    assert [atender(banco), orden(banco).estado] == [0, "tope_alcanzado"]
    assert poner(banco, minimo=50, abonar=20, tope=40).vendido_en_el_mes == 20
    assert [atender(banco), atender(banco)] == [1, 0]
    assert banco.saldo() == (49, 0)


def test_a_blocked_cti_is_sold_nothing_until_it_is_reactivated_even_with_an_empty_balance(
    banco: Banco,
) -> None:
    banco.timbrar(*[banco.factura(f"F{n}") for n in range(10)])
    poner(banco)
    bloquear(banco, True)
    assert [atender(banco), en_cola(banco)] == [0, 0]
    assert orden(banco).estado == "cti_bloqueada"
    bloquear(banco, False)
    assert [en_cola(banco), atender(banco), banco.saldo()] == [1, 1, (20, 0)]


def test_a_deleted_order_sells_nothing_though_it_was_due(banco: Banco) -> None:
    poner(banco, minimo=50)
    with banco.uow() as uow:
        ventas.quitar_venta_automatica(
            uow, c.QuitarVentaAutomatica(clave="q", cuenta_id=banco.cm, cti=banco.cti)
        )
        uow.commit()
    banco.timbrar(banco.factura("G1"))
    assert [en_cola(banco), atender(banco), banco.saldo()] == [0, 0, (9, 0)]
    with pytest.raises(DomainError, match="no_encontrado"):
        orden(banco)


def test_a_row_of_the_queue_whose_balance_is_enough_by_now_sells_nothing(banco: Banco) -> None:
    poner(banco, minimo=50)
    poner(banco, minimo=5)
    assert [en_cola(banco), atender(banco), en_cola(banco)] == [1, 0, 0]
    assert banco.saldo() == (10, 0)


def test_changing_the_order_while_sales_go_on_mixes_nothing_and_never_deadlocks(banco: Banco) -> None:
    turnos = itertools.count()

    def cambiar() -> None:
        n = next(turnos)
        poner(banco, minimo=30 + n % 2, abonar=31 + n % 2)

    cambiar()
    fin = threading.Event()
    with ThreadPoolExecutor(3) as grupo:
        otros = [grupo.submit(mientras, fin, accion) for accion in (lambda: atender(banco), cambiar)]
        try:
            for n in range(12):
                banco.timbrar(*[banco.factura(f"H{n}-{m}") for m in range(4)])
        finally:
            fin.set()
    for otro in otros:
        otro.result()
    vendidas = filas(banco, "SELECT cantidad FROM movimientos WHERE motivo = 'venta_automatica'")
    assert {f.cantidad for f in vendidas} <= {31, 32}
    banco.sano()


def test_first_orders_transfers_and_password_changes_never_deadlock(banco: Banco) -> None:
    emitir(banco, 1_000_000)
    with banco.uow() as uow:
        # Its account comes after its stock's, which is the order in which a transfer locks them.
        banco.cti = "POSTERIOR"
        uow.repo.crear_cti(banco.cti, 1004, uuid4(), banco.cm)
        uow.commit()
    fin = threading.Event()

    def estrenar() -> None:
        poner(banco, minimo=1, abonar=1)
        with banco.uow() as uow:
            peticion = c.QuitarVentaAutomatica(clave=uuid4().hex, cuenta_id=banco.cm, cti=banco.cti)
            ventas.quitar_venta_automatica(uow, peticion)
            uow.commit()

    def transferir() -> None:
        with banco.uow() as uow:
            peticion = c.Transferir(
                clave=uuid4().hex, cuenta_id=banco.cm, cti=banco.cti, cantidad=1, importe=Decimal(1)
            )
            transferencias.transferir(uow, peticion)
            uow.commit()

    def cambiar_contrasena() -> None:
        with banco.uow() as uow:
            libro = uow.repo.ctis([banco.cti])[banco.cti].libro_id
            uow.repo.tomar_cti(banco.cm, banco.cti)
            uow.repo.libro.cambiar_version(libro)
            uow.commit()

    with ThreadPoolExecutor(3) as grupo:
        otros = [grupo.submit(mientras, fin, accion) for accion in (transferir, cambiar_contrasena)]
        try:
            for _ in range(60):
                estrenar()
        finally:
            fin.set()
    for otro in otros:
        otro.result()
    banco.sano()


def test_many_at_once_each_with_its_result_and_a_simulation_that_changes_nothing(banco: Banco) -> None:
    banco.timbrar(*[banco.factura(f"I{n}") for n in range(7)])
    while sealing.seal(banco.engine, al_sellar):
        pass
    with banco.uow() as uow:
        for id_, cm in (("PROPIA", banco.cm), ("AJENA", uuid4()), ("ANUAL", banco.cm)):
            uow.repo.crear_cti(id_, 1009, uuid4(), cm)
        uow.session.execute(
            text("UPDATE ctis SET tipo = 'ilimitada', vigente_hasta = now() WHERE id = 'ANUAL'")
        )
        uow.session.execute(text("UPDATE ritmos SET dias = 1, tasas = '{420,420,420,420,420,420,420}'"))
        uow.commit()
    pedido: dict[str, Any] = {
        "cuenta_id": banco.cm, "ctis": [banco.cti, "PROPIA", "AJENA", "ANUAL", "NO-HAY"], "minimo": 5,
        "abonar": 100, "importe": Decimal("90.00"), "tope_mensual": 150,
    }  # fmt: skip
    with banco.uow() as uow:
        simulada = ventas.simular_ventas_automaticas(uow, c.SimularVentasAutomaticas(**pedido))
        uow.commit()
    assert filas(banco, "SELECT FROM ventas_automaticas") == []
    with banco.uow() as uow:
        puesta = ventas.poner_ventas_automaticas(uow, c.PonerVentasAutomaticas(clave="m", **pedido))
        uow.commit()
    assert [r.resultado for r in simulada.resultados] == ["simulada", "simulada"] + ["rechazada"] * 3
    assert [r.resultado for r in puesta.resultados] == ["aplicada", "aplicada"] + ["rechazada"] * 3
    assert [r.error for r in puesta.resultados] == [
        None,
        None,
        "no_encontrado",
        "datos_invalidos",
        "no_encontrado",
    ]
    # 7 a day are 210 in 30 days: three sales of 100, of which the cap lets one through.
    assert [(r.saldo, r.vende_ahora, r.al_mes) for r in simulada.resultados[:2]] == [
        (3, 100, 100),
        (0, 100, 0),
    ]
    assert (simulada.vende_ahora, simulada.importe_ahora, simulada.faltan) == (200, Decimal("180.00"), 0)
    assert (simulada.al_mes, simulada.importe_al_mes) == (100, Decimal("90.00"))
    assert [atender(banco), atender(banco)] == [2, 0]
    assert banco.saldo() == (103, 0)
    banco.sano()


@pytest.mark.parametrize(
    ("ctis", "tope"), [([], None), (["A", "A"], None), ([f"C{n}" for n in range(1_001)], None), (["A"], 99)]
)
def test_a_request_that_can_never_work_is_refused_whole(
    banco: Banco, ctis: list[str], tope: int | None
) -> None:
    peticion = c.PonerVentasAutomaticas(
        clave="n", cuenta_id=banco.cm, ctis=ctis, minimo=5, abonar=100, importe=Decimal(1), tope_mensual=tope
    )
    with banco.uow() as uow, pytest.raises(DomainError, match="datos_invalidos"):
        ventas.poner_ventas_automaticas(uow, peticion)


def test_orders_are_listed_by_pages(banco: Banco) -> None:
    with banco.uow() as uow:
        ctis = [f"LISTA-{n}" for n in range(5)]
        for id_ in ctis:
            uow.repo.crear_cti(id_, 1010, uuid4(), banco.cm)
        ventas.poner_ventas_automaticas(
            uow,
            c.PonerVentasAutomaticas(
                clave="l", cuenta_id=banco.cm, ctis=ctis, minimo=5, abonar=10, importe=Decimal(1)
            ),
        )
        uow.commit()
    vistas: list[str] = []
    cursor = None
    with banco.uow() as uow:
        while True:
            pagina = ventas.listar_ventas_automaticas(
                uow, c.ListarVentasAutomaticas(cuenta_id=banco.cm, limite=2, cursor=cursor)
            )
            vistas += [v.cti for v in pagina.datos]
            cursor = pagina.siguiente
            if cursor is None:
                break
        ajena = ventas.listar_ventas_automaticas(uow, c.ListarVentasAutomaticas(cuenta_id=uuid4()))
    assert vistas == ctis
    assert ajena.datos == []


def estar(banco: Banco, estado: str, version: int) -> None:
    """clientes tells how the CM stands; each word is delivered twice."""
    for _ in range(2):
        with banco.uow() as uow:
            cambio = ev.CuentaMaestraCambiada(
                cuenta_id=banco.cm, estado=estado, version=version, en=datetime.now(UTC)
            )
            ventas.anotar_cuenta(uow, cambio)
            uow.commit()


def test_a_cm_that_is_not_active_sells_nothing_is_told_once_and_goes_on_when_it_is(banco: Banco) -> None:
    estar(banco, "suspendido", 3)
    # An older word that comes late says nothing new.
    estar(banco, "activo", 2)
    poner(banco, minimo=100, abonar=200)
    assert (atender(banco), orden(banco).estado, avisos(banco)) == (
        0,
        "cuenta_no_activa",
        ["venta_automatica_cuenta"],
    )
    # What waits costs the next looks nothing and tells nothing more.
    assert (en_cola(banco), atender(banco), len(avisos(banco))) == (0, 0, 1)
    estar(banco, "activo", 4)
    assert (atender(banco), orden(banco).estado, orden(banco).ultima_cantidad) == (1, "activa", 200)
    assert atender(banco) == 0
    [umbral] = filas(banco, "SELECT umbral FROM cuentas WHERE umbral IS NOT NULL")
    assert umbral == (100,)
