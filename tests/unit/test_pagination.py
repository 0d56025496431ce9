"""Cursors: what we made comes back, anything else is refused with the field's name."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import pagination
from shared.errors import DomainError

AJENOS = [
    "", "0", "-1", "x", "zz", "²", "9" * 19, "ñ", "bi0x", "AAAA", "bnVsbA", "W10", "WzEsMl0", "WzBd", "Wy0xXQ",
    "W251bGxd", "W3RydWVd", "WzEuNV0", "%%%%", pagination.cursor_de(2**63), pagination.cursor_de(5) + "*",
    "W1" * 2000,
]  # fmt: skip


@pytest.mark.parametrize("cursor", AJENOS)
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    for lector in (pagination.posicion, pagination.numero, pagination.texto):
        with pytest.raises(DomainError) as exc:
            lector(cursor)
        assert exc.value.code == "datos_invalidos"
        assert "cursor" in exc.value.errores


@given(st.integers(1, 2**63 - 1), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_keys_come_back(numero: int, texto: str) -> None:
    assert pagination.numero(pagination.cursor_de(numero)) == numero
    assert pagination.texto(pagination.cursor_de(texto)) == texto


def test_positions_come_back_and_none_is_the_first_page() -> None:
    lugar = pagination.Posicion(datetime.now(UTC), uuid4())
    assert pagination.posicion(lugar.cursor()) == lugar
    assert pagination.posicion(None) is None
    assert pagination.numero(None) is None
    assert pagination.texto(None) is None


def test_a_position_without_a_zone_is_not_ours() -> None:
    sin_zona = pagination.Posicion(datetime(2026, 1, 1), uuid4()).cursor()
    with pytest.raises(DomainError):
        pagination.posicion(sin_zona)


@pytest.mark.parametrize("limite", [0, -1, 201])
def test_page_sizes_are_bounded(limite: int) -> None:
    with pytest.raises(DomainError) as exc:
        pagination.limite_valido(limite)
    assert "limite" in exc.value.errores
    assert pagination.limite_valido(1) == 1
    assert pagination.limite_valido(200) == 200
