"""LCO, the SAT's daily list of the taxpayers and CSDs that may invoice (codes 304 and 402).

The SAT publishes it as several files `LCO_AAAA-MM-DD_n.XML.gz`: XML inside of a PKCS#7 signature, gzipped.
Together they have millions of lines, so a file is read as it comes and never held whole. The signature is
taken off and not verified: the SAT's certificate for it is not in our sources, so trust is the HTTPS download.
"""

from __future__ import annotations

import gzip
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, Protocol, cast
from xml.parsers import expat

from services.timbrado.cfdi import pkcs7

# The SAT's own namespace, with its missing slash.
_NS: Final = "http:/www.sat.gob.mx/cfd/LCO"
_TROZO: Final = 64 * 1024


class LcoIlegible(ValueError):
    """A file that is not an LCO. The message names what is wrong."""


@dataclass(frozen=True, slots=True)
class EstadoLco:
    """One certificate's line in the list."""

    estado: str
    """`A` active, `C` expired, `R` revoked."""
    obligaciones_validas: bool


@dataclass(frozen=True, slots=True)
class LineaLco:
    """A line as the file has it."""

    rfc: str
    numero: str
    estado: str
    obligaciones: int
    """ValidezObligaciones: 0 none, 1 valid, 2–4 valid with restrictions."""


class Lco(Protocol):
    """Where the list is looked up: asked once per stamping, so from memory."""

    def exigida(self) -> bool:
        """Whether stamping asks it at all: a switch of the root's staff, off until a list is loaded."""

    def anticipar(self, numeros: Collection[str]) -> None:
        """Have the lines of these certificates at hand, with one question for all that are not."""

    def buscar(self, rfc: str, numero: str) -> EstadoLco | None:
        """State of a certificate, or None if the pair is not in the list."""


class LcoEnMemoria:
    """A list small enough to be kept whole, as the SAT's test one (thousands of lines, not millions)."""

    def __init__(self, lineas: dict[tuple[str, str], EstadoLco]) -> None:
        self._lineas = lineas

    @classmethod
    def de_archivo(cls, ruta: Path) -> LcoEnMemoria:
        """Read the SAT's file. Raises `LcoIlegible`."""
        return cls({(li.rfc, li.numero): estado_de(li) for li in Lectura(ruta)})

    def __len__(self) -> int:
        return len(self._lineas)

    def exigida(self) -> bool:
        return True

    def anticipar(self, numeros: Collection[str]) -> None:
        pass

    def buscar(self, rfc: str, numero: str) -> EstadoLco | None:
        return self._lineas.get((rfc, numero))


class FuenteLco(Protocol):
    """The stored list. Its owner makes it fast; each call is one question."""

    def estado(self) -> int | None:
        """The version in use, or None where stamping does not ask it."""

    def lineas(self, version: int, numeros: Collection[str]) -> list[tuple[str, str, str, int]]:
        """(number, RFC, state, obligations) of those certificates that the version has."""


class LcoGuardada:
    """The stored list, with the certificates that this process saw last.

    A version never changes, so what is remembered of one holds; which one is in use is asked every
    `VIGENCIA` seconds at most, and nothing else while stamping does not ask the list.
    """

    VIGENCIA: Final = 2.0
    MAXIMO: Final = 20_000
    """Certificates remembered: some 5 MB."""

    def __init__(self, fuente: FuenteLco, reloj: Callable[[], float] = time.monotonic) -> None:
        self._fuente = fuente
        self._reloj = reloj
        self._version: int | None = None
        self._leida = float("-inf")
        self._recordadas: OrderedDict[str, tuple[tuple[str, EstadoLco], ...]] = OrderedDict()

    def exigida(self) -> bool:
        if self._reloj() - self._leida > self.VIGENCIA:
            version = self._fuente.estado()
            if version != self._version:
                self._recordadas.clear()
                self._version = version
            self._leida = self._reloj()
        return self._version is not None

    def anticipar(self, numeros: Collection[str]) -> None:
        faltan = [numero for numero in numeros if numero not in self._recordadas]
        version = self._version
        if not faltan or version is None:
            return
        halladas: dict[str, list[tuple[str, EstadoLco]]] = {numero: [] for numero in faltan}
        for numero, rfc, estado, obligaciones in self._fuente.lineas(version, faltan):
            halladas[numero].append((rfc, estado_de(LineaLco(rfc, numero, estado, obligaciones))))
        if version != self._version:  # another worker of this process saw a newer one meanwhile
            return
        for numero, estados in halladas.items():
            self._recordadas[numero] = tuple(estados)
        while len(self._recordadas) > self.MAXIMO:
            self._recordadas.popitem(last=False)

    def buscar(self, rfc: str, numero: str) -> EstadoLco | None:
        while numero not in self._recordadas and self._version is not None:
            self.anticipar([numero])
        if numero in self._recordadas:
            self._recordadas.move_to_end(numero)
        return dict(self._recordadas.get(numero, ())).get(rfc)


