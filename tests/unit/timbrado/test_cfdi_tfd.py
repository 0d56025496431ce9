"""The stamp in the caller's bytes: right place, nothing else touched, whatever the document looks like."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from services.timbrado.cfdi import cadena, documento, esquemas, tfd
from services.timbrado.cfdi.certificados import leer_certificado
from services.timbrado.cfdi.formatos import CFDI
from shared.testing import cfdi
from tests.unit.timbrado.apoyo_cfdi import cambiar, codigo, emisor, factura, hora_local, resellar, validar

UUID = "6F1A3C52-0000-4AAA-9BBB-0123456789AB"


def timbre(sello: str = "abc=", **cambios: str) -> bytes:
    datos = {
        "uuid": UUID,
        "fecha_timbrado": "2026-11-24T10:20:30",
        "rfc_prov_certif": "PRU010101XX0",
        "no_certificado_sat": emisor().numero,
        "leyenda": "TIMBRE DE PRUEBA SIN VALIDEZ FISCAL",
        **cambios,
    }
    return tfd.construir(sello_cfd=sello, firmar=_firmar, **datos)


def _firmar(datos: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.hashes import SHA256

    return emisor().par.llave.sign(datos, padding.PKCS1v15(), SHA256())


def comprobar(xml: bytes, fragmento: bytes | None = None) -> bytes:
    """Insert and check everything that must hold of the result."""
    fragmento = fragmento or timbre()
    salida = tfd.insertar(xml, fragmento)
    # The caller's bytes: taking the splice out gives the input, but for a Complemento opened or made.
    antes, despues = salida.split(fragmento)
    sin_nodo = (
        re.sub(rb"<[^<>\s]*Complemento>$", b"", antes),
        re.sub(rb"^</[^<>\s]*Complemento>", b"", despues),
    )
    assert xml in (antes + despues, b"".join(sin_nodo), antes.removesuffix(b">") + b"/>" + sin_nodo[1])
    # The document: one stamp more, in place, and nothing else.
    raiz, original = documento.analizar(salida), documento.analizar(xml)
    hallado = documento.buscar_timbre(raiz)
    assert hallado is not None
    assert esquemas.tfd_valido(hallado)
    assert cadena.cadena_original(raiz) == cadena.cadena_original(original)
    complementos = raiz.findall(CFDI.etiqueta("Complemento"))
    assert len(complementos) == 1
    assert complementos[0][-1] is hallado
    siguientes = [n.tag for n in complementos[0].itersiblings() if isinstance(n.tag, str)]
    assert siguientes in ([], [CFDI.etiqueta("Addenda")])
    complementos[0].remove(hallado)
    documento.quitar_addenda(raiz)
    esquemas.validar(raiz)
    # And back.
    assert tfd.extraer(salida) == fragmento
    with pytest.raises(tfd.TfdInvalido):
        tfd.insertar(salida, fragmento)
    return salida


RAIZ_PAGO = cfdi.pago(emisor(), 3, fecha=hora_local())


def _variantes() -> list[object]:
    f = factura()
    fin = "</cfdi:Comprobante>"
    otro = f.replace(b"cfdi:", b"f:").replace(b"xmlns:cfdi", b"xmlns:f")
    sin = f.replace(b"<cfdi:", b"<").replace(b"</cfdi:", b"</").replace(b"xmlns:cfdi", b"xmlns")
    sin_impuestos = re.sub(
        rb"(</cfdi:Conceptos>).*(</cfdi:Comprobante>)", rb"\1\2", cfdi.traslado(emisor(), 1)
    )
    donat = '<d:Divisas xmlns:d="http://www.sat.gob.mx/divisas" version="1.0" tipoOperacion="compra"/>'
    trampa = "<!-- </cfdi:Complemento> <cfdi:Complemento> -->"
    cdata = "<![CDATA[</cfdi:Impuestos><cfdi:Complemento></cfdi:Complemento>]]>"
    casos = {
        "sin complemento": f,
        "otro prefijo": otro,
        "sin prefijo": sin,
        "sin impuestos": sin_impuestos,
        "bom": b"\xef\xbb\xbf" + f,
        "crlf": f.replace(b"><", b">\r\n  <"),
        "sin declaracion": f.split(b"\n", 1)[1],
        "comillas simples": f.replace(b'"', b"'"),
        "addenda": factura(addenda="<x/>"),
        "addenda con complemento": factura(
            addenda='<cfdi:Complemento xmlns:cfdi="http://www.sat.gob.mx/cfd/4"><t:TimbreFiscalDigital '
            'xmlns:t="http://www.sat.gob.mx/TimbreFiscalDigital"/></cfdi:Complemento>'
        ),
        "complemento vacio": cambiar(f, fin, f"<cfdi:Complemento></cfdi:Complemento>{fin}"),
        "complemento cerrado": cambiar(f, fin, f"<cfdi:Complemento/>{fin}"),
        "complemento cerrado con blancos": cambiar(f, fin, f"<cfdi:Complemento \r\n />{fin}"),
        "complemento con blancos": cambiar(f, fin, f"<cfdi:Complemento >\n  </cfdi:Complemento >\n{fin}"),
        "complemento con otro": cambiar(f, fin, f"<cfdi:Complemento>{donat}</cfdi:Complemento>{fin}"),
        "complemento sin prefijo": cambiar(
            f, fin, f'<Complemento xmlns="http://www.sat.gob.mx/cfd/4"/>{fin}'
        ),
        "complemento y addenda": cambiar(
            factura(addenda="<x/>"), "<cfdi:Addenda>", "<cfdi:Complemento/><cfdi:Addenda>"
        ),
        "pago": RAIZ_PAGO,
        "comentario que engana": cambiar(
            f, fin, f"{trampa}<cfdi:Complemento>{trampa}</cfdi:Complemento>{trampa}{fin}"
        ),
        "comentario al final": cambiar(f, fin, f"{trampa}{fin}"),
        "cdata en addenda": factura(addenda=f"<x>{cdata}</x>"),
        "instruccion": cambiar(f, fin, f"<?pi </cfdi:Complemento> ?>{fin}"),
        "mayor que en atributo": resellar(cambiar(f, ' Descripcion="', ' Descripcion="a &gt; b > c ')),
        "blancos al final": f + b"\r\n\r\n<!-- fin -->\n",
        "acentos y emoji": resellar(cambiar(f, ' Descripcion="', ' Descripcion="ñandú 🦤 ')),
    }
    return [pytest.param(xml, id=nombre) for nombre, xml in casos.items()]


@pytest.mark.parametrize("xml", _variantes())
def test_insertar(xml: bytes) -> None:
    documento.quitar_addenda(documento.analizar(xml))
    comprobar(xml)


CON_COMPLEMENTO = cambiar(
    factura(), "</cfdi:Comprobante>", "<cfdi:Complemento>\n</cfdi:Complemento></cfdi:Comprobante>"
)


@pytest.mark.parametrize("xml", [*_variantes(), CON_COMPLEMENTO])
def test_por_su_final_se_inserta_donde_dice_el_mapa(xml: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    corto = tfd.insertar(xml, timbre())
    monkeypatch.setattr(tfd, "_insertar_al_final", lambda *_: None)
    assert corto == tfd.insertar(xml, timbre())


@pytest.mark.parametrize(
    ("xml", "por_su_final"),
    [
        (factura(), True),
        (factura() + b"\r\n", True),
        (CON_COMPLEMENTO, True),
        (factura(addenda="<x/>"), False),
        (factura() + b"<!-- -->", False),
        (cambiar(factura(), "</cfdi:Comprobante>", "<?pi?></cfdi:Comprobante>"), False),
        (
            cambiar(factura(), "<cfdi:Emisor ", '<cfdi:Emisor xmlns:cfdi="http://www.sat.gob.mx/cfd/4" '),
            False,
        ),
        (cambiar(factura(), "<cfdi:Impuestos ", "<cfdi:Complemento/><cfdi:Impuestos "), False),
    ],
)
def test_solo_lo_llano_se_inserta_por_su_final(xml: bytes, por_su_final: bool) -> None:
    assert (tfd._insertar_al_final(xml, timbre()) is not None) is por_su_final


def test_complemento_de_concepto_no_es_el_del_documento() -> None:
    iedu = (
        '<cfdi:ComplementoConcepto><i:instEducativas xmlns:i="http://www.sat.gob.mx/iedu" version="1.0" '
        'nombreAlumno="A" CURP="PEGJ800101HDFRRN09" nivelEducativo="Primaria" autRVOE="1"/>'
        "</cfdi:ComplementoConcepto>"
        "</cfdi:Concepto>"
    )
    xml = resellar(cambiar(factura(lineas=1), "</cfdi:Concepto>", iedu))
    salida = comprobar(xml)
    assert salida.index(b"ComplementoConcepto") < salida.index(b"</cfdi:Impuestos><cfdi:Complemento>")


def test_el_timbrado_se_rechaza_como_307_y_sin_el_vuelve_a_valer() -> None:
    xml = factura()
    salida = comprobar(xml, timbre(validar(xml).sello))
    assert codigo(salida) == "307"
    assert re.sub(rb"<cfdi:Complemento>.*</cfdi:Complemento>", b"", salida) == xml


@settings(max_examples=120, deadline=None)
@given(
    prefijo=st.sampled_from(["cfdi", "c", "_x", "comprobante", ""]),
    separador=st.sampled_from(["", "\n", "\r\n", "\t ", "<!-- </x> -->", "<?p a?>", "<!-- > ' \" -->"]),
    forma=st.sampled_from(["no", "vacio", "cerrado", "cerrado con blanco", "con otro"]),
    addenda=st.sampled_from(["", "<x/>", "<x><![CDATA[</y>]]></x>", "<Complemento/>", "texto suelto<x/>"]),
    bom=st.booleans(),
    comillas=st.sampled_from(['"', "'"]),
    descripcion=st.text(
        st.characters(blacklist_categories=["Cs", "Cc", "Cn"], blacklist_characters="|"),
        min_size=1,
        max_size=40,
    ),
)
def test_insertar_en_cualquier_escritura(
    prefijo: str, separador: str, forma: str, addenda: str, bom: bool, comillas: str, descripcion: str
) -> None:
    base = etree.fromstring(factura(lineas=1))
    if descripcion.strip():
        next(base.iter("{*}Concepto")).set("Descripcion", descripcion)
    xml = etree.tostring(base, encoding="unicode")
    p = f"{prefijo}:" if prefijo else ""
    xml = xml.replace("<cfdi:", f"<{p}").replace("</cfdi:", f"</{p}")
    xml = xml.replace("xmlns:cfdi=", f"xmlns:{prefijo}=" if prefijo else "xmlns=", 1)
    otro = '<d:Divisas xmlns:d="http://www.sat.gob.mx/divisas" version="1.0" tipoOperacion="venta"/>'
    complemento = {
        "no": "",
        "vacio": f"<{p}Complemento></{p}Complemento>",
        "cerrado": f"<{p}Complemento/>",
        "cerrado con blanco": f"<{p}Complemento\n/>",
        "con otro": f"<{p}Complemento>{otro}</{p}Complemento>",
    }[forma]
    if addenda and not prefijo:
        addenda = (
            addenda.replace("<x", "<q:x xmlns:q='urn:q'")
            .replace("</x>", "</q:x>")
            .replace("<Complemento/>", "")
        )
    cola = f"{complemento}{separador}" + (
        f"<{p}Addenda>{addenda}<z/></{p}Addenda>{separador}" if addenda else ""
    )
    xml = xml.replace(f"</{p}Comprobante>", f"{separador}{cola}</{p}Comprobante>")
    if comillas == "'" and "'" not in xml:
        xml = xml.replace('"', "'")
    comprobar((b"\xef\xbb\xbf" if bom else b"") + xml.encode())


def test_tfd_con_declaracion_xml_se_inserta_sin_ella() -> None:
    salida = tfd.insertar(factura(), b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>\n' + timbre())
    assert salida.count(b"<?xml") == 1
    assert tfd.extraer(salida) == timbre()


@pytest.mark.parametrize(
    "xml",
    [b"", b"hola", b"<a>", b'<!DOCTYPE a><a xmlns="http://www.sat.gob.mx/cfd/4"/>', b"<a/>", b"<a><b/></a>"],
)
def test_insertar_donde_no_se_puede(xml: bytes) -> None:
    with pytest.raises(tfd.TfdInvalido):
        tfd.insertar(xml, timbre())


def test_extraer() -> None:
    assert tfd.extraer(factura()) is None
    # A stamp of another PAC whose namespace is declared in the root.
    xml = tfd.insertar(factura(), timbre())
    ns = f' xmlns:tfd="{documento.NS_TFD}"'.encode()
    arriba = xml.replace(ns, b"", 1).replace(b" xmlns:xsi=", ns + b" xmlns:xsi=", 1)
    extraido = tfd.extraer(arriba)
    assert extraido is not None
    assert tfd.leer(extraido) == tfd.leer(timbre())


def test_construir_y_leer() -> None:
    leido = tfd.leer(timbre("S+e/l=="))
    assert leido.uuid == UUID
    assert leido.fecha_timbrado == "2026-11-24T10:20:30"
    assert leido.rfc_prov_certif == "PRU010101XX0"
    assert leido.sello_cfd == "S+e/l=="
    assert leido.no_certificado_sat == emisor().numero
    assert leido.leyenda == "TIMBRE DE PRUEBA SIN VALIDEZ FISCAL"


@pytest.mark.parametrize("leyenda", ["TIMBRE DE PRUEBA SIN VALIDEZ FISCAL", "Año & <más> de 'esto'", ""])
def test_cadena_es_la_de_la_hoja_del_sat(leyenda: str) -> None:
    """The join must equal the SAT's stylesheet for the TFD."""
    hoja = etree.XSLT(
        etree.parse(next((cadena.RAIZ_SAT / "sitio_internet/cfd/TimbreFiscalDigital").glob("**/*1_1.xslt")))
    )
    fragmento = timbre(leyenda=leyenda)
    assert tfd.leer(fragmento).cadena().decode() == str(hoja(etree.fromstring(fragmento)))


