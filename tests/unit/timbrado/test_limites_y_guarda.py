"""How limits are written, who they let in, and when the guard freezes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.timbrado.domain import guarda
from services.timbrado.domain.guarda import PISO, VECES, Actividad, motivo_de_congelar, umbral
from services.timbrado.domain.limites import normalizar_redes, normalizar_rfcs
from services.timbrado.domain.uso import en_redes
from shared.errors import DomainError

HORA = datetime(2026, 11, 24, 18, tzinfo=UTC)
VIEJA = HORA - timedelta(days=20)


def test_networks_are_kept_as_cidr_once_and_in_order() -> None:
    assert normalizar_redes([" 10.1.2.3/8 ", "203.0.113.7", "10.0.0.0/8", "2001:DB8::1/48"]) == (
        "10.0.0.0/8",
        "203.0.113.7/32",
        "2001:db8::/48",
    )
    assert normalizar_redes(["::ffff:203.0.113.7"]) == ("203.0.113.7/32",)


@pytest.mark.parametrize("mala", ["", "x", "300.1.1.1", "10.0.0.0/33", "fe80::1%eth0", "10.0.0.1\0", "1"])
def test_a_bad_network_is_named(mala: str) -> None:
    with pytest.raises(DomainError) as exc:
        normalizar_redes(["10.0.0.1", mala])
    assert list(exc.value.errores) == ["redes.1"]


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_an_address_is_in_its_own_network_and_only_there(ip: object, prefijo: int) -> None:
    [red] = normalizar_redes([f"{ip}/{prefijo}"])
    assert en_redes(str(ip), (red,))
    assert en_redes(f"::ffff:{ip}", (red,))
    otra = ip_address(int(ip_address(str(ip))) ^ (1 << 31))
    assert en_redes(str(otra), (red,)) == (otra in ip_network(red))


@given(st.ip_addresses(v=6), st.integers(0, 128))
def test_the_same_for_ipv6(ip: IPv6Address, prefijo: int) -> None:
    assume(ip.ipv4_mapped is None)
    [red] = normalizar_redes([f"{ip}/{prefijo}"])
    assert en_redes(str(ip), (red,))


def test_an_ipv4_caller_is_in_no_ipv6_network() -> None:
    assert not en_redes("::ffff:10.0.0.1", ("::/0",))
    assert not en_redes("10.0.0.1", ("::/0",))


def test_no_address_is_in_no_network() -> None:
    assert not en_redes(None, ("0.0.0.0/0",))
    assert not en_redes("desconocida", ("0.0.0.0/0",))


def test_rfcs_are_kept_once_and_in_upper_case() -> None:
    assert normalizar_rfcs(["eku9003173c9", "EKU9003173C9", "CACX7605101P8"]) == (
        "CACX7605101P8",
        "EKU9003173C9",
    )
    with pytest.raises(DomainError) as exc:
        normalizar_rfcs(["EKU9003173C9", "XX"])
    assert list(exc.value.errores) == ["rfcs.1"]


def test_no_history_and_no_limit_is_never_unusual() -> None:
    assert motivo_de_congelar(Actividad("A", HORA, 10**9)) is None
    joven = Actividad("A", HORA, 10**9, maxima=1, desde=HORA - guarda.HISTORIA_MINIMA + timedelta(hours=1))
    assert motivo_de_congelar(joven) is None


def test_the_floor_the_history_and_the_own_limit() -> None:
    assert umbral(Actividad("A", HORA, 0, maxima=3, desde=VIEJA)) == PISO
    assert umbral(Actividad("A", HORA, 0, maxima=100, desde=VIEJA)) == 2_000
    assert umbral(Actividad("A", HORA, 0, maxima=100, desde=VIEJA, tope=50)) == 50
    assert umbral(Actividad("A", HORA, 0, tope=50)) == 50
    assert umbral(Actividad("A", HORA, 0, maxima=100, desde=VIEJA, tope=10**6)) == 2_000
    motivo = motivo_de_congelar(Actividad("A", HORA, 2_001, maxima=100, desde=VIEJA))
    assert motivo == (
        "Congelada por la guarda: 2,001 timbrados en una hora;"
        " su hora más activa de los últimos 28 días tuvo 100."
    )
    motivo = motivo_de_congelar(Actividad("A", HORA, 51, tope=50))
    assert motivo == "Congelada por la guarda: 51 timbrados en una hora; su tope es de 50 por hora."


@given(
    cantidad=st.integers(0, 10**6),
    maxima=st.integers(0, 10**5),
    dias=st.integers(0, 28),
    tope=st.none() | st.integers(1, 10**6),
)
def test_freezes_exactly_past_the_lower_of_what_applies(
    cantidad: int, maxima: int, dias: int, tope: int | None
) -> None:
    a = Actividad("A", HORA, cantidad, maxima, HORA - timedelta(days=dias), tope)
    por_historia = dias >= 7 and cantidad > max(PISO, VECES * maxima)
    por_tope = tope is not None and cantidad > tope
    assert (motivo_de_congelar(a) is not None) == (por_historia or por_tope)


@given(cantidad=st.integers(0, PISO), maxima=st.integers(0, 10**5), dias=st.integers(0, 28))
def test_few_stampings_never_freeze_without_an_own_limit(cantidad: int, maxima: int, dias: int) -> None:
    assert motivo_de_congelar(Actividad("A", HORA, cantidad, maxima, HORA - timedelta(days=dias))) is None
