"""The signing keys, from the folder that the settings name. Nothing here makes a key."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key


class LlaveroPem:
    """`{key id}.pem` files, Ed25519. The newest file signs (by time, then by name); all of them verify.

    To rotate, add a file and restart; to distrust a key, take its file away.
    """

    def __init__(self, carpeta: Path | None) -> None:
        if carpeta is None:
            raise RuntimeError("LICENCIAS_KEYS_DIR is not set")
        archivos = sorted(carpeta.glob("*.pem"), key=lambda a: (a.stat().st_mtime, a.stem))
        if not archivos:
            raise RuntimeError(f"LICENCIAS_KEYS_DIR has no .pem file: {carpeta}")
        self._llaves = {a.stem: _leer(a) for a in archivos}
        self._activa = archivos[-1].stem

    @property
    def activa(self) -> str:
        """Id of the key that signs."""
        return self._activa

    def firmar(self, mensaje: bytes) -> bytes:
        """Sign with the active key."""
        return self._llaves[self._activa].sign(mensaje)

    def verificar(self, llave: str, mensaje: bytes, firma: bytes) -> bool:
        """The signature is of that key, and we know the key."""
        privada = self._llaves.get(llave)
        if privada is None:
            return False
        try:
            privada.public_key().verify(firma, mensaje)
        except InvalidSignature:
            return False
        return True

    def publicas(self) -> dict[str, bytes]:
        """Raw public keys by id."""
        return {
            nombre: llave.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            for nombre, llave in sorted(self._llaves.items())
        }


def _leer(archivo: Path) -> Ed25519PrivateKey:
    llave = load_pem_private_key(archivo.read_bytes(), password=None)
    if not isinstance(llave, Ed25519PrivateKey):
        raise RuntimeError(f"not an Ed25519 key: {archivo}")
    return llave
