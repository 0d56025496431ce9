"""Headers are read exactly as Python's own parser reads them, whatever comes."""

from __future__ import annotations

import http.client
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.gateway import cabeceras

_NOMBRES = st.sampled_from(["Host", "content-length", "X-Idd", "A b", "", "ñ", "Transfer-Encoding", "From x"])
_VALORES = st.text(alphabet=st.characters(max_codepoint=255, exclude_characters="\n"), max_size=20)
_LINEAS = st.lists(
    st.builds(
        lambda nombre, sep, valor, fin: f"{nombre}{sep}{valor}{fin}",
        _NOMBRES,
        st.sampled_from([":", ": ", ":\t ", " :", " ", ""]),
        _VALORES,
        st.sampled_from(["\r\n", "\n"]),
    ),
    max_size=6,
)


@given(_LINEAS)
@example(["Host: x\r\n", " folded\r\n", "B: y\r\n"])
@example(["A: 1\rB: 2\r\n"])
@example(["A: 1\x0bB: 2\x85C: 3\r\n"])
@example(["A:   \r\n", "A: \t x \t\r\n"])
def test_like_the_standard_library(lineas: list[str]) -> None:
    bloque = ("".join(lineas) + "\r\n").encode("iso-8859-1")
    # An empty line that hypothesis wrote ends the headers: what follows stays unread by both.
    uno, otro = io.BytesIO(bloque), io.BytesIO(bloque)
    nuestro, suyo = cabeceras.leer(uno), cabeceras._DE_CORREO(otro)
    assert nuestro.items() == suyo.items()
    assert uno.tell() == otro.tell()


@pytest.mark.parametrize(
    ("bloque", "error"),
    [
        (b"A: " + b"x" * 70_000 + b"\r\n\r\n", http.client.LineTooLong),
        (b"A: x\r\n" * 101 + b"\r\n", http.client.HTTPException),
    ],
)
def test_too_much_is_refused(bloque: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        cabeceras.leer(io.BytesIO(bloque))


def test_a_name_is_found_whatever_its_case() -> None:
    assert cabeceras.leer(io.BytesIO(b"CONTENT-type: text/xml\r\n\r\n"))["Content-Type"] == "text/xml"
