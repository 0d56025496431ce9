"""Cadena original of a CFDI 4.0 or a retention receipt 2.0: the text that the issuer's seal signs.

Made by the SAT's own stylesheets (`cadenaoriginal_4_0.xslt` and `retenciones.xslt`, published with Annex 20;
here from satcfdi's package data), compiled once per process. libxslt agrees with Saxon on every document of
the corpus although the stylesheets say version 2.0.

Each attribute there costs two calls of templates, which was most of the time: while the files are read, those calls
are replaced by what the templates do (`_en_linea`).
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from lxml import etree

from services.timbrado.cfdi import formatos


def _satcfdi() -> Path:
    """Folder of the package, without importing it: only its data is used."""
    spec = find_spec("satcfdi")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("satcfdi (the SAT's schemas and catalogues) is not installed")
    return Path(spec.origin).parent


SATCFDI: Final = _satcfdi()
RAIZ_SAT: Final = SATCFDI / "transform" / "schemas" / "www.sat.gob.mx"
"""The SAT's site of schemas and stylesheets, as satcfdi (MIT) redistributes it."""

_HOJAS: Final = {
    "cfdi": "sitio_internet/cfd/4/cadenaoriginal_4_0/cadenaoriginal_4_0.xslt",
    "cr": "esquemas/retencionpago/2/retenciones.xslt",
}

# A stylesheet of our own package data still gets no right to read, write or fetch anything.
_SIN_ACCESO: Final = etree.XSLTAccessControl.DENY_ALL


_XSL: Final = "{http://www.w3.org/1999/XSL/Transform}"
_UTILERIAS: Final = "utilerias.xslt"
_HUELLA_DE_UTILERIAS: Final = "12d100472a71c6ae049922e03d7bc2f5166d38eb0aa2e10c42c23c02abb60733"
_LLAMADAS: Final = {"Requerido": False, "Opcional": True}
"""Templates of `utilerias.xslt`, and whether each writes nothing of a value that lacks."""


def _en_linea(hoja: etree._Element) -> None:
    """Replace the calls of `_LLAMADAS` by the bodies of those templates, whose parameter is one expression.

    An expression is evaluated in the caller's context either way, so nothing changes but the calls.
    """
    for llamada in list(hoja.iter(f"{_XSL}call-template")):
        nombre = llamada.get("name", "")
        valor = llamada[0].get("select") if len(llamada) == 1 else None
        if nombre not in _LLAMADAS or valor is None:
            continue
        texto = etree.Element(f"{_XSL}text")
        texto.text = "|"
        copia = etree.Element(f"{_XSL}value-of", select=f"normalize-space({valor})")
        padre = llamada.getparent()
        if padre is None:
            continue
        if _LLAMADAS[nombre]:
            condicion = etree.Element(f"{_XSL}if", test=valor)
            condicion.extend((texto, copia))
            nuevos = [condicion]
        else:
            nuevos = [texto, copia]
        nuevos[-1].tail = llamada.tail
        lugar = padre.index(llamada)
        padre[lugar : lugar + 1] = nuevos


def _comprobar_utilerias(hoja: etree._Element) -> None:
    """Those templates do what `_en_linea` writes in their place. Raises ValueError: satcfdi brings others."""
    if hashlib.sha256(etree.tostring(hoja, method="c14n")).hexdigest() != _HUELLA_DE_UTILERIAS:
        raise ValueError(f"{_UTILERIAS} of satcfdi changed: compare its templates with _en_linea")


class _EnLinea(etree.Resolver):
    """Serves the sheets that the SAT's ones include, with the calls in line."""

    def resolve(self, system_url: str | None, public_id: str | None, context: Any) -> Any:  # noqa: ARG002
        ruta = Path(unquote((system_url or "").removeprefix("file://")))
        return self.resolve_string(_hoja(ruta), context, base_url=system_url)


def _hoja(ruta: Path) -> bytes:
    hoja = etree.parse(ruta).getroot()
    if ruta.name == _UTILERIAS:
        _comprobar_utilerias(hoja)
    else:
        _en_linea(hoja)
    return etree.tostring(hoja, encoding="UTF-8")


@cache
def _transformacion(clase: formatos.Clase) -> etree.XSLT:
    ruta = RAIZ_SAT / _HOJAS[clase]
    parser = etree.XMLParser(no_network=True, resolve_entities=False)
    parser.resolvers.add(_EnLinea())
    return etree.XSLT(
        etree.fromstring(_hoja(ruta), parser, base_url=ruta.as_uri()), access_control=_SIN_ACCESO
    )


def cadena_original(raiz: etree._Element) -> bytes:
    """The cadena original, UTF-8, of a parsed Comprobante or Retenciones: the bytes to digest and sign."""
    return memoryview(_transformacion(formatos.de(raiz).clase)(raiz)).tobytes()  # type: ignore[arg-type]  # it has the buffer protocol


def precargar() -> None:
    """Compile now, so that the first stamping of a process does not wait for it."""
    _transformacion("cfdi")
    _transformacion("cr")
