"""The automatic sale while others work at the same time: workers, captures, changes of its order."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import uuid4

from services.timbrado.use_cases import transferencias
from services.timbrado.use_cases import venta_automatica as ventas
from shared.contracts import timbrado as c
from tests.integration.apoyo_venta_automatica import atender, banco, emitir, en_cola, filas, poner
from tests.integration.test_timbrado_pipeline import Banco

__all__ = ["banco"]


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
