"""Bulk transfers under way on a real PostgreSQL: several workers, one that fails, lists, what the database refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.facturacion import use_cases as facturacion
from services.facturacion.repository import Repositorio as RepositorioFacturacion
from services.timbrado.use_cases import masivas
from shared.contracts import eventos as ev
from shared.contracts import timbrado as c
from shared.contracts.base import load
from shared.contracts.facturacion import ListarVentas
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from tests.integration.apoyo_masivas import Banco, banco, columnas

__all__ = ["banco"]


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
