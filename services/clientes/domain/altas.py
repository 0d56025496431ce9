"""Altas from outside: publishable keys, the sites that may use one, and what a form says."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from shared.errors import Codigo, DomainError, campo_invalido

TITULO = "Regístrese como distribuidor"
#: What everyone reads after an alta, whether the correo is known or not.
GRACIAS = (
    "Gracias. Le enviamos un correo con un enlace para confirmar su registro.\n"
    "Si no llega en unos minutos, revise la carpeta de correo no deseado."
)
#: Where the privacy notice of Cuenta Maestra is shown, for a key that names none of its own.
RUTA_DEL_AVISO = "/publico/aviso-de-privacidad"
#: How long a form may lie open.
VIDA_DEL_BOLETO = timedelta(hours=24)
USO_DEL_BOLETO = "alta"
#: Time from the first mail of an alta to the second one.
ENTRE_CORREOS = timedelta(minutes=2)

_ANFITRION = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)
#: Names under which a page is tried on one's own machine, the only ones without TLS.
_PROPIOS = frozenset({"localhost", "127.0.0.1"})


@dataclass(frozen=True, kw_only=True)
class LlaveGuardada:
    """A publishable key of the CM `cuenta_id`."""

    llave: str
    cuenta_id: UUID
    nombre: str
    origenes: list[str]
    titulo: str
    gracias: str
    aviso_url: str | None
    aviso_version: str | None
    creada_por: UUID | None
    creada_en: datetime
    revocada_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class AltaGuardada:
    """One line of a CM's list of altas."""

    distribuidor_id: UUID
    llave: str | None
    llave_nombre: str | None
    sitio: str | None
    nombre: str
    rfc: str | None
    titular: str | None
    correo: str | None
    movil: str | None
    estado: str
    aviso_version: str
    creada_en: datetime


def nueva_llave_publica() -> str:
    """Readable as what it is, and not to be guessed although it is no secret."""
    return f"pk_{secrets.token_urlsafe(24)}"


def origen_valido(texto: str) -> str:
    """An origin as a browser sends it: scheme, host in lower case, port unless it is the scheme's own.

    Raises `datos_invalidos` for anything more (a path, a user, a wildcard) and for http away from this machine.
    """
    mal = campo_invalido(
        "origenes",
        f"«{texto[:100]}» no es el origen de un sitio. Escríbalo así: https://www.empresa.mx, sin nada después;"
        " http solo se admite para localhost y 127.0.0.1.",
    )
    try:
        partes = urlsplit(texto.strip().lower())
        puerto = partes.port
    except ValueError:
        raise mal from None
    anfitrion = partes.hostname or ""
    sobra = partes.path not in ("", "/") or partes.query or partes.fragment or "@" in partes.netloc
    if sobra or partes.scheme not in ("http", "https") or not _ANFITRION.fullmatch(anfitrion):
        raise mal
    if partes.scheme == "http" and anfitrion not in _PROPIOS:
        raise mal
    normal = {"http": 80, "https": 443}[partes.scheme]
    return f"{partes.scheme}://{anfitrion}" + (f":{puerto}" if puerto not in (None, normal) else "")


def origenes_validos(textos: Sequence[str]) -> list[str]:
    """Each once, in the order given."""
    return list(dict.fromkeys(origen_valido(t) for t in textos))


def aviso_valido(url: str | None, version: str | None) -> tuple[str | None, str | None]:
    """Link to a CM's own privacy notice and its version: both or none. Raises `datos_invalidos`."""
    url, version = (url or "").strip() or None, " ".join((version or "").split()) or None
    if url is None and version is not None:
        raise campo_invalido("aviso_url", "Escriba la dirección de su aviso de privacidad.")
    if url is not None and version is None:
        raise campo_invalido(
            "aviso_version", "Escriba la versión de su aviso de privacidad, por ejemplo 2026-01."
        )
    if url is not None and not re.fullmatch(r"https://[^\s\"'<>\\]+", url):
        raise campo_invalido("aviso_url", "Escriba la dirección completa, que empiece con https://.")
    return url, version


def otro_correo_desde(envios: int, ultimo: datetime) -> datetime:
    """When a further mail may go to a correo that was sent `envios`: each time it takes longer, so that a form is no
    means to flood somebody."""
    return ultimo + ENTRE_CORREOS * int(4 ** min(envios - 1, 5))


def llave_desconocida() -> DomainError:
    """The same for one that never was, one that was revoked, and a page that may not use it."""
    return DomainError(
        Codigo.NO_ENCONTRADO,
        "Este formulario de registro no está disponible. Comuníquese con quien le invitó a registrarse.",
    )


def sitio_no_permitido() -> DomainError:
    return DomainError(
        Codigo.NO_PERMITIDO,
        "Este sitio no puede usar esa llave. Agregue su origen a una llave pública de su Cuenta Maestra.",
    )


def altas_cerradas() -> DomainError:
    """The CM can't take distributors now. Why is its own business."""
    return DomainError(
        Codigo.CONFLICTO,
        "Por ahora no es posible recibir su registro. Comuníquese con quien le invitó a registrarse.",
    )


def aviso_cambiado() -> DomainError:
    return campo_invalido(
        "aviso_version", "El aviso de privacidad cambió. Léalo de nuevo y vuelva a aceptarlo."
    )
