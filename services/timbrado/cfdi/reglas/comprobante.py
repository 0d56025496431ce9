"""Rules of the Comprobante's own attributes and InformacionGlobal: CFDI40103 to CFDI40136.

Left out, because they need data or a service of the SAT that we do not have: Confirmacion and its limits
(40118, 40120, 40127–40129; suspended by the SAT). What the XSD or a catalogue says (40101, 40104, 40113,
40117 …) is `esquemas` and `mensajes`; the seal and its certificate, `validacion`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from services.timbrado.cfdi.reglas import catalogos
from services.timbrado.cfdi.reglas.vista import (
    CERO,
    Hallazgo,
    Vista,
    clave,
    excede,
    importe,
    numero,
    redondea_a,
)

_SAT: Final = "http://www.sat.gob.mx/"
COMERCIO_EXTERIOR: Final = (_SAT + "ComercioExterior20", _SAT + "ComercioExterior11")
_LOCALES: Final = _SAT + "implocal"
_OTROS_CARGOS: Final = tuple(
    _SAT + espacio
    for espacio in (
        "aerolineas",
        "valesdedespensa",
        "EstadoDeCuentaCombustible12",
        "ConsumoDeCombustibles11",
        "hidrocarburospetroliferos",
        "GastosHidrocarburos10",
        "IngresosHidrocarburos10",
    )
)
"""Complements with amounts of which the guides do not say whether Total has them: it is not added up then."""

_BIMESTRAL: Final = "05"
PUBLICO_EN_GENERAL: Final = "PUBLICO EN GENERAL"


def forma_de_pago_de_mas(v: Vista) -> Hallazgo | None:
    """T, N and P have no FormaPago."""
    if v.tipo in "TNP" and v.raiz.get("FormaPago") is not None:
        return Hallazgo(v.raiz, "FormaPago", f"Un comprobante tipo {v.tipo} no lleva FormaPago. Quítela.")
    return None


def forma_de_pago_diferida(v: Vista) -> Hallazgo | None:
    """PPD is paid later: FormaPago 99. One that lacks is not judged."""
    forma = clave(v.raiz, "FormaPago")
    if forma is not None and forma != "99" and clave(v.raiz, "MetodoPago") == "PPD":
        return Hallazgo(
            v.raiz, "FormaPago", f"Con MetodoPago PPD, FormaPago debe ser 99 y es {forma}. Corríjala."
        )
    return None


def subtotal_con_decimales(v: Vista) -> Hallazgo | None:
    """No more decimals than the currency has."""
    return _decimales(v, "SubTotal")


def subtotal_suma(v: Vista) -> Hallazgo | None:
    """I, E and N: SubTotal is the sum of the concepts' Importe, rounded."""
    if v.tipo not in "IEN":
        return None
    suma, subtotal = sum((c.importe for c in v.conceptos), CERO), importe(v.raiz, "SubTotal")
    if redondea_a(subtotal, suma, v.decimales):
        return None
    return Hallazgo(
        v.raiz,
        "SubTotal",
        f"SubTotal es {subtotal} y los importes de los conceptos suman {suma}. Corrija SubTotal.",
    )


def subtotal_cero(v: Vista) -> Hallazgo | None:
    """T and P: zero."""
    if v.tipo in "TP" and importe(v.raiz, "SubTotal") != 0:
        return Hallazgo(
            v.raiz, "SubTotal", f"En un comprobante tipo {v.tipo}, SubTotal debe ser 0. Corríjalo."
        )
    return None


def descuento_mayor(v: Vista) -> Hallazgo | None:
    """Descuento is at most SubTotal."""
    descuento, subtotal = importe(v.raiz, "Descuento"), importe(v.raiz, "SubTotal")
    if descuento > subtotal:
        return Hallazgo(
            v.raiz, "Descuento", f"Descuento ({descuento}) es mayor que SubTotal ({subtotal}). Corríjalo."
        )
    return None


def descuento_fuera_de_lugar(v: Vista) -> Hallazgo | None:
    """Only I, E and N have discounts in their concepts."""
    if v.tipo not in "IEN":
        for c in v.conceptos:
            if c.descuento is not None:
                return Hallazgo(
                    c.nodo, "Descuento", f"Un comprobante tipo {v.tipo} no lleva descuentos. Quite Descuento."
                )
    return None


