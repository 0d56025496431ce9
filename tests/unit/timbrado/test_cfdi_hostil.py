"""Whatever arrives, the validator answers a document or a refusal fit for a person, and in bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from services.timbrado.cfdi import documento, reglas
from shared.errors import Codigo, DomainError
from shared.testing import cfdi
from tests.unit.timbrado.apoyo_cfdi import AHORA, cambiar, emisor, factura, hora_local, resellar, validador

CUANTOS = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def documentos() -> list[bytes]:
    """One of each kind."""
    cuando = hora_local()
    return [
        factura(lineas=2),
        factura(lineas=1, receptor=("XAXX010101000", "PUBLICO EN GENERAL")),
        cfdi.egreso(emisor(), 7, lineas=1, fecha=cuando),
        cfdi.pago(emisor(), 7, documentos=2, fecha=cuando),
        cfdi.traslado(emisor(), 7, lineas=1, fecha=cuando),
        cfdi.nomina(emisor(), 7, fecha=cuando),
        cfdi.retencion(emisor(), 7, fecha=cuando),
        cfdi.retencion(emisor(), 7, fecha=cuando, receptor=None),
    ]


VALORES = st.one_of(
    st.sampled_from(
        [
            "", " ", "0", "-1", "1", "0.000001", "1e9", "NaN", "Infinity", "9" * 39, "9" * 5000, "0." + "3" * 60,
            "01", "02", "99", "001", "002", "003", "Tasa", "Cuota", "Exento", "0.160000", "1.600000", "MXN", "XXX",
            "USD", "CLP", "I", "E", "T", "N", "P", "PUE", "PPD", "S01", "CP01", "G03", "D01", "CN01", "601", "612",
            "616", "XAXX010101000", "XEXX010101000", "EMP010101AA1", "06000", "PUBLICO EN GENERAL", "13", "2026",
            "2026-02-30T10:00:00", "2026-11-24T10:00:00Z", "0001-01-01T00:00:00", "32768",
        ]
    ),
    st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
)  # fmt: skip


def responde(xml: bytes) -> None:
    """A document or a refusal; nothing else may come out."""
    try:
        valido = validador().validar(xml, AHORA)
    except DomainError as error:
        rechazo = error
    else:
        assert valido.xml is xml
        return
    assert rechazo.code is Codigo.CFDI_INVALIDO
    assert rechazo.datos["codigo_sat"]
    assert len(rechazo.detail) < 800
    problemas = rechazo.datos.get("problemas", [])
    assert isinstance(problemas, list)
    assert len(problemas) <= 20


@CUANTOS
@given(st.data())
def test_atributos_cambiados(data: st.DataObject) -> None:
    """Values that fit the schema reach every rule; those that don't, every message."""
    raiz = etree.fromstring(data.draw(st.sampled_from(documentos())))
    nodos = list(raiz.iter(etree.Element))
    for _ in range(data.draw(st.integers(1, 6))):
        nodo = data.draw(st.sampled_from(nodos))
        nombres = [str(n) for n in nodo.attrib] or ["Importe"]
        nombre = data.draw(st.sampled_from([*nombres, "Descuento", "Importe", "Base", "TipoCambio", "Sello"]))
        if data.draw(st.integers(0, 4)) == 0:
            nodo.attrib.pop(nombre, None)
        else:
            nodo.set(nombre, data.draw(VALORES))
    responde(etree.tostring(raiz, encoding="UTF-8"))


@CUANTOS
@given(st.data())
def test_nodos_quitados_repetidos_y_movidos(data: st.DataObject) -> None:
    raiz = etree.fromstring(data.draw(st.sampled_from(documentos())))
    otra = etree.fromstring(data.draw(st.sampled_from(documentos())))
    for _ in range(data.draw(st.integers(1, 4))):
        nodos = list(raiz.iter(etree.Element))
        nodo, donde = data.draw(st.sampled_from(nodos)), data.draw(st.sampled_from(nodos))
        padre = nodo.getparent()
        match data.draw(st.sampled_from(["quitar", "repetir", "comentar", "injertar", "anidar"])):
            case "quitar" if padre is not None:
                padre.remove(nodo)
            case "repetir" if padre is not None:
                padre.append(deepcopy(nodo))
            case "comentar":
                donde.append(etree.Comment("x"))
                donde.append(etree.ProcessingInstruction("y"))
            case "injertar":
                donde.append(deepcopy(data.draw(st.sampled_from(list(otra)))))
            case _:
                donde.append(deepcopy(raiz))
    responde(etree.tostring(raiz, encoding="UTF-8"))


