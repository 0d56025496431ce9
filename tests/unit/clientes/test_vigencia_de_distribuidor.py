"""The days that a distributor's life counts: expiry, renewal, notices, removal; and who may do what."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.clientes.domain import distribuidores as reglas
from services.clientes.domain import vigencia
from services.clientes.domain.distribuidores import Accion, Quien
from services.clientes.domain.vigencia import ZONA
from shared.errors import Codigo, DomainError


def local(*partes: int) -> datetime:
    return datetime(*partes, tzinfo=ZONA)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("ahora", "vence"),
    [
        (local(2028, 2, 29, 0, 0), date(2029, 3, 1)),
        (local(2028, 2, 29, 23, 59), date(2029, 3, 1)),
        (local(2027, 2, 28, 12, 0), date(2028, 2, 28)),
        (local(2026, 12, 31, 23, 30), date(2027, 12, 31)),
        (local(2027, 1, 1, 0, 0), date(2028, 1, 1)),
        # 05:30 in UTC of the next day.
        (datetime(2026, 7, 1, 5, 30, tzinfo=UTC), date(2027, 6, 30)),
        # Central Mexico had summer time until October 2022: midnight was at 05:00 in UTC.
        (datetime(2021, 7, 1, 5, 30, tzinfo=UTC), date(2022, 7, 1)),
    ],
)
def test_el_primer_anio(ahora: datetime, vence: date) -> None:
    assert vigencia.primer_vencimiento(ahora) == local(vence.year, vence.month, vence.day, 23, 59, 59)


def test_vence_al_terminar_su_dia_y_no_antes() -> None:
    vence_en = vigencia.fin_del_dia(date(2028, 2, 29))
    assert not vence_en < vigencia.corte_de_vencidas(local(2028, 2, 29, 23, 59, 59))
    assert vence_en < vigencia.corte_de_vencidas(local(2028, 3, 1, 0, 0))


def test_renovar_antes_no_pierde_dias_y_despues_no_cobra_los_vencidos() -> None:
    vence_en = vigencia.fin_del_dia(date(2027, 12, 31))
    antes = vigencia.vencimiento_renovado(vence_en, local(2027, 12, 1, 9, 0))
    despues = vigencia.vencimiento_renovado(vence_en, local(2028, 2, 29, 9, 0))
    assert [vigencia.dia_en_mexico(x) for x in (antes, despues)] == [date(2028, 12, 31), date(2029, 3, 1)]


@pytest.mark.parametrize(
    ("cancelada", "sigue", "se_va"),
    [
        (local(2028, 1, 30, 23, 50), local(2028, 2, 29, 23, 59), local(2028, 3, 1, 0, 0)),
        (local(2027, 1, 30, 0, 0), local(2027, 3, 1, 23, 59), local(2027, 3, 2, 0, 0)),
        (local(2026, 12, 15, 12, 0), local(2027, 1, 14, 23, 59), local(2027, 1, 15, 0, 0)),
    ],
)
def test_treinta_dias_naturales(cancelada: datetime, sigue: datetime, se_va: datetime) -> None:
    assert not cancelada < vigencia.corte_de_canceladas(sigue)
    assert cancelada < vigencia.corte_de_canceladas(se_va)
    assert vigencia.se_elimina_el(cancelada) == se_va.date()


def test_los_avisos_de_vencimiento() -> None:
    vence_en = vigencia.fin_del_dia(date(2028, 3, 1))
    ahora, dichos = local(2028, 1, 1, 10, 0), []
    while (cuando := vigencia.proximo_aviso(vence_en, ahora)) is not None:
        ahora = cuando
        dichos.append((cuando.astimezone(ZONA).date(), vigencia.aviso_vigente(vence_en, ahora)))
    assert dichos == [
        (date(2028, 1, 31), 30), (date(2028, 2, 15), 15), (date(2028, 2, 23), 7), (date(2028, 2, 29), 1),
    ]  # fmt: skip
    # A timer that was away tells the latest one, and none when it is over.
    assert vigencia.aviso_vigente(vence_en, local(2028, 2, 26, 0, 0)) == 7
    assert vigencia.aviso_vigente(vence_en, local(2028, 3, 2, 0, 0)) is None


@given(st.datetimes(datetime(2015, 1, 1), datetime(2040, 1, 1)))
def test_un_anio_es_al_menos_un_anio(momento: datetime) -> None:
    ahora = momento.replace(tzinfo=UTC)
    vence_en = vigencia.primer_vencimiento(ahora)
    dias = vigencia.dias_restantes(vence_en, ahora)
    assert 365 <= dias <= 366
    assert vence_en > ahora
    # One second later is the next day there, whatever the clocks did in between.
    assert vigencia.dia_en_mexico(vence_en + timedelta(seconds=1)) == vigencia.dia_en_mexico(
        vence_en
    ) + timedelta(days=1)


def test_quien_puede_y_que_se_dice() -> None:
    with pytest.raises(DomainError) as no:
        reglas.transitar("activo", Accion.SUSPENDER, Quien.PROPIA)
    assert no.value.code == Codigo.NO_PERMITIDO
    with pytest.raises(DomainError) as no:
        reglas.transitar("activo", Accion.CANCELAR, Quien.PADRE)
    assert no.value.code == Codigo.CONFLICTO
    assert "está activa" in no.value.detail
    assert no.value.datos == {"estado": "activo", "acciones": ["suspension", "renovacion"]}
    with pytest.raises(DomainError) as no:
        reglas.motivo_valido(Accion.CANCELAR, "  ")
    assert set(no.value.errores) == {"motivo"}
