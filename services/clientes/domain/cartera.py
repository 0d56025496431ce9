"""Searching the cartera: the twelve orders of the manual, and how what is typed becomes words to look for."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.errors import campo_invalido

MAX_PALABRAS = 12
_BIGINT = 2**63


@dataclass(frozen=True, slots=True)
class Orden:
    """`clave` is a column of the read model. Where it may be null, those without one come last in either direction."""

    clave: str
    descendente: bool = False
    nula: bool = False


#: Manual, Filtrar y buscar: a to l.
ORDENES = {
    "nombre": Orden("nombre"),
    "nic": Orden("nic"),
    "mayor_saldo_timbres": Orden("saldo_timbres", descendente=True),
    "menor_saldo_timbres": Orden("saldo_timbres"),
    "mayor_saldo_puntos": Orden("saldo_puntos", descendente=True),
    "menor_saldo_puntos": Orden("saldo_puntos"),
    "compra_reciente": Orden("ultima_compra", descendente=True, nula=True),
    "compra_antigua": Orden("ultima_compra", nula=True),
    "alta_reciente": Orden("alta", descendente=True),
    "alta_antigua": Orden("alta"),
    "emision_reciente": Orden("ultima_emision", descendente=True, nula=True),
    "emision_antigua": Orden("ultima_emision", nula=True),
}

_TELEFONO = re.compile(r"(?<![\w@.])\(?\+?\d[\d\s().-]{6,}\d(?![\w@])")
_RFC = re.compile(r"\b([a-z&]{3,4})[\s-]?(\d{6})[\s-]?([a-z\d]{3})\b")
_MILES = re.compile(r"(?<=\d),(?=\d)")
_PAIS = re.compile(r"^521?(\d{10})$")


@dataclass(frozen=True)
class Palabras:
    """What every hit contains: `patrones` of LIKE, and the trigrams that they imply."""

    patrones: tuple[str, ...] = ()
    trigramas: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Filtros:
    """What a page is of. `baja`: None shows both; saldos are inclusive, puntos in hundredths."""

    palabras: Palabras = field(default_factory=Palabras)
    favorito: bool | None = None
    baja: bool | None = False
    color: str | None = None
    timbres: tuple[int | None, int | None] = (None, None)
    puntos: tuple[int | None, int | None] = (None, None)


@dataclass(frozen=True, slots=True)
class Lugar:
    """Where a page ended: the key (null where there is none) and the cliente."""

    clave: Any
    cliente_id: UUID


@dataclass(frozen=True, kw_only=True)
class FilaDeCartera:
    """A hit: where it stands in the order, and what of it comes from other services."""

    lugar: Lugar
    saldo_timbres: int
    saldo_puntos: int
    ultima_compra: datetime | None


@dataclass(frozen=True, kw_only=True)
class Previas:
    """What a page of the read model says before it is rebuilt: versions of wallets by cliente, of balances by CTI."""

    clientes: list[UUID]
    puntos: dict[UUID, int]
    ctis: dict[str, int]


def palabras_de(normal: str) -> Palabras:
    """Words of a normalised text. Phones and RFC are joined first, as they are stored. Raises `datos_invalidos`.

    Three letters or digits in a row are found anywhere; less (`h&m`) only where a word begins. Signs alone are no word.
    """
    texto = _MILES.sub("", normal)
    texto = _RFC.sub(r"\1\2\3", texto)
    texto = _TELEFONO.sub(lambda m: " " + _PAIS.sub(r"\1", re.sub(r"\D", "", m[0])) + " ", texto)
    palabras = [p for p in dict.fromkeys(texto.replace("#", " ").split()) if any(c.isalnum() for c in p)]
    if len(palabras) > MAX_PALABRAS:
        raise campo_invalido("q", f"Busque a lo más {MAX_PALABRAS} palabras.")
    patrones, trigramas = [], set()
    for palabra in palabras:
        tramos = re.findall(r"[^\W_]+", palabra)
        if max(map(len, tramos)) > 2:
            patrones.append(f"%{_escapar(palabra)}%")
            trigramas |= {t[i : i + 3] for t in tramos if t.isascii() for i in range(len(t) - 2)}
        else:
            desde_letra = palabra[palabra.index(tramos[0]) :]
            patrones.append(f"% {_escapar(desde_letra)}%")
            if tramos[0].isascii():
                trigramas |= _del_principio(tramos[0], entera=desde_letra != tramos[0])
    return Palabras(tuple(patrones), tuple(sorted(trigramas)))


def _escapar(palabra: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", palabra)


def _del_principio(letras: str, *, entera: bool) -> set[str]:
    """The trigrams of a word that begins with one or two letters, or has no more: two spaces come before, one after."""
    return {f" {letras}".rjust(3)} | ({f" {letras} "[-3:]} if entera else set())


def huella_de_busqueda(*partes: Any) -> str:
    """Ties a cursor to the search that it is of."""
    return hashlib.sha256(repr(partes).encode()).hexdigest()[:8]


def escribir_lugar(orden: str, huella: str, lugar: Lugar) -> str:
    """A place as the text of a cursor."""
    clave = lugar.clave
    escrita = "" if clave is None else clave.isoformat() if isinstance(clave, datetime) else str(clave)
    return f"{orden}|{huella}|{lugar.cliente_id}|{'0' if clave is None else '1'}{escrita}"


def leer_lugar(texto: str | None, orden: str, huella: str) -> Lugar | None:
    """The place that a cursor names. Raises `datos_invalidos` for a cursor of another order or search."""
    if texto is None:
        return None
    partes = texto.split("|", 3)
    if len(partes) != 4:
        raise _ajeno("El cursor no es válido.")
    if partes[0] != orden:
        raise _ajeno("El cursor es de otro orden.")
    if partes[1] != huella:
        raise _ajeno("El cursor es de otra búsqueda: cambió lo buscado o algún filtro.")
    try:
        return Lugar(_leer_clave(ORDENES[orden], partes[3]), UUID(partes[2]))
    except ValueError:
        raise _ajeno("El cursor no es válido.") from None


def _leer_clave(orden: Orden, texto: str) -> Any:
    if texto[:1] not in ("0", "1") or (texto[0] == "0" and not orden.nula):
        raise ValueError(texto)
    if texto[0] == "0":
        return None
    if orden.clave == "nombre":
        return texto[1:]
    if orden.clave in ("nic", "saldo_timbres", "saldo_puntos"):
        numero = int(texto[1:])
        if not -_BIGINT <= numero < _BIGINT:
            raise ValueError(texto)
        return numero
    en = datetime.fromisoformat(texto[1:])
    if en.tzinfo is None:
        raise ValueError(texto)
    return en


def _ajeno(que: str) -> Exception:
    return campo_invalido("cursor", f"{que} Pida de nuevo la primera página.")
