"""What the sealer keeps beside the chain: consumption by hour and CTI, exactly once; where each day begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from services.timbrado.repository import Directo
from services.timbrado.repository.consumo import al_sellar
from services.timbrado.use_cases import consumos
from shared.ledger import sealing
from shared.ledger.domain import Captura
from tests.integration.test_timbrado_pipeline import Banco, armar


@pytest.fixture
def banco(base_de_datos: Callable[[str], str], tmp_path: Path) -> Iterator[Banco]:
    b = armar(base_de_datos("timbrado"), tmp_path, 10)
    yield b
    b.engine.dispose()


def consumido(banco: Banco) -> int:
    with banco.engine.connect() as connection:
        sql = "SELECT coalesce(sum(cantidad), 0) FROM consumo_por_hora WHERE cti = :cti"
        return int(connection.execute(text(sql), {"cti": banco.cti}).scalar_one())


def sellar(banco: Banco) -> None:
    while sealing.seal(banco.engine, al_sellar):
        pass


def test_a_stamping_counts_once_in_its_hour(banco: Banco) -> None:
    banco.timbrar(banco.factura("A1"), banco.factura("A2"))
    assert consumido(banco) == 0
    sellar(banco)
    banco.timbrar(banco.factura("A3"))
    sellar(banco)
    sellar(banco)
    assert consumido(banco) == 3
    with banco.engine.connect() as connection:
        [ritmo] = connection.execute(text("SELECT * FROM ritmos"))
        hoy = connection.execute(text("SELECT (now() AT TIME ZONE 'America/Mexico_City')::date")).scalar_one()
    assert (ritmo.cti, ritmo.desde, ritmo.dias) == (banco.cti, hoy, 0)


def test_an_ilimitadas_stamping_counts_for_its_cti(banco: Banco) -> None:
    """Its timbre is minted as it is spent: the movement leaves `emision`, and only the stamping tells the CTI."""
    with banco.uow() as uow:
        cti = uow.repo.ctis([banco.cti])[banco.cti]
        emision, consumo = uow.repo.cuenta("emision", ""), uow.repo.cuenta("consumo", "")
    assert emision is not None
    assert consumo is not None
    fila: dict[str, Any] = {
        "ids": uuid4(), "huellas": bytes(32), "ctis": cti.id, "cuentas": cti.cuenta_id, "clientes": cti.cliente_id,
        "idds": None, "emisores": "EKU9003173C9", "receptores": "XAXX010101000", "tipos": "I", "totales": 1,
        "sellos": "x", "numeros": "1", "xmls": b"<x/>", "libros": cti.libro_id, "versiones": cti.version,
        "cargos": emision.id,
    }  # fmt: skip
    directo = Directo(banco.engine)
    assert directo.retener([fila], "prueba", 10.0) == {fila["ids"]}
    captura = Captura(fila["ids"], fila["ids"], consumo.id, "timbrado", "")
    assert directo.capturar([captura], [uuid4()], [b"<tfd/>"]) == {fila["ids"]}
    assert banco.saldo() == (10, 0)
    sellar(banco)
    assert consumido(banco) == 1


def test_a_death_before_the_commit_counts_nothing_and_the_next_time_once(banco: Banco) -> None:
    banco.timbrar(banco.factura("C1"))

    def morir(connection: Connection, eslabones: object) -> None:
        al_sellar(connection, eslabones)  # type: ignore[arg-type]
        raise RuntimeError("kill -9")

    with pytest.raises(RuntimeError):
        sealing.seal(banco.engine, morir)
    assert consumido(banco) == 0
    sellar(banco)
    assert consumido(banco) == 1


def test_the_days_first_link_is_kept(banco: Banco) -> None:
    sellar(banco)
    banco.timbrar(banco.factura("D1"))
    sellar(banco)
    with banco.engine.connect() as connection:
        cortes = connection.execute(text("SELECT cuenta_id, secuencia FROM cortes")).all()
        cuentas = connection.execute(text("SELECT count(DISTINCT cuenta_id) FROM cadena")).scalar_one()
    assert len(cortes) == cuentas
    assert {c.secuencia for c in cortes} == {1}


def test_the_database_refuses_hours_that_are_none(banco: Banco) -> None:
    for hora, cantidad in (("2026-11-24 10:30:00Z", 1), ("2026-11-24 10:00:00Z", 0)):
        with pytest.raises(DBAPIError), banco.engine.begin() as connection:
            connection.execute(
                text("INSERT INTO consumo_por_hora VALUES ('X', :hora, :cantidad)"),
                {"hora": hora, "cantidad": cantidad},
            )


def test_old_hours_become_one_and_the_sum_stays(banco: Banco) -> None:
    ahora = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    ctis = [banco.cti, "OTRA", "QUIETA"]
    corte = ahora - consumos.CONSERVADO
    with banco.engine.begin() as connection:
        for cti in ctis[:2]:
            for n in range(1, 60):
                connection.execute(
                    text("INSERT INTO consumo_por_hora VALUES (:cti, :hora, :n)"),
                    {"cti": cti, "hora": corte + timedelta(hours=30 - n), "n": n},
                )
        connection.execute(
            text("INSERT INTO consumo_por_hora VALUES ('QUIETA', :h, 5)"), {"h": corte - timedelta(days=900)}
        )

    def filas() -> dict[str, dict[datetime, int]]:
        vistas: dict[str, dict[datetime, int]] = {}
        with banco.engine.connect() as connection:
            for r in connection.execute(text("SELECT cti, hora, cantidad FROM consumo_por_hora")):
                vistas.setdefault(r.cti, {})[r.hora] = r.cantidad
        return vistas

    antes = filas()

    def juntar(limite: int) -> int:
        with banco.uow() as uow:
            hechas = uow.repo.juntar_horas(corte, limite)
            uow.commit()
            return int(hechas)

    # Two replicas at once, a few at a time, and a death before a commit.
    with banco.uow() as uow:
        uow.repo.juntar_horas(corte, 10)
    assert filas() == antes
    with ThreadPoolExecutor(2) as dos:
        cuantas = sum(dos.map(lambda _: juntar(7), range(20)))
    while hechas := juntar(7):
        cuantas += hechas
    assert cuantas == 2 * 29 + 1
    despues = filas()
    fondo = datetime.fromtimestamp(0, UTC)
    for cti in ctis:
        assert sum(despues[cti].values()) == sum(antes[cti].values())
        quedan = {h: n for h, n in despues[cti].items() if h != fondo}
        assert quedan == {h: n for h, n in antes[cti].items() if h >= corte}
    # An hour that is sealed very late is still counted, and joins the others.
    with banco.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO consumo_por_hora VALUES ('QUIETA', :h, 3)"), {"h": corte - timedelta(days=1)}
        )
    with banco.uow() as uow:
        assert consumos.juntar_horas(uow) >= 1
        assert consumos.juntar_horas(uow) == 0
        uow.commit()
    assert filas()["QUIETA"] == {fondo: 8}
