"""Retention receipts 2.0 by the same code as CFDI: structure, seal, dates, matrix, and where the stamp goes."""

from __future__ import annotations

import hashlib
from datetime import UTC, timedelta

import pytest
from lxml import etree

from services.timbrado.cfdi import cadena, documento, esquemas, tfd
from services.timbrado.cfdi.formatos import RETENCIONES
from services.timbrado.cfdi.lco import LcoEnMemoria
from shared.testing import cfdi
from tests.unit.timbrado.apoyo_cfdi import (
    AHORA,
    atributo,
    cambiar,
    codigo,
    csd,
    emisor,
    hora_local,
    rechazo,
    resellar,
    validador,
    validar,
)

DIVIDENDOS = (
    '<dividendos:Dividendos xmlns:dividendos="http://www.sat.gob.mx/esquemas/retencionpago/1/dividendos" '
    'Version="1.0"><dividendos:DividOUtil CveTipDivOUtil="01" MontISRAcredRetMexico="1" '
    'MontISRAcredRetExtranjero="2" TipoSocDistrDiv="Sociedad Nacional"/></dividendos:Dividendos>'
)
TIMBRE = tfd.construir(
    uuid="6F1A3C52-0000-4AAA-9BBB-0123456789AB",
    fecha_timbrado="2026-01-01T00:00:00",
    rfc_prov_certif="SAT970701NN3",
    sello_cfd="AAAA",
    no_certificado_sat="99999000000000000001",
    firmar=lambda _: b"x" * 256,
)


def retencion(**opciones: object) -> bytes:
    return cfdi.retencion(emisor(), 7, **{"fecha": hora_local(), **opciones})  # type: ignore[arg-type]


@pytest.mark.parametrize("rfc", sorted(cfdi.EMISORES))
def test_validas(rfc: str) -> None:
    xml = cfdi.retencion(emisor(rfc), 31, fecha=hora_local(), complemento=DIVIDENDOS, addenda="<x/>")
    valido = validar(xml)
    assert valido.xml is xml
    assert (valido.clase, valido.tipo, valido.emisor) == ("cr", "R", rfc)
    assert valido.receptor == "URE180429TM6"
    assert valido.total == atributo(xml, "MontoTotOperacion")
    assert valido.sello == atributo(xml, "Sello")
    assert valido.no_certificado == emisor(rfc).numero
    assert valido.folio == "31"
    assert valido.fecha.astimezone(UTC) == AHORA
    sin_addenda = etree.fromstring(xml)
    documento.quitar_addenda(sin_addenda)
    original = cfdi.cadena_original(sin_addenda)
    assert original.startswith(b"||2.0|")
    assert b"Sociedad Nacional" in original
    assert valido.huella == hashlib.sha256(rfc.encode() + original).digest()


def test_un_cfdi_dice_su_clase() -> None:
    assert validar(cfdi.factura(emisor(), 7, fecha=hora_local())).clase == "cfdi"


def test_un_extranjero_tiene_el_rfc_generico() -> None:
    assert validar(retencion(receptor=None)).receptor == "XEXX010101000"


def test_la_cadena_es_la_de_la_hoja_del_sat() -> None:
    raiz = etree.fromstring(retencion(complemento=DIVIDENDOS))
    assert cadena.cadena_original(raiz) == cfdi.cadena_original(raiz)


@pytest.mark.parametrize(
    ("viejo", "nuevo", "esperado", "nodo"),
    [
        (' CveRetenc="01"', "", "301", "Retenciones/@CveRetenc"),
        (' CveRetenc="01"', ' CveRetenc="77"', "Reten20105", "Retenciones/@CveRetenc"),
        (' LugarExpRetenc="06000"', ' LugarExpRetenc="00001"', "Reten20104", "Retenciones/@LugarExpRetenc"),
        (
            ' RegimenFiscalE="601"',
            ' RegimenFiscalE="999"',
            "Reten20111",
            "Retenciones/Emisor/@RegimenFiscalE",
        ),
        (' RfcR="URE180429TM6"', ' RfcR="URE"', "301", "Retenciones/Receptor/Nacional/@RfcR"),
        (' Version="2.0"', ' Version="1.0"', "301", "Retenciones/@Version"),
    ],
)
def test_estructura_y_catalogos(viejo: str, nuevo: str, esperado: str, nodo: str) -> None:
    error = rechazo(resellar(cambiar(retencion(), viejo, nuevo)))
    assert (error.datos["codigo_sat"], error.datos["nodo"]) == (esperado, nodo)


