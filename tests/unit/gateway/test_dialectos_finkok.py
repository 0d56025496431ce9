"""Finkok's dialect: its bodies to the letter, its numbers, faults for what is not SOAP, a WSDL that zeep reads."""

from __future__ import annotations

import base64
import io
from typing import Any
from uuid import uuid4

import pytest
from lxml import etree
from zeep import Client as Zeep
from zeep.transports import Transport

from services.gateway.dialects.finkok_wsdl import SERVICIOS, wsdl
from shared.errors import no_encontrado
from tests.unit.gateway.dialectos_de_prueba import (
    CONTRASENA,
    CTI,
    MAXIMO,
    RECHAZOS,
    UUID_1,
    Mundo,
    b64,
    cancelacion,
    mundo,
    sellado,
    timbrado,
)
from tests.unit.gateway.test_dialectos_csd import par_de_prueba, solicitud

NS = {"s0": "apps.services.soap.core.views", "e": "http://schemas.xmlsoap.org/soap/envelope/"}


@pytest.fixture
def m() -> Mundo:
    return mundo()


def llamar(
    m: Mundo, operacion: str, servicio: str = "stamp", extra: str = "", **campos: str
) -> etree._Element:
    """The result's node, from a message as its clients write it."""
    campos = {"username": CTI, "password": CONTRASENA, **campos}
    cuerpo = "".join(f"<t:{k}>{v}</t:{k}>" for k, v in campos.items())
    sobre = (
        '<?xml version="1.0"?><S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"'
        f' xmlns:t="http://facturacion.finkok.com/{servicio}"><S:Header/><S:Body><t:{operacion}>'
        f"{cuerpo}{extra}</t:{operacion}></S:Body></S:Envelope>"
    )
    r = m.http.post(f"/servicios/soap/{servicio}.wsdl", data=sobre.encode(), headers={"X-Aplicacion": "APP"})
    assert (r.status_code, r.content_type) == (200, "text/xml; charset=utf-8")
    raiz = etree.fromstring(r.data)
    hallado = raiz.find(f".//{{http://facturacion.finkok.com/{servicio}}}{operacion}Result")
    assert hallado is not None, r.text
    return hallado


def texto(nodo: etree._Element, nombre: str) -> str | None:
    return nodo.findtext(f".//s0:{nombre}", None, NS)


def test_timbra_y_repite_con_el_mismo_cuerpo_de_exito(m: Mundo) -> None:
    xml = sellado()
    for operacion, estado in (
        ("stamp", "Comprobante timbrado satisfactoriamente"),
        ("stamp", "Comprobante timbrado previamente"),
        ("quick_stamp", "Comprobante timbrado previamente"),
        ("stamped", "Comprobante timbrado satisfactoriamente"),
    ):
        r = llamar(m, operacion, xml=b64(xml))
        assert texto(r, "xml") == timbrado(xml)
        assert texto(r, "UUID") == str(UUID_1).upper()
        assert texto(r, "CodEstatus") == estado
        assert texto(r, "SatSeal") == "c2VsbG9TQVQ="
        assert texto(r, "NoCertificadoSAT") == "99999000000000000001"
        assert texto(r, "Fecha") == "2026-11-24T12:00:00"
        incidencias = r.find("s0:Incidencias", NS)
        assert incidencias is not None
        assert len(incidencias) == 0
    vista = m.motor.vistas[0]
    assert (vista.xml, vista.ip, vista.aplicacion) == (xml, "203.0.113.7", "APP")


def test_un_307_sin_timbre_no_se_dice_nunca(m: Mundo) -> None:
    """phpcfdi/finkok asks again for ever on an Incidencia 307 without UUID."""
    ajeno = llamar(m, "stamp", xml=b64(timbrado(sellado())))
    assert (texto(ajeno, "CodigoError"), texto(ajeno, "xml")) == ("301", "")
    llamar(m, "stamp", xml=b64(sellado()))
    propio = llamar(m, "stamp", xml=b64(timbrado(sellado())))
    assert texto(propio, "CodEstatus") == "Comprobante timbrado previamente"
    assert texto(propio, "xml") == timbrado(sellado())


