"""Rules of Emisor and Receptor: CFDI40141 to CFDI40161.

Left out: names, addresses and RFCs against the SAT's lists (40138, 40139, 40142–40145, 40147, 40148), and the
pattern of a foreign tax number (40156), which satcfdi's catalogue of countries does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from services.timbrado.cfdi.reglas import catalogos
from services.timbrado.cfdi.reglas.comprobante import (
    COMERCIO_EXTERIOR,
    PUBLICO_EN_GENERAL,
    nombre_del_receptor,
)
from services.timbrado.cfdi.reglas.vista import Hallazgo, Vista, clave


def regimen_del_emisor(v: Vista) -> Hallazgo | None:
    """Of the issuer's kind of person."""
    regimen = clave(v.emisor, "RegimenFiscal")
    return _persona(regimen, v.rfc_emisor, Hallazgo(v.emisor, "RegimenFiscal", "del emisor"))


def nombre_del_publico(v: Vista) -> Hallazgo | None:
    """«PUBLICO EN GENERAL» has the generic RFC."""
    if nombre_del_receptor(v) == PUBLICO_EN_GENERAL and v.rfc_receptor != catalogos.PUBLICO:
        return Hallazgo(
            v.receptor,
            "Rfc",
            f"Con el nombre {PUBLICO_EN_GENERAL}, el RFC debe ser {catalogos.PUBLICO}. Corríjalo.",
        )
    return None


def domicilio_del_generico(v: Vista) -> Hallazgo | None:
    """A generic RFC has its address where the document is issued."""
    lugar = clave(v.raiz, "LugarExpedicion")
    if _generico(v) and clave(v.receptor, "DomicilioFiscalReceptor") != lugar:
        return Hallazgo(
            v.receptor,
            "DomicilioFiscalReceptor",
            f"Con el RFC {v.rfc_receptor}, debe ser igual a LugarExpedicion ({lugar}). Corríjalo.",
        )
    return None


def residencia_de_mas(v: Vista) -> Hallazgo | None:
    """Only the generic foreign RFC says where it lives."""
    if v.rfc_receptor != catalogos.EXTRANJERO and v.receptor.get("ResidenciaFiscal") is not None:
        return Hallazgo(
            v.receptor,
            "ResidenciaFiscal",
            f"ResidenciaFiscal solo va con el RFC {catalogos.EXTRANJERO}. Quítela.",
        )
    return None


def residencia_en_mexico(v: Vista) -> Hallazgo | None:
    """And it is not Mexico."""
    if clave(v.receptor, "ResidenciaFiscal") == "MEX":
        return Hallazgo(
            v.receptor, "ResidenciaFiscal", "ResidenciaFiscal no puede ser MEX. Ponga el país del receptor."
        )
    return None


def residencia_ausente(v: Vista) -> Hallazgo | None:
    """A foreign tax number, or a foreigner in Comercio Exterior, says the country."""
    if v.receptor.get("ResidenciaFiscal") is not None:
        return None
    if v.receptor.get("NumRegIdTrib") is not None or _exporta(v):
        return Hallazgo(
            v.receptor,
            "ResidenciaFiscal",
            "Falta el país de residencia del receptor. Agregue ResidenciaFiscal.",
        )
    return None


def registro_de_mas(v: Vista) -> Hallazgo | None:
    """Only the generic foreign RFC has a foreign tax number."""
    if v.rfc_receptor != catalogos.EXTRANJERO and v.receptor.get("NumRegIdTrib") is not None:
        return Hallazgo(
            v.receptor, "NumRegIdTrib", f"NumRegIdTrib solo va con el RFC {catalogos.EXTRANJERO}. Quítelo."
        )
    return None


def registro_ausente(v: Vista) -> Hallazgo | None:
    """In Comercio Exterior a foreigner has one."""
    if _exporta(v) and v.receptor.get("NumRegIdTrib") is None:
        return Hallazgo(
            v.receptor,
            "NumRegIdTrib",
            "Con Comercio Exterior, el receptor extranjero lleva NumRegIdTrib. Agréguelo.",
        )
    return None


def regimen_del_receptor(v: Vista) -> Hallazgo | None:
    """Of the receiver's kind of person."""
    regimen = clave(v.receptor, "RegimenFiscalReceptor")
    return _persona(regimen, v.rfc_receptor, Hallazgo(v.receptor, "RegimenFiscalReceptor", "del receptor"))


def regimen_del_generico(v: Vista) -> Hallazgo | None:
    """A generic RFC has 616, but for payroll (NOM: of a worker who died, 605)."""
    regimen = clave(v.receptor, "RegimenFiscalReceptor")
    if _generico(v) and v.tipo != "N" and regimen != "616":
        return Hallazgo(
            v.receptor,
            "RegimenFiscalReceptor",
            f"Con el RFC {v.rfc_receptor}, el régimen debe ser 616 y es {regimen}. Corríjalo.",
        )
    return None


def uso_del_receptor(v: Vista) -> Hallazgo | None:
    """UsoCFDI for the receiver's kind of person and régimen."""
    uso, regimen = clave(v.receptor, "UsoCFDI") or "", clave(v.receptor, "RegimenFiscalReceptor") or ""
    regimenes = catalogos.REGIMENES_DE_USO.get(uso)
    if (regimenes is None or regimen in regimenes) and not (
        len(v.rfc_receptor) == 12 and uso in catalogos.USOS_DE_FISICAS
    ):
        return None
    return Hallazgo(
        v.receptor,
        "UsoCFDI",
        f"El uso {uso} no corresponde al tipo de persona del RFC {v.rfc_receptor} o a su régimen {regimen}. "
        "Pida el uso correcto al receptor.",
    )


TABLA: Final[tuple[tuple[str, Callable[[Vista], Hallazgo | None]], ...]] = (
    ("CFDI40141", regimen_del_emisor),
    ("CFDI40146", nombre_del_publico),
    ("CFDI40149", domicilio_del_generico),
    ("CFDI40151", residencia_de_mas),
    ("CFDI40152", residencia_en_mexico),
    ("CFDI40153", residencia_ausente),
    ("CFDI40154", registro_de_mas),
    ("CFDI40155", registro_ausente),
    ("CFDI40158", regimen_del_receptor),
    ("CFDI40159", regimen_del_generico),
    ("CFDI40161", uso_del_receptor),
)
"""Code and rule, in the order of the matrix."""


def _persona(regimen: str | None, rfc: str, donde: Hallazgo) -> Hallazgo | None:
    fisica = len(rfc) == 13
    if regimen not in (catalogos.SOLO_MORALES if fisica else catalogos.SOLO_FISICAS):
        return None
    que = "física" if fisica else "moral"
    return donde._replace(
        detalle=f"El régimen {regimen} no es de una persona {que}, como la del RFC {donde.detalle} ({rfc}). "
        "Use el de su constancia de situación fiscal."
    )


def _generico(v: Vista) -> bool:
    return v.rfc_receptor in (catalogos.PUBLICO, catalogos.EXTRANJERO)


def _exporta(v: Vista) -> bool:
    return v.rfc_receptor == catalogos.EXTRANJERO and v.tiene(*COMERCIO_EXTERIOR)
