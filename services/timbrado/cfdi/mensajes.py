"""Spanish for libxml2's schema errors: names the node and says what to do, as code 301 has to.

A key outside of a catalogue that the SAT's matrix of errors names has its own code (CFDI40104 …), which says
more than 301: the schema holds the shorter catalogues as enumerations.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from itertools import islice
from typing import Final

from lxml import etree

from services.timbrado.cfdi.formatos import FORMATOS, NS_CFDI, NS_RETENCIONES
from shared.errors import DomainError, cfdi_invalido

_ATRIBUTO: Final = re.compile(r"attribute '(?:\{[^}]*\})?([^']+)'")
_ELEMENTO: Final = re.compile(r"^Element '(?:\{([^}]*)\})?([^']+)'")
_HIJOS: Final = re.compile(r"Expected is (?:one of )?\( ?(.*?) ?\)\.")
_VALOR: Final = re.compile(r"[Vv]alue '(.*?)'", re.DOTALL)
_PASO: Final = re.compile(r"(?:[^:\[\]]+:)?([^:\[\]]+)(?:\[(\d+)\])?")
_ESPACIO: Final = re.compile(r"\{[^}]*\}")


# Matrices de errores CFDI 4.0 and Retenciones 2.0, "no contiene un valor del catálogo": the ones whose
# catalogue is in the XSD.
_CATALOGOS: Final = {
    "Comprobante/@FormaPago": ("CFDI40104", "c_FormaPago"),
    "Comprobante/@Moneda": ("CFDI40113", "c_Moneda"),
    "Comprobante/@TipoDeComprobante": ("CFDI40121", "c_TipoDeComprobante"),
    "Comprobante/@Exportacion": ("CFDI40123", "c_Exportacion"),
    "Comprobante/@MetodoPago": ("CFDI40124", "c_MetodoPago"),
    "InformacionGlobal/@Periodicidad": ("CFDI40131", "c_Periodicidad"),
    "InformacionGlobal/@Meses": ("CFDI40133", "c_Meses"),
    "CfdiRelacionados/@TipoRelacion": ("CFDI40137", "c_TipoRelacion"),
    "Emisor/@RegimenFiscal": ("CFDI40140", "c_RegimenFiscal"),
    "Receptor/@ResidenciaFiscal": ("CFDI40150", "c_Pais"),
    "Receptor/@RegimenFiscalReceptor": ("CFDI40157", "c_RegimenFiscal"),
    "Receptor/@UsoCFDI": ("CFDI40160", "c_UsoCFDI"),
    "Concepto/@ObjetoImp": ("CFDI40170", "c_ObjetoImp"),
    "Concepto/Impuestos/Traslados/Traslado/@Impuesto": ("CFDI40175", "c_Impuesto"),
    "Concepto/Impuestos/Traslados/Traslado/@TipoFactor": ("CFDI40176", "c_TipoFactor"),
    "Concepto/Impuestos/Retenciones/Retencion/@Impuesto": ("CFDI40182", "c_Impuesto"),
    "Concepto/Impuestos/Retenciones/Retencion/@TipoFactor": ("CFDI40183", "c_TipoFactor"),
    "ACuentaTerceros/@RegimenFiscalACuentaTerceros": ("CFDI40191", "c_RegimenFiscal"),
    "Comprobante/Impuestos/Retenciones/Retencion/@Impuesto": ("CFDI40207", "c_Impuesto"),
    "Comprobante/Impuestos/Traslados/Traslado/@Impuesto": ("CFDI40217", "c_Impuesto"),
    "Retenciones/@CveRetenc": ("Reten20105", "c_CveRetenc"),
    "CfdiRetenRelacionados/@TipoRelacion": ("Reten20109", "c_TipoRelacion"),
    "Emisor/@RegimenFiscalE": ("Reten20111", "c_RegimenFiscal"),
    "Periodo/@MesIni": ("Reten20121", "c_Periodo"),
    "Periodo/@MesFin": ("Reten20123", "c_Periodo"),
    "Periodo/@Ejercicio": ("Reten20125", "c_Ejercicio"),
}
_POSICION: Final = re.compile(r"\[\d+\]")


MAXIMO: Final = 20
"""How many problems of one document are told; a hostile one has thousands."""


def juntos(problemas: Sequence[DomainError]) -> DomainError:
    """The first problem; its `datos["problemas"]` tells all, where there are more."""
    primero = problemas[0]
    if len(problemas) > 1:
        primero.datos["problemas"] = [_problema(p) for p in problemas[:MAXIMO]]
    return primero


def _problema(error: DomainError) -> dict[str, object]:
    codigo = error.datos["codigo_sat"]
    return {
        "codigo": codigo,
        "nodo": error.datos.get("nodo"),
        "detalle": error.detail.removeprefix(f"{codigo}: "),
    }


def recortar(valor: str, maximo: int = 60) -> str:
    """A value fit for a message: the caller's text, but never a page of it."""
    return valor if len(valor) <= maximo else valor[: maximo - 1] + "…"


