"""Rules of the document's Impuestos: CFDI40201 to CFDI40221.

A half of the last decimal may round either way, and a tax of the concepts that the document leaves out is not
looked for: the matrix has no code for it (Total does not add up then, 40119). Rates are judged as in
`conceptos` (40219), IEPS not.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from services.timbrado.cfdi.reglas.conceptos import tasa_del_traslado
from services.timbrado.cfdi.reglas.vista import (
    CERO,
    Hallazgo,
    Impuesto,
    Vista,
    excede,
    numero,
    redondea_a,
)

Grupo = tuple[str, str | None, Decimal | None]
Sumas = dict[Grupo, list[Decimal]]
"""(tax, factor, rate) → [bases, amounts] of the concepts, and how often the document has it."""


def nodo_de_mas(v: Vista) -> Hallazgo | None:
    """T and P have none."""
    if v.tipo in "TP" and v.impuestos is not None:
        return Hallazgo(
            v.impuestos, None, f"Un comprobante tipo {v.tipo} no lleva el nodo Impuestos. Quítelo."
        )
    return None


def decimales_de_retenidos(v: Vista) -> Hallazgo | None:
    """No more than the currency has."""
    return _decimales_del_total(v, "TotalImpuestosRetenidos")


def suma_de_retenidos(v: Vista) -> Hallazgo | None:
    """The total is the sum of the retentions."""
    return _suma(v, "TotalImpuestosRetenidos", v.retenciones)


def decimales_de_trasladados(v: Vista) -> Hallazgo | None:
    """No more than the currency has."""
    return _decimales_del_total(v, "TotalImpuestosTrasladados")


def suma_de_trasladados(v: Vista) -> Hallazgo | None:
    """The total is the sum of the transfers."""
    return _suma(v, "TotalImpuestosTrasladados", v.traslados)


def total_de_retenidos_ausente(v: Vista) -> Hallazgo | None:
    """Where there are retentions there is their total."""
    return _ausente(v, "TotalImpuestosRetenidos", bool(v.retenciones))


def total_de_trasladados_ausente(v: Vista) -> Hallazgo | None:
    """Where some transfer is not exempt there is their total."""
    return _ausente(v, "TotalImpuestosTrasladados", any(t.factor != "Exento" for t in v.traslados))


GENERALES: Final[tuple[tuple[str, Callable[[Vista], Hallazgo | None]], ...]] = (
    ("CFDI40201", nodo_de_mas),
    ("CFDI40202", decimales_de_retenidos),
    ("CFDI40203", suma_de_retenidos),
    ("CFDI40204", decimales_de_trasladados),
    ("CFDI40205", suma_de_trasladados),
    ("CFDI40206", total_de_retenidos_ausente),
    ("CFDI40212", total_de_trasladados_ausente),
)


def sumas_de_traslados(v: Vista) -> Sumas:
    """What the concepts say, by what the document adds up together."""
    sumas: Sumas = {}
    for c in v.conceptos:
        for t in c.traslados:
            _agregar(sumas, t.grupo, t)
    for t in v.traslados:
        sumas.setdefault(t.grupo, [CERO, CERO, CERO])[2] += 1
    return sumas


def sumas_de_retenciones(v: Vista) -> Sumas:
    """The same of retentions, by tax alone."""
    sumas: Sumas = {}
    for c in v.conceptos:
        for t in c.retenciones:
            _agregar(sumas, (t.impuesto, None, None), t)
    for t in v.retenciones:
        sumas.setdefault((t.impuesto, None, None), [CERO, CERO, CERO])[2] += 1
    return sumas


def retencion_repetida(v: Vista, t: Impuesto, sumas: Sumas) -> Hallazgo | None:  # noqa: ARG001
    """One retention per tax."""
    if sumas[t.impuesto, None, None][2] > 1:
        return Hallazgo(
            t.nodo, "Impuesto", f"Hay más de una Retencion del impuesto {t.impuesto}. Súmelas en una."
        )
    return None


def decimales_de_la_retencion(v: Vista, t: Impuesto, _: Sumas) -> Hallazgo | None:
    """No more than the currency has."""
    return _decimales(v, t, "Importe", t.importe)


def importe_de_la_retencion(v: Vista, t: Impuesto, sumas: Sumas) -> Hallazgo | None:
    """The rounded sum of the concepts' retentions of that tax."""
    return _cuadra(v, t, "Importe", t.importe, sumas[t.impuesto, None, None][1])


