"""The automatic sale on a real PostgreSQL: once per crossing, whatever stops it and lets it go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from services.timbrado.repository import Repositorio
from services.timbrado.use_cases import cuentas, transferencias
from services.timbrado.use_cases import venta_automatica as ventas
from shared.contracts import eventos as ev
from shared.contracts import timbrado as c
from shared.errors import DomainError
from shared.persistence.uow import UnitOfWork
from tests.integration.apoyo_venta_automatica import atender, banco, emitir, en_cola, filas, poner
from tests.integration.test_timbrado_pipeline import Banco

__all__ = ["banco"]


class EnOtroMes(UnitOfWork[Repositorio]):
    """The same database, forty days later."""

    @property
    def ahora(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=40)


def orden(banco: Banco) -> c.VentaAutomatica:
    with banco.uow() as uow:
        return ventas.obtener_venta_automatica(
            uow, c.ObtenerVentaAutomatica(cuenta_id=banco.cm, cti=banco.cti)
        )


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


def avisos(banco: Banco) -> list[str]:
    return [f.tipo for f in filas(banco, "SELECT tipo FROM avisos ORDER BY creado_en, id")]


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
