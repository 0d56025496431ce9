"""CFDI 4.0 and retention receipts 2.0 made on the spot: valid, sealed, of realistic size and variety.

For tests, benches and `make up`.

Independent of `services`: it works out the cadena original with the SAT's stylesheet on its own, so that a
document it seals is a second opinion on what the service verifies.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from shared.testing.cfdi.emisores import EMISORES, Emisor, Material, preparar
from shared.testing.cfdi.especiales import nomina, pago, retencion, traslado
from shared.testing.cfdi.facturas import LUGAR, ZONA, ahora, egreso, factura
from shared.testing.cfdi.sellado import NS_CFDI, NS_RETENCIONES, NS_TFD, cadena_original, redatar_y_sellar

__all__ = [
    "EMISORES", "LUGAR", "NS_CFDI", "NS_RETENCIONES", "NS_TFD", "ZONA", "Emisor", "Material", "ahora", "cadena_original",
    "egreso", "factura", "lote", "nomina", "pago", "preparar", "redatar_y_sellar", "retencion", "traslado",
]  # fmt: skip

_ahora = ahora


def lote(emisor: Emisor, n: int, *, desde: int = 1, fecha: datetime | None = None) -> Iterator[bytes]:
    """`n` different documents as a distributor sees them: mostly ingresos, some of each type, 4–7 KB."""
    for folio in range(desde, desde + n):
        match folio % 20:
            case 0 | 7:
                yield pago(emisor, folio, documentos=2 + folio % 3, fecha=fecha)
            case 3:
                yield egreso(emisor, folio, fecha=fecha)
            case 11:
                yield traslado(emisor, folio, fecha=fecha)
            case _:
                yield factura(emisor, folio, lineas=3 + folio % 8, fecha=fecha)
