"""Hostile bytes: nothing is fetched, expanded or looped over, and each answers 301 quickly."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from services.timbrado.cfdi import documento, esquemas
from shared.errors import DomainError
from tests.unit.timbrado.apoyo_cfdi import cambiar, codigo, factura, rechazo, resellar, validar

CABEZA = '<?xml version="1.0" encoding="UTF-8"?>\n'
RISAS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))


def _con_dtd(interno: str, valor: str) -> bytes:
    xml = cambiar(factura(), CABEZA, f"{CABEZA}<!DOCTYPE x [{interno}]>")
    return cambiar(xml, 'CondicionesDePago="Contado"', f'CondicionesDePago="{valor}"')


@pytest.mark.parametrize(
    "xml",
    [
        pytest.param(_con_dtd('<!ENTITY e SYSTEM "file:///etc/passwd">', "&e;"), id="xxe de archivo"),
        pytest.param(_con_dtd('<!ENTITY e SYSTEM "http://127.0.0.1:9/x">', "&e;"), id="xxe de red"),
        pytest.param(
            _con_dtd('<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;', "a"), id="entidad de parametro"
        ),
        pytest.param(_con_dtd(f'<!ENTITY l0 "ja">{RISAS}', "&l9;"), id="mil millones de risas"),
        pytest.param(_con_dtd(f'<!ENTITY a "{"x" * 100_000}">', "&a;" * 10_000), id="explosion cuadratica"),
        pytest.param(
            cambiar(factura(), CABEZA, f'{CABEZA}<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">'),
            id="dtd externo",
        ),
        pytest.param(
            cambiar(factura(), "</cfdi:Comprobante>", "<!-- <!DOCTYPE --></cfdi:Comprobante>"),
            id="comentario",
        ),
        pytest.param(
            (CABEZA.replace("UTF-8", "UTF-16") + '<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>').encode(
                "utf-16"
            ),
            id="utf-16 con bom",
        ),
        pytest.param('<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>'.encode("utf-16-le"), id="utf-16 sin bom"),
        pytest.param(b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE x+AD4-', id="utf-7"),
        pytest.param(factura().decode().encode("cp037"), id="ebcdic"),
    ],
)
def test_dtd_y_entidades_no_llegan_al_parser(xml: bytes) -> None:
    inicio = time.process_time()
    assert codigo(xml) == "301"
    assert time.process_time() - inicio < 0.2


@pytest.mark.parametrize(
    "xml",
    [
        pytest.param(b"", id="vacio"),
        pytest.param(b" \r\n ", id="blancos"),
        pytest.param(b"\xef\xbb\xbf", id="solo bom"),
        pytest.param(b"hola", id="texto"),
        pytest.param(b"PK\x03\x04" + bytes(range(256)), id="zip"),
        pytest.param(factura()[:-10], id="cortado"),
        pytest.param(factura() + b"<otra/>", id="dos raices"),
        pytest.param(cambiar(factura(), 'Folio="7"', 'Folio="7" Folio="8"'), id="atributo repetido"),
        pytest.param(cambiar(factura(), "xmlns:cfdi=", "xmlns:otro="), id="prefijo sin declarar"),
        pytest.param(cambiar(factura(), 'Folio="7"', 'Folio="&nada;"'), id="entidad sin declarar"),
        pytest.param(cambiar(factura(), 'Folio="7"', 'Folio="&#0;"'), id="referencia a nulo"),
        pytest.param(factura().replace(b"Nombre=", b"Nombre=\xff", 1), id="no es utf-8"),
        pytest.param("ñandú".encode("latin-1").join((b"<a>", b"</a>")), id="latin-1"),
        pytest.param(cambiar(factura(), 'encoding="UTF-8"', 'encoding="ISO-8859-1"'), id="declara latin-1"),
        pytest.param(
            cambiar(factura(), 'Folio="7"', f'Folio="{"9" * documento.TAMANO_MAXIMO}"'), id="enorme"
        ),
    ],
)
def test_basura(xml: bytes) -> None:
    assert codigo(xml) == "301"


def test_anidado_profundo() -> None:
    xml = cambiar(factura(addenda="<a/>"), "<a/>", "<a>" * 5000 + "</a>" * 5000)
    assert codigo(xml) == "301"


@pytest.mark.parametrize(
    "addenda",
    [
        lambda n: f'<x a="{"y" * (30 * n)}"/>',
        lambda n: "<x " + " ".join(f'a{i}="1"' for i in range(n)) + "/>",
        lambda n: "<x " + " ".join(f'xmlns:p{i}="u{i}"' for i in range(n // 3)) + "/>",
    ],
    ids=["atributo enorme", "muchos atributos", "muchos prefijos"],
)
def test_atributo_enorme_y_muchos_atributos_no_cuestan(addenda: Callable[[int], str]) -> None:
    """Ten times as much costs some ten times, and not a hundred; a ratio, so that a busy machine is no failure."""

    def costo(n: int) -> float:
        xml, veces = factura(addenda=addenda(n)), []
        for _ in range(3):
            inicio = time.process_time()
            validar(xml)
            veces.append(time.process_time() - inicio)
        return min(veces)

    assert costo(50_000) < 40 * costo(5_000)


def test_mensaje_dice_donde() -> None:
    error = rechazo(b"<?xml version='1.0'?>\n<a>\n<b></a>")
    assert "línea 3" in error.detail
    error = rechazo(cambiar(factura(), CABEZA, '<?xml version="1.0" encoding="windows-1252"?>'))
    assert "UTF-8" in error.detail


@pytest.mark.parametrize(
    ("xml", "texto"),
    [
        (b'<c:Comprobante xmlns:c="http://www.sat.gob.mx/cfd/3" Version="3.3"/>', "3.x"),
        (b'<r:Retenciones xmlns:r="http://www.sat.gob.mx/esquemas/retencionpago/1"/>', "2.0"),
        (b'<r:Retenciones xmlns:r="http://www.sat.gob.mx/esquemas/retencionpago/2" Version="1.0"/>', "2.0"),
        (b"<Comprobante Version='4.0'/>", "espacio de nombres"),
        (b'<c:Otro xmlns:c="http://www.sat.gob.mx/cfd/4" Version="4.0"/>', "Otro"),
        (b'<c:Comprobante xmlns:c="http://www.sat.gob.mx/cfd/4" Version="4.1"/>', "4.0"),
        (b'<c:Comprobante xmlns:c="http://www.sat.gob.mx/cfd/4"/>', "4.0"),
    ],
)
def test_otra_raiz_se_rechaza_claramente(xml: bytes, texto: str) -> None:
    error = rechazo(xml)
    assert error.datos["codigo_sat"] == "301"
    assert texto in error.detail


@pytest.mark.parametrize(
    "xml",
    [
        pytest.param(b"\xef\xbb\xbf" + factura(), id="bom"),
        pytest.param(factura().replace(b"\n", b"\r\n"), id="crlf"),
        pytest.param(factura().split(b"\n", 1)[1], id="sin declaracion"),
        pytest.param(cambiar(factura(), 'encoding="UTF-8"', "encoding='utf-8'"), id="minusculas"),
        pytest.param(cambiar(factura(), "<cfdi:Emisor", "<!-- nota --><cfdi:Emisor"), id="comentario"),
        pytest.param(factura() + b"\n\n", id="blancos al final"),
    ],
)
def test_formas_validas_de_escribirlo(xml: bytes) -> None:
    assert validar(xml).xml is xml


def test_schema_location_no_se_lee(tmp_path: Path) -> None:
    """The instance's own hints must load nothing: neither a file nor the network."""
    esquema = tmp_path / "trampa.xsd"
    esquema.write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:x">'
        '<xs:element name="y"/></xs:schema>'
    )
    xml = cambiar(factura(), 'schemaLocation="', f'schemaLocation="urn:x {esquema} ')
    assert validar(xml)
    xml = cambiar(
        xml,
        "</cfdi:Comprobante>",
        '<cfdi:Complemento><y xmlns="urn:x"/></cfdi:Complemento></cfdi:Comprobante>',
    )
    assert codigo(resellar(xml)) == "301"


