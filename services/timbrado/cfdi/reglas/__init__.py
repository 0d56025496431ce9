"""The SAT's matrix of errors: what Annex 20 asks of a document beyond its schema, without any network.

A rule is a function that answers what it found or None; a table gives it its code of the «Matriz de errores»
and its place. A false refusal stops a business, and the PAC applies the whole matrix anyway: a rule is here
only where matrix and guides agree, and each module says what it leaves out. In doubt a rule is silent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from decimal import localcontext
from itertools import islice
from typing import Final

from lxml import etree

from services.timbrado.cfdi import formatos, mensajes
from services.timbrado.cfdi.reglas import (
    comprobante,
    conceptos,
    impuestos,
    nomina,
    pagos,
    partes,
    retenciones,
)
from services.timbrado.cfdi.reglas.vista import CONTEXTO, Concepto, Hallazgo, NumeroExcesivo, Vista
from shared.errors import DomainError, cfdi_invalido

TODAS: Final = "*"
MAXIMO: Final = 20
"""Problems told of one document: naming a node costs the nodes before it, and a hostile document has many."""


def revisar(raiz: etree._Element, ahora: datetime, omitidas: Collection[str] = ()) -> list[DomainError]:
    """Every rule broken, in the order of the matrix, `MAXIMO` at most. The document fits its XSD.

    `omitidas` are codes that configuration leaves to the PAC (`CFDI_REGLAS_OMITIDAS`); `*` is all of them.
    """
    if TODAS in omitidas:
        return []
    with localcontext(CONTEXTO):
        try:
            if formatos.de(raiz) is formatos.RETENCIONES:
                hallazgos = retenciones.revisar(raiz)
            else:
                hallazgos = _comprobante(Vista(raiz, ahora))
            quedan = (h for h in hallazgos if h[0] not in omitidas)
            return [_error(codigo, hallado) for codigo, hallado in islice(quedan, MAXIMO)]
        except NumeroExcesivo as error:
            lugar = Hallazgo(error.nodo, error.atributo, "El número tiene demasiadas cifras. Corríjalo.")
            return [_error("301", lugar)]


def _comprobante(v: Vista) -> Iterator[tuple[str, Hallazgo]]:
    for codigo, regla in (*comprobante.TABLA, *partes.TABLA):
        if (hallado := regla(v)) is not None:
            yield codigo, hallado
    yield from _conceptos(v)
    yield from _impuestos(v)
    yield from pagos.revisar(v)
    yield from nomina.revisar(v)


def _conceptos(v: Vista) -> Iterator[tuple[str, Hallazgo]]:
    for c in v.conceptos:
        for codigo, regla in conceptos.ANTES:
            if (hallado := regla(v, c)) is not None:
                yield codigo, hallado
        if c.impuestos is not None:
            yield from _del_concepto(v, c)
        if c.con_mas:
            for codigo, regla in conceptos.DESPUES:
                if (hallado := regla(v, c)) is not None:
                    yield codigo, hallado


def _del_concepto(v: Vista, c: Concepto) -> Iterator[tuple[str, Hallazgo]]:
    for lista, tabla in ((c.traslados, conceptos.TRASLADO), (c.retenciones, conceptos.RETENCION)):
        for t in lista:
            for codigo, regla in tabla:
                if (hallado := regla(v, t)) is not None:
                    yield codigo, hallado


def _impuestos(v: Vista) -> Iterator[tuple[str, Hallazgo]]:
    if v.impuestos is None:
        return
    for codigo, regla in impuestos.GENERALES:
        if (hallado := regla(v)) is not None:
            yield codigo, hallado
    for lista, tabla, sumas in (
        (v.retenciones, impuestos.RETENCION, impuestos.sumas_de_retenciones),
        (v.traslados, impuestos.TRASLADO, impuestos.sumas_de_traslados),
    ):
        if lista:
            de_conceptos = sumas(v)
            for t in lista:
                for codigo, de_impuesto in tabla:
                    if (hallado := de_impuesto(v, t, de_conceptos)) is not None:
                        yield codigo, hallado


def _error(codigo: str, hallado: Hallazgo) -> DomainError:
    nodo = mensajes.ruta(hallado.nodo)
    if hallado.atributo is not None:
        nodo = f"{nodo}/@{hallado.atributo}"
    return cfdi_invalido(codigo, f"{nodo}: {hallado.detalle}", nodo=nodo)
