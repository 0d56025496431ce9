"""The QR code's PNG: what another library reads in it is the matrix, and its own encoder agrees on every point."""

from __future__ import annotations

import io

import PIL.Image
import pytest
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

from services.gateway.dialects import qr


@pytest.mark.parametrize(
    "texto", ["x", "https://verificacfdi.facturaelectronica.sat.gob.mx/?re=ÑAN010101AB2&fe=/+==" * 3]
)
def test_cada_punto_esta_en_su_lugar(texto: str) -> None:
    imagen = PIL.Image.open(io.BytesIO(qr.png(texto)))
    imagen.load()
    codigo: QRCode = QRCode(error_correction=ERROR_CORRECT_M, border=qr.MARGEN, mask_pattern=qr.MASCARA)
    codigo.add_data(texto, optimize=0)
    matriz = codigo.get_matrix()
    assert imagen.size == (len(matriz) * qr.PUNTOS,) * 2
    for y, fila in enumerate(matriz):
        for x, negro in enumerate(fila):
            centro = (x * qr.PUNTOS + qr.PUNTOS // 2, y * qr.PUNTOS + qr.PUNTOS // 2)
            assert (imagen.getpixel(centro) == 0) == negro
    # Four modules of white around, as readers need.
    assert all(imagen.getpixel((i, 0)) and imagen.getpixel((0, i)) for i in range(imagen.width))
