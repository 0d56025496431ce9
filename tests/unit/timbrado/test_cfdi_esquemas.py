"""Structure and catalogues: what the XSD says, and what was taken out of it and is ours to check."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from services.timbrado.cfdi import cadena, esquemas
from services.timbrado.cfdi.formatos import NS_CFDI
from shared.testing import cfdi
from tests.unit.timbrado.apoyo_cfdi import (
    cambiar,
    codigo,
    emisor,
    factura,
    hora_local,
    rechazo,
    resellar,
    validar,
)

XS = "{http://www.w3.org/2001/XMLSchema}"
CFD = cadena.RAIZ_SAT / "sitio_internet" / "cfd"
RET = cadena.RAIZ_SAT / "esquemas" / "retencionpago"


@pytest.mark.parametrize(
    ("viejo", "nuevo", "esperado", "nodo"),
    [
        ('LugarExpedicion="06000"', 'LugarExpedicion="00001"', "CFDI40126", "Comprobante/@LugarExpedicion"),
        (
            'ClaveProdServ="81112200"',
            'ClaveProdServ="99999999"',
            "CFDI40162",
            "Comprobante/Conceptos/Concepto[1]/@ClaveProdServ",
        ),
        (
            'ClaveUnidad="H87"',
            'ClaveUnidad="QQQ"',
            "CFDI40165",
            "Comprobante/Conceptos/Concepto[2]/@ClaveUnidad",
        ),
    ],
)
def test_catalogos_sacados_del_xsd(viejo: str, nuevo: str, esperado: str, nodo: str) -> None:
    error = rechazo(resellar(cambiar(factura(), viejo, nuevo)))
    assert error.datos == {"codigo_sat": esperado, "nodo": nodo}
    assert "catálogo" in error.detail


def test_clave_de_parte() -> None:
    xml = cambiar(
        factura(lineas=1),
        "</cfdi:Impuestos></cfdi:Concepto>",
        '</cfdi:Impuestos><cfdi:Parte ClaveProdServ="00000001" Cantidad="1" Descripcion="x"/>'
        "</cfdi:Concepto>",
    )
    assert codigo(resellar(xml)) == "CFDI40196"


def test_blancos_alrededor_de_una_clave_valen() -> None:
    """The catalogues' type collapses whitespace, so the XSD took them too."""
    validar(resellar(cambiar(factura(), 'LugarExpedicion="06000"', 'LugarExpedicion=" 06000 "')))


@pytest.mark.parametrize("clase", ["cfdi", "cr"])
def test_no_queda_catalogo_sin_revisar(clase: str) -> None:
    """Each use in the SAT's files of an enumeration taken out of the XSD has a rule that checks it."""
    largos, usos = set(), set()
    if clase == "cfdi":
        esquema, minimo = esquemas._cfdi(), 9
        archivos = [str(CFD / "4/cfdv40.xsd"), *esquemas.COMPLEMENTOS.values()]
    else:
        esquema, minimo = esquemas._retenciones(), 3
        archivos = [str(RET / "2/retencionpagov2.xsd"), *esquemas.COMPLEMENTOS_CR.values()]
        archivos += [str(a) for a in RET.glob("1/**/catalogos/*.xsd")]
    archivos += [str(a) for a in CFD.glob("catalogos/**/*.xsd")]
    arboles = [etree.parse(cadena.RAIZ_SAT / archivo).getroot() for archivo in archivos]
    for arbol in arboles:
        for tipo in arbol.iter(f"{XS}simpleType"):
            if len(tipo.findall(f"{XS}restriction/{XS}enumeration")) > esquemas.MAXIMO_EN_XSD:
                assert tipo.getparent() is arbol, "an anonymous enumeration that long would stay in the XSD"
                largos.add((arbol.get("targetNamespace"), tipo.get("name")))
    for arbol in arboles:
        for elemento in arbol.iter(etree.Element):
            for que in ("type", "base", "itemType", "memberTypes"):
                for referencia in elemento.get(que, "").split():
                    prefijo, _, nombre = referencia.rpartition(":")
                    if (elemento.nsmap.get(prefijo or None), nombre) in largos:
                        assert (elemento.tag, que) == (f"{XS}attribute", "type")
                        dueno = next(elemento.iterancestors(f"{XS}element")).get("name")
                        usos.add((f"{{{arbol.get('targetNamespace')}}}{dueno}", elemento.get("name")))
    assert len(largos) >= minimo
    reglas = {(etiqueta, r.atributo) for etiqueta, lista in esquema.reglas.items() for r in lista}
    assert reglas == usos
    assert all(len(r.valores) > 300 for lista in esquema.reglas.values() for r in lista)


def test_reglas_sin_ambiguedad() -> None:
    """One catalogue per (element, parent, attribute); and the same pair is never declared free elsewhere."""
    for etiqueta, lista in esquemas._cfdi().reglas.items():
        llaves = [(r.padre, r.atributo) for r in lista]
        assert len(llaves) == len(set(llaves)), etiqueta