def estado_de(linea: LineaLco) -> EstadoLco:
    """What the rules ask of a line."""
    return EstadoLco(linea.estado, linea.obligaciones != 0)


class Lectura:
    """The lines of one file (XML, `.gz`, or PKCS#7 in either), in order. `fecha` is known once read.

    Iterating raises `LcoIlegible`: not this format, cut short, or a line that can't be (a row number is told).
    """

    def __init__(self, ruta: Path) -> None:
        self._ruta = ruta
        self.fecha: datetime | None = None

    def __iter__(self) -> Iterator[LineaLco]:
        pendientes: list[LineaLco] = []
        parser = self._parser(pendientes)
        try:
            with self._ruta.open("rb") as archivo:
                for trozo in _trozos(archivo):
                    parser.Parse(trozo, False)
                    yield from pendientes
                    pendientes.clear()
                parser.Parse(b"", True)
        except (expat.ExpatError, pkcs7.Pkcs7Ilegible, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise LcoIlegible(f"{self._ruta.name}: {error}") from None
        if self.fecha is None:
            raise LcoIlegible(f"{self._ruta.name}: no es una LCO")

    def _parser(self, pendientes: list[LineaLco]) -> expat.XMLParserType:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        rfc = ""

        def abrir(nombre: str, atributos: dict[str, str]) -> None:
            nonlocal rfc
            if nombre == f"{_NS} Certificado":
                pendientes.append(_linea(self._ruta.name, parser.CurrentLineNumber, rfc, atributos))
            elif nombre == f"{_NS} Contribuyente":
                rfc = atributos.get("RFC", "")
            elif nombre == f"{_NS} LCO":
                self.fecha = _fecha(self._ruta.name, atributos.get("Fecha", ""))

        def sin_dtd(*_: object) -> None:
            raise LcoIlegible(f"{self._ruta.name}: trae un DOCTYPE")

        parser.StartElementHandler = abrir
        parser.StartDoctypeDeclHandler = sin_dtd
        return parser


def _linea(archivo: str, fila: int, rfc: str, atributos: dict[str, str]) -> LineaLco:
    numero = atributos.get("noCertificado", "")
    estado = atributos.get("EstatusCertificado", "")
    obligaciones = atributos.get("ValidezObligaciones", "")
    if not (12 <= len(rfc) <= 13 and len(numero) == 20 and numero.isdecimal()):
        raise LcoIlegible(f"{archivo}: renglón {fila}: RFC o número de certificado no válido")
    if estado not in ("A", "C", "R") or not (obligaciones.isdecimal() and len(obligaciones) < 3):
        raise LcoIlegible(f"{archivo}: renglón {fila}: estado u obligaciones no válidos")
    return LineaLco(rfc, numero, estado, int(obligaciones))


def _fecha(archivo: str, texto: str) -> datetime:
    try:
        return datetime.fromisoformat(texto)
    except ValueError:
        raise LcoIlegible(f"{archivo}: la Fecha «{texto[:40]}» no es válida") from None


def _trozos(archivo: BinaryIO) -> Iterator[bytes]:
    """The XML, whatever is around it: gzip and PKCS#7 are told by their first bytes, in this order."""
    inicio = archivo.read(2)
    archivo.seek(0)
    origen = cast(BinaryIO, gzip.GzipFile(fileobj=archivo)) if inicio == b"\x1f\x8b" else archivo
    primero = origen.read(1)
    origen.seek(0)
    if primero == b"\x30":
        yield from pkcs7.contenido(origen)
        return
    while trozo := origen.read(_TROZO):
        yield trozo
