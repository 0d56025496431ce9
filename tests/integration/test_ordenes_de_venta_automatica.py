"""Orders of automatic sale on a real PostgreSQL: many at once, refused whole, listed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.timbrado.repository.consumo import al_sellar
from services.timbrado.use_cases import venta_automatica as ventas
from shared.contracts import timbrado as c
from shared.errors import DomainError
from shared.ledger import sealing
from tests.integration.apoyo_venta_automatica import atender, banco, filas
from tests.integration.test_timbrado_pipeline import Banco

__all__ = ["banco"]


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
