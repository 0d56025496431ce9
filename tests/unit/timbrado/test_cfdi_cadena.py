"""The cadena original with the calls in line is the SAT's stylesheet's, byte by byte."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from services.timbrado.cfdi import cadena, documento, formatos
from tests import corpus
from tests.corpus import con_corpus


@cache
def _del_sat(clase: formatos.Clase) -> etree.XSLT:
    """The stylesheet as the SAT publishes it."""
    return etree.XSLT(etree.parse(cadena.RAIZ_SAT / cadena._HOJAS[clase]))


@con_corpus
@pytest.mark.parametrize("archivo", list(corpus.manifiesto()))
def test_la_cadena_es_la_de_la_hoja_del_sat(archivo: str) -> None:
    raiz = documento.analizar_xml(corpus.leer(archivo))
    formato = formatos.FORMATOS.get(str(raiz.tag))
    if formato is None:
        pytest.skip("neither a CFDI 4.0 nor a retention receipt 2.0")
    assert cadena.cadena_original(raiz) == memoryview(_del_sat(formato.clase)(raiz)).tobytes()  # type: ignore[arg-type]  # as there


@pytest.mark.parametrize("hoja", cadena._HOJAS.values())
def test_quedan_en_linea_todas_las_llamadas_de_un_atributo(hoja: str) -> None:
    antes = etree.parse(cadena.RAIZ_SAT / hoja)
    despues = etree.fromstring(cadena._hoja(cadena.RAIZ_SAT / hoja))
    llamadas = "//xsl:call-template[@name = 'Requerido' or @name = 'Opcional']"
    espacios = {"xsl": "http://www.w3.org/1999/XSL/Transform"}
    assert len(antes.xpath(llamadas, namespaces=espacios)) > 10
    assert despues.xpath(llamadas, namespaces=espacios) == []


def test_otras_utilerias_no_se_ponen_en_linea(tmp_path: Path) -> None:
    otras = tmp_path / "utilerias.xslt"
    otras.write_text('<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="2.0"/>')
    with pytest.raises(ValueError, match="changed"):
        cadena._hoja(otras)
