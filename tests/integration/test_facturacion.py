"""facturacion on a real PostgreSQL, through its unit of work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from services.facturacion import use_cases
from services.facturacion.repository import Repositorio
from shared.contracts import facturacion as c
from shared.contracts.eventos import (
    ClienteCreado,
    CuentaMaestraCreada,
    PuntosTransferidos,
    TimbresTransferidos,
)
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork

AHORA = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def engine(base_de_datos: Callable[..., str]) -> Iterator[Engine]:
    engine = new_engine(base_de_datos("facturacion"))
    yield engine
    engine.dispose()


def correr(engine: Engine, caso: Callable[..., Any], peticion: Any) -> Any:
    with UnitOfWork(engine, Repositorio) as uow:
        respuesta = caso(uow, peticion)
        uow.commit()
        return respuesta


def vender(
    engine: Engine, cuenta: UUID, nic: int, *, puntos: bool = False, importe: str = "150.50", minuto: int = 0
) -> UUID:
    comun: dict[str, Any] = {
        "transferencia_id": uuid4(),
        "cuenta_id": cuenta,
        "cliente_id": UUID(int=nic),
        "nic": nic,
        "importe": Decimal(importe),
        "origen": "transferencia",
        "en": AHORA + timedelta(minutes=minuto),
    }
    if puntos:
        correr(engine, use_cases.anotar_venta_de_puntos, PuntosTransferidos(puntos=Decimal("10.25"), **comun))
    else:
        correr(
            engine, use_cases.anotar_venta_de_timbres, TimbresTransferidos(cti="C1", cantidad=100, **comun)
        )
    return UUID(str(comun["transferencia_id"]))


def facturar(engine: Engine, cuenta: UUID, nic: int, ventas: list[UUID]) -> c.Factura:
    peticion = c.RegistrarFactura(clave="k", cuenta_id=cuenta, nic=nic, referencia="F-1", ventas=ventas)
    factura = correr(engine, use_cases.registrar_factura, peticion)
    assert isinstance(factura, c.Factura)
    return factura


def pendientes(engine: Engine, cuenta: UUID, **filtros: Any) -> list[c.Venta]:
    pagina = correr(engine, use_cases.listar_ventas, c.ListarVentas(cuenta_id=cuenta, **filtros))
    return list(pagina.datos)


def test_a_venta_is_invoiced_annulled_and_invoiced_again(engine: Engine) -> None:
    cuenta = uuid4()
    correr(engine, use_cases.anotar_cuenta, CuentaMaestraCreada(cuenta_id=cuenta, nombre="CM"))
    nuevo = ClienteCreado(cuenta_id=cuenta, cliente_id=UUID(int=5), nic=5, nombre="Ferretería", cti="C1")
    correr(engine, use_cases.anotar_cliente, nuevo)
    ventas = [vender(engine, cuenta, 5), vender(engine, cuenta, 5, puntos=True)]
    assert {v.id for v in pendientes(engine, cuenta, estado="por_facturar")} == set(ventas)

    factura = facturar(engine, cuenta, 5, ventas)
    assert (factura.importe, factura.estado, factura.cliente) == (Decimal("301.00"), "vigente", "Ferretería")
    assert pendientes(engine, cuenta, estado="por_facturar") == []
    assert {v.factura_id for v in pendientes(engine, cuenta, estado="facturada")} == {factura.id}

    anular = c.AnularFactura(clave="k2", cuenta_id=cuenta, factura_id=factura.id)
    anulada = correr(engine, use_cases.anular_factura, anular)
    assert anulada.estado == "anulada"
    assert correr(engine, use_cases.anular_factura, anular) == anulada
    assert len(pendientes(engine, cuenta, estado="por_facturar")) == 2
    otra = facturar(engine, cuenta, 5, ventas)
    lista = correr(engine, use_cases.listar_facturas, c.ListarFacturas(cuenta_id=cuenta, estado="vigente"))
    assert [f.id for f in lista.datos] == [otra.id]
    todas = correr(engine, use_cases.listar_facturas, c.ListarFacturas(cuenta_id=cuenta, nic=5))
    assert len(todas.datos) == 2


def test_a_repeated_event_makes_one_venta(engine: Engine) -> None:
    cuenta = uuid4()
    evento = TimbresTransferidos(
        transferencia_id=uuid4(), cuenta_id=cuenta, cliente_id=uuid4(), nic=1, cti="C1", cantidad=3,
        importe=Decimal("3.00"), origen="masiva", en=AHORA,
    )  # fmt: skip
    correr(engine, use_cases.anotar_venta_de_timbres, evento)
    correr(engine, use_cases.anotar_venta_de_timbres, evento)
    (unica,) = pendientes(engine, cuenta)
    assert (unica.cantidad, unica.origen, unica.cliente) == (Decimal(3), "masiva", None)
    assert str(unica.cantidad) == "3"


def test_filters_and_pages(engine: Engine) -> None:
    cuenta = uuid4()
    ids = [vender(engine, cuenta, nic, puntos=nic == 2, minuto=m) for m in range(3) for nic in (1, 2)]
    vender(engine, uuid4(), 1)
    vistas: list[UUID] = []
    cursor: str | None = None
    while True:
        peticion = c.ListarVentas(cuenta_id=cuenta, limite=4, cursor=cursor)
        pagina = correr(engine, use_cases.listar_ventas, peticion)
        vistas += [v.id for v in pagina.datos]
        cursor = pagina.siguiente
        if cursor is None:
            break
    assert len(vistas) == 6
    assert set(vistas) == set(ids)
    assert {v.nic for v in pendientes(engine, cuenta, tipo="puntos")} == {2}
    assert len(pendientes(engine, cuenta, nic=1)) == 3
    assert pendientes(engine, cuenta, origen="venta_automatica") == []


def test_another_cm_sees_and_takes_nothing(engine: Engine) -> None:
    mia, ajena = uuid4(), uuid4()
    venta = vender(engine, mia, 9)
    assert pendientes(engine, ajena) == []
    with pytest.raises(DomainError) as caso:
        facturar(engine, ajena, 9, [venta])
    assert caso.value.code is Codigo.NO_ENCONTRADO
    factura = facturar(engine, mia, 9, [venta])
    peticion = c.AnularFactura(clave="x", cuenta_id=ajena, factura_id=factura.id)
    with pytest.raises(DomainError) as caso:
        correr(engine, use_cases.anular_factura, peticion)
    assert caso.value.code is Codigo.NO_ENCONTRADO


def test_two_invoices_at_once_take_a_venta_once(engine: Engine) -> None:
    cuenta = uuid4()
    ventas = [vender(engine, cuenta, 3) for _ in range(4)]
    resultados: list[object] = []
    barrera = threading.Barrier(6)

    def intentar(pedidas: list[UUID]) -> None:
        barrera.wait()
        try:
            resultados.append(facturar(engine, cuenta, 3, pedidas))
        except DomainError as error:
            resultados.append(error.code)

    hilos = [threading.Thread(target=intentar, args=(ventas[:: 1 if i % 2 else -1],)) for i in range(6)]
    for hilo in hilos:
        hilo.start()
    for hilo in hilos:
        hilo.join()
    assert resultados.count(Codigo.CONFLICTO) == 5


def test_the_database_refuses_a_second_invoice_and_another_clientes(engine: Engine) -> None:
    cuenta = uuid4()
    una, otra, de_otro = vender(engine, cuenta, 1), vender(engine, cuenta, 1), vender(engine, cuenta, 2)
    f1, f2 = facturar(engine, cuenta, 1, [una]), facturar(engine, cuenta, 1, [otra])
    for factura, venta in ((f2, una), (f1, de_otro)):
        with pytest.raises(DBAPIError), engine.begin() as conexion:
            conexion.execute(
                text("UPDATE ventas SET factura_id = :f WHERE id = :v"), {"f": factura.id, "v": venta}
            )
