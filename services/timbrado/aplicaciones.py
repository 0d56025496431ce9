"""Proofs of registered applications: one Ed25519 verification each, keys remembered for a few seconds.

The format is described in `domain/aplicaciones.py`. A process asks the database once per application every
`RECUERDO` seconds at most, so a stamping pays some 0.1 ms and no SQL. For as long, an application that was just
revoked may still stamp, and one that was asked for before its registration is still unknown.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from services.timbrado.domain import aplicaciones as reglas

#: Seconds for which a process believes what it read of an application.
RECUERDO = 5.0
#: Applications remembered, known or not: whoever invents ids does not fill the memory.
MAXIMO = 1024

Leer = Callable[[UUID], reglas.AplicacionRegistrada | None]


@dataclass(slots=True)
class _Recordada:
    aplicacion: reglas.AplicacionRegistrada | None
    llave: Ed25519PublicKey | None
    hasta: float


class Aplicaciones:
    """Checks proofs. `leer` fetches an application by id; `reloj` is a test's."""

    def __init__(self, leer: Leer, reloj: Callable[[], float] = time.monotonic) -> None:
        self._leer = leer
        self._reloj = reloj
        self._recordadas: OrderedDict[UUID, _Recordada] = OrderedDict()

    def verificar(self, cabecera: str | None, cti: str, xml: bytes, ahora: datetime) -> None:
        """Raise `no_permitido`, each reason in its own words, unless the header proves a registered application."""
        prueba = reglas.leer_prueba(cabecera)
        recordada = self._recordar(prueba.id)
        aplicacion = reglas.revisar(prueba, recordada.aplicacion, ahora)
        assert recordada.llave is not None
        try:
            recordada.llave.verify(prueba.firma, prueba.mensaje(cti, xml))
        except InvalidSignature:
            raise reglas.firma_invalida(aplicacion) from None

    def _recordar(self, id: UUID) -> _Recordada:
        recordada = self._recordadas.get(id)
        if recordada is not None and self._reloj() < recordada.hasta:
            return recordada
        aplicacion = self._leer(id)
        llave = Ed25519PublicKey.from_public_bytes(aplicacion.llave) if aplicacion else None
        recordada = self._recordadas[id] = _Recordada(aplicacion, llave, self._reloj() + RECUERDO)
        self._recordadas.move_to_end(id)
        while len(self._recordadas) > MAXIMO:
            self._recordadas.popitem(last=False)
        return recordada


def leer_llave(texto: str) -> bytes:
    """Raw Ed25519 public key of PEM, or of base64url with or without padding. Raises `datos_invalidos`."""
    limpio = texto.strip()
    try:
        if limpio.startswith("-----"):
            llave = load_pem_public_key(limpio.encode())
            if not isinstance(llave, Ed25519PublicKey):
                raise reglas.llave_invalida()
            return llave.public_bytes(Encoding.Raw, PublicFormat.Raw)
        cruda = base64.b64decode(
            limpio.rstrip("=") + "=" * (-len(limpio.rstrip("=")) % 4), b"-_", validate=True
        )
        if len(cruda) != reglas.LARGO_LLAVE:
            raise reglas.llave_invalida()
        return Ed25519PublicKey.from_public_bytes(cruda).public_bytes(Encoding.Raw, PublicFormat.Raw)
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        raise reglas.llave_invalida() from None
