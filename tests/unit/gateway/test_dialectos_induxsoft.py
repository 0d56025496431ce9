"""Induxsoft's dialect: always 200, to the letter of its documentation, and its retry protocol."""

from __future__ import annotations

import base64
from typing import Any
from uuid import uuid4

import pytest

from shared.errors import Codigo, DomainError
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
from tests.unit.gateway.test_dialectos_csd import par_de_prueba

BOM = b"\xef\xbb\xbf"


@pytest.fixture
def m() -> Mundo:
    return mundo()


def llamar(m: Mundo, ruta: str, **datos: Any) -> dict[str, Any]:
    r = m.http.post(ruta, json={"cti": CTI, "pwd": CONTRASENA, **datos}, headers={"X-Aplicacion": "prueba"})
    assert r.status_code == 200
    cuerpo: dict[str, Any] = r.json
    assert set(cuerpo) == ({"success", "data"} if cuerpo["success"] else {"success", "message"})
    return cuerpo


def test_timbra_en_base64_con_bom_y_en_texto(m: Mundo) -> None:
    xml = sellado()
    r = llamar(m, "/comprobantes/timbrar/", xml=b64(BOM + xml.encode()))
    assert r["data"] == {
        "uuid": str(UUID_1).upper(),
        "xml": b64(BOM + timbrado(xml).encode()),
        "idd": str(UUID_1).upper(),
        "tpo": "cfdi",
    }
    otro = sellado("OTRO")
    r = llamar(m, "/comprobantes/timbrar", xml=otro, nb64="true", idd=17, aplicacion="APP.1")
    assert r["data"]["xml"] == timbrado(otro)
    assert r["data"]["idd"] == "17"
    primera, segunda = m.motor.vistas
    assert (primera.xml, primera.ip, primera.aplicacion) == (xml, "203.0.113.7", "prueba")
    assert (segunda.idd, segunda.aplicacion) == ("17", "APP.1")


def test_una_retencion_es_cr(m: Mundo) -> None:
    assert llamar(m, "/cr/timbrado/", xml=b64(sellado(raiz="Retenciones")))["data"]["tpo"] == "cr"


def test_repetir_da_lo_mismo_y_tolera_los_campos_de_su_cliente(m: Mundo) -> None:
    xml = b64(sellado())
    una = llamar(m, "/comprobantes/timbrar/", xml=xml, **{"just-seal": False, "token": "", "otro": 1})
    otra = llamar(m, "/comprobantes/timbrar/", xml=xml, token="abc")
    assert una == otra


def test_lo_ya_timbrado_se_devuelve_si_es_nuestro(m: Mundo) -> None:
    ya = b64(timbrado(sellado()))
    assert llamar(m, "/comprobantes/timbrar/", xml=ya)["message"].startswith("301: ")
    una = llamar(m, "/comprobantes/timbrar/", xml=b64(sellado()))
    assert llamar(m, "/comprobantes/timbrar/", xml=ya) == una


def test_no_sella_con_certificados_que_no_guarda(m: Mundo) -> None:
    for r in (
        llamar(m, "/comprobantes/sellar-timbrar/", xml=b64(sellado())),
        llamar(m, "/comprobantes/timbrar/", xml=b64(sellado()), **{"just-seal": True}),
    ):
        assert "no guarda certificados" in r["message"]
    assert m.motor.vistas == []


@pytest.mark.parametrize("caso", list(RECHAZOS))
def test_cada_rechazo_en_su_forma(m: Mundo, caso: str) -> None:
    m.motor.error = RECHAZOS[caso]
    primero = llamar(m, "/comprobantes/timbrar/", xml=b64(sellado()))["message"]
    con_token = llamar(m, "/comprobantes/timbrar/", xml=b64(sellado()), token="t-1")["message"]
    assert "secreta" not in primero
    if caso in ("pendiente", "sin_bus"):
        _, token, accion, texto = primero.split("|")
        assert (accion, texto) == ("continue", RECHAZOS[caso].detail)  # type: ignore[attr-defined]
        assert con_token == f"|t-1|continue|{texto}"
        assert token
    else:
        assert "|" not in primero
        assert con_token == (primero if caso == "interno" else f"|t-1|break|{primero}")
    if caso == "cfdi":
        assert primero.startswith("CFDI40102: ")