def test_solo_complementos_que_entran_en_la_cadena() -> None:
    """A complement that the stylesheet does not know would be outside the seal."""
    hoja = etree.parse(CFD / "4/cadenaoriginal_4_0/cadenaoriginal_4_0.xslt").getroot()
    conocidos = {uri for uri in hoja.nsmap.values() if uri.startswith("http://www.sat.gob.mx/")} - {NS_CFDI}
    assert set(esquemas.COMPLEMENTOS) == conocidos
    hoja = etree.parse(RET / "2/retenciones.xslt").getroot()
    incluidos = {
        i.get("href", "").split("/")[-2] for i in hoja if "retencionpago" not in str(i.tag) and i.get("href")
    }
    carpetas = {espacio.rpartition("/")[2] for espacio in esquemas.COMPLEMENTOS_CR}
    assert incluidos - {"cadenaoriginal_2_0"} == carpetas


def test_el_domicilio_extranjero_no_usa_catalogos_nacionales() -> None:
    """Comercio Exterior: CodigoPostal of the issuer's address is c_CodigoPostal, the receiver's is free."""
    reglas = esquemas._cfdi().reglas["{http://www.sat.gob.mx/ComercioExterior20}Domicilio"]
    assert {r.padre for r in reglas} == {"{http://www.sat.gob.mx/ComercioExterior20}Emisor"}


@pytest.mark.parametrize(
    ("viejo", "nuevo", "nodo", "texto"),
    [
        (' Moneda="MXN"', "", "Comprobante/@Moneda", "le falta el atributo obligatorio Moneda"),
        (' Serie="A"', ' Serie="A" Nuevo="1"', "Comprobante/@Nuevo", "no admite el atributo Nuevo"),
        (' Serie="A"', ' Serie="A|B"', "Comprobante/@Serie", "valor no permitido"),
        (' Cantidad="8"', ' Cantidad="-8"', "Comprobante/Conceptos/Concepto[1]/@Cantidad", "Cantidad"),
        (' Cantidad="8"', ' Cantidad="1e3"', "Comprobante/Conceptos/Concepto[1]/@Cantidad", "Cantidad"),
        (' Rfc="URE180429TM6"', ' Rfc="URE18"', "Comprobante/Receptor/@Rfc", "Rfc del nodo Receptor"),
        ("<cfdi:Conceptos>", "<cfdi:Otro/><cfdi:Conceptos>", "Comprobante/Otro", "no se espera en ese lugar"),
    ],
)
def test_mensajes_de_estructura(viejo: str, nuevo: str, nodo: str, texto: str) -> None:
    error = rechazo(cambiar(factura(), viejo, nuevo))
    assert error.datos == {"codigo_sat": "301", "nodo": nodo}
    assert texto in error.detail
    assert "http" not in error.detail


@pytest.mark.parametrize(
    ("viejo", "nuevo", "esperado", "nodo"),
    [
        (' Moneda="MXN"', ' Moneda="PES"', "CFDI40113", "Comprobante/@Moneda"),
        (' TipoDeComprobante="I"', ' TipoDeComprobante="X"', "CFDI40121", "Comprobante/@TipoDeComprobante"),
        (' MetodoPago="PUE"', ' MetodoPago="PIP"', "CFDI40124", "Comprobante/@MetodoPago"),
        (' FormaPago="03"', ' FormaPago="07"', "CFDI40104", "Comprobante/@FormaPago"),
        (' Exportacion="01"', ' Exportacion="09"', "CFDI40123", "Comprobante/@Exportacion"),
        (' UsoCFDI="G03"', ' UsoCFDI="Z99"', "CFDI40160", "Comprobante/Receptor/@UsoCFDI"),
        (' RegimenFiscal="601"', ' RegimenFiscal="600"', "CFDI40140", "Comprobante/Emisor/@RegimenFiscal"),
        (
            ' RegimenFiscalReceptor="601"',
            ' RegimenFiscalReceptor="600"',
            "CFDI40157",
            "Comprobante/Receptor/@RegimenFiscalReceptor",
        ),
        (' ObjetoImp="02"', ' ObjetoImp="99"', "CFDI40170", "Comprobante/Conceptos/Concepto[1]/@ObjetoImp"),
        (
            ' Impuesto="002"',
            ' Impuesto="009"',
            "CFDI40175",
            "Comprobante/Conceptos/Concepto[1]/Impuestos/Traslados/Traslado/@Impuesto",
        ),
        (
            "<cfdi:Impuestos TotalImpuestosTrasladados",
            "<cfdi:Impuestos TotalImpuestosTrasladados",
            "CFDI40217",
            "Comprobante/Impuestos/Traslados/Traslado/@Impuesto",
        ),
    ],
)
def test_clave_fuera_de_un_catalogo_del_esquema(viejo: str, nuevo: str, esperado: str, nodo: str) -> None:
    """The matrix's own code, where the schema alone would say 301."""
    xml = cambiar(factura(), viejo, nuevo)
    if esperado == "CFDI40217":
        antes, _, despues = xml.rpartition(b' Impuesto="002"')
        xml = antes + b' Impuesto="009"' + despues
    error = rechazo(xml)
    assert error.datos == {"codigo_sat": esperado, "nodo": nodo}
    assert "catálogo c_" in error.detail