def ruta(elemento: etree._Element) -> str:
    """`Comprobante/Conceptos/Concepto[2]`: local names, with a position where there are several alike."""
    partes = []
    for nodo in [elemento, *elemento.iterancestors()]:
        nombre = etree.QName(nodo).localname
        iguales = len(list(nodo.itersiblings(str(nodo.tag), preceding=True)))
        alguno = iguales > 0 or next(nodo.itersiblings(str(nodo.tag)), None) is not None
        partes.append(f"{nombre}[{iguales + 1}]" if alguno else nombre)
    return "/".join(reversed(partes))


def de_esquema(raiz: etree._Element, error: etree._LogEntry, conocidos: Container[str]) -> DomainError:
    """The `cfdi_invalido` 301 of a schema error, told to a person."""
    hallado = _ELEMENTO.match(error.message)
    espacio, nombre = (hallado[1] or "", hallado[2]) if hallado else ("", FORMATOS[str(raiz.tag)].nombre)
    nodo = _nodo(raiz, error.path) or nombre
    atributo = _ATRIBUTO.search(error.message)
    valor = _VALOR.search(error.message)
    tipo = error.type_name
    if (
        tipo == "SCHEMAV_CVC_ENUMERATION_VALID"
        and atributo
        and valor
        and espacio in (NS_CFDI, NS_RETENCIONES)
    ):
        hallada = _clave(f"{nodo}/@{atributo[1]}")
        if hallada is not None:
            return fuera_de_catalogo(*hallada, nodo, atributo[1], valor[1])
    if tipo == "SCHEMAV_CVC_COMPLEX_TYPE_4" and atributo:
        detalle = (
            f"Al nodo {nombre} le falta el atributo obligatorio {atributo[1]}. Agréguelo y selle de nuevo."
        )
    elif tipo.startswith("SCHEMAV_CVC_COMPLEX_TYPE_3") and atributo:
        detalle = f"El nodo {nombre} no admite el atributo {atributo[1]}. Quítelo y selle de nuevo."
    elif "No matching global element declaration" in error.message and espacio not in conocidos:
        detalle = (
            f"El complemento {nombre} ({espacio or 'sin espacio de nombres'}) no es un complemento vigente "
            f"de {FORMATOS[str(raiz.tag)].documento}. Quítelo, o llévelo a la Addenda, y selle de nuevo."
        )
    elif tipo == "SCHEMAV_ELEMENT_CONTENT":
        esperados = _HIJOS.search(error.message)
        lista = _ESPACIO.sub("", esperados[1]).replace(",", ", ") if esperados else ""
        if "Missing child" in error.message:
            detalle = f"Al nodo {nombre} le falta contenido obligatorio: {lista}."
        else:
            detalle = f"El nodo {nombre} no se espera en ese lugar" + (
                f"; se espera: {lista}." if lista else "."
            )
        detalle += " Ordene los nodos como pide el Anexo 20 y selle de nuevo."
    elif atributo:
        dado = f" («{recortar(valor[1])}»)" if valor else ""
        detalle = (
            f"El atributo {atributo[1]} del nodo {nombre} tiene un valor no permitido{dado}. Revise su "
            "formato y catálogo en el Anexo 20 y selle de nuevo."
        )
    else:
        detalle = (
            f"El nodo {nombre} no cumple el esquema del SAT. Revíselo contra el Anexo 20 y selle de nuevo."
        )
    if atributo:
        nodo = f"{nodo}/@{atributo[1]}"
    return cfdi_invalido("301", detalle, nodo=nodo)


def fuera_de_catalogo(codigo: str, catalogo: str, nodo: str, atributo: str, valor: str) -> DomainError:
    """The refusal of a key that is not in a catalogue of the SAT."""
    nombre = _POSICION.sub("", nodo.rpartition("/")[2])
    return cfdi_invalido(
        codigo,
        f"El atributo {atributo} del nodo {nombre} tiene el valor «{recortar(valor)}», que no está en el "
        f"catálogo {catalogo} del SAT. Use una clave vigente del catálogo y selle de nuevo.",
        nodo=f"{nodo}/@{atributo}",
    )


def _clave(lugar: str) -> tuple[str, str] | None:
    """Code and catalogue of `Comprobante/Conceptos/Concepto[2]/@ObjetoImp`: by the end of its path."""
    partes = _POSICION.sub("", lugar).split("/")
    for inicio in range(len(partes) - 1):
        hallado = _CATALOGOS.get("/".join(partes[inicio:]))
        if hallado is not None:
            return hallado
    return None


def _nodo(raiz: etree._Element, camino: str | None) -> str | None:
    """The path of names of libxml2's path (`/cfdi:Comprobante/*[3]/pago20:Pago[2]`).

    Walked by hand and not by XPath, which would need every prefix of the document collected first. A step
    counts the siblings of its name; `*`, written where there is no prefix, counts all.
    """
    if not camino:  # a document validated in chunks has none
        return None
    pasos = [_PASO.fullmatch(paso) for paso in camino.split("/")[2:]]
    nodo = raiz
    for paso in pasos:
        if paso is None:
            return None
        hijos = nodo.iterchildren() if paso[1] == "*" else nodo.iterchildren(f"{{*}}{paso[1]}")
        elementos = (hijo for hijo in hijos if isinstance(hijo.tag, str))
        hallado = next(islice(elementos, int(paso[2] or 1) - 1, None), None)
        if hallado is None:
            return None
        nodo = hallado
    return ruta(nodo)