@CUANTOS
@given(st.data())
def test_bytes_cambiados(data: st.DataObject) -> None:
    xml = bytearray(data.draw(st.sampled_from(documentos())))
    for _ in range(data.draw(st.integers(1, 8))):
        donde = data.draw(st.integers(0, len(xml) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                xml[donde] = data.draw(st.integers(0, 255))
            case 1:
                del xml[donde : donde + data.draw(st.integers(1, 200))]
            case 2:
                xml[donde:donde] = data.draw(st.binary(max_size=20))
            case _:
                xml[donde:donde] = data.draw(
                    st.sampled_from([b"<", b">", b"&", b'"', b"<![CDATA[", b"<!--", b"&#0;", b"\xff"])
                )
        if not xml:
            return
    responde(bytes(xml))


def _conceptos(cada: bytes) -> bytes:
    xml = factura(lineas=1)
    inicio, fin = xml.index(b"<cfdi:Concepto "), xml.index(b"</cfdi:Conceptos>")
    return xml[:inicio] + cada * (1_900_000 // len(cada)) + xml[fin:]


def _traslados_distintos() -> bytes:
    xml = factura(lineas=1)
    uno = '<cfdi:Traslado Base="1" Impuesto="003" TipoFactor="Cuota" TasaOCuota="{}" Importe="1"/>'
    muchos = "".join(uno.format(f"{n / 1_000_000:.6f}") for n in range(18_000))
    antes, cierre, despues = xml.rpartition(b"</cfdi:Traslados>")
    return antes + muchos.encode() + cierre + despues


def _concepto_malo() -> bytes:
    xml = factura(lineas=1)
    concepto = xml[xml.index(b"<cfdi:Concepto ") : xml.index(b"</cfdi:Conceptos>")]
    return _conceptos(
        concepto.replace(b' Importe="', b' Importe="9').replace(b' ObjetoImp="02"', b' ObjetoImp="01"')
    )


def _claves_malas() -> bytes:
    xml = factura(lineas=1)
    concepto = xml[xml.index(b"<cfdi:Concepto ") : xml.index(b"</cfdi:Conceptos>")]
    return _conceptos(concepto.replace(b' ClaveUnidad="', b' ClaveUnidad="Z'))


def _documentos_pagados() -> bytes:
    xml = cfdi.pago(emisor(), 7, documentos=1, fecha=hora_local())
    inicio, fin = xml.index(b"<pago20:DoctoRelacionado "), xml.index(b"<pago20:ImpuestosP>")
    cada = xml[inicio:fin].replace(b' ImpSaldoInsoluto="', b' ImpSaldoInsoluto="9')
    return xml[:inicio] + cada * (1_900_000 // len(cada)) + xml[fin:]


@pytest.mark.parametrize(
    "hacer",
    [_traslados_distintos, _concepto_malo, _claves_malas, _documentos_pagados],
    ids=lambda f: f.__name__,
)
def test_dos_megabytes_de_errores_en_tiempo_acotado(hacer: Callable[[], bytes]) -> None:
    """CPU time, far above what it takes (under 1 s) and far below what a square would (minutes)."""
    xml = resellar(hacer())
    assert len(xml) < documento.TAMANO_MAXIMO
    inicio = time.process_time()
    responde(xml)
    assert time.process_time() - inicio < 10


def test_un_numero_de_miles_de_cifras_se_rechaza() -> None:
    """The schema bounds the decimals of a Base and not its digits."""
    xml = resellar(cambiar(factura(lineas=1), ' Cantidad="', f' Cantidad="{"9" * 3000}'))
    raiz = documento.analizar(xml)
    [error] = reglas.revisar(raiz, AHORA)
    assert error.datos == {"codigo_sat": "301", "nodo": "Comprobante/Conceptos/Concepto/@Cantidad"}