RETENCION: Final[tuple[tuple[str, Callable[[Vista, Impuesto, Sumas], Hallazgo | None]], ...]] = (
    ("CFDI40208", retencion_repetida),
    ("CFDI40210", decimales_de_la_retencion),
    ("CFDI40211", importe_de_la_retencion),
)


def decimales_de_la_base(v: Vista, t: Impuesto, _: Sumas) -> Hallazgo | None:
    """No more than the currency has."""
    return _decimales(v, t, "Base", t.base)


def base_del_traslado(v: Vista, t: Impuesto, sumas: Sumas) -> Hallazgo | None:
    """The rounded sum of the concepts' bases of that tax, factor and rate."""
    return _cuadra(v, t, "Base", t.base, sumas[t.grupo][0])


def traslado_repetido(v: Vista, t: Impuesto, sumas: Sumas) -> Hallazgo | None:  # noqa: ARG001
    """One transfer per tax, factor and rate."""
    if sumas[t.grupo][2] > 1:
        return Hallazgo(
            t.nodo,
            "Impuesto",
            f"Hay más de un Traslado del impuesto {t.impuesto} con el mismo factor y tasa. Súmelos en uno.",
        )
    return None


def tasa_global(v: Vista, t: Impuesto, _: Sumas) -> Hallazgo | None:
    """As in the concepts."""
    return tasa_del_traslado(v, t)


def decimales_del_traslado(v: Vista, t: Impuesto, _: Sumas) -> Hallazgo | None:
    """No more than the currency has."""
    return _decimales(v, t, "Importe", t.importe)


def importe_del_traslado(v: Vista, t: Impuesto, sumas: Sumas) -> Hallazgo | None:
    """The rounded sum of the concepts' amounts of that tax, factor and rate."""
    return _cuadra(v, t, "Importe", t.importe, sumas[t.grupo][1])


TRASLADO: Final[tuple[tuple[str, Callable[[Vista, Impuesto, Sumas], Hallazgo | None]], ...]] = (
    ("CFDI40214", decimales_de_la_base),
    ("CFDI40215", base_del_traslado),
    ("CFDI40218", traslado_repetido),
    ("CFDI40219", tasa_global),
    ("CFDI40220", decimales_del_traslado),
    ("CFDI40221", importe_del_traslado),
)
"""Code and rule in the order of the matrix."""


def _agregar(sumas: Sumas, grupo: Grupo, t: Impuesto) -> None:
    suma = sumas.get(grupo)
    if suma is None:
        sumas[grupo] = [t.base, t.importe or CERO, CERO]
    else:
        suma[0] += t.base
        suma[1] += t.importe or CERO


def _decimales_del_total(v: Vista, atributo: str) -> Hallazgo | None:
    if v.impuestos is None or v.moneda == "XXX":
        return None
    valor = numero(v.impuestos, atributo)
    if valor is None or not excede(valor, v.decimales):
        return None
    return Hallazgo(
        v.impuestos,
        atributo,
        f"{atributo} ({valor}) tiene más decimales que la moneda {v.moneda}. Redondéelo.",
    )


def _suma(v: Vista, atributo: str, partes: list[Impuesto]) -> Hallazgo | None:
    if v.impuestos is None:
        return None
    total = numero(v.impuestos, atributo)
    if total is None:
        return None
    suma = sum((t.importe or CERO for t in partes), CERO)
    if redondea_a(total, suma, v.decimales):
        return None
    return Hallazgo(
        v.impuestos, atributo, f"{atributo} es {total} y sus importes suman {suma}. Corrija el total."
    )


def _ausente(v: Vista, atributo: str, hay: bool) -> Hallazgo | None:
    if v.impuestos is None or not hay or v.impuestos.get(atributo) is not None:
        return None
    return Hallazgo(v.impuestos, atributo, f"Hay impuestos y falta su total. Agregue {atributo}.")


def _decimales(v: Vista, t: Impuesto, atributo: str, valor: Decimal | None) -> Hallazgo | None:
    if valor is None or v.moneda == "XXX" or not excede(valor, v.decimales):
        return None
    return Hallazgo(
        t.nodo, atributo, f"{atributo} ({valor}) tiene más decimales que la moneda {v.moneda}. Redondéelo."
    )


def _cuadra(v: Vista, t: Impuesto, atributo: str, valor: Decimal | None, suma: Decimal) -> Hallazgo | None:
    if valor is None or redondea_a(valor, suma, v.decimales):
        return None
    return Hallazgo(
        t.nodo,
        atributo,
        f"{atributo} es {valor} y los conceptos con ese impuesto suman {suma}. Corrija uno de los dos.",
    )
