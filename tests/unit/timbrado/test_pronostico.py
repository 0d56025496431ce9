"""The forecast and the automatic sale as rules: whole numbers, weekdays, and their edges."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.timbrado.domain import venta_automatica as ventas
from services.timbrado.domain.pronostico import (
    DIAS_MAXIMO,
    al_mes,
    dias_cubiertos,
    pronosticar,
    tasas,
)
from services.timbrado.domain.venta_automatica import Decision, Orden
from shared.errors import DomainError

LUNES = date(2026, 11, 23)


def test_each_weekday_has_its_own_mean_of_four() -> None:
    dias, rates = tasas([40, 40, 40, 40, 40, 8, 0], 0, LUNES - timedelta(days=100), LUNES)
    assert dias == 28
    assert rates == [600, 600, 600, 600, 600, 120, 0]


def test_the_weekend_lasts_and_the_day_that_is_not_covered_is_the_end() -> None:
    rates = [600, 600, 600, 600, 600, 120, 0]
    # 10 a day from Monday to Friday, 2 on Saturday, none on Sunday: 52 a week.
    assert dias_cubiertos(52, rates, LUNES) == 7
    assert dias_cubiertos(51, rates, LUNES) == 5
    assert dias_cubiertos(50, rates, LUNES) == 5
    assert dias_cubiertos(49, rates, LUNES) == 4
    assert dias_cubiertos(0, rates, LUNES + timedelta(days=6)) == 0
    hecho = pronosticar(51, rates, 28, LUNES)
    assert (hecho.dias, hecho.termina) == (5, LUNES + timedelta(days=5))
    assert (hecho.promedio_diario, hecho.poca_historia) == (Decimal("7.43"), False)


def test_without_consumption_nothing_ends() -> None:
    hecho = pronosticar(10, [0] * 7, 28, LUNES)
    assert (hecho.promedio_diario, hecho.dias, hecho.termina, hecho.poca_historia) == (
        None,
        None,
        None,
        False,
    )
    assert pronosticar(10, [0] * 7, 0, LUNES).poca_historia


def test_a_cti_that_began_today_goes_by_today_and_is_flagged() -> None:
    dias, rates = tasas([0] * 7, 5, LUNES, LUNES)
    assert (dias, rates) == (1, [300] * 7)
    hecho = pronosticar(15, rates, dias, LUNES)
    assert (hecho.dias, hecho.poca_historia) == (3, True)


def test_weekdays_that_a_short_history_lacks_take_its_mean() -> None:
    # Friday, Saturday and Sunday: 9, 0 and 0.
    dias, rates = tasas([0, 0, 0, 0, 9, 0, 0], 0, LUNES - timedelta(days=3), LUNES)
    assert dias == 3
    assert rates == [180, 180, 180, 180, 540, 0, 0]
    assert not pronosticar(1, rates, dias, LUNES).poca_historia
    assert pronosticar(1, rates, 2, LUNES).poca_historia


def test_a_balance_for_ages_has_no_date() -> None:
    hecho = pronosticar(100_000_000, [15, 0, 0, 0, 0, 0, 0], 28, LUNES)
    assert (hecho.dias, hecho.termina) == (DIAS_MAXIMO, None)


@given(
    st.lists(st.integers(0, 10**6), min_size=7, max_size=7),
    st.integers(0, 400),
    st.integers(0, 3650),
    st.integers(0, 10**6),
)
def test_the_days_are_the_simulation_of_the_days(
    sumas: list[int], saldo: int, hace: int, de_hoy: int
) -> None:
    dias, rates = tasas(sumas, de_hoy, LUNES - timedelta(days=hace), LUNES)
    assert 1 <= dias <= 28
    if sum(rates) == 0:
        return
    cubiertos, resto, dia = 0, saldo * 60, LUNES
    while saldo > 0 and resto >= rates[dia.weekday()] and cubiertos < DIAS_MAXIMO:
        resto -= rates[dia.weekday()]
        dia += timedelta(days=1)
        cubiertos += 1
    assert dias_cubiertos(saldo, rates, LUNES) == cubiertos


@given(st.integers(1, 28), st.lists(st.integers(0, 10**6), min_size=7, max_size=7))
def test_no_rate_is_rounded(hace: int, sumas: list[int]) -> None:
    desde = LUNES - timedelta(days=hace)
    vistos = {(LUNES - timedelta(days=n)).weekday() for n in range(1, hace + 1)}
    sumas = [s if w in vistos else 0 for w, s in enumerate(sumas)]
    dias, rates = tasas(sumas, 0, desde, LUNES)
    for w, s in enumerate(sumas):
        veces = sum((LUNES - timedelta(days=n)).weekday() == w for n in range(1, hace + 1))
        if veces:
            assert rates[w] * veces == s * 60
        else:
            assert rates[w] * dias == sum(sumas) * 60


@pytest.mark.parametrize(
    ("rates", "abonar", "tope", "esperado"),
    [
        ([420] * 7, 100, None, 300),
        ([420] * 7, 100, 250, 200),
        ([420] * 7, 210, None, 210),
        ([0] * 7, 10, None, 0),
    ],
)
def test_sales_of_a_month_are_whole(rates: list[int], abonar: int, tope: int | None, esperado: int) -> None:
    assert al_mes(rates, abonar, tope) == esperado


def orden(tope: int | None = None, vendido: int = 0, mes: date = date(2026, 11, 1)) -> Orden:
    return Orden(
        "CTI", 1, uuid4(), uuid4(), 1, 2, 10, 20, Decimal("5.00"), tope, None, mes, vendido
    )  # fmt: skip


@pytest.mark.parametrize(
    ("saldo", "bloqueada", "tope", "vendido", "mes", "decision"),
    [
        (9, False, None, 0, 11, Decision.VENDER),
        (10, False, None, 0, 11, Decision.NADA),
        (0, True, None, 0, 11, Decision.NADA),
        (0, False, 40, 20, 11, Decision.VENDER),
        (0, False, 39, 20, 11, Decision.TOPE),
        (0, False, 39, 20, 10, Decision.VENDER),
        (0, True, 39, 20, 11, Decision.NADA),
    ],
)
def test_when_a_sale_is_due(
    saldo: int, bloqueada: bool, tope: int | None, vendido: int, mes: int, decision: Decision
) -> None:
    una = orden(tope, vendido, date(2026, mes, 1))
    assert ventas.decidir(una, saldo, bloqueada, date(2026, 11, 1)) is decision


def test_a_month_begins_at_midnight_in_central_mexico() -> None:
    assert ventas.mes_de(datetime(2026, 12, 1, 5, 59, tzinfo=UTC)) == date(2026, 11, 1)
    assert ventas.mes_de(datetime(2026, 12, 1, 6, 0, tzinfo=UTC)) == date(2026, 12, 1)


def test_a_cap_under_one_sale_and_a_repeated_cti_are_refused_in_words() -> None:
    with pytest.raises(DomainError, match="no se vendería nunca"):
        ventas.revisar_tope(100, 99)
    ventas.revisar_tope(100, 100)
    ventas.revisar_tope(100, None)
    with pytest.raises(DomainError, match="repetida"):
        ventas.revisar_ctis(["A", "B", "A"])


def test_what_the_cm_reads_says_what_to_do() -> None:
    assert "Compre timbres" in ventas.aviso_sin_existencia(orden())
    assert "suba el tope" in ventas.aviso_tope(orden(tope=30))
    assert [ventas.estado(e, False) for e in (None, "existencia", "tope")] == [
        "activa",
        "sin_existencia",
        "tope_alcanzado",
    ]
    assert ventas.estado("tope", True) == "cti_bloqueada"