def test_xinclude_no_se_procesa() -> None:
    addenda = (
        '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'
    )
    assert b"root:" not in validar(factura(addenda=addenda)).xml


def test_analizar_xml_acepta_cualquier_raiz() -> None:
    assert documento.analizar_xml(b"<a/>").tag == "a"
    with pytest.raises(DomainError):
        documento.analizar_xml(b"<a>")


CONCEPTO = re.compile(rb"<cfdi:Concepto .*?</cfdi:Concepto>")


@pytest.mark.parametrize(
    ("relleno", "esperado"),
    [
        pytest.param(b"<cfdi:Concepto/>" * 100_000, "301", id="cien mil conceptos vacios"),
        pytest.param(b"<x/>" * 400_000, "301", id="nodos desconocidos"),
        pytest.param(b"<cfdi:Concepto>" * 200, "301", id="conceptos anidados"),
        pytest.param(b"<!---->" * 200_000, None, id="comentarios"),
    ],
)
def test_muchos_errores_no_cuestan_mas_que_uno(relleno: bytes, esperado: str | None) -> None:
    """Each error's path counts the siblings before it: told all, 100,000 took 68 s."""
    xml = factura(lineas=1).replace(b"</cfdi:Conceptos>", relleno + b"</cfdi:Conceptos>")
    inicio = time.process_time()
    if esperado is None:
        validar(xml)
    else:
        assert codigo(xml) == esperado
    assert time.process_time() - inicio < 0.5


def test_documento_grande_valido_y_con_el_ultimo_nodo_malo() -> None:
    """Both ways of validating say the same: on the chunks' path the schema and catalogues still hold."""
    xml = factura(lineas=1, addenda="<x>libre</x>")
    concepto = CONCEPTO.search(xml)
    assert concepto is not None
    grande = xml.replace(concepto[0], concepto[0] * 1000)
    assert len(grande) > 10 * esquemas.GRANDE
    # A thousand concepts don't add up to the total of one: the structure is right, the sum is not.
    assert codigo(resellar(grande)) == "CFDI40108"
    for malo, esperado in (
        (concepto[0].replace(b' ObjetoImp="02"', b""), "301"),
        (concepto[0].replace(b' ClaveUnidad="', b' ClaveUnidad="Z9'), "CFDI40165"),
    ):
        error = rechazo(xml.replace(concepto[0], concepto[0] * 1000 + malo))
        assert error.datos["codigo_sat"] == esperado
        assert "Concepto" in str(error.datos["nodo"])