def test_el_limite_de_peticiones_tambien_es_esperar(m: Mundo) -> None:
    m.motor.error = DomainError(Codigo.DEMASIADOS_INTENTOS, "Espere.")
    assert "|continue|" in llamar(m, "/comprobantes/timbrar/", xml=b64(sellado()))["message"]


@pytest.mark.parametrize(
    "cuerpo",
    [b"", b"[]", b"{", b'{"cti": 3}', b'{"cti": "x", "pwd": null}', b"\xff\xfe", b"x" * (MAXIMO + 1)],
)
def test_lo_ilegible_y_lo_enorme_tambien_es_200(m: Mundo, cuerpo: bytes) -> None:
    r = m.http.post("/comprobantes/timbrar/", data=cuerpo, content_type="application/json")
    assert r.status_code == 200
    assert r.json["success"] is False
    assert len(r.json["message"]) > 10


def test_xml_que_no_es_base64_es_301(m: Mundo) -> None:
    assert llamar(m, "/comprobantes/timbrar/", xml="no es base64!!")["message"].startswith("301")
    assert llamar(m, "/comprobantes/timbrar/", xml="señal")["message"].startswith("301")
    assert llamar(m, "/comprobantes/timbrar/", xml=b64("ñ".encode("latin-1")))["message"].startswith("301")


def test_descarga_en_cada_forma_por_uuid_y_por_idd(m: Mundo) -> None:
    xml = sellado()
    llamar(m, "/comprobantes/timbrar/", xml=b64(xml), idd="pedido-1")
    r = llamar(m, "/comprobantes/descargar/", uuid=str(UUID_1).upper())
    assert base64.b64decode(r["data"]["content"]) == BOM + timbrado(xml).encode()
    r = llamar(m, "/comprobantes/descargar/", doc="pedido-1", res="xmljsn")
    assert (r["data"]["content"], r["data"]["tpo"]) == (timbrado(xml), "cfdi")
    como_php = m.http.post(
        "/comprobantes/descargar/",
        data={"uid": CTI, "pwd": CONTRASENA, "doc": str(UUID_1), "tpo": "", "res": "xmltxt"},
    )
    assert como_php.content_type.startswith("text/xml")
    assert como_php.text == timbrado(xml)
    ausente = m.http.post(
        "/comprobantes/descargar/", json={"uid": CTI, "pwd": CONTRASENA, "doc": str(uuid4()), "res": "xmlraw"}
    )
    assert (ausente.status_code, ausente.content_type) == (200, "text/html; charset=utf-8")
    assert "xmlb64" in llamar(m, "/comprobantes/descargar/", uuid=str(UUID_1), res="ziplnk")["message"]
    assert "No existe" in llamar(m, "/comprobantes/descargar/", uuid=str(uuid4()))["message"]


def test_cancela_con_el_csd_de_la_peticion_y_da_los_acuses(m: Mundo) -> None:
    cer, key, clave = par_de_prueba()
    m.motor.cancelaciones = [
        cancelacion(),
        cancelacion("rechazada", "205", detalle="UUID no existe."),
        cancelacion("solicitada", None),
    ]
    datos = {"uuid": str(UUID_1), "motivo": "02", "cer": cer, "key": key, "kpw": clave}
    ruta = "/comprobantes/cancelaciones/solicitar/"
    assert llamar(m, ruta, **datos) == {"success": True, "data": None}
    assert llamar(m, ruta, **datos)["message"] == "205: UUID no existe."
    assert "|continue|" in llamar(m, ruta, **datos)["message"]
    pedida = m.motor.vistas[0]
    assert (pedida.uuid, pedida.motivo, pedida.sustituye, pedida.ip) == (UUID_1, "02", None, "203.0.113.7")
    assert len({v.clave for v in m.motor.vistas}) == 3
    assert "no guarda certificados" in llamar(m, ruta, uuid=str(UUID_1), motivo="02")["message"]
    assert "motivo" in llamar(m, ruta, **{**datos, "motivo": "9"})["message"]
    r = llamar(m, "/comprobantes/cancelaciones/acuses/", uuid=f"{UUID_1}, {UUID_1}")
    assert r["data"] == [{str(UUID_1): "<Acuse>&amp;</Acuse>"}] * 2