def descuento_con_decimales(v: Vista) -> Hallazgo | None:
    """No more decimals than the currency has."""
    return _decimales(v, "Descuento")


def tipo_de_cambio_del_peso(v: Vista) -> Hallazgo | None:
    """MXN: 1, if it is there."""
    if v.moneda == "MXN" and (numero(v.raiz, "TipoCambio") or 1) != 1:
        return Hallazgo(v.raiz, "TipoCambio", "Con Moneda MXN, TipoCambio debe ser 1. Corríjalo o quítelo.")
    return None


def tipo_de_cambio_ausente(v: Vista) -> Hallazgo | None:
    """A foreign currency needs its rate."""
    if v.moneda not in ("MXN", "XXX") and v.raiz.get("TipoCambio") is None:
        return Hallazgo(
            v.raiz, "TipoCambio", f"Con Moneda {v.moneda}, TipoCambio es obligatorio. Agregue el del día."
        )
    return None


def tipo_de_cambio_de_mas(v: Vista) -> Hallazgo | None:
    """XXX has none."""
    if v.moneda == "XXX" and v.raiz.get("TipoCambio") is not None:
        return Hallazgo(v.raiz, "TipoCambio", "Con Moneda XXX no debe existir TipoCambio. Quítelo.")
    return None


def total_cuadra(v: Vista) -> Hallazgo | None:
    """Total = SubTotal − Descuento + traslados − retenciones, federal and local (complement implocal)."""
    if v.tiene(*_OTROS_CARGOS):
        return None
    esperado = importe(v.raiz, "SubTotal") - importe(v.raiz, "Descuento")
    if v.impuestos is not None:
        esperado += importe(v.impuestos, "TotalImpuestosTrasladados")
        esperado -= importe(v.impuestos, "TotalImpuestosRetenidos")
    locales = v.complementos.get(_LOCALES)
    if locales is not None:
        esperado += importe(locales, "TotaldeTraslados") - importe(locales, "TotaldeRetenciones")
    total = importe(v.raiz, "Total")
    if redondea_a(total, esperado, v.decimales):
        return None
    return Hallazgo(
        v.raiz,
        "Total",
        f"Total es {total} y SubTotal menos Descuento, más impuestos trasladados, menos retenidos, da "
        f"{esperado}. Corrija los importes.",
    )


def exportacion_sin_complemento(v: Vista) -> Hallazgo | None:
    """A definitive export with key A1 needs the complement Comercio Exterior."""
    if clave(v.raiz, "Exportacion") == "02" and not v.tiene(*COMERCIO_EXTERIOR):
        return Hallazgo(
            v.raiz,
            "Exportacion",
            "Con Exportacion 02 debe existir el complemento Comercio Exterior. Agréguelo, o use otra clave.",
        )
    return None


def metodo_de_pago_de_mas(v: Vista) -> Hallazgo | None:
    """T and P have no MetodoPago."""
    if v.tipo in "TP" and v.raiz.get("MetodoPago") is not None:
        return Hallazgo(v.raiz, "MetodoPago", f"Un comprobante tipo {v.tipo} no lleva MetodoPago. Quítelo.")
    return None


def informacion_global(v: Vista) -> Hallazgo | None:
    """An ingreso to XAXX010101000 «PUBLICO EN GENERAL» is a factura global and says its period; no other does.

    «PÚBLICO» passes with the node and is not asked for it without: PACs differ in how they compare.
    """
    al_publico = v.rfc_receptor == catalogos.PUBLICO and nombre_del_receptor(v) == PUBLICO_EN_GENERAL
    if v.global_ is None:
        if al_publico and v.tipo == "I":
            return Hallazgo(
                v.receptor,
                "Nombre",
                "Una factura a PUBLICO EN GENERAL es global. Agregue el nodo InformacionGlobal.",
            )
    elif v.rfc_receptor != catalogos.PUBLICO or _sin_acentos(nombre_del_receptor(v)) != PUBLICO_EN_GENERAL:
        return Hallazgo(
            v.global_,
            None,
            f"InformacionGlobal solo va con el RFC {catalogos.PUBLICO} y el nombre {PUBLICO_EN_GENERAL}. "
            "Quítelo o corrija el receptor.",
        )
    return None


