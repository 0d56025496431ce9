"""Rules of licencias, in plain Python: contracts, the life of a licence, and the document that proves it.

A document is JSON text `{"firma": …, "licencia": {…}}`. The signature is Ed25519 over the canonical JSON of
the inner object (keys sorted, no spaces, UTF-8, no floats), which names the signing key in `llave`; so it
can be verified offline with nothing but the published keys.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NoReturn, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.errors import Codigo, DomainError, campo_invalido
from shared.money import centavos

#: Contracts are kept by the calendar of Induxsoft.
ZONA = ZoneInfo("America/Mexico_City")
ALGORITMO = "Ed25519"
FORMATO = 1
MAX_DOCUMENTO = 16_384
MAX_CARACTERISTICAS = 50
_PRODUCTO = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class CodigoValidacion(StrEnum):
    """Stable answers to "is this licence good?"."""

    VALIDA = "VALIDA"
    EXPIRADA = "EXPIRADA"
    REVOCADA = "REVOCADA"
    FIRMA_INVALIDA = "FIRMA_INVALIDA"
    PRODUCTO_DISTINTO = "PRODUCTO_DISTINTO"


class EstadoLicencia(StrEnum):
    """What a list shows."""

    VIGENTE = "vigente"
    EXPIRADA = "expirada"
    REVOCADA = "revocada"


class Llavero(Protocol):
    """The signing keys: one signs, all verify."""

    @property
    def activa(self) -> str:
        """Id of the key that signs."""

    def firmar(self, mensaje: bytes) -> bytes:
        """Sign with the active key."""

    def verificar(self, llave: str, mensaje: bytes, firma: bytes) -> bool:
        """The signature is of that key, and we know the key."""

    def publicas(self) -> dict[str, bytes]:
        """Raw public keys by id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cliente:
    """Projection of clientes: whose NIC it is, and whose it was before it was made a distributor."""

    cliente_id: UUID
    cuenta_id: UUID
    nic: int
    nombre: str
    cuenta_anterior_id: UUID | None = None

    @property
    def emisoras(self) -> tuple[UUID, ...]:
        """CMs that may have issued licences to it."""
        return tuple(x for x in (self.cuenta_id, self.cuenta_anterior_id) if x is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuenta:
    """Projection of clientes: a CM."""

    cuenta_id: UUID
    padre_id: UUID | None
    nombre: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mkl:
    """A contract of a CM for one product, both dates included."""

    id: UUID
    cuenta_id: UUID
    producto: str
    inicia_en: date
    vence_en: date
    precio_anual: Decimal = Decimal(0)

    def vigente(self, hoy: date) -> bool:
        """It is in force on that day."""
        return self.inicia_en <= hoy <= self.vence_en


@dataclass(frozen=True, slots=True, kw_only=True)
class Licencia:
    """A licence as issued. Valid until, and not at, `vence_en`."""

    id: UUID
    cuenta_id: UUID
    cliente_id: UUID
    nic: int
    producto: str
    caracteristicas: tuple[str, ...]
    emitida_en: datetime
    vence_en: datetime
    revocada_en: datetime | None = None
    documento: str = ""

    def estado(self, ahora: datetime) -> EstadoLicencia:
        """A revocation outweighs the date."""
        if self.revocada_en is not None:
            return EstadoLicencia.REVOCADA
        return EstadoLicencia.EXPIRADA if ahora >= self.vence_en else EstadoLicencia.VIGENTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Contenido:
    """What a document with a good signature says."""

    id: UUID
    nic: int
    producto: str
    caracteristicas: tuple[str, ...]
    vence_en: datetime


def dia_en_mexico(momento: datetime) -> date:
    """The calendar day by which contracts are kept."""
    return momento.astimezone(ZONA).date()


def un_anio_despues(momento: datetime) -> datetime:
    """The same moment a year later; 29 February becomes 1 March: never less than a year."""
    try:
        return momento.replace(year=momento.year + 1)
    except ValueError:
        return momento.replace(year=momento.year + 1, month=3, day=1)


def producto_valido(texto: str, campo: str = "producto") -> str:
    """The product's key in lower case. Raises `datos_invalidos`."""
    producto = texto.strip().lower()
    if not _PRODUCTO.fullmatch(producto):
        raise campo_invalido(
            campo,
            "Escriba la clave del producto: letras, números, puntos o guiones, por ejemplo punto-de-venta.",
        )
    return producto


def caracteristicas_validas(textos: Sequence[str]) -> tuple[str, ...]:
    """Features, each once, sorted. Raises `datos_invalidos`."""
    if len(textos) > MAX_CARACTERISTICAS:
        raise campo_invalido("caracteristicas", f"Indique {MAX_CARACTERISTICAS} características como máximo.")
    return tuple(sorted({producto_valido(t, "caracteristicas") for t in textos}))


def plazo_valido(inicia_en: date, vence_en: date) -> None:
    """A contract ends on or after the day on which it starts. Raises `datos_invalidos`."""
    if vence_en < inicia_en:
        raise campo_invalido("vence_en", "El contrato no puede vencer antes de iniciar.")


def meses_restantes(desde: date, hasta: date) -> int:
    """Months from a day through another, both included; a started month counts whole (domain: Distributors).

    Months run from the day `desde`: from 31 January, February's ends on its last day. 0 when `hasta` is before.
    """
    if hasta < desde:
        return 0
    enteros = (hasta.year - desde.year) * 12 + hasta.month - desde.month
    # The month that began on the day `desde` of hasta's month has started by then, also where that day does not exist.
    dia = min(desde.day, monthrange(hasta.year, hasta.month)[1])
    return enteros + (1 if hasta.day >= dia else 0)


def precio_prorrateado(precio_anual: Decimal, desde: date, hasta: date) -> Decimal:
    """What a contract bought midway costs: price × remaining months / 12, half-up to the centavo; a year at most."""
    return centavos(precio_anual * min(12, meses_restantes(desde, hasta)) / 12)


def contrato_requerido(producto: str) -> DomainError:
    """A licence needs an MKL in force for its product."""
    return DomainError(
        Codigo.CONTRATO_REQUERIDO,
        f"Su cuenta no tiene vigente la MKL de «{producto}». Contrátela o renuévela para generar licencias.",
        datos={"producto": producto},
    )


def canonico(objeto: dict[str, Any]) -> bytes:
    """The one text of an object: sorted keys, no spaces, UTF-8."""
    return json.dumps(
        objeto, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def firmar(tipo: str, objeto: dict[str, Any], llavero: Llavero) -> str:
    """The signed document of an object, under the name `tipo`. The key's id and the kind are signed too."""
    completo = {**objeto, "tipo": tipo, "formato": FORMATO, "algoritmo": ALGORITMO, "llave": llavero.activa}
    firma = llavero.firmar(canonico(completo))
    return canonico({tipo: completo, "firma": b64(firma)}).decode()


def abrir(tipo: str, documento: str, llavero: Llavero) -> dict[str, Any] | None:
    """The object inside a document of ours of this kind; None when it is not, whatever else it may be."""
    if len(documento) > MAX_DOCUMENTO:
        return None
    try:
        externo = json.loads(
            documento, object_pairs_hook=_sin_repetir, parse_float=_rechazar, parse_constant=_rechazar
        )
        if set(externo) != {tipo, "firma"}:
            return None
        objeto = externo[tipo]
        firma = de_b64(externo["firma"])
        conocido = (objeto["tipo"], objeto["formato"], objeto["algoritmo"]) == (tipo, FORMATO, ALGORITMO)
        if not conocido or not llavero.verificar(objeto["llave"], canonico(objeto), firma):
            return None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, binascii.Error):
        return None
    return dict(objeto)


def documento_de(licencia: Licencia, llavero: Llavero) -> str:
    """The signed document of a licence."""
    return firmar(
        "licencia",
        {
            "id": str(licencia.id),
            "cuenta": str(licencia.cuenta_id),
            "cliente": str(licencia.cliente_id),
            "nic": licencia.nic,
            "producto": licencia.producto,
            "caracteristicas": list(licencia.caracteristicas),
            "emitida_en": rfc3339(licencia.emitida_en),
            "vence_en": rfc3339(licencia.vence_en),
        },
        llavero,
    )


def leer(documento: str, llavero: Llavero) -> Contenido | None:
    """What a licence's document says, or None when its signature is not ours."""
    objeto = abrir("licencia", documento, llavero)
    if objeto is None:
        return None
    return Contenido(
        id=UUID(objeto["id"]),
        nic=int(objeto["nic"]),
        producto=str(objeto["producto"]),
        caracteristicas=tuple(objeto["caracteristicas"]),
        vence_en=datetime.fromisoformat(objeto["vence_en"]),
    )


def juzgar(
    contenido: Contenido, producto: str, ahora: datetime, revocada: Callable[[UUID], bool]
) -> CodigoValidacion:
    """Code of a document whose signature is good. `producto` empty: of any."""
    if producto and contenido.producto != producto:
        return CodigoValidacion.PRODUCTO_DISTINTO
    if revocada(contenido.id):
        return CodigoValidacion.REVOCADA
    if ahora >= contenido.vence_en:
        return CodigoValidacion.EXPIRADA
    return CodigoValidacion.VALIDA


def rfc3339(momento: datetime) -> str:
    """UTC, whole seconds, `Z`."""
    return momento.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def b64(datos: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(datos).decode().rstrip("=")


def de_b64(texto: str) -> bytes:
    """Bytes of a base64url text without padding. Raises ValueError for anything else."""
    datos = base64.urlsafe_b64decode(texto + "=" * (-len(texto) % 4))
    if b64(datos) != texto:
        raise ValueError("not canonical base64url")
    return datos


def _sin_repetir(pares: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers could take a different one of two equal keys: refuse both."""
    objeto = dict(pares)
    if len(objeto) != len(pares):
        raise ValueError("repeated key")
    return objeto


def _rechazar(texto: str) -> NoReturn:
    """Numbers that have no one text have no place in a signed document."""
    raise ValueError(texto)
