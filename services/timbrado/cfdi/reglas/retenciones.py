"""Rules of the retention receipt 2.0: Reten20106 to Reten20131 of its own matrix of errors.

Left out: names and RFCs against the SAT's lists (20110, 20113, 20116, 20120), the complement that a CveRetenc
demands (20107, 20108), the year (20126: from which date is not said), and 20127, which does not hold for every
key. Keys outside of a catalogue are `esquemas` and `mensajes`; the seal (20101), `validacion`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from lxml import etree

from services.timbrado.cfdi.formatos import RETENCIONES
from services.timbrado.cfdi.reglas import catalogos
from services.timbrado.cfdi.reglas.vista import CERO, Hallazgo, clave, importe

_OTRO: Final = "25"
"""CveRetenc «Otro tipo de retenciones»."""


def descripcion_ausente(raiz: etree._Element) -> Hallazgo | None:
    """The key 25 says in words what it is."""
    if clave(raiz, "CveRetenc") == _OTRO and raiz.get("DescRetenc") is None:
        return Hallazgo(raiz, "DescRetenc", "Con CveRetenc 25 debe existir DescRetenc. Agréguela.")
    return None


def regimen_del_emisor(raiz: etree._Element) -> Hallazgo | None:
    """Of the issuer's kind of person."""
    emisor = _nodo(raiz, "Emisor")
    rfc, regimen = clave(emisor, "RfcE") or "", clave(emisor, "RegimenFiscalE")
    fisica = len(rfc) == 13
    if regimen not in (catalogos.SOLO_MORALES if fisica else catalogos.SOLO_FISICAS):
        return None
    que = "física" if fisica else "moral"
    return Hallazgo(
        emisor,
        "RegimenFiscalE",
        f"El régimen {regimen} no es de una persona {que}, como la del RFC del emisor ({rfc}). Use el de su "
        "constancia de situación fiscal.",
    )


def curp_de_persona_moral(raiz: etree._Element) -> Hallazgo | None:
    """Who has a CURP is a natural person."""
    nacional = _nodo(raiz, "Receptor").find(RETENCIONES.etiqueta("Nacional"))
    if nacional is None or nacional.get("CurpR") is None or len(clave(nacional, "RfcR") or "") == 13:
        return None
    return Hallazgo(
        nacional, "RfcR", "El receptor tiene CURP y su RFC no es de persona física. Corrija uno de los dos."
    )


def meses(raiz: etree._Element) -> Hallazgo | None:
    """MesIni is not after MesFin."""
    periodo = _nodo(raiz, "Periodo")
    inicio, fin = clave(periodo, "MesIni") or "", clave(periodo, "MesFin") or ""
    if inicio <= fin:
        return None
    return Hallazgo(
        periodo, "MesIni", f"MesIni ({inicio}) es posterior a MesFin ({fin}). Corrija el periodo."
    )


def gravado_mayor(raiz: etree._Element) -> Hallazgo | None:
    """MontoTotGrav is at most MontoTotOperacion."""
    return _no_mayor(raiz, "MontoTotGrav")


def exento_mayor(raiz: etree._Element) -> Hallazgo | None:
    """MontoTotExent is at most MontoTotOperacion."""
    return _no_mayor(raiz, "MontoTotExent")


def retenidos_ausentes(raiz: etree._Element) -> Hallazgo | None:
    """What was retained is told tax by tax."""
    totales = _nodo(raiz, "Totales")
    if importe(totales, "MontoTotRet") > 0 and totales.find(RETENCIONES.etiqueta("ImpRetenidos")) is None:
        return Hallazgo(totales, None, "MontoTotRet es mayor que 0 y no hay ImpRetenidos. Agréguelos.")
    return None


def suma_de_retenidos(raiz: etree._Element) -> Hallazgo | None:
    """MontoTotRet is the sum of MontoRet."""
    totales = _nodo(raiz, "Totales")
    retenidos = totales.findall(RETENCIONES.etiqueta("ImpRetenidos"))
    total, suma = importe(totales, "MontoTotRet"), sum((importe(r, "MontoRet") for r in retenidos), CERO)
    if not retenidos or total == suma:
        return None
    return Hallazgo(totales, "MontoTotRet", f"MontoTotRet es {total} y los MontoRet suman {suma}. Corríjalo.")


TABLA: Final[tuple[tuple[str, Callable[[etree._Element], Hallazgo | None]], ...]] = (
    ("Reten20106", descripcion_ausente),
    ("Reten20112", regimen_del_emisor),
    ("Reten20117", curp_de_persona_moral),
    ("Reten20122", meses),
    ("Reten20128", gravado_mayor),
    ("Reten20129", exento_mayor),
    ("Reten20130", retenidos_ausentes),
    ("Reten20131", suma_de_retenidos),
)
"""Code and rule, in the order of the matrix."""


def revisar(raiz: etree._Element) -> Iterator[tuple[str, Hallazgo]]:
    """What the table finds in a `retenciones:Retenciones`."""
    for codigo, regla in TABLA:
        if (hallado := regla(raiz)) is not None:
            yield codigo, hallado


def _nodo(raiz: etree._Element, nombre: str) -> etree._Element:
    nodo = raiz.find(RETENCIONES.etiqueta(nombre))
    if nodo is None:
        raise LookupError(f"{nombre}: the XSD requires it")
    return nodo


def _no_mayor(raiz: etree._Element, atributo: str) -> Hallazgo | None:
    totales = _nodo(raiz, "Totales")
    parte, total = importe(totales, atributo), importe(totales, "MontoTotOperacion")
    if parte <= total:
        return None
    return Hallazgo(
        totales, atributo, f"{atributo} ({parte}) es mayor que MontoTotOperacion ({total}). Corríjalo."
    )
