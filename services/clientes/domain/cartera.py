"""Searching the cartera: the twelve orders of the manual, and how what is typed becomes words to look for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import product
from typing import Any
from uuid import UUID

from services.clientes.domain.ficha import normalizar_telefono
from shared.errors import campo_invalido

MAX_PALABRAS = 12
_BIGINT = 2**63


@dataclass(frozen=True, slots=True)
class Orden:
    """`clave` is a column of the read model. Where it may be null, those without one come last in either direction."""

    clave: str
    descendente: bool = False
    nula: bool = False

    def ordenar(self, filas: Iterable[FilaDeCartera]) -> list[FilaDeCartera]:
        """Hits of more than one search as one search would give them."""

        def de(f: FilaDeCartera) -> tuple[Any, ...]:
            lugar = f.lugar
            return (lugar.cliente_id,) if lugar.clave is None else (lugar.clave, lugar.cliente_id)

        con: list[FilaDeCartera] = []
        sin: list[FilaDeCartera] = []
        for f in filas:
            (sin if f.lugar.clave is None else con).append(f)
        return [f for unas in (con, sin) for f in sorted(unas, key=de, reverse=self.descendente)]


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

#: Figures in groups, which may be phones among others; an extension behind the last of them.
_CIFRAS = re.compile(
    r"(?<![\w@.,/-])(?P<cifras>[(+]*\d[\d\s().+-]*\d(?![\w@]))"
    r"(?:\W*(?:\bext(?:ension)?|\bx|#)\W*(?P<extension>\d{1,8})(?!\w))?"
)
_GRUPO = re.compile(r"\+?\d+")
#: `+52 1 55 12 34 56 78`, and one to spare.
_GRUPOS_DE_TELEFONO = 8
_INTERNACIONAL = re.compile(r"\+\d{8,15}")
_PAIS = re.compile(r"^521?(\d{10})$")
_RFC = re.compile(r"\b([a-z&]{3,4})[\s-]?(\d{6})[\s-]?([a-z\d]{3})\b")
_PARTE_DE_RFC = re.compile(r"[a-z&]{3,4}-?\d{1,6}(?:-[a-z\d]{1,3})?|\d{6}-[a-z\d]{1,3}")
_NUMERO_CON_SIGNOS = re.compile(r"[(+]*\d(?:[().+-]*\d){6,}\)?")
_MILES = re.compile(r"(?<=\d),(?=\d)")
#: Figures from which a text may be a whole phone, and what else people write in one.
_DIGITOS_DE_TELEFONO = 7
_DE_TELEFONO = frozenset((
    "a", "casa", "cel", "celular", "conm", "conmutador", "ext", "extension", "fax", "int", "interno", "lada", "movil",
    "o", "oficina", "opc", "opcion", "tel", "telefono", "telefonos", "whats", "whatsapp", "x", "y",
))  # fmt: skip
#: Words that may be meant in two ways, up to which every mixture of their ways is looked for.
_DUDOSAS = 2


@dataclass(frozen=True)
class Palabras:
    """What every hit contains: `patrones` of LIKE, and the trigrams that they imply; or all of one of `otras`."""

    patrones: tuple[str, ...] = ()
    trigramas: tuple[str, ...] = ()
    otras: tuple[Palabras, ...] = ()


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
    """The likeliest of `lecturas_de`."""
    return lecturas_de(normal)[0]


def lecturas_de(normal: str) -> list[Palabras]:
    """The ways to read a normalised text, the likeliest first: who finds nobody by one tries the next.

    1. Phones in groups and RFC are joined, as they are stored. 2. All as it is written, because a name may look like
    them. 3. The whole text is one phone, which may be stored as somebody wrote it. Raises `datos_invalidos`.
    """
    juntas = _palabras(_CIFRAS.sub(_juntar_telefonos, _RFC.sub(r"\1\2\3", normal)))
    if len(juntas) > MAX_PALABRAS:
        raise campo_invalido("q", f"Busque a lo más {MAX_PALABRAS} palabras.")
    lecturas = [_lectura(juntas)]
    escritas = _palabras(normal)
    if escritas != juntas and len(escritas) <= MAX_PALABRAS:
        lecturas.append(_lectura(escritas))
    entero = _guardado(normal)
    if len(entero) >= _DIGITOS_DE_TELEFONO and set(re.findall(r"[^\W\d_]+", normal)) <= _DE_TELEFONO:
        lecturas.append(_lectura([entero]))
    return list(dict.fromkeys(lecturas))


def _palabras(texto: str) -> list[str]:
    return [p for p in dict.fromkeys(texto.split()) if any(c.isalnum() for c in p)]


def _guardado(telefono: str) -> str:
    """A phone as it is searched in: `cartera_telefono` of what the form stores."""
    return _PAIS.sub(r"\1", re.sub(r"\D", "", normalizar_telefono(telefono)))


def _juntar_telefonos(m: re.Match[str]) -> str:
    """Each phone among figures in groups joined, the longest first; a NIC beside it stays a word of its own."""
    cifras, extension = m["cifras"], m["extension"]
    grupos = list(_GRUPO.finditer(cifras))
    partes: list[str] = []
    desde = n = 0
    while n < len(grupos):
        for fin in range(min(len(grupos), n + _GRUPOS_DE_TELEFONO), n, -1):
            escrito = cifras[grupos[n].start() : grupos[fin - 1].end()]
            if _es_telefono(escrito):
                break
        else:
            n += 1
            continue
        numero = _guardado(escrito)
        if fin == len(grupos) and extension is not None:
            numero, extension = numero + extension, None
        partes += [cifras[desde : grupos[n].start()].strip(" ().+-"), numero]
        desde, n = grupos[fin - 1].end(), fin
    if not partes:
        return m[0]
    return f" {' '.join([*partes, cifras[desde:].strip(' ().+-'), extension or ''])} "


def _es_telefono(escrito: str) -> bool:
    """International, or ten digits of which the first group is an area code: so are phones written, and few names."""
    if not _INTERNACIONAL.fullmatch(normalizar_telefono(escrito)):
        return False
    if escrito.startswith("+"):
        return True
    largos = [len(g) for g in re.findall(r"\d+", escrito)]
    cortes = [10 - sum(largos[n:]) for n in range(1, len(largos))]
    return min((corte for corte in cortes if corte > 0), default=2) in (2, 3)


def _lectura(palabras: Sequence[str]) -> Palabras:
    """These words, in each mixture of the ways to mean them, or, if so many may be meant otherwise, all in the same."""
    modos = [_modos(palabra) for palabra in palabras]
    if sum(len(m) > 1 for m in modos) > _DUDOSAS:
        mezclas = [[m[0] for m in modos], [m[-1] for m in modos]]
    else:
        mezclas = [list(mezcla) for mezcla in product(*modos)]
    todas = [
        Palabras(
            tuple(dict.fromkeys(patron for patron, _ in mezcla)),
            tuple(sorted(set().union(*(trigramas for _, trigramas in mezcla)))),
        )
        for mezcla in mezclas
    ]
    return replace(todas[0], otras=tuple(todas[1:]))


def _modos(palabra: str) -> list[tuple[str, frozenset[str]]]:
    """The ways to mean a word, each with its trigrams: without its signs if it may be stored so, and as it is written.

    Three letters or digits in a row are found anywhere; less (`h&m`) only where a word begins. Signs alone are no word.
    """
    formas = [palabra]
    if _NUMERO_CON_SIGNOS.fullmatch(palabra):
        formas.insert(0, re.sub(r"\D", "", palabra))
    elif _PARTE_DE_RFC.fullmatch(palabra):
        formas.insert(0, palabra.replace("-", ""))
    elif _MILES.search(palabra):
        formas.insert(0, _MILES.sub("", palabra))
    return list(dict.fromkeys(modo for forma in formas for modo in _patrones(forma)))


def _patrones(palabra: str) -> Iterator[tuple[str, frozenset[str]]]:
    tramos = re.findall(r"[^\W_]+", palabra)
    desde_letra = palabra[palabra.index(tramos[0]) :]
    if max(map(len, tramos)) > 2:
        entera = palabra.removeprefix("#")
        trigramas = {t[i : i + 3] for t in tramos if t.isascii() for i in range(len(t) - 2)}
        yield f"%{_escapar(entera)}%", frozenset(trigramas)
        return
    trigramas = _del_principio(tramos[0], entera=desde_letra != tramos[0]) if tramos[0].isascii() else set()
    yield f"% {_escapar(desde_letra)}%", frozenset(trigramas)
    if desde_letra != palabra:
        yield f"% {_escapar(palabra)}%", frozenset(trigramas)


def _escapar(palabra: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", palabra)


def _del_principio(letras: str, *, entera: bool) -> set[str]:
    """The trigrams of a word that begins with one or two letters, or has no more: two spaces come before, one after."""
    return {f" {letras}".rjust(3)} | ({f" {letras} "[-3:]} if entera else set())


def huella_de_busqueda(*partes: Any) -> str:
    """Ties a cursor to the search that it is of."""
    return hashlib.sha256(repr(partes).encode()).hexdigest()[:8]


def es_de_busqueda(cursor: str, huella: str) -> bool:
    """Whether a cursor is of this search, in whatever order."""
    return cursor.split("|", 2)[1:2] == [huella]


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