def test_se_dice_todo_lo_que_no_cumple_el_esquema_una_vez() -> None:
    xml = cambiar(factura(), ' Moneda="MXN"', ' Moneda="PES"')
    xml = cambiar(xml, ' Exportacion="01"', "")
    xml = cambiar(xml, ' Cantidad="8"', ' Cantidad="-8"')
    error = rechazo(xml)
    problemas = error.datos["problemas"]
    assert isinstance(problemas, list)
    assert [(p["codigo"], p["nodo"]) for p in problemas] == [
        ("CFDI40113", "Comprobante/@Moneda"),
        ("301", "Comprobante/@Exportacion"),
        ("301", "Comprobante/Conceptos/Concepto[1]/@Cantidad"),
    ]
    assert error.datos["codigo_sat"] == "CFDI40113"


def test_falta_un_nodo() -> None:
    xml = re.sub(rb"<cfdi:Conceptos>.*</cfdi:Conceptos>", b"<cfdi:Conceptos/>", factura())
    error = rechazo(xml)
    assert "le falta contenido obligatorio" in error.detail
    assert "Concepto" in error.detail


def test_mensaje_sin_prefijos_nombra_igual() -> None:
    """With a default namespace libxml2's path is all asterisks; the message still names the nodes."""
    xml = factura().replace(b"<cfdi:", b"<").replace(b"</cfdi:", b"</").replace(b"xmlns:cfdi=", b"xmlns=")
    validar(xml)
    error = rechazo(cambiar(xml, ' Cantidad="8"', ' Cantidad="0"'))
    assert error.datos["nodo"] == "Comprobante/Conceptos/Concepto[1]/@Cantidad"


def test_valor_largo_se_recorta() -> None:
    error = rechazo(cambiar(factura(), ' Moneda="MXN"', f' Moneda="{"A" * 5000}"'))
    assert "…" in error.detail


def test_complemento_desconocido() -> None:
    xml = cambiar(
        factura(),
        "</cfdi:Comprobante>",
        '<cfdi:Complemento><m:Mio xmlns:m="urn:mio" a="1"/></cfdi:Complemento></cfdi:Comprobante>',
    )
    error = rechazo(resellar(xml))
    assert error.datos["codigo_sat"] == "301"
    assert "urn:mio" in error.detail


@pytest.mark.parametrize(
    "espacio", ["http://www.sat.gob.mx/ecb", "http://www.sat.gob.mx/terceros", "http://www.sat.gob.mx/Pagos"]
)
def test_complementos_de_versiones_viejas(espacio: str) -> None:
    xml = cambiar(
        factura(),
        "</cfdi:Comprobante>",
        f'<cfdi:Complemento><v:Viejo xmlns:v="{espacio}"/></cfdi:Complemento></cfdi:Comprobante>',
    )
    assert "no es un complemento vigente" in rechazo(resellar(xml)).detail


def test_complemento_conocido_se_valida() -> None:
    xml = cfdi.pago(emisor(), 9, fecha=hora_local())
    validar(xml)
    error = rechazo(cambiar(xml, ' NumParcialidad="1"', ""))
    assert error.datos["codigo_sat"] == "301"
    assert str(error.datos["nodo"]).startswith("Comprobante/Complemento/Pagos/Pago/DoctoRelacionado[1]")


def test_dos_complementos_no() -> None:
    xml = cambiar(
        factura(), "</cfdi:Comprobante>", "<cfdi:Complemento/><cfdi:Complemento/></cfdi:Comprobante>"
    )
    assert codigo(xml) == "301"


def test_addenda_es_libre_y_no_entra_en_el_sello() -> None:
    sin, con = factura(), factura(addenda='<raro xmlns="urn:z" a="1">texto<otro/></raro>')
    assert validar(sin).huella == validar(con).huella
    assert codigo(cambiar(con, "</cfdi:Comprobante>", "<cfdi:Emisor/></cfdi:Comprobante>")) == "301"


def test_espacios_de_nombres_mezclados_no_enganan() -> None:
    """An element of another namespace with a CFDI name is not one."""
    xml = cambiar(factura(), "<cfdi:Emisor ", '<x:Emisor xmlns:x="urn:x" ')
    assert codigo(xml) == "301"
