"""Reference of how a registered application proves itself, written from the description in
`services/timbrado/domain/aplicaciones.py` alone: what a maker of applications has to write, in any language."""

from __future__ import annotations

import base64
import hashlib
import time
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def prueba(
    llave: Ed25519PrivateKey,
    id: UUID | str,
    cti: str,
    xml: bytes,
    *,
    version: str = "10.0",
    momento: int | None = None,
) -> str:
    """Value of the header `X-Aplicacion` for one document and one CTI. `momento`: Unix time, now by default."""
    hora = str(int(time.time()) if momento is None else momento)
    huella = hashlib.sha256(xml).hexdigest()
    texto = "\n".join(("cuenta-maestra/aplicacion/v1", cti, huella, hora, str(id), version))
    firma = base64.urlsafe_b64encode(llave.sign(texto.encode())).decode().rstrip("=")
    return f"cm1:{id}:{version}:{hora}:{firma}"


def publica(llave: Ed25519PrivateKey) -> str:
    """Its public half as the root registers it: PEM."""
    return llave.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