def test_lo_que_no_se_ha_timbrado_no_se_timbra_al_recuperarlo(m: Mundo) -> None:
    r = llamar(m, "stamped", xml=b64(sellado()))
    assert texto(r, "CodigoError") == "603"
    assert m.motor.hechos == {}


@pytest.mark.parametrize(
    ("caso", "codigo"),
    [("contrasena", "300"), ("saldo", "718"), ("bloqueada", "703"), ("cfdi", "CFDI40102"), ("pendiente", "708"),
     ("sin_bus", "708")],
)  # fmt: skip
def test_cada_rechazo_es_una_incidencia(m: Mundo, caso: str, codigo: str) -> None:
    m.motor.error = RECHAZOS[caso]
    r = llamar(m, "stamp", xml=b64(sellado()))
    assert [texto(r, n) for n in ("xml", "CodigoError")] == ["", codigo]
    assert r.find("s0:UUID", NS) is None
    assert r.find("s0:CodEstatus", NS) is None
    incidencia = r.find("s0:Incidencias/s0:Incidencia", NS)
    assert incidencia is not None
    campos = {etree.QName(n).localname for n in incidencia}
    assert {"IdIncidencia", "WorkProcessId", "MensajeIncidencia", "RfcEmisor", "NoCertificadoPac",
            "FechaRegistro"} <= campos  # fmt: skip
    mensaje = texto(r, "MensajeIncidencia") or ""
    assert not mensaje.startswith(codigo)
    assert ("No genere otro comprobante" in mensaje) == (codigo == "708")
    if caso == "cfdi":
        assert texto(r, "ExtraInfo") == "Comprobante/@Sello"


def test_otra_contrasena_y_ninguna(m: Mundo) -> None:
    assert texto(llamar(m, "stamp", xml=b64(sellado()), password="otra"), "CodigoError") == "300"
    assert texto(llamar(m, "stamp", xml=b64(sellado()), password=""), "CodigoError") == "300"
    assert texto(llamar(m, "stamp", xml="no base64!"), "CodigoError") == "301"
    assert texto(llamar(m, "sign_stamp", xml=b64(sellado())), "CodigoError") == "705"


@pytest.mark.parametrize(
    "cuerpo",
    [
        b"",
        b"hola",
        b"<a/>",
        b'<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body/></S:Envelope>',
        b'<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><borrar/></S:Body></S:Envelope>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><stamp>&x;</stamp>',
        b"x" * (MAXIMO + 1),
    ],
)
def test_lo_que_no_es_soap_es_una_falla_del_cliente(m: Mundo, cuerpo: bytes) -> None:
    r = m.http.post("/servicios/soap/stamp", data=cuerpo)
    assert r.status_code == 500
    raiz = etree.fromstring(r.data)
    assert raiz.findtext(".//faultcode") == "senv:Client"
    assert len(raiz.findtext(".//faultstring") or "") > 20
    assert "root:" not in r.text


def test_un_error_nuestro_es_una_falla_del_servidor_que_no_cuenta_nada(m: Mundo) -> None:
    m.motor.error = RuntimeError("contraseña=secreta")
    sobre = (
        '<S:Envelope xmlns:S="http://www.w3.org/2003/05/soap-envelope"><S:Body><stamp><xml>'
        f"{b64(sellado())}</xml><username>{CTI}</username><password>{CONTRASENA}</password></stamp></S:Body></S:Envelope>"
    )
    r = m.http.post("/servicios/soap/stamp", data=sobre.encode())
    assert r.status_code == 500
    assert etree.fromstring(r.data).findtext(".//faultcode") == "senv:Server"
    assert "secreta" not in r.text


def test_recupera_por_uuid(m: Mundo) -> None:
    xml = sellado()
    llamar(m, "stamp", xml=b64(xml))
    r = llamar(m, "query_pending", uuid=str(UUID_1))
    assert (texto(r, "status"), texto(r, "xml"), texto(r, "error")) == ("F", timbrado(xml), "")
    assert "603" in (texto(llamar(m, "query_pending", uuid=str(uuid4())), "error") or "")
    assert texto(llamar(m, "get_xml", "utilities", uuid=str(UUID_1)), "xml") == timbrado(xml)
    assert len(texto(llamar(m, "datetime", "utilities"), "datetime") or "") == 19
    assert "300" in (texto(llamar(m, "datetime", "utilities", password="no"), "error") or "")


