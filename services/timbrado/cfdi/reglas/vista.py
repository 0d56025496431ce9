"""A Comprobante as the rules read it: attributes stripped, amounts as Decimal, nothing looked up twice.

Made after the XSD accepted the document, so required attributes are there and numbers are numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_UP, Context, Decimal
from functools import cache, lru_cache
from typing import Final, NamedTuple

from lxml import etree

from services.timbrado.cfdi.formatos import NS_CFDI
from services.timbrado.cfdi.reglas.catalogos import decimales_de

CONTEXTO: Final = Context(prec=100)
"""Exact for the product of two numbers of `CIFRAS_MAXIMAS`."""
CIFRAS_MAXIMAS: Final = 40
"""Characters of a number. The XSD bounds amounts to 18 and 6 digits, but not quantities and bases."""
CERO: Final = Decimal(0)
_INFINITESIMO: Final = Decimal("0.000000000001")
"""What the SAT takes off the upper limit of each factor (10⁻¹²)."""


class Hallazgo(NamedTuple):
    """What a rule found: where, and what to tell. The table has its code."""

    nodo: etree._Element
    atributo: str | None
    detalle: str


class NumeroExcesivo(Exception):
    """A number that no invoice has."""

    def __init__(self, nodo: etree._Element, atributo: str) -> None:
        super().__init__(atributo)
        self.nodo = nodo
        self.atributo = atributo


def clave(nodo: etree._Element, atributo: str) -> str | None:
    """A key or RFC; None where it lacks."""
    valor = nodo.get(atributo)
    return valor if valor is None else valor.strip()


def numero(nodo: etree._Element, atributo: str) -> Decimal | None:
    """An amount; None where it lacks. Raises `NumeroExcesivo`."""
    valor = nodo.get(atributo)
    if valor is None:
        return None
    if len(valor) > CIFRAS_MAXIMAS:
        raise NumeroExcesivo(nodo, atributo)
    return _leido(valor)


@lru_cache(maxsize=4096)
def _leido(valor: str) -> Decimal:
    """Several rules read each amount."""
    return Decimal(valor.strip())


def importe(nodo: etree._Element, atributo: str) -> Decimal:
    """An amount; zero where it lacks."""
    return numero(nodo, atributo) or CERO


def decimales(nodo: etree._Element, atributo: str) -> int:
    """Decimals as written: `10.50` has two."""
    return len((nodo.get(atributo) or "").strip().partition(".")[2])


@cache
def unidad(cuantos: int) -> Decimal:
    """10 to the minus `cuantos`."""
    return Decimal(1).scaleb(-cuantos)


def excede(valor: Decimal, cuantos: int) -> bool:
    """Whether it can't be said with so many decimals. Zeros at the end don't count: `1.500` is 1.5."""
    return valor != valor.quantize(unidad(cuantos), ROUND_DOWN, CONTEXTO)


def redondea_a(valor: Decimal, suma: Decimal, cuantos: int) -> bool:
    """Whether `valor` is `suma` rounded to so many decimals; a half may go either way."""
    return abs(valor - suma) * 2 <= unidad(cuantos)


def limites(nodo: etree._Element, uno: str, otro: str, cuantos: int) -> tuple[Decimal, Decimal]:
    """Bounds of the product of two attributes, each known to half of its last decimal (Annex 20)."""
    a, b = importe(nodo, uno), importe(nodo, otro)
    mas_a, mas_b = unidad(decimales(nodo, uno)) / 2, unidad(decimales(nodo, otro)) / 2
    menor = (a - mas_a) * (b - mas_b)
    mayor = (a + mas_a - _INFINITESIMO) * (b + mas_b - _INFINITESIMO)
    escala = unidad(cuantos)
    return menor.quantize(escala, ROUND_DOWN, CONTEXTO), mayor.quantize(escala, ROUND_UP, CONTEXTO)


def limites_de_impuesto(nodo: etree._Element, base: str, tasa: str, cuantos: int) -> tuple[Decimal, Decimal]:
    """Bounds of base × rate: the base known to half of its last decimal, the rate exact (Annex 20)."""
    valor, factor = importe(nodo, base), importe(nodo, tasa)
    mas = unidad(decimales(nodo, base)) / 2
    escala = unidad(cuantos)
    return (
        ((valor - mas) * factor).quantize(escala, ROUND_DOWN, CONTEXTO),
        ((valor + mas - _INFINITESIMO) * factor).quantize(escala, ROUND_UP, CONTEXTO),
    )


@dataclass(slots=True)  # not frozen: that makes one three times as slow, and a document has dozens
class Impuesto:
    """A Traslado or Retencion, of a concept or of the document."""

    nodo: etree._Element
    impuesto: str
    factor: str | None
    """Tasa, Cuota or Exento; None in the document's retentions, which don't say it."""
    tasa: Decimal | None
    base: Decimal
    importe: Decimal | None

    @property
    def grupo(self) -> tuple[str, str | None, Decimal | None]:
        """What the document adds up together."""
        return self.impuesto, self.factor, self.tasa


def leer_impuestos(padre: etree._Element, ns: str, lista: str, elemento: str) -> list[Impuesto]:
    """The taxes under a node's `lista`."""
    en_lista, de_elemento = _etiquetas(ns, lista, elemento)
    grupo = next(padre.iterchildren(en_lista), None)
    if grupo is None:
        return []
    return [
        Impuesto(
            nodo,
            clave(nodo, "Impuesto") or "",
            clave(nodo, "TipoFactor"),
            numero(nodo, "TasaOCuota"),
            importe(nodo, "Base"),
            numero(nodo, "Importe"),
        )
        for nodo in grupo.iterchildren(de_elemento)
    ]


