"""Spanish for libxml2's schema errors: names the node and says what to do, as code 301 has to."""

from __future__ import annotations

import re
from collections.abc import Container
from itertools import islice
from typing import Final

from lxml import etree

from shared.errors import DomainError, cfdi_invalido

_ATRIBUTO: Final = re.compile(r"attribute '(?:\{[^}]*\})?([^']+)'")
_ELEMENTO: Final = re.compile(r"^Element '(?:\{([^}]*)\})?([^']+)'")
_HIJOS: Final = re.compile(r"Expected is (?:one of )?\( ?(.*?) ?\)\.")
_VALOR: Final = re.compile(r"[Vv]alue '(.*?)'", re.DOTALL)
_PASO: Final = re.compile(r"(?:[^:\[\]]+:)?([^:\[\]]+)(?:\[(\d+)\])?")
_ESPACIO: Final = re.compile(r"\{[^}]*\}")


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
    espacio, nombre = (hallado[1] or "", hallado[2]) if hallado else ("", "Comprobante")
    nodo = _nodo(raiz, error.path) or nombre
    atributo = _ATRIBUTO.search(error.message)
    valor = _VALOR.search(error.message)
    tipo = error.type_name
    if tipo == "SCHEMAV_CVC_COMPLEX_TYPE_4" and atributo:
        detalle = (
            f"Al nodo {nombre} le falta el atributo obligatorio {atributo[1]}. Agréguelo y selle de nuevo."
        )
    elif tipo.startswith("SCHEMAV_CVC_COMPLEX_TYPE_3") and atributo:
        detalle = f"El nodo {nombre} no admite el atributo {atributo[1]}. Quítelo y selle de nuevo."
    elif "No matching global element declaration" in error.message and espacio not in conocidos:
        detalle = (
            f"El complemento {nombre} ({espacio or 'sin espacio de nombres'}) no es un complemento vigente "
            "de CFDI 4.0. Quítelo, o llévelo a la Addenda, y selle de nuevo."
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
