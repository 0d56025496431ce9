"""Rules of each Concepto: CFDI40166 to CFDI40200.

Left out: what a ClaveProdServ demands (40163, 40164; columns that satcfdi's catalogue does not have), lists of
the SAT for third parties (40187, 40189–40193), customs numbers (40194, 40199), and the rates of IEPS, which
a law changes every year. ObjetoImp 04 to 08 with taxes is not judged: the guides differ from the matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Final

from lxml import etree

from services.timbrado.cfdi.formatos import NS_CFDI
from services.timbrado.cfdi.reglas.comprobante import COMERCIO_EXTERIOR
from services.timbrado.cfdi.reglas.vista import (
    CONTEXTO,
    Concepto,
    Hallazgo,
    Impuesto,
    Vista,
    clave,
    decimales,
    importe,
    limites,
    limites_de_impuesto,
    numero,
    unidad,
)

_ISR, _IVA = "001", "002"
_IVA_TRASLADADO: Final = frozenset({Decimal("0"), Decimal("0.08"), Decimal("0.16")})
_RETENCION_MAXIMA: Final = {_ISR: Decimal("0.35"), _IVA: Decimal("0.16")}

_DECIMALES_SIN_HOLGURA: Final = 12
"""Of a base: half of its last decimal is then less than 10⁻¹²."""

_TERCERO: Final = f"{{{NS_CFDI}}}ACuentaTerceros"
_ADUANA: Final = f"{{{NS_CFDI}}}InformacionAduanera"
_PARTE: Final = f"{{{NS_CFDI}}}Parte"


def valor_unitario(v: Vista, c: Concepto) -> Hallazgo | None:
    """I, E and N: more than zero."""
    if v.tipo in "IEN" and importe(c.nodo, "ValorUnitario") <= 0:
        return Hallazgo(
            c.nodo,
            "ValorUnitario",
            f"En un comprobante tipo {v.tipo} debe ser mayor que 0. Corrija el precio.",
        )
    return None


def importe_del_concepto(v: Vista, c: Concepto) -> Hallazgo | None:
    """Cantidad × ValorUnitario, within the limits that their decimals allow."""
    return _producto(v, c.nodo)


def decimales_del_descuento(v: Vista, c: Concepto) -> Hallazgo | None:  # noqa: ARG001 (the table's form)
    """Descuento has no more decimals than Importe."""
    if c.descuento is None:
        return None
    cuantos = decimales(c.nodo, "Importe")
    if c.descuento == c.descuento.quantize(unidad(cuantos), ROUND_DOWN, CONTEXTO):
        return None
    return Hallazgo(
        c.nodo,
        "Descuento",
        f"Descuento ({c.descuento}) tiene más decimales que Importe ({c.importe}). Redondéelo.",
    )


def descuento_del_concepto(v: Vista, c: Concepto) -> Hallazgo | None:  # noqa: ARG001
    """Descuento is at most Importe."""
    if c.descuento is not None and c.descuento > c.importe:
        return Hallazgo(
            c.nodo, "Descuento", f"Descuento ({c.descuento}) es mayor que Importe ({c.importe}). Corríjalo."
        )
    return None


def objeto_con_impuestos(v: Vista, c: Concepto) -> Hallazgo | None:  # noqa: ARG001
    """ObjetoImp 02 says its taxes."""
    if c.objeto == "02" and c.impuestos is None:
        return Hallazgo(
            c.nodo, "ObjetoImp", "Con ObjetoImp 02 debe existir el nodo Impuestos del concepto. Agréguelo."
        )
    return None


def objeto_sin_impuestos(v: Vista, c: Concepto) -> Hallazgo | None:  # noqa: ARG001
    """ObjetoImp 01 and 03 say none."""
    if c.objeto in ("01", "03") and c.impuestos is not None:
        return Hallazgo(
            c.nodo,
            "ObjetoImp",
            f"Con ObjetoImp {c.objeto} no debe existir el nodo Impuestos del concepto. Quítelo, o use 02.",
        )
    return None


def impuestos_vacios(v: Vista, c: Concepto) -> Hallazgo | None:  # noqa: ARG001
    """Impuestos holds some tax."""
    if c.impuestos is not None and not c.traslados and not c.retenciones:
        return Hallazgo(c.impuestos, None, "El nodo Impuestos está vacío. Agregue sus impuestos o quítelo.")
    return None


def tercero_ajeno(v: Vista, c: Concepto) -> Hallazgo | None:
    """The third party is neither issuer nor receiver."""
    for nodo in c.nodo.iterchildren(_TERCERO):
        rfc = clave(nodo, "RfcACuentaTerceros")
        if rfc in (v.rfc_emisor, v.rfc_receptor):
            return Hallazgo(
                nodo,
                "RfcACuentaTerceros",
                f"El tercero ({rfc}) es el emisor o el receptor. Corríjalo o quítelo.",
            )
    return None


def pedimento_con_exterior(v: Vista, c: Concepto) -> Hallazgo | None:
    """Comercio Exterior leaves no place for NumeroPedimento."""
    return _pedimento(v, c.nodo.iterchildren(_ADUANA))


def valor_de_la_parte(v: Vista, c: Concepto) -> Hallazgo | None:  # noqa: ARG001
    """Of a Parte, if it says it: more than zero."""
    for parte in c.nodo.iterchildren(_PARTE):
        valor = numero(parte, "ValorUnitario")
        if valor is not None and valor <= 0:
            return Hallazgo(parte, "ValorUnitario", "Debe ser mayor que 0. Corrija el precio de la parte.")
    return None


def importe_de_la_parte(v: Vista, c: Concepto) -> Hallazgo | None:
    """As of a concept, where both factors are said."""
    for parte in c.nodo.iterchildren(_PARTE):
        if parte.get("ValorUnitario") is not None and parte.get("Importe") is not None:
            hallado = _producto(v, parte)
            if hallado is not None:
                return hallado
    return None


def pedimento_de_la_parte(v: Vista, c: Concepto) -> Hallazgo | None:
    """As of a concept."""
    return _pedimento(v, (a for p in c.nodo.iterchildren(_PARTE) for a in p.iterchildren(_ADUANA)))


def exento_sin_tasa(v: Vista, t: Impuesto) -> Hallazgo | None:  # noqa: ARG001
    """Exento has neither rate nor amount."""
    if t.factor == "Exento" and (t.tasa is not None or t.importe is not None):
        return Hallazgo(t.nodo, "TipoFactor", "Con TipoFactor Exento no van TasaOCuota ni Importe. Quítelos.")
    return None


def factor_con_tasa(v: Vista, t: Impuesto) -> Hallazgo | None:  # noqa: ARG001
    """Tasa and Cuota have both."""
    if t.factor != "Exento" and (t.tasa is None or t.importe is None):
        return Hallazgo(
            t.nodo, "TipoFactor", f"Con TipoFactor {t.factor} van TasaOCuota e Importe. Agregue el que falta."
        )
    return None


def tasa_del_traslado(v: Vista, t: Impuesto) -> Hallazgo | None:  # noqa: ARG001
    """IVA is 0, 8 or 16 %."""
    if t.impuesto == _IVA and t.factor == "Tasa" and t.tasa is not None and t.tasa not in _IVA_TRASLADADO:
        return Hallazgo(
            t.nodo,
            "TasaOCuota",
            f"La tasa {t.tasa} no está en c_TasaOCuota para IVA trasladado. Use 0.000000, 0.080000 o 0.160000.",
        )
    return None


def importe_del_impuesto(v: Vista, t: Impuesto) -> Hallazgo | None:
    """Base × TasaOCuota, within the limits that the base's decimals allow."""
    if t.importe is None or t.tasa is None:
        return None
    exacto = t.base * t.tasa
    if t.importe == exacto or (
        # The product rounded is within the limits where the base's half decimal is more than what the SAT takes off.
        t.importe == exacto.quantize(unidad(v.decimales), ROUND_HALF_UP, CONTEXTO)
        and decimales(t.nodo, "Base") < _DECIMALES_SIN_HOLGURA
    ):
        return None
    menor, mayor = limites_de_impuesto(t.nodo, "Base", "TasaOCuota", v.decimales)
    if menor <= t.importe <= mayor:
        return None
    return Hallazgo(
        t.nodo,
        "Importe",
        f"Importe ({t.importe}) no es Base × TasaOCuota ({t.base} × {t.tasa}): debe estar entre {menor} y {mayor}. "
        "Corríjalo.",
    )


