"""Headers of a request, without the parser of mails: that one was an eighth of the gateway's CPU under load.

`http.server` has `email.parser` read them, which takes whatever a mail may be. Here a block of plain `name: value`
lines is read as that one reads it (a property test compares them), and every other block is left to it.
"""

from __future__ import annotations

import http.client
import io
import re
from typing import IO, Final

_DE_CORREO: Final = http.client.parse_headers
#: Of http.server, which answers 431 to who passes them.
_LINEA_MAXIMA, _LINEAS_MAXIMAS = 65_536, 100
#: A token, a colon, and a value in which nothing could be taken for the end of a line.
_SIMPLE: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\x20-\x7e\xa0-\xff\t]*)\r?\n")


def leer(
    fp: IO[bytes], _class: type[http.client.HTTPMessage] = http.client.HTTPMessage
) -> http.client.HTTPMessage:
    """The headers up to the empty line. Raises `LineTooLong` or `HTTPException` as `http.client.parse_headers`."""
    mensaje = _class()
    lineas: list[bytes] = []
    simples = True
    while True:
        linea = fp.readline(_LINEA_MAXIMA + 1)
        if len(linea) > _LINEA_MAXIMA:
            raise http.client.LineTooLong("header line")
        lineas.append(linea)
        if len(lineas) > _LINEAS_MAXIMAS:
            raise http.client.HTTPException(f"got more than {_LINEAS_MAXIMAS} headers")
        if linea in (b"\r\n", b"\n", b""):
            break
        if simples and (partes := _SIMPLE.fullmatch(linea)) is not None:
            mensaje.set_raw(partes[1].decode("ascii"), partes[2].decode("iso-8859-1"))
        else:
            simples = False
    return mensaje if simples else _DE_CORREO(io.BytesIO(b"".join(lineas)), _class)


def instalar() -> None:
    """Have `http.server` read headers so, in this process."""
    http.client.parse_headers = leer  # type: ignore[assignment]
