"""What is typed becomes words to look for."""

from __future__ import annotations

import pytest

from services.clientes.domain.cartera import palabras_de
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


def test_a_lo_mas_doce() -> None:
    palabras_de(" ".join(f"palabra{n}" for n in range(12)))
    with pytest.raises(DomainError, match="a lo más 12 palabras"):
        palabras_de(" ".join(f"palabra{n}" for n in range(13)))
