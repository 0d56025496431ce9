"""API keys of a cuenta maestra: `cm_<id>_<secret>`, of which only the SHA-256 of the secret is kept."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.errors import Codigo, DomainError, campo_invalido

PREFIJO = "cm_"
#: A key's last use is written at most this often.
CADA_USO_DE_LLAVE = timedelta(minutes=1)
#: Keys of one CM that neither were revoked nor expired.
LLAVES_MAXIMO = 50


@dataclass(frozen=True, kw_only=True)
class LlaveGuardada:
    """A key as stored. It belongs to the CM: it outlives the stay of whoever made it."""

    llave_id: UUID
    cuenta_id: UUID
    nombre: str
    huella: bytes
    alcances: list[str]
    redes: list[str]
    creada_por: UUID
    creada_en: datetime
    vence_en: datetime | None = None
    usada_en: datetime | None = None
    usada_ip: str | None = None
    revocada_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class LlaveVigente:
    """What says whether a key serves, and for what."""

    huella: bytes
    nombre: str
    cuenta_id: UUID
    alcances: list[str]
    redes: list[str]
    vence_en: datetime | None
    usada_en: datetime | None
    revocada_en: datetime | None
    estado: str
    es_raiz: bool

    def sirve(self, huella: bytes, ahora: datetime) -> bool:
        """The right secret, and neither revoked nor expired."""
        return (
            hmac.compare_digest(self.huella, huella)
            and self.revocada_en is None
            and (self.vence_en is None or ahora < self.vence_en)
        )

    def por_anotar(self, ahora: datetime) -> bool:
        """Its use is to be written down again."""
        return self.usada_en is None or ahora - self.usada_en >= CADA_USO_DE_LLAVE


def nuevo_secreto() -> str:
    """32 random bytes as text."""
    return secrets.token_urlsafe(32)


def escribir_llave(llave_id: UUID, secreto: str) -> str:
    """A key as its owner gets it."""
    return f"{PREFIJO}{llave_id.hex}_{secreto}"


def huella_de_secreto(secreto: str) -> bytes:
    """What is stored of a secret: 256 random bits need no slow hash."""
    return hashlib.sha256(secreto.encode()).digest()


def red_valida(texto: str, posicion: int) -> str:
    """An address or CIDR as PostgreSQL's `cidr` takes it. Raises `datos_invalidos` naming its place in the list."""
    try:
        # Of one link alone (`fe80::1%eth0`) means nothing here.
        if "%" in texto:
            raise ValueError(texto)
        return str(ipaddress.ip_network(texto.strip(), strict=False))
    except ValueError:
        raise campo_invalido(
            f"redes.{posicion}",
            f"«{texto[:60]}» no es una dirección ni un rango. Escriba, por ejemplo, 203.0.113.7 o 203.0.113.0/24.",
        ) from None


def vencimiento_valido(vence_en: datetime | None, ahora: datetime) -> datetime | None:
    """When a new key ends, if ever. Raises `datos_invalidos` for the past."""
    if vence_en is not None and vence_en <= ahora:
        raise campo_invalido("vence_en", "Esa fecha ya pasó. Indique una futura, o ninguna.")
    return vence_en


def demasiadas_llaves() -> DomainError:
    """Another key would be one too many."""
    return DomainError(
        Codigo.CONFLICTO,
        f"La cuenta ya tiene {LLAVES_MAXIMO} llaves vigentes. Revoque las que no use y repita.",
    )
