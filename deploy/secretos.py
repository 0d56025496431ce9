"""Secrets, made once and never defaulted: passwords, signing keys, the CFDI test authority."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from shared.testing.cfdi import preparar

#: Environment variable → path under the folder of an installation.
RUTAS = {
    "TOKEN_PRIVATE_KEY_FILE": "secretos/tokens/privada.pem",
    "TOKEN_PUBLIC_KEY_FILE": "secretos/tokens/publica.pem",
    "DIALECTOS_KEY_FILE": "secretos/dialectos/llaves",
    "SEGUNDO_FACTOR_KEY_FILE": "secretos/segundo_factor/llaves",
    "LICENCIAS_KEYS_DIR": "secretos/licencias",
    "CFDI_AUTORIDADES_DIR": "cfdi/autoridades",
    "PAC_SANDBOX_DIR": "cfdi/pac",
}


def escribir(archivo: Path, contenido: bytes) -> None:
    """Write a file that its owner alone reads, whole or not at all."""
    archivo.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    nuevo = archivo.with_name(f".{archivo.name}.nuevo")
    nuevo.unlink(missing_ok=True)
    with os.fdopen(os.open(nuevo, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as salida:
        salida.write(contenido)
    nuevo.replace(archivo)


def clave(archivo: Path) -> str:
    """Return the password kept in the file, made at first use."""
    if not archivo.exists():
        escribir(archivo, secrets.token_urlsafe(24).encode())
    return archivo.read_text()


def preparar_llaves(dir: Path) -> None:
    """Make the signing keys that lack: session tokens, licences, dialects, and the CFDI test authority with its PAC."""
    privada = dir / RUTAS["TOKEN_PRIVATE_KEY_FILE"]
    if not privada.exists():
        _par(privada, dir / RUTAS["TOKEN_PUBLIC_KEY_FILE"])
    licencias = dir / RUTAS["LICENCIAS_KEYS_DIR"]
    if not list(licencias.glob("*.pem")):
        # The stem is the key id that travels in every licence, so that keys can be rotated.
        _par(licencias / f"{secrets.token_hex(4)}.pem", None)
    dialectos = dir / RUTAS["DIALECTOS_KEY_FILE"]
    if not dialectos.exists():
        # One key a line; a new one goes first, and the old ones stay for the two hours that their tokens last.
        escribir(dialectos, Fernet.generate_key() + b"\n")
    segundo_factor = dir / RUTAS["SEGUNDO_FACTOR_KEY_FILE"]
    if not segundo_factor.exists():
        # The same form; the old ones stay for ever, or until every secret was sealed again.
        escribir(segundo_factor, Fernet.generate_key() + b"\n")
    preparar(dir / "cfdi")


def _par(privada: Path, publica: Path | None) -> None:
    llave = Ed25519PrivateKey.generate()
    if publica is not None:
        pem = llave.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        escribir(publica, pem)
    escribir(privada, llave.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