def uuids(*atributos: str) -> str:
    cuerpo = "".join(f"<a:UUID {a}/>" for a in atributos)
    return f'<t:UUIDS xmlns:a="apps.services.soap.core.views">{cuerpo}</t:UUIDS>'


def cancelar(m: Mundo, *atributos: str, **campos: str) -> etree._Element:
    cer, key, _ = par_de_prueba()
    campos = {"taxpayer_id": "EKU9003173C9", "cer": cer, "key": key, **campos}
    return llamar(m, "cancel", "cancel", uuids(*atributos), **campos)


def test_cancela_con_csd_con_la_llave_cifrada_con_la_contrasena_de_la_cuenta(
    m: Mundo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.unit.gateway.test_dialectos_csd.CLAVE", CONTRASENA)
    m.motor.cancelaciones = [
        cancelacion(),
        cancelacion("en_proceso"),
        cancelacion("solicitada", None),
        cancelacion("rechazada", "205", detalle="No existe"),
    ]
    esperados = [
        ("201", "Cancelado sin aceptación"),
        ("201", "En proceso"),
        ("708", None),
        ("205", "No existe"),
    ]
    for codigo, dice in esperados:
        r = cancelar(m, f'UUID="{UUID_1}" Motivo="02" FolioSustitucion=""')
        assert texto(r, "CodEstatus") is None
        assert texto(r, "UUID") == str(UUID_1).upper()
        assert texto(r, "EstatusUUID") == codigo
        if dice:
            assert texto(r, "EstatusCancelacion") == dice
        assert texto(r, "RfcEmisor") == "EKU9003173C9"
        if codigo == "201":
            assert texto(r, "Acuse") == "<Acuse>&amp;</Acuse>"
    pedida = m.motor.vistas[0]
    assert (pedida.uuid, pedida.motivo, pedida.solicitud, pedida.ip) == (UUID_1, "02", None, "203.0.113.7")


@pytest.mark.parametrize(
    ("atributos", "campos", "dice"),
    [
        ([f'UUID="{UUID_1}"'], {}, "motivo"),
        ([], {}, "UUIDS"),
        (['UUID="x" Motivo="02"'], {}, "UUID"),
        ([f'UUID="{UUID_1}" Motivo="02"'], {"key": ""}, "no guarda certificados"),
        ([f'UUID="{UUID_1}" Motivo="02"'], {"key": b64("basura")}, "llave"),
    ],
)
def test_una_cancelacion_mala_lo_dice_en_cod_estatus(
    m: Mundo, atributos: list[str], campos: dict[str, str], dice: str
) -> None:
    r = cancelar(m, *atributos, **campos)
    assert dice in (texto(r, "CodEstatus") or "")
    assert r.find("s0:Folios", NS) is None
    assert m.motor.vistas == []


def test_cancela_con_la_solicitud_firmada_y_da_acuse_y_estado(m: Mundo) -> None:
    firmada = solicitud(f'<Folio UUID="{UUID_1}" Motivo="02"/>')
    r = llamar(m, "cancel_signature", "cancel", xml=b64(firmada))
    assert (texto(r, "EstatusUUID"), texto(r, "RfcEmisor")) == ("201", "EKU9003173C9")
    assert m.motor.vistas[-1].solicitud == b64(firmada)
    r = llamar(m, "get_receipt", "cancel", taxpayer_id="EKU9003173C9", uuid=str(UUID_1), type="C")
    assert (texto(r, "success"), texto(r, "receipt"), texto(r, "error")) == (
        "true",
        "<Acuse>&amp;</Acuse>",
        "",
    )
    r = llamar(m, "get_sat_status", "cancel", uuid=str(UUID_1))
    assert (texto(r, "Estado"), texto(r, "EsCancelable")) == ("Cancelado", "Cancelable sin aceptación")
    assert (texto(r, "CodigoEstatus") or "").startswith("S - ")
    r = llamar(m, "sign_cancel", "cancel", uuids(f'UUID="{UUID_1}" Motivo="02"'))
    assert "no guarda certificados" in (texto(r, "CodEstatus") or "")


def test_lo_que_no_se_encuentra_termina_como_sus_clientes_esperan(m: Mundo) -> None:
    m.motor.error = no_encontrado("un comprobante timbrado con ese UUID")
    r = llamar(m, "cancel_signature", "cancel", xml=b64(solicitud(f'<Folio UUID="{UUID_1}" Motivo="02"/>')))
    assert (texto(r, "CodEstatus") or "").endswith("No Encontrado")


class _EnMemoria(Transport):
    """zeep's transport over the test client, so that a WSDL is used by somebody who did not write it."""

    def __init__(self, m: Mundo) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._m = m

    def load(self, url: str) -> bytes:
        return bytes(self._m.http.get(url.removeprefix("http://cm.test"), headers={"Host": "cm.test"}).data)

    def post(self, address: str, message: bytes, headers: dict[str, str]) -> Any:
        r = self._m.http.post(address.removeprefix("http://cm.test"), data=message, headers=headers)

        class Respuesta:
            status_code, content, headers, encoding = r.status_code, r.data, dict(r.headers), "utf-8"

        return Respuesta()


def test_zeep_timbra_y_cancela_por_el_wsdl_como_odoo(m: Mundo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.gateway.test_dialectos_csd.CLAVE", CONTRASENA)
    transporte = _EnMemoria(m)
    timbrar = Zeep("http://cm.test/servicios/soap/stamp.wsdl", transport=transporte)
    r = timbrar.service.stamp(sellado().encode(), CTI, CONTRASENA)
    assert (r.UUID, r.xml, r.Incidencias) == (str(UUID_1).upper(), timbrado(sellado()), None)
    m.motor.error = RECHAZOS["saldo"]
    r = timbrar.service.stamp(sellado().encode(), CTI, CONTRASENA)
    assert r.Incidencias.Incidencia[0].CodigoError == "718"
    m.motor.error = None
    cancelar = Zeep("http://cm.test/servicios/soap/cancel.wsdl", transport=transporte)
    tipos = cancelar.type_factory("apps.services.soap.core.views")
    uno = tipos.UUID()
    uno.UUID, uno.Motivo = str(UUID_1), "02"
    cer, key, _ = par_de_prueba()
    r = cancelar.service.cancel(
        tipos.UUIDArray(uno),
        CTI,
        CONTRASENA,
        "EKU9003173C9",
        base64.b64decode(cer),
        base64.b64decode(key),
        True,
    )
    assert r.Folios.Folio[0].EstatusUUID == "201"
    assert (m.motor.vistas[-1].uuid, m.motor.vistas[-1].motivo) == (UUID_1, "02")


@pytest.mark.parametrize("servicio", list(SERVICIOS))
def test_el_wsdl_dice_la_direccion_por_la_que_se_pidio(m: Mundo, servicio: str) -> None:
    r = m.http.get(f"/servicios/soap/{servicio}.wsdl?wsdl", headers={"Host": "timbres.example.mx"})
    assert r.status_code == 200
    assert f'location="http://timbres.example.mx/servicios/soap/{servicio}"' in r.text
    tras_proxy = {
        "Host": "10.0.0.1:8000",
        "X-Forwarded-Host": "timbres.example.mx",
        "X-Forwarded-Proto": "https",
    }
    r = m.http.get(f"/servicios/soap/{servicio}", headers=tras_proxy)
    assert f'location="https://timbres.example.mx/servicios/soap/{servicio}"' in r.text
    r = m.http.get(f"/servicios/soap/{servicio}", headers={"X-Forwarded-Host": 'x"><y', "Host": "localhost"})
    assert 'location="http://localhost/' in r.text
    assert etree.parse(io.BytesIO(wsdl(servicio, "https://a"))) is not None