def retencion_exenta(v: Vista, t: Impuesto) -> Hallazgo | None:  # noqa: ARG001
    """What is retained is not exempt."""
    if t.factor == "Exento":
        return Hallazgo(t.nodo, "TipoFactor", "Una retención no puede ser Exento. Use Tasa o Cuota.")
    return None


def tasa_de_la_retencion(v: Vista, t: Impuesto) -> Hallazgo | None:  # noqa: ARG001
    """ISR up to 35 %, IVA up to 16 %."""
    maxima = _RETENCION_MAXIMA.get(t.impuesto)
    if maxima is not None and t.factor == "Tasa" and t.tasa is not None and t.tasa > maxima:
        return Hallazgo(
            t.nodo, "TasaOCuota", f"La tasa {t.tasa} pasa de la máxima de c_TasaOCuota, {maxima}. Corríjala."
        )
    return None


PrimeroYUltimo = Callable[[Vista, Concepto], Hallazgo | None]
ANTES: Final[tuple[tuple[str, PrimeroYUltimo], ...]] = (
    ("CFDI40166", valor_unitario),
    ("CFDI40167", importe_del_concepto),
    ("CFDI40168", decimales_del_descuento),
    ("CFDI40169", descuento_del_concepto),
    ("CFDI40171", objeto_con_impuestos),
    ("CFDI40172", objeto_sin_impuestos),
    ("CFDI40173", impuestos_vacios),
)
TRASLADO: Final[tuple[tuple[str, Callable[[Vista, Impuesto], Hallazgo | None]], ...]] = (
    ("CFDI40177", exento_sin_tasa),
    ("CFDI40178", factor_con_tasa),
    ("CFDI40179", tasa_del_traslado),
    ("CFDI40180", importe_del_impuesto),
)
RETENCION: Final[tuple[tuple[str, Callable[[Vista, Impuesto], Hallazgo | None]], ...]] = (
    ("CFDI40184", retencion_exenta),
    ("CFDI40185", tasa_de_la_retencion),
    ("CFDI40186", importe_del_impuesto),
)
DESPUES: Final[tuple[tuple[str, PrimeroYUltimo], ...]] = (
    ("CFDI40188", tercero_ajeno),
    ("CFDI40195", pedimento_con_exterior),
    ("CFDI40197", valor_de_la_parte),
    ("CFDI40198", importe_de_la_parte),
    ("CFDI40200", pedimento_de_la_parte),
)
"""Code and rule in the order of the matrix: of the concept, of each of its taxes, of what hangs from it."""


def _producto(v: Vista, nodo: etree._Element) -> Hallazgo | None:
    valor = importe(nodo, "Importe")
    if valor == importe(nodo, "Cantidad") * importe(nodo, "ValorUnitario"):
        return None
    menor, mayor = limites(nodo, "Cantidad", "ValorUnitario", v.decimales)
    if menor <= valor <= mayor:
        return None
    return Hallazgo(
        nodo,
        "Importe",
        f"Importe ({valor}) no es Cantidad × ValorUnitario: debe estar entre {menor} y {mayor}. Corríjalo.",
    )


def _pedimento(v: Vista, nodos: Iterable[etree._Element]) -> Hallazgo | None:
    if not v.tiene(*COMERCIO_EXTERIOR):
        return None
    for nodo in nodos:
        return Hallazgo(
            nodo, "NumeroPedimento", "Con el complemento Comercio Exterior no va NumeroPedimento. Quítelo."
        )
    return None
