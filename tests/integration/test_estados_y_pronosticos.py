"""Statements and forecasts on a real PostgreSQL: periods that tile, pages that agree, one rule in Python and in SQL."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from sqlalchemy import text

from services.gateway.estados import escritura, lectura
from services.gateway.impresion.taller import Taller
from services.timbrado.domain import pronostico as reglas
from services.timbrado.domain.venta_automatica import ZONA
from services.timbrado.repository.consumo import SIN_FIN, al_sellar
from services.timbrado.use_cases import estados_de_cuenta, pronostico
from shared.contracts import timbrado as c
from shared.errors import DomainError
from shared.ledger import sealing, verificar
from tests.integration.test_timbrado_pipeline import Banco, armar


@pytest.fixture
def banco(base_de_datos: Callable[[str], str], tmp_path: Path) -> Iterator[Banco]:
    b = armar(base_de_datos("timbrado"), tmp_path, 10)
    yield b
    b.engine.dispose()


def hoy() -> date:
    return datetime.now(ZONA).date()


def sellar(banco: Banco) -> None:
    while sealing.seal(banco.engine, al_sellar):
        pass
    banco.sano()


class Servicio:
    """What the gateway calls, without a bus between."""

    def __init__(self, banco: Banco, por_pagina: int = 500) -> None:
        self._banco, self._por_pagina = banco, por_pagina
        self.llamadas = 0

    def llamar(self, _: Any, peticion: c.PedirEstadoDeCuenta) -> c.EstadoDeCuenta:
        self.llamadas += 1
        corta = c.PedirEstadoDeCuenta(**{**vars(peticion), "limite": self._por_pagina})
        with self._banco.uow() as uow:
            return estados_de_cuenta.estado_de_cuenta(uow, corta)


def pedir(
    banco: Banco, cti: str | None, desde: date, hasta: date, por_pagina: int = 500, maximo: int = 100
) -> dict[str, Any]:
    """The statement as the gateway writes it in JSON."""
    leido = lectura.leer(Servicio(banco, por_pagina), banco.cm, cti, desde, hasta, maximo)  # type: ignore[arg-type]
    estado: dict[str, Any] = orjson.loads(b"".join(escritura.en_json(leido)))
    return estado


def mover(banco: Banco, movimientos: list[tuple[int, int]]) -> None:
    """(days ago, timbres) into the CTI, or out of it when negative; sealed in the order of the list."""
    with banco.engine.begin() as connection:
        cti, emision, consumo = connection.execute(
            text(
                "SELECT c.id, e.id, s.id FROM cuentas c, cuentas e, cuentas s"
                " WHERE c.titular = :t AND e.tipo = 'emision' AND s.tipo = 'consumo'"
            ),
            {"t": banco.cti},
        ).one()
        for dias, cambio in movimientos:
            connection.execute(
                text(
                    "WITH m AS (INSERT INTO movimientos (operacion, origen, destino, cantidad, motivo, creado_en)"
                    " VALUES (gen_random_uuid(), :origen, :destino, :n, 'prueba', now() - make_interval(days => :dias))"
                    " RETURNING id), s AS (UPDATE cuentas SET saldo = saldo + :cambio WHERE id = :cti)"
                    " INSERT INTO por_sellar SELECT id FROM m"
                ),
                {
                    "origen": emision if cambio > 0 else cti, "destino": cti if cambio > 0 else consumo,
                    "n": abs(cambio), "cambio": cambio, "cti": cti, "dias": dias,
                },
            )  # fmt: skip
    sellar(banco)


@pytest.fixture
def historia(base_de_datos: Callable[[str], str], tmp_path: Path) -> Iterator[Banco]:
    """A CTI with sealed movements 30, 20 and 2 days ago, some of them sealed out of their order."""
    b = armar(base_de_datos("timbrado"), tmp_path, 0)
    mover(b, [(30, 9), (30, -1), (20, -1), (21, -1), (20, -1)])
    mover(b, [(2, -1), (2, -1), (3, -1), (2, 5)])
    yield b
    b.engine.dispose()


def test_statements_verify_offline_tile_and_follow_each_other(historia: Banco) -> None:
    cortes = [40, 25, 19, 10, 0]
    estados = []
    for antes, despues in itertools.pairwise(cortes):
        desde, hasta = hoy() - timedelta(days=antes), hoy() - timedelta(days=despues + 1 if despues else 0)
        estados.append(pedir(historia, historia.cti, desde, hasta))
        assert verificar.verificar(estados[-1]) == []
    assert [len(e["movimientos"]) for e in estados] == [2, 3, 0, 4]
    for uno, otro in itertools.pairwise(estados):
        assert verificar.verificar_sucesion(uno, otro) == []
    entero = pedir(historia, historia.cti, hoy() - timedelta(days=365), hoy())
    assert [m for e in estados for m in e["movimientos"]] == entero["movimientos"]
    assert entero["apertura"] == {"secuencia": 0, "saldo": 0, "sello": "0" * 64}


def test_a_statement_verifies_offline_whole_or_by_pages(banco: Banco) -> None:
    banco.timbrar(*[banco.factura(f"A{n}") for n in range(7)])
    sellar(banco)
    for cti in (banco.cti, None):
        por_paginas = pedir(banco, cti, hoy(), hoy(), por_pagina=3)
        assert verificar.verificar(por_paginas) == []
        assert por_paginas == pedir(banco, cti, hoy(), hoy())
    assert por_paginas["cierre"]["saldo"] == 990
    de_cti = pedir(banco, banco.cti, hoy(), hoy())
    assert [m["cambio"] for m in de_cti["movimientos"]] == [10] + [-1] * 7
    assert de_cti["movimientos"][0]["importe"] == "10.00"


def test_what_is_not_sealed_yet_is_told_and_not_there(banco: Banco) -> None:
    estado = pedir(banco, banco.cti, hoy(), hoy())
    assert (estado["sin_sellar"], estado["movimientos"]) == (1, [])
    assert verificar.verificar(estado) == []


def test_links_made_between_two_pages_do_not_enter(banco: Banco) -> None:
    banco.timbrar(*[banco.factura(f"B{n}") for n in range(4)])
    sellar(banco)
    leido = lectura.leer(Servicio(banco, 2), banco.cm, banco.cti, hoy(), hoy(), 100)  # type: ignore[arg-type]
    paginas = leido.paginas()
    vistas = [next(paginas)]
    banco.timbrar(banco.factura("B9"))
    sellar(banco)
    vistas += list(paginas)
    assert [[m.secuencia for m in p] for p in vistas] == [[1, 2], [3, 4], [5]]


def test_the_same_rows_in_csv(banco: Banco) -> None:
    banco.timbrar(*[banco.factura(f"C{n}") for n in range(3)])
    sellar(banco)
    leido = lectura.leer(Servicio(banco, 2), banco.cm, banco.cti, hoy(), hoy(), 100)  # type: ignore[arg-type]
    lineas = b"".join(escritura.en_csv(leido)).decode("utf-8-sig").splitlines()
    assert lineas[0].split(",") == list(lectura.COLUMNAS)
    assert [linea.split(",")[0] for linea in lineas[1:]] == ["1", "2", "3", "4"]
    assert "\ufeff" not in "".join(lineas)


def test_too_many_rows_another_cms_cti_and_a_period_backwards_are_refused_in_words(banco: Banco) -> None:
    banco.timbrar(*[banco.factura(f"D{n}") for n in range(3)])
    sellar(banco)
    with pytest.raises(DomainError, match="periodos más cortos"):
        pedir(banco, banco.cti, hoy(), hoy(), maximo=3)
    with pytest.raises(DomainError, match="termina antes de empezar"):
        pedir(banco, banco.cti, hoy(), hoy() - timedelta(days=1))
    peticion = c.PedirEstadoDeCuenta(cuenta_id=uuid4(), cti=banco.cti, desde=hoy(), hasta=hoy())
    with banco.uow() as uow, pytest.raises(DomainError, match="no_encontrado"):
        estados_de_cuenta.estado_de_cuenta(uow, peticion)
    with banco.uow() as uow:
        vacio = c.PedirEstadoDeCuenta(cuenta_id=uuid4(), desde=date(1, 1, 1), hasta=date(9999, 12, 31))
        assert estados_de_cuenta.estado_de_cuenta(uow, vacio).movimientos == []


def _datos(banco: Banco, cuenta_maestra: str) -> dict[str, Any]:
    estado = pedir(banco, banco.cti, hoy(), hoy())
    return {
        **estado,
        "cuenta_maestra": cuenta_maestra,
        "cliente": "C",
        "emitido_en": "2026-11-24T18:00:00+00:00",
    }


def test_the_pdf_is_drawn_in_another_process_and_fetches_nothing(banco: Banco, tmp_path: Path) -> None:
    sellar(banco)
    trampa = tmp_path / "trampa.png"
    trampa.write_bytes(b"no")
    taller = Taller()
    try:
        pdf = taller.estado(_datos(banco, f'<img src="file://{trampa}"> Ñandú & Cía'))
        assert pdf.startswith(b"%PDF")
        with pytest.raises(DomainError, match="CSV o JSON") as exc:
            taller.estado({"movimientos": []})
        assert exc.value.code == "no_disponible"
    finally:
        taller.cerrar()


# -- forecasts ---------------------------------------------------------------------------------------------


def poblar(banco: Banco, cuantas: int, azar: random.Random) -> None:
    """CTI with balances and rhythms of every kind."""
    with banco.uow() as uow:
        for n in range(cuantas):
            uow.repo.crear_cti(f"P{n:04}", 2000 + n, uuid4(), banco.cm)
        uow.commit()
    with banco.engine.begin() as connection:
        for n in range(cuantas):
            tasas = [azar.choice([0, 0, 60, 45, 1200, azar.randrange(10**6)]) for _ in range(7)]
            connection.execute(
                text("UPDATE cuentas SET saldo = :s WHERE titular = :t"),
                {"s": azar.choice([0, 1, 5, 100, 10**6, 10**8]), "t": f"P{n:04}"},
            )
            if n % 5:
                connection.execute(
                    text("INSERT INTO ritmos (cti, desde, dias, tasas) VALUES (:t, '2026-01-01', :d, :r)"),
                    {"t": f"P{n:04}", "d": azar.randint(1, 28), "r": tasas},
                )


def paginas(banco: Banco, limite: int, **filtro: Any) -> list[c.Pronostico]:
    vistos: list[c.Pronostico] = []
    cursor = None
    with banco.uow() as uow:
        while True:
            pagina = pronostico.listar_pronosticos(
                uow, c.ListarPronosticos(cuenta_id=banco.cm, limite=limite, cursor=cursor, **filtro)
            )
            vistos += pagina.datos
            cursor = pagina.siguiente
            if cursor is None:
                return vistos


def test_the_lists_order_is_the_rules_days(banco: Banco) -> None:
    poblar(banco, 200, random.Random(7))
    vistos = paginas(banco, 13)
    assert len(vistos) == len({p.cti for p in vistos}) == 201
    claves = [(SIN_FIN if p.dias is None else p.dias, p.cti) for p in vistos]
    assert claves == sorted(claves)
    assert [p.cti for p in vistos] == [p.cti for p in paginas(banco, 200)] or len(vistos) > 200
    pronto = paginas(banco, 50, dias_menos_de=30)
    assert pronto == [p for p in vistos if p.dias is not None and p.dias < 30]
    with banco.uow() as uow:
        for p in vistos[::17]:
            assert pronostico.obtener_pronostico(uow, c.ObtenerPronostico(cuenta_id=banco.cm, cti=p.cti)) == p
        assert pronostico.listar_pronosticos(uow, c.ListarPronosticos(cuenta_id=uuid4())).datos == []


@pytest.mark.parametrize("cursor", ["WyJ4Il0", "WyI5OTk5OTk5OTk5OTk5OTpBIl0", "x"])
def test_a_foreign_cursor_is_refused(banco: Banco, cursor: str) -> None:
    with banco.uow() as uow, pytest.raises(DomainError, match="datos_invalidos"):
        pronostico.listar_pronosticos(uow, c.ListarPronosticos(cuenta_id=banco.cm, cursor=cursor))


def consumir(banco: Banco, cti: str, por_dia: dict[int, int], desde: int) -> None:
    """What the sealer would have kept: so many timbres so many days ago, at the edges of the day."""
    with banco.engine.begin() as connection:
        for dias_atras, cantidad in por_dia.items():
            dia = datetime.combine(hoy() - timedelta(days=dias_atras), datetime.min.time(), ZONA)
            for hora, parte in ((0, cantidad - 1), (23, 1)):
                if parte:
                    connection.execute(
                        text("INSERT INTO consumo_por_hora VALUES (:cti, :hora, :n)"),
                        {"cti": cti, "hora": dia.replace(hour=hora), "n": parte},
                    )
        connection.execute(
            text("INSERT INTO ritmos (cti, desde) VALUES (:cti, :desde)"),
            {"cti": cti, "desde": hoy() - timedelta(days=desde)},
        )


def test_rhythms_are_worked_out_from_the_hours_of_28_whole_days(banco: Banco) -> None:
    por_dia = {1: 10, 2: 3, 7: 5, 8: 10, 28: 6, 29: 1_000, 0: 500}
    consumir(banco, banco.cti, por_dia, desde=29)
    consumir(banco, "NUEVA", {0: 4}, desde=0)
    with banco.uow() as uow:
        assert pronostico.recalcular_ritmos(uow) == 2
        uow.commit()
        assert pronostico.recalcular_ritmos(uow) == 0
        ritmos = uow.repo.ritmos([banco.cti, "NUEVA", "NADIE"])
    esperado = [0] * 7
    for dias_atras, n in por_dia.items():
        if 1 <= dias_atras <= 28:
            esperado[(hoy() - timedelta(days=dias_atras)).weekday()] += n * 60 // 4
    assert ritmos == {banco.cti: (28, esperado), "NUEVA": (1, [240] * 7)}
    assert reglas.ESCALA == 60
    with banco.uow() as uow:
        uno = pronostico.obtener_pronostico(uow, c.ObtenerPronostico(cuenta_id=banco.cm, cti=banco.cti))
    assert not uno.poca_historia
    assert uno.dias == reglas.dias_cubiertos(10, esperado, hoy())
    with banco.engine.connect() as connection:
        [(pronto,)] = connection.execute(
            text("SELECT recalcular_en < now() + interval '61 minutes' FROM ritmos WHERE cti = 'NUEVA'")
        )
        assert pronto


def test_ilimitadas_have_no_forecast_and_others_ctis_are_not_found(banco: Banco) -> None:
    with banco.uow() as uow:
        uow.repo.crear_cti("ANUAL", 1, UUID(int=1), banco.cm)
        uow.session.execute(
            text("UPDATE ctis SET tipo = 'ilimitada', vigente_hasta = now() WHERE id = 'ANUAL'")
        )
        with pytest.raises(DomainError, match="ilimitada"):
            pronostico.obtener_pronostico(uow, c.ObtenerPronostico(cuenta_id=banco.cm, cti="ANUAL"))
        assert [
            p.cti for p in pronostico.listar_pronosticos(uow, c.ListarPronosticos(cuenta_id=banco.cm)).datos
        ] == [banco.cti]
        with pytest.raises(DomainError, match="no_encontrado"):
            pronostico.obtener_pronostico(uow, c.ObtenerPronostico(cuenta_id=uuid4(), cti=banco.cti))
