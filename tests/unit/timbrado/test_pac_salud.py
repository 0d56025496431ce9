"""The circuit breaker: closed → open after five failures in a row, one probe when its rest is over, longer rests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.timbrado.domain.pac import (
    ESPERA_MAXIMA,
    FALLAS_PARA_ABRIR,
    PLAZO_DE_SONDA,
    Disyuntor,
    EstadoDePac,
    descanso,
    en_sonda,
    tras_exito,
    tras_falla,
)

T0 = datetime(2026, 11, 24, 12, tzinfo=UTC)


def fallar(e: EstadoDePac, ahora: datetime, veces: int = 1) -> EstadoDePac:
    for _ in range(veces):
        e = tras_falla(e, ahora, 0.5, "HTTP 500")
    return e


def test_it_opens_at_the_fifth_failure_in_a_row() -> None:
    e = fallar(EstadoDePac("finkok"), T0, FALLAS_PARA_ABRIR - 1)
    assert e.disyuntor(T0) is Disyuntor.CERRADO
    assert e.disponible(T0)
    e = fallar(e, T0)
    assert e.disyuntor(T0) is Disyuntor.ABIERTO
    assert not e.disponible(T0)
    assert e.abierto_hasta == T0 + timedelta(seconds=30)
    assert (e.ultimo_error, e.ultimo_error_en) == ("HTTP 500", T0)


def test_a_success_between_starts_the_count_again() -> None:
    e = tras_exito(fallar(EstadoDePac("finkok"), T0, FALLAS_PARA_ABRIR - 1))
    assert fallar(e, T0, FALLAS_PARA_ABRIR - 1).disponible(T0)


def test_failures_of_calls_that_had_begun_do_not_lengthen_the_rest() -> None:
    e = fallar(EstadoDePac("finkok"), T0, FALLAS_PARA_ABRIR)
    tarde = fallar(e, T0 + timedelta(seconds=5), 3)
    assert tarde.abierto_hasta == e.abierto_hasta
    assert tarde.fallas_seguidas == FALLAS_PARA_ABRIR + 3


def test_when_the_rest_is_over_one_probe_keeps_the_others_out() -> None:
    e = fallar(EstadoDePac("finkok"), T0, FALLAS_PARA_ABRIR)
    luego = T0 + timedelta(seconds=30)
    assert e.disyuntor(luego) is Disyuntor.SEMIABIERTO
    assert not e.disponible(luego)
    sonda = en_sonda(e, luego)
    assert sonda.disyuntor(luego) is Disyuntor.ABIERTO
    # Whoever probes may die: after its time another may.
    assert sonda.disyuntor(luego + timedelta(seconds=PLAZO_DE_SONDA)) is Disyuntor.SEMIABIERTO
    assert tras_exito(sonda).disponible(luego)


def test_each_failed_probe_doubles_the_rest_up_to_five_minutes() -> None:
    e = fallar(EstadoDePac("finkok"), T0, FALLAS_PARA_ABRIR)
    ahora, descansos = T0, []
    for _ in range(5):
        assert e.abierto_hasta is not None
        ahora = e.abierto_hasta
        e = fallar(en_sonda(e, ahora), ahora)
        assert not e.en_sonda
        assert e.abierto_hasta is not None
        descansos.append((e.abierto_hasta - ahora).total_seconds())
    assert descansos == [60, 120, 240, 300, 300]
    assert fallar(tras_exito(e), ahora, FALLAS_PARA_ABRIR).abierto_hasta == ahora + timedelta(seconds=30)


@pytest.mark.parametrize("aperturas", [1, 3, 9, 10_000])
def test_chance_keeps_replicas_from_coming_back_at_once(aperturas: int) -> None:
    base = descanso(aperturas, 0.5)
    assert base <= ESPERA_MAXIMA
    assert descanso(aperturas, 0.0) == pytest.approx(base * 0.8)
    assert descanso(aperturas, 0.999) == pytest.approx(base * 1.2, rel=0.01)


def test_a_pause_is_a_pause_whatever_the_breaker_says() -> None:
    assert not EstadoDePac("finkok", pausado=True, motivo="mantenimiento").disponible(T0)
