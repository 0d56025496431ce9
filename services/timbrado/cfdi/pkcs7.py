"""The signed content of a PKCS#7 file (RFC 2315, SignedData), as it comes and without holding it.

Only what the SAT's lists need: DER or BER, the content in one OCTET STRING or in pieces. The signature is not
looked at (see `lco`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

_FIRMADO: Final = bytes.fromhex("2a864886f70d010702")
_DATOS: Final = bytes.fromhex("2a864886f70d010701")
_TROZO: Final = 64 * 1024
_MENUDO: Final = 64 * 1024
"""Bytes that a part before the content may have."""
_SECUENCIA, _CONJUNTO, _ENTERO, _OID, _OCTETOS, _PIEZAS, _EXPLICITO = 0x30, 0x31, 0x02, 0x06, 0x04, 0x24, 0xA0


class Pkcs7Ilegible(ValueError):
    """Not a SignedData with its content inside."""


def contenido(origen: BinaryIO) -> Iterator[bytes]:
    """The signed content, in pieces of at most 64 KiB. Raises `Pkcs7Ilegible`."""
    _abrir(origen, _SECUENCIA)
    if _menudo(origen, _OID) != _FIRMADO:
        raise Pkcs7Ilegible("no es un archivo firmado (PKCS#7)")
    _abrir(origen, _EXPLICITO)
    _abrir(origen, _SECUENCIA)
    _menudo(origen, _ENTERO)
    _menudo(origen, _CONJUNTO)
    _abrir(origen, _SECUENCIA)
    if _menudo(origen, _OID) != _DATOS:
        raise Pkcs7Ilegible("el archivo firmado no contiene datos")
    _abrir(origen, _EXPLICITO)
    etiqueta, largo = _cabecera(origen)
    if etiqueta == _OCTETOS and largo is not None:
        yield from _leer(origen, largo)
    elif etiqueta == _PIEZAS:
        yield from _piezas(origen, largo)
    else:
        raise Pkcs7Ilegible("el contenido firmado no está en el archivo")


def _piezas(origen: BinaryIO, resto: int | None) -> Iterator[bytes]:
    """The pieces of a constructed OCTET STRING: of a known length, or ended by two zeros."""
    inicio = origen.tell()
    while resto is None or origen.tell() - inicio < resto:
        etiqueta, largo = _cabecera(origen)
        if etiqueta == 0 and largo == 0 and resto is None:
            return
        if etiqueta != _OCTETOS or largo is None:
            raise Pkcs7Ilegible("pieza inesperada en el contenido firmado")
        yield from _leer(origen, largo)


def _leer(origen: BinaryIO, largo: int) -> Iterator[bytes]:
    while largo > 0:
        trozo = origen.read(min(largo, _TROZO))
        if not trozo:
            raise Pkcs7Ilegible("el archivo está incompleto")
        largo -= len(trozo)
        yield trozo


def _abrir(origen: BinaryIO, esperada: int) -> None:
    if _cabecera(origen)[0] != esperada:
        raise Pkcs7Ilegible("no es un archivo firmado (PKCS#7)")


def _menudo(origen: BinaryIO, esperada: int) -> bytes:
    etiqueta, largo = _cabecera(origen)
    if etiqueta != esperada or largo is None or largo > _MENUDO:
        raise Pkcs7Ilegible("no es un archivo firmado (PKCS#7)")
    return b"".join(_leer(origen, largo))


def _cabecera(origen: BinaryIO) -> tuple[int, int | None]:
    """Tag and length; None is the indefinite length of BER."""
    etiqueta, primero = _byte(origen), _byte(origen)
    if primero < 0x80:
        return etiqueta, primero
    if primero == 0x80:
        return etiqueta, None
    if primero > 0x88:
        raise Pkcs7Ilegible("longitud no válida")
    return etiqueta, int.from_bytes(b"".join(_leer(origen, primero & 0x7F)))


def _byte(origen: BinaryIO) -> int:
    leido = origen.read(1)
    if not leido:
        raise Pkcs7Ilegible("el archivo está incompleto")
    return leido[0]
