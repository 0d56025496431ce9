"""The QR code of a stamped document as a PNG: the matrix is `qrcode`'s, the image some bytes of zlib.

Drawn here because a picture library would cost every gateway 20 MB for one bit per point.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

#: Points per module and modules of margin: 4 is what the standard asks for.
PUNTOS: Final = 4
MARGEN: Final = 4
MASCARA: Final = 3


def png(texto: str) -> bytes:
    """Black on white, one bit per point. Some 2 ms of CPU: call it off the event loop.

    The mask is fixed: to try all eight and weigh them, as the library does, takes five times as long, and
    readers undo any of them.
    """
    codigo: QRCode = QRCode(error_correction=ERROR_CORRECT_M, border=MARGEN, mask_pattern=MASCARA)
    codigo.add_data(texto, optimize=0)
    matriz = codigo.get_matrix()
    lado = len(matriz) * PUNTOS
    renglones = b"".join(_renglon(fila, lado) * PUNTOS for fila in matriz)
    cabecera = struct.pack(">IIBBBBB", lado, lado, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _trozo(b"IHDR", cabecera)
        + _trozo(b"IDAT", zlib.compress(renglones, 6))
        + _trozo(b"IEND", b"")
    )


def _renglon(fila: list[bool], lado: int) -> bytes:
    bits = "".join(("0" if negro else "1") * PUNTOS for negro in fila)
    ancho = (lado + 7) // 8
    # Filter 0, then the points; what is left of the last byte is padding.
    return b"\0" + int(bits.ljust(ancho * 8, "0"), 2).to_bytes(ancho, "big")


def _trozo(nombre: bytes, datos: bytes) -> bytes:
    return struct.pack(">I", len(datos)) + nombre + datos + struct.pack(">I", zlib.crc32(nombre + datos))