def periodicidad_bimestral(v: Vista) -> Hallazgo | None:
    """Only Incorporación Fiscal (621) reports by bimestre."""
    if v.global_ is not None and clave(v.global_, "Periodicidad") == _BIMESTRAL:
        regimen = clave(v.emisor, "RegimenFiscal")
        if regimen != "621":
            return Hallazgo(
                v.global_,
                "Periodicidad",
                f"La periodicidad bimestral (05) es del régimen 621 y el emisor tiene {regimen}. Corríjala.",
            )
    return None


def mes_de_mes(v: Vista) -> Hallazgo | None:
    """Any period but the bimestre names a month, 01 to 12."""
    if v.global_ is None or clave(v.global_, "Periodicidad") == _BIMESTRAL:
        return None
    return _meses(v, "01", "12")


def mes_de_bimestre(v: Vista) -> Hallazgo | None:
    """The bimestre is 13 to 18."""
    if v.global_ is None or clave(v.global_, "Periodicidad") != _BIMESTRAL:
        return None
    return _meses(v, "13", "18")


def ano_de_la_global(v: Vista) -> Hallazgo | None:
    """This year or the one before, by the date of the document."""
    if v.global_ is None:
        return None
    ano, actual = importe(v.global_, "Año"), int((clave(v.raiz, "Fecha") or "")[:4])
    if actual - 1 <= ano <= actual:
        return None
    return Hallazgo(v.global_, "Año", f"El año {ano} no es {actual} ni {actual - 1}. Corríjalo.")


def nombre_del_receptor(v: Vista) -> str:
    """With its whitespace collapsed, as its XSD type says."""
    return " ".join(v.receptor.get("Nombre", "").split())


TABLA: Final[tuple[tuple[str, Callable[[Vista], Hallazgo | None]], ...]] = (
    ("CFDI40103", forma_de_pago_de_mas),
    ("CFDI40105", forma_de_pago_diferida),
    ("CFDI40107", subtotal_con_decimales),
    ("CFDI40108", subtotal_suma),
    ("CFDI40109", subtotal_cero),
    ("CFDI40110", descuento_mayor),
    ("CFDI40111", descuento_fuera_de_lugar),
    ("CFDI40112", descuento_con_decimales),
    ("CFDI40114", tipo_de_cambio_del_peso),
    ("CFDI40115", tipo_de_cambio_ausente),
    ("CFDI40116", tipo_de_cambio_de_mas),
    ("CFDI40119", total_cuadra),
    ("CFDI40122", exportacion_sin_complemento),
    ("CFDI40125", metodo_de_pago_de_mas),
    ("CFDI40130", informacion_global),
    ("CFDI40132", periodicidad_bimestral),
    ("CFDI40134", mes_de_mes),
    ("CFDI40135", mes_de_bimestre),
    ("CFDI40136", ano_de_la_global),
)
"""Code and rule, in the order of the matrix."""


def _decimales(v: Vista, atributo: str) -> Hallazgo | None:
    valor: Decimal | None = numero(v.raiz, atributo)
    if valor is None or v.moneda == "XXX" or not excede(valor, v.decimales):
        return None
    return Hallazgo(
        v.raiz,
        atributo,
        f"{atributo} ({valor}) tiene más decimales que la moneda {v.moneda}, que admite {v.decimales}. Redondéelo.",
    )


def _meses(v: Vista, desde: str, hasta: str) -> Hallazgo | None:
    assert v.global_ is not None
    meses = clave(v.global_, "Meses") or ""
    if desde <= meses <= hasta:
        return None
    return Hallazgo(
        v.global_, "Meses", f"Con esa Periodicidad, Meses va de {desde} a {hasta} y es {meses}. Corríjalo."
    )


def _sin_acentos(texto: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", texto.upper()) if not unicodedata.combining(c))
