"""Refusals over HTTP, each in the form of its dialect."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
import zeep
from lxml import etree

from tests.e2e.apoyo_dialectos import CENTRO, cuesta, infinito, quien, timbres
from tests.sistema import Sistema

__all__ = ["quien", "timbres"]


@pytest.fixture(scope="module")
def pobre(sistema: Sistema) -> tuple[str, str]:
    """A CTI without timbres."""
    r = sistema.sesion("distribuidor").post(
        "/v1/clientes", json={"nombre": "Sin Timbres", "rfc": "SIT010203AB1"}
    )
    assert r.status_code == 201, r.text
    return r.json()["cti"]["id"], r.json()["cti"]["contrasena"]


def por_induxsoft(sistema: Sistema, quien: tuple[str, str], xml: bytes) -> str:
    r = requests.post(
        f"{sistema.url}/comprobantes/timbrar/",
        json={"cti": quien[0], "pwd": quien[1], "xml": xml.decode(), "nb64": True},
        timeout=30,
    )
    assert (r.status_code, r.json()["success"]) == (200, False)
    return str(r.json()["message"])


def por_finkok(sistema: Sistema, quien: tuple[str, str], xml: bytes) -> str:
    r = zeep.Client(f"{sistema.url}/servicios/soap/stamp.wsdl").service.stamp(xml, *quien)
    assert (r.xml, r.UUID) == (None, None)
    [incidencia] = r.Incidencias.Incidencia
    return f"{incidencia.CodigoError} {incidencia.MensajeIncidencia}"


def por_sw(sistema: Sistema, quien: tuple[str, str], xml: bytes) -> str:
    r = requests.post(
        f"{sistema.url}/cfdi33/stamp/v4",
        files={"xml": ("xml", xml, "text/xml")},
        headers={"Authorization": f"Bearer {infinito(quien)}"},
        timeout=30,
    )
    assert r.status_code >= 400
    assert (r.json()["status"], r.json()["data"]) == ("error", None)
    return f"{r.status_code} {r.json()['message']}"


@pytest.mark.parametrize(
    ("dialecto", "esperados"),
    [
        (por_induxsoft, ("contraseña", "timbres", "bloqueada", "CFDI40102", "401")),
        (por_finkok, ("300 ", "718 ", "703 ", "CFDI40102 ", "401 ")),
        (por_sw, ("401 AU2000 - ", "402 ", "403 ", "400 CFDI40102 - ", "400 401 - ")),
    ],
)
def test_cada_rechazo_en_la_forma_de_cada_dialecto(
    sistema: Sistema,
    quien: tuple[str, str],
    pobre: tuple[str, str],
    dialecto: Any,
    esperados: tuple[str, ...],
) -> None:
    xml = sistema.factura()
    contrasena, saldo, bloqueo, sello, fecha = esperados
    with cuesta(sistema, 0):
        assert contrasena in dialecto(sistema, (quien[0], "otra-cosa"), xml)
        assert saldo in dialecto(sistema, pobre, xml)
        alterada = xml.replace(b'Folio="', b'Folio="9', 1)
        assert sello in dialecto(sistema, quien, alterada)
        vieja = sistema.factura(fecha=datetime.now(CENTRO).replace(tzinfo=None) - timedelta(hours=73))
        assert fecha in dialecto(sistema, quien, vieja)
        s = sistema.sesion("distribuidor")
        assert s.put(f"/v1/ctis/{pobre[0]}/bloqueo", json={"motivo": "Prueba"}).status_code == 200
        try:
            assert bloqueo in dialecto(sistema, pobre, xml)
        finally:
            assert s.delete(f"/v1/ctis/{pobre[0]}/bloqueo").status_code == 200


def test_lo_que_no_es_su_protocolo_tambien_se_dice_en_el(sistema: Sistema) -> None:
    enorme = b"x" * (5 * 1024 * 1024)
    r = requests.post(f"{sistema.url}/comprobantes/timbrar/", data=enorme, timeout=30)
    assert (r.status_code, r.json()["success"]) == (200, False)
    r = requests.post(f"{sistema.url}/cfdi33/stamp/v1", data=enorme, timeout=30)
    assert (r.status_code, r.json()["status"]) == (413, "error")
    for cuerpo in (enorme, b"hola", b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'):
        r = requests.post(f"{sistema.url}/servicios/soap/stamp", data=cuerpo, timeout=30)
        assert (r.status_code, r.headers["Content-Type"]) == (500, "text/xml; charset=utf-8")
        assert etree.fromstring(r.content).findtext(".//faultcode") == "senv:Client"