def test_firma_del_tfd() -> None:
    cert, ajeno = leer_certificado(emisor().par.der), leer_certificado(emisor("PEGJ800101AA0").par.der)
    fragmento = timbre()
    assert tfd.leer(fragmento).firmado_por(cert)
    assert not tfd.leer(fragmento).firmado_por(ajeno)
    for viejo, nuevo in (
        (UUID, UUID.replace("6", "7")),
        ("10:20:30", "10:20:31"),
        ("abc=", "abd="),
        ("PRUEBA", "PRUEBO"),
    ):
        assert not tfd.leer(cambiar(fragmento, viejo, nuevo)).firmado_por(cert)
    sello = re.search(rb'SelloSAT="([^"]*)"', fragmento)
    assert sello is not None
    assert not tfd.leer(fragmento.replace(sello[1], b"no base64")).firmado_por(cert)


@pytest.mark.parametrize(
    "fragmento",
    [
        b"",
        b"<html>502 Bad Gateway</html>",
        b"<a",
        timbre().replace(b'Version="1.1"', b'Version="1.0"'),
        timbre().replace(UUID.encode(), b"no-es-un-uuid"),
        timbre().replace(b"PRU010101XX0", b"PRU"),
        timbre().replace(b" SelloCFD=", b" selloCFD="),
        timbre().replace(b'/TimbreFiscalDigital"', b'/Otro"'),
        b'<!DOCTYPE a [<!ENTITY e "x">]>' + timbre(),
        timbre() + timbre(),
    ],
)
def test_leer_lo_que_no_es(fragmento: bytes) -> None:
    with pytest.raises(tfd.TfdInvalido):
        tfd.leer(fragmento)
