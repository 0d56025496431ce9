"""Rules of an ilimitada: its year in central Mexico, whom it stamps for, when its end is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.timbrado.domain import CtiGuardada, ilimitada
from shared.errors import Codigo, DomainError

EKU = "EKU9003173C9"


def centro(*partes: int) -> datetime:
    return datetime(*partes, tzinfo=ilimitada.CENTRO)  # type: ignore[arg-type,misc]


def cti(**datos: Any) -> CtiGuardada:
    return CtiGuardada(
        id="IL1", nic=1, cliente_id=uuid4(), cuenta_id=uuid4(), tipo="ilimitada", libro_id=1,
        hash_contrasena=None, version=1, bloqueada=False, **datos,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("desde", "hasta"),
    [
        (centro(2026, 11, 24, 6, 30), centro(2027, 11, 24, 6, 30)),
        # 29 February has no anniversary: the term ends on the first day of the next month (CFF, art. 12).
        (centro(2028, 2, 29, 14, 5, 6), centro(2029, 3, 1, 14, 5, 6)),
        (centro(2027, 2, 28, 10), centro(2028, 2, 28, 10)),
        (centro(2027, 3, 1, 0), centro(2028, 3, 1, 0)),
        # Still 31 December in central Mexico, already 1 January in UTC.
        (datetime(2027, 1, 1, 3, tzinfo=UTC), centro(2027, 12, 31, 21)),
        # Summer time ended in 2022: the wall clock counts, not 8,760 hours.
        (centro(2021, 7, 1, 12), centro(2022, 7, 1, 12)),
        (centro(2022, 7, 1, 12), centro(2023, 7, 1, 12)),
    ],
)
def test_a_year_is_of_the_calendar(desde: datetime, hasta: datetime) -> None:
    assert ilimitada.un_anio_despues(desde.astimezone(UTC)) == hasta


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.timedeltas(timedelta(0), timedelta(days=3))
)
def test_nobody_gets_less_than_a_year_and_who_pays_later_ends_no_earlier(
    naive: datetime, despues: timedelta
) -> None:
    desde = naive.replace(tzinfo=UTC)
    fin = ilimitada.un_anio_despues(desde)
    # An hour, because a year may begin in summer time and end in the winter's, as in 1996 to 2022.
    assert timedelta(days=365, hours=-1) <= fin - desde <= timedelta(days=366, hours=1)
    hora_del_cambio = timedelta(hours=1)
    assert ilimitada.un_anio_despues(desde + despues) >= fin - hora_del_cambio


def test_the_year_of_summer_time_has_an_hour_more() -> None:
    desde = centro(2022, 7, 1, 12).astimezone(UTC)
    assert ilimitada.un_anio_despues(desde) - desde == timedelta(days=365, hours=1)


def test_a_renewal_follows_the_present_year_and_a_late_one_begins_now() -> None:
    ahora = centro(2026, 11, 24, 6)
    assert ilimitada.anio_por_pagar(None, ahora) == (ahora, centro(2027, 11, 24, 6))
    vence = centro(2026, 12, 20, 8)
    assert ilimitada.anio_por_pagar(vence, ahora) == (vence, centro(2027, 12, 20, 8))
    assert ilimitada.anio_por_pagar(centro(2026, 11, 1), ahora)[0] == ahora


def test_unpaid_expired_and_foreign_issuers_are_refused_each_in_its_words() -> None:
    ahora = centro(2026, 11, 24, 6)
    casos = [
        (cti(), Codigo.CONTRATO_REQUERIDO, "aún no tiene pagado"),
        (cti(vigente_hasta=ahora), Codigo.CONTRATO_REQUERIDO, "venció el 24/11/2026 06:00"),
        (
            cti(vigente_hasta=ahora + timedelta(1), rfc_contratado="URE180429TM6"),
            Codigo.NO_PERMITIDO,
            "solo para el RFC URE180429TM6",
        ),
    ]
    for una, codigo, dice in casos:
        with pytest.raises(DomainError, match=dice) as caso:
            ilimitada.revisar(una, EKU, ahora)
        assert caso.value.code is codigo
    ilimitada.revisar(cti(vigente_hasta=ahora + timedelta(seconds=1)), EKU, ahora)
    ilimitada.revisar(cti(vigente_hasta=ahora + timedelta(1), rfc_contratado=EKU), EKU, ahora)


@pytest.mark.parametrize(
    ("modalidad", "rfc", "queda"),
    [
        ("abierta", None, None),
        ("un_rfc", "eku-900317 3c9", EKU),
        ("un_rfc", None, "rfc"),
        ("un_rfc", "XAXX010101000", "rfc"),
        ("un_rfc", "XEXX010101000", "rfc"),
        ("un_rfc", "EKU9013173C9", "rfc"),
        ("abierta", EKU, "rfc"),
        ("mensual", None, "modalidad"),
    ],
)
def test_the_rfc_goes_with_its_modalidad(modalidad: str, rfc: str | None, queda: str | None) -> None:
    if queda in ("rfc", "modalidad"):
        with pytest.raises(DomainError) as caso:
            ilimitada.rfc_de(modalidad, rfc)
        assert list(caso.value.errores) == [queda]
    else:
        assert ilimitada.rfc_de(modalidad, rfc) == queda


def avisos_hasta_el_final(hasta: datetime, desde: datetime) -> list[tuple[datetime, int]]:
    """What a timer tells that never sleeps: (when, which)."""
    dichos = []
    ahora = desde
    while (ahora_si := ilimitada.proximo_aviso(hasta, ahora)) is not None:
        ahora = ahora_si
        cual = ilimitada.aviso_vigente(hasta, ahora)
        assert cual is not None
        dichos.append((ahora, cual))
    return dichos


@pytest.mark.parametrize(
    ("hasta", "dias"),
    [
        (centro(2027, 1, 5, 10), [centro(2026, 12, 6), centro(2026, 12, 29), centro(2027, 1, 4)]),
        (centro(2028, 3, 1, 14, 5), [centro(2028, 1, 31), centro(2028, 2, 23), centro(2028, 2, 29)]),
        (centro(2029, 3, 1, 14, 5), [centro(2029, 1, 30), centro(2029, 2, 22), centro(2029, 2, 28)]),
    ],
)
def test_the_end_is_told_at_the_first_hour_of_three_days_and_when_it_comes(
    hasta: datetime, dias: list[datetime]
) -> None:
    esperados = list(zip([*dias, hasta], [30, 7, 1, 0], strict=True))
    assert avisos_hasta_el_final(hasta.astimezone(UTC), hasta - timedelta(days=365)) == esperados
    assert ilimitada.aviso_vigente(hasta, hasta - timedelta(days=40)) is None


def test_a_late_timer_tells_the_latest_notice_with_the_days_that_are_left() -> None:
    hasta = centro(2027, 1, 5, 10)
    ahora = centro(2027, 1, 1, 23, 59)
    assert ilimitada.aviso_vigente(hasta, ahora) == 7
    assert "vence en 4 días (05/01/2027 10:00)" in ilimitada.texto_de_aviso("IL1", hasta, ahora)
    assert ilimitada.proximo_aviso(hasta, ahora) == centro(2027, 1, 4)
    assert "vence mañana" in ilimitada.texto_de_aviso("IL1", hasta, centro(2027, 1, 4, 0))
    assert "vence hoy" in ilimitada.texto_de_aviso("IL1", hasta, centro(2027, 1, 5, 0))
    assert "venció el 05/01/2027 10:00" in ilimitada.texto_de_aviso("IL1", hasta, hasta)
