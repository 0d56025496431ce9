"""Cadena original of a CFDI 4.0 or a retention receipt 2.0: the text that the issuer's seal signs.

Made by the SAT's own stylesheets (`cadenaoriginal_4_0.xslt` and `retenciones.xslt`, published with Annex 20;
here from satcfdi's package data), compiled once per process. libxslt agrees with Saxon on every document of
the corpus although the stylesheets say version 2.0.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

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


@cache
def _transformacion(clase: formatos.Clase) -> etree.XSLT:
    return etree.XSLT(etree.parse(RAIZ_SAT / _HOJAS[clase]), access_control=_SIN_ACCESO)


def cadena_original(raiz: etree._Element) -> bytes:
    """The cadena original, UTF-8, of a parsed Comprobante or Retenciones: the bytes to digest and sign."""
    return memoryview(_transformacion(formatos.de(raiz).clase)(raiz)).tobytes()  # type: ignore[arg-type]  # it has the buffer protocol


def precargar() -> None:
    """Compile now, so that the first stamping of a process does not wait for it."""
    _transformacion("cfdi")
    _transformacion("cr")
