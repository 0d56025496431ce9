"""What timbrado and puntos tell the cartera: balances as the sealer left them, and CTI that are created."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from services.timbrado.service.movimientos import al_sellar_timbrado
from services.timbrado.use_cases import saldo
from shared.contracts import timbrado as ti
from shared.ledger import sealing
from tests.integration.test_timbrado_pipeline import Banco, armar


@pytest.fixture
def banco(base_de_datos: Callable[[str], str], tmp_path: Path) -> Iterator[Banco]:
    b = armar(base_de_datos("timbrado"), tmp_path, 10)
    yield b
    b.engine.dispose()


def contados(banco: Banco, evento: str) -> list[dict[str, Any]]:
    with banco.engine.connect() as conexion:
        filas = conexion.execute(
            text("SELECT carga FROM outbox WHERE evento = :e ORDER BY id"), {"e": evento}
        )
        return [r.carga for r in filas]


def sellar(banco: Banco) -> None:
    while sealing.seal(banco.engine, al_sellar_timbrado):
        pass


def test_cada_lote_sellado_cuenta_el_saldo_que_queda(banco: Banco) -> None:
    sellar(banco)
    [primero] = contados(banco, "timbrado.saldos_de_timbres_v1")
    assert (primero["ctis"], primero["saldos"]) == (banco.cti, "10")
    assert primero["compras"]
    banco.timbrar(banco.factura("A1"), banco.factura("A2"))
    sellar(banco)
    segundo = contados(banco, "timbrado.saldos_de_timbres_v1")[-1]
    assert (segundo["ctis"], segundo["saldos"], segundo["compras"]) == (banco.cti, "8", "")
    assert int(segundo["versiones"]) == int(primero["versiones"]) + 2
    with banco.uow() as uow:
        cliente = uow.repo.ctis([banco.cti])[banco.cti].cliente_id
        leidos = saldo.saldos_de_clientes(uow, ti.SaldosDeClientes(clientes=[cliente]))
    assert (leidos.ctis, leidos.saldos, leidos.versiones) == (banco.cti, "8", segundo["versiones"])
    assert leidos.compras


def test_una_cti_creada_se_cuenta(banco: Banco) -> None:
    with banco.uow() as uow:
        cti = uow.repo.ctis([banco.cti])[banco.cti]
        assert uow.repo.crear_cti("Otra-9", cti.nic, cti.cliente_id, cti.cuenta_id)
        assert not uow.repo.crear_cti("Otra-9", cti.nic, cti.cliente_id, cti.cuenta_id)
        uow.commit()
    assert contados(banco, "timbrado.ctis_creadas_v1")[-1] == {
        "ctis": "Otra-9",
        "clientes": str(cti.cliente_id),
    }
    assert [c["ctis"] for c in contados(banco, "timbrado.ctis_creadas_v1")] == [banco.cti, "Otra-9"]
