"""What is typed becomes words to look for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.clientes.domain.cartera import lecturas_de, palabras_de
from services.clientes.domain.ficha import normalizar_telefono
from shared.errors import DomainError


@pytest.mark.parametrize(
    ("texto", "patrones", "trigramas"),
    [
        ("", (), ()),
        ("truct", ("%truct%",), ("ruc", "tru", "uct")),
        ("lo", ("% lo%",), (" lo",)),
        ("h", ("% h%",), ("  h",)),
        ("h&m", ("% h&m%",), ("  h", " h ")),
        ("ab-c", ("% ab-c%",), (" ab", "ab ")),
        ("&co", ("% co%",), (" co",)),
        ("pan & sal", ("%pan%", "%sal%"), ("pan", "sal")),
        ("#1010", ("%1010%",), ("010", "101")),
        ("50%", ("% 50\\%%",), (" 50", "50 ")),
        ("a_b", ("% a\\_b%",), ("  a", " a ")),
        ("+52 55 1234 5678", ("%5512345678%",), ("123", "234", "345", "456", "512", "551", "567", "678")),
        ("xaxx-010101-000", ("%xaxx010101000%",), ("000", "010", "100", "101", "axx", "x01", "xax", "xx0")),
        ("日本 株式会社", ("% 日本%", "%株式会社%"), ()),
        ("pan pan", ("%pan%",), ("pan",)),
    ],
)
def test_palabras(texto: str, patrones: tuple[str, ...], trigramas: tuple[str, ...]) -> None:
    palabras = palabras_de(texto)
    assert (palabras.patrones, palabras.trigramas) == (patrones, trigramas)


@pytest.mark.parametrize(
    ("texto", "primera"),
    [
        ("01 (33) 1234-5678", {("%3312345678%",)}),
        ("044 33 1234 5678", {("%3312345678%",)}),
        ("0453312345678", {("%3312345678%",)}),
        ("33-1234-5678 ext. 12", {("%331234567812%",)}),
        ("81 12 34 56 78", {("%8112345678%",)}),
        ("1001 3312345678", {("%1001%", "%3312345678%")}),
        ("1001 33 1234 5678", {("%1001%", "%3312345678%")}),
        ("3312345678 5512345678", {("%3312345678%", "%5512345678%")}),
        ("grupo 2000 2001", {("%grupo%", "%2000%", "%2001%")}),
        ("1,000 ideas", {("%1000%", "%ideas%"), ("%1,000%", "%ideas%")}),
        ("eku-900317", {("%eku900317%",), ("%eku-900317%",)}),
        ("900317-3c9", {("%9003173c9%",), ("%900317-3c9%",)}),
        ("123-4567", {("%1234567%",), ("%123-4567%",)}),
        ("(mx)", {("% mx)%",), ("% (mx)%",)}),
        ("1,000 2,000 3,000", {("%1000%", "%2000%", "%3000%"), ("%1,000%", "%2,000%", "%3,000%")}),
    ],
)
def test_lo_que_se_junta(texto: str, primera: set[tuple[str, ...]]) -> None:
    """As it is stored, as it is written, or both: a phone is joined, and two years of a name are not."""
    palabras = palabras_de(texto)
    assert {palabras.patrones, *(o.patrones for o in palabras.otras)} == primera


def test_lo_que_parece_telefono_puede_no_serlo() -> None:
    """A name is read as it is written, and a phone with words in it by its figures; a name with figures is no phone."""
    assert [x.patrones for x in lecturas_de("taxi 55 1234 5678")] == [
        ("%taxi%", "%5512345678%"),
        ("%taxi%", "% 55%", "%1234%", "%5678%"),
    ]
    assert lecturas_de("conmutador 55 1234 5678 int 4")[-1].patrones == ("%55123456784%",)


_digitos = st.integers(10**9, 10**10 - 1).map(str)


@given(
    numero=_digitos,
    prefijo=st.sampled_from(["", "01", "044", "045", "52", "521", "+52", "+521", "+52 1 ", "01 ", "044-"]),
    lada=st.sampled_from([2, 3]),
    signo=st.sampled_from(["", " ", "-", ".", ") "]),
    extension=st.sampled_from(["", " ext. 12", " ext 7", " x301", " #45", ", extension 9"]),
)
def test_un_telefono_se_busca_como_se_guarda(
    numero: str, prefijo: str, lada: int, signo: str, extension: str
) -> None:
    """However it was typed, what it is looked for by is in what is stored of it, and so is what is shown."""
    escrito = f"{prefijo}{numero[:lada]}{signo}{numero[lada:6]}{signo.strip(')')}{numero[6:]}{extension}"
    mostrado = normalizar_telefono(escrito)
    guardado = "".join(x for x in mostrado if x.isdigit())
    for q in (escrito, mostrado):
        [patron] = lecturas_de(q)[0].patrones
        assert patron.strip("%") in guardado, q


def test_a_lo_mas_doce() -> None:
    palabras_de(" ".join(f"palabra{n}" for n in range(12)))
    with pytest.raises(DomainError, match="a lo más 12 palabras"):
        palabras_de(" ".join(f"palabra{n}" for n in range(13)))