@cache
def _etiquetas(ns: str, lista: str, elemento: str) -> tuple[str, str]:
    return f"{{{ns}}}{lista}", f"{{{ns}}}{elemento}"


class Concepto:
    """A line of the document."""

    __slots__ = ("con_mas", "descuento", "importe", "impuestos", "nodo", "objeto", "retenciones", "traslados")

    def __init__(self, nodo: etree._Element) -> None:
        self.nodo = nodo
        self.importe = importe(nodo, "Importe")
        self.descuento = numero(nodo, "Descuento")
        self.objeto = clave(nodo, "ObjetoImp")
        self.impuestos = next(nodo.iterchildren(_IMPUESTOS), None)
        # Whether something hangs from it besides its taxes: most have nothing.
        self.con_mas = len(nodo) > (self.impuestos is not None)
        self.traslados: list[Impuesto] = []
        self.retenciones: list[Impuesto] = []
        if self.impuestos is not None:
            self.traslados = leer_impuestos(self.impuestos, NS_CFDI, "Traslados", "Traslado")
            self.retenciones = leer_impuestos(self.impuestos, NS_CFDI, "Retenciones", "Retencion")


_IMPUESTOS: Final = f"{{{NS_CFDI}}}Impuestos"
_CONCEPTO: Final = f"{{{NS_CFDI}}}Conceptos/{{{NS_CFDI}}}Concepto"
_COMPLEMENTO: Final = f"{{{NS_CFDI}}}Complemento"


class Vista:
    """The whole document."""

    __slots__ = (
        "ahora", "complementos", "conceptos", "decimales", "emisor", "global_", "impuestos", "moneda", "raiz",
        "receptor", "retenciones", "rfc_emisor", "rfc_receptor", "tipo", "traslados",
    )  # fmt: skip

    def __init__(self, raiz: etree._Element, ahora: datetime) -> None:
        self.raiz = raiz
        self.ahora = ahora
        self.tipo = clave(raiz, "TipoDeComprobante") or ""
        self.moneda = clave(raiz, "Moneda") or ""
        self.decimales = decimales_de(self.moneda)
        self.global_ = raiz.find(f"{{{NS_CFDI}}}InformacionGlobal")
        self.emisor = _obligatorio(raiz, "Emisor")
        self.receptor = _obligatorio(raiz, "Receptor")
        self.rfc_emisor = clave(self.emisor, "Rfc") or ""
        self.rfc_receptor = clave(self.receptor, "Rfc") or ""
        self.conceptos = [Concepto(nodo) for nodo in raiz.iterfind(_CONCEPTO)]
        self.impuestos = raiz.find(_IMPUESTOS)
        self.traslados: list[Impuesto] = []
        self.retenciones: list[Impuesto] = []
        if self.impuestos is not None:
            self.traslados = leer_impuestos(self.impuestos, NS_CFDI, "Traslados", "Traslado")
            self.retenciones = leer_impuestos(self.impuestos, NS_CFDI, "Retenciones", "Retencion")
        self.complementos = dict(_complementos(raiz))

    def tiene(self, *espacios: str) -> bool:
        """Whether a document-level complement of one of these namespaces is there."""
        return any(espacio in self.complementos for espacio in espacios)


def _complementos(raiz: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    for complemento in raiz.iterchildren(_COMPLEMENTO):
        for nodo in complemento.iterchildren(tag=etree.Element):
            yield etree.QName(nodo).namespace or "", nodo


def _obligatorio(raiz: etree._Element, nombre: str) -> etree._Element:
    nodo = raiz.find(f"{{{NS_CFDI}}}{nombre}")
    if nodo is None:
        raise LookupError(f"{nombre}: the XSD requires it")
    return nodo