def test_un_complemento_de_cfdi_no_es_de_retenciones() -> None:
    error = rechazo(
        resellar(retencion(complemento='<d:donat xmlns:d="http://www.sat.gob.mx/donat" version="1.1"/>'))
    )
    assert error.datos["codigo_sat"] == "301"
    assert "comprobante de retenciones 2.0" in error.detail
    xml = cambiar(
        cfdi.factura(emisor(), 7, fecha=hora_local(), lineas=1),
        "</cfdi:Comprobante>",
        f"<cfdi:Complemento>{DIVIDENDOS}</cfdi:Complemento></cfdi:Comprobante>",
    )
    assert codigo(xml) == "301"


def test_certificado_sello_y_fechas() -> None:
    xml = retencion()
    assert codigo(cambiar(xml, 'FolioInt="7"', 'FolioInt="8"')) == "Reten20101"
    assert codigo(cambiar(xml, atributo(xml, "Sello"), "AAAA")) == "302"
    assert codigo(cambiar(xml, 'RfcE="EMP010101AA1"', 'RfcE="S&amp;P010101AC3"')) == "303"
    fiel = cfdi.Emisor("EMP010101AA1", "X", csd("EMP010101AA1", fiel=True))
    assert codigo(cfdi.retencion(fiel, 7, fecha=hora_local())) == "306"
    assert codigo(cfdi.retencion(emisor(ajeno=True), 7, fecha=hora_local())) == "308"
    assert codigo(xml, con=validador(LcoEnMemoria({}))) == "402"
    error = rechazo(retencion(fecha=hora_local(AHORA - timedelta(hours=73))))
    assert error.datos == {"codigo_sat": "401", "nodo": "Retenciones/@FechaExp"}
    assert "LugarExpRetenc" in error.detail
    tijuana = hora_local(AHORA - timedelta(hours=71), "America/Tijuana")
    validar(retencion(fecha=tijuana, lugar="22000"))


@pytest.mark.parametrize("complemento", ["", DIVIDENDOS])
@pytest.mark.parametrize("addenda", ["", '<x xmlns="urn:x">libre</x>'])
def test_el_timbre_va_en_su_complemento(complemento: str, addenda: str) -> None:
    xml = retencion(complemento=complemento, addenda=addenda)
    timbrado = tfd.insertar(xml, TIMBRE)
    assert (
        timbrado.replace(TIMBRE, b"").replace(b"<retenciones:Complemento></retenciones:Complemento>", b"")
        == xml
    )
    assert tfd.extraer(timbrado) == TIMBRE
    raiz = documento.analizar(timbrado)
    hallado = documento.buscar_timbre(raiz)
    assert hallado is not None
    assert esquemas.tfd_valido(hallado)
    hijos = [etree.QName(h).localname for h in raiz]
    esperados = ["Emisor", "Receptor", "Periodo", "Totales", "Complemento"] + (["Addenda"] if addenda else [])
    assert hijos == esperados
    assert raiz[4].tag == RETENCIONES.etiqueta("Complemento")
    assert raiz[4][-1] is hallado
    documento.quitar_addenda(raiz)
    sin = etree.fromstring(xml)
    documento.quitar_addenda(sin)
    assert cadena.cadena_original(raiz) == cadena.cadena_original(sin)
    assert codigo(timbrado) == "307"


def test_redatar_y_sellar_una_retencion() -> None:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    vieja = tfd.insertar(retencion(fecha=hora_local(AHORA - timedelta(days=90))), TIMBRE)
    quien = emisor("PEGJ800101AA0")
    llave = quien.par.llave.private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"12345678a")
    )
    argumentos = (vieja, quien.par.der, llave, b"12345678a", hora_local())
    assert codigo(cfdi.redatar_y_sellar(*argumentos)) == "307"
    assert validar(cfdi.redatar_y_sellar(*argumentos, quitar_timbre=True)).emisor == "PEGJ800101AA0"
