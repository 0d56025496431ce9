"""Rules of the complement Nómina 1.2 (revision E): NOM1 to NOM74 of its own matrix of errors.

What CFDI40xxx says of a type N already is not said twice. Left out: workers and entities against the SAT's
lists (NOM8, NOM9, NOM45, NOM46), who must have a CURP or a registro patronal, seniority and bank accounts
(NOM5, NOM6, NOM42–NOM68), what each kind of perception demands, and the limits of the subsidy, which a decree
changes every year. A document with two complements has its sums per complement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from lxml import etree

from services.timbrado.cfdi.reglas.vista import CERO, Hallazgo, Vista, clave, importe, numero

NS_NOMINA: Final = "http://www.sat.gob.mx/nomina12"
_N: Final = f"{{{NS_NOMINA}}}"
_EXTRAORDINARIA, _OTRA = "E", "99"

_FIJOS: Final = (
    ("NOM14", "ClaveProdServ", "84111505"),
    ("NOM15", "NoIdentificacion", None),
    ("NOM16", "Cantidad", Decimal(1)),
    ("NOM17", "ClaveUnidad", "ACT"),
    ("NOM18", "Unidad", None),
    ("NOM19", "Descripcion", "Pago de nómina"),
    ("NOM23", "ObjetoImp", "01"),
)
"""The one concept of a payroll receipt has these values; None must not be there."""

Hallados = Iterator[tuple[str, Hallazgo]]


def revisar(v: Vista) -> Hallados:
    """What the rules find; nothing where there is no complement."""
    if NS_NOMINA not in v.complementos:
        return
    yield from _comprobante(v)
    yield from _concepto(v)
    for nomina in v.raiz.iterfind(f"{{*}}Complemento/{_N}Nomina"):
        for codigo, regla in TABLA:
            if (hallado := regla(nomina)) is not None:
                yield codigo, hallado


def _comprobante(v: Vista) -> Hallados:
    for codigo, nodo, atributo, esperado in (
        ("NOM1", v.raiz, "Moneda", "MXN"),
        ("NOM3", v.raiz, "Exportacion", "01"),
    ):
        if clave(nodo, atributo) != esperado:
            yield codigo, Hallazgo(nodo, atributo, f"En una nómina debe ser {esperado}. Corríjalo.")
    if v.global_ is not None:
        yield "NOM4", Hallazgo(v.global_, None, "Una nómina no lleva InformacionGlobal. Quítelo.")
    if v.emisor.get("FacAtrAdquirente") is not None:
        yield "NOM7", Hallazgo(v.emisor, "FacAtrAdquirente", "Una nómina no lo lleva. Quítelo.")
    for codigo, atributo, esperado in (
        ("NOM11", "RegimenFiscalReceptor", "605"),
        ("NOM12", "UsoCFDI", "CN01"),
    ):
        if clave(v.receptor, atributo) != esperado:
            yield codigo, Hallazgo(v.receptor, atributo, f"En una nómina debe ser {esperado}. Corríjalo.")


def _concepto(v: Vista) -> Hallados:
    concepto = v.conceptos[0].nodo
    if len(v.conceptos) > 1:
        yield (
            "NOM13",
            Hallazgo(v.conceptos[1].nodo, None, "Una nómina lleva un solo Concepto. Quite los demás."),
        )
    for codigo, atributo, esperado in _FIJOS:
        valor = numero(concepto, atributo) if isinstance(esperado, Decimal) else clave(concepto, atributo)
        if valor != esperado:
            que = f"debe ser «{esperado}»" if esperado is not None else "no va"
            yield codigo, Hallazgo(concepto, atributo, f"En una nómina {atributo} {que}. Corríjalo.")


def sin_totales(nomina: etree._Element) -> Hallazgo | None:
    """Something is paid: perceptions or other payments."""
    if nomina.get("TotalPercepciones") is None and nomina.get("TotalOtrosPagos") is None:
        return Hallazgo(
            nomina,
            "TotalPercepciones",
            "Falta TotalPercepciones o TotalOtrosPagos. Agregue el que corresponda.",
        )
    return None


def periodicidad_ordinaria(nomina: etree._Element) -> Hallazgo | None:
    """An ordinary payroll has a period."""
    receptor = nomina.find(f"{_N}Receptor")
    if (
        clave(nomina, "TipoNomina") == "O"
        and receptor is not None
        and clave(receptor, "PeriodicidadPago") == _OTRA
    ):
        return Hallazgo(receptor, "PeriodicidadPago", "En una nómina ordinaria no puede ser 99. Corríjala.")
    return None


def periodicidad_extraordinaria(nomina: etree._Element) -> Hallazgo | None:
    """An extraordinary one has none."""
    receptor = nomina.find(f"{_N}Receptor")
    if clave(nomina, "TipoNomina") != _EXTRAORDINARIA or receptor is None:
        return None
    if clave(receptor, "PeriodicidadPago") == _OTRA:
        return None
    return Hallazgo(receptor, "PeriodicidadPago", "En una nómina extraordinaria debe ser 99. Corríjala.")


def periodo(nomina: etree._Element) -> Hallazgo | None:
    """It begins before it ends."""
    inicio, fin = clave(nomina, "FechaInicialPago") or "", clave(nomina, "FechaFinalPago") or ""
    if inicio <= fin:
        return None
    return Hallazgo(nomina, "FechaInicialPago", f"Es {inicio} y FechaFinalPago es {fin}. Corrija el periodo.")


def total_de_percepciones(nomina: etree._Element) -> Hallazgo | None:
    """Salaries, separations and pensions together."""
    percepciones = nomina.find(f"{_N}Percepciones")
    if percepciones is None:
        return None
    partes = ("TotalSueldos", "TotalSeparacionIndemnizacion", "TotalJubilacionPensionRetiro")
    suma = sum((importe(percepciones, parte) for parte in partes), CERO)
    return _cuadra(nomina, "TotalPercepciones", suma, "sus partes suman")


def total_de_deducciones(nomina: etree._Element) -> Hallazgo | None:
    """Retained taxes and the others together."""
    deducciones = nomina.find(f"{_N}Deducciones")
    if deducciones is None:
        return None
    suma = importe(deducciones, "TotalOtrasDeducciones") + importe(deducciones, "TotalImpuestosRetenidos")
    return _cuadra(nomina, "TotalDeducciones", suma, "sus partes suman")


def total_de_otros_pagos(nomina: etree._Element) -> Hallazgo | None:
    """Each of them."""
    otros = nomina.find(f"{_N}OtrosPagos")
    if otros is None:
        return None
    suma = sum((importe(p, "Importe") for p in otros.iterchildren(f"{_N}OtroPago")), CERO)
    return _cuadra(nomina, "TotalOtrosPagos", suma, "los OtroPago suman")


def total_gravado(nomina: etree._Element) -> Hallazgo | None:
    """Of the perceptions."""
    return _de_percepciones(nomina, "TotalGravado", "ImporteGravado")


def total_exento(nomina: etree._Element) -> Hallazgo | None:
    """Of the perceptions."""
    return _de_percepciones(nomina, "TotalExento", "ImporteExento")


TABLA: Final[tuple[tuple[str, Callable[[etree._Element], Hallazgo | None]], ...]] = (
    ("NOM31", sin_totales),
    ("NOM33", periodicidad_ordinaria),
    ("NOM34", periodicidad_extraordinaria),
    ("NOM35", periodo),
    ("NOM37", total_de_percepciones),
    ("NOM39", total_de_deducciones),
    ("NOM40", total_de_otros_pagos),
    ("NOM73", total_gravado),
    ("NOM74", total_exento),
)
"""Code and rule, in the order of the matrix."""


def _de_percepciones(nomina: etree._Element, total: str, parte: str) -> Hallazgo | None:
    percepciones = nomina.find(f"{_N}Percepciones")
    if percepciones is None:
        return None
    suma = sum((importe(p, parte) for p in percepciones.iterchildren(f"{_N}Percepcion")), CERO)
    return _cuadra(percepciones, total, suma, "las percepciones suman")


def _cuadra(nodo: etree._Element, atributo: str, suma: Decimal, que: str) -> Hallazgo | None:
    valor = numero(nodo, atributo)
    if valor is None or valor == suma:
        return None
    return Hallazgo(nodo, atributo, f"{atributo} es {valor} y {que} {suma}. Corríjalo.")
