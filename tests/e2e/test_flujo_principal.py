"""The main job over HTTP, and every refusal that it can meet: the right code, in Spanish, nothing spent."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import requests

from shared.testing.certificados import Autoridad
from shared.testing.cfdi import Emisor, factura
from tests.sistema import Sistema, correr, hasta

BOM = b"\xef\xbb\xbf"


def saldo(sistema: Sistema) -> int:
    r = sistema.sesion("distribuidor").get(f"/v1/ctis/{sistema.demo['cti']['id']}")
    assert r.status_code == 200
    return int(r.json()["saldo"])


def vender(sistema: Sistema, cantidad: int, importe: str = "10.00", **headers: str) -> requests.Response:
    return sistema.sesion("distribuidor").post(
        f"/v1/ctis/{sistema.demo['cti']['id']}/transferencias",
        json={"cantidad": cantidad, "importe": importe, "confirmar": True},
        headers=headers,
    )


@pytest.fixture(scope="module", autouse=True)
def timbres(sistema: Sistema) -> None:
    assert vender(sistema, 200).status_code == 201


def test_the_demonstration_runs_and_can_be_repeated(sistema: Sistema) -> None:
    for _ in range(2):
        hecho = correr("deploy.local.demostracion", sistema.instalacion)
        assert hecho.returncode == 0, hecho.stdout + hecho.stderr
        assert "Stamped: " in hecho.stdout


def test_the_seed_can_be_repeated(sistema: Sistema) -> None:
    hecho = correr("deploy.local.sembrar", sistema.instalacion)
    assert hecho.returncode == 0, hecho.stderr


def test_one_invoice_by_two_routes_at_once_is_one_uuid_and_one_timbre(sistema: Sistema) -> None:
    xml = sistema.factura()
    antes = saldo(sistema)

    def induxsoft() -> str:
        r = requests.post(
            f"{sistema.url}/comprobantes/timbrar/",
            json={
                "cti": sistema.demo["cti"]["id"],
                "pwd": sistema.demo["cti"]["contrasena"],
                "xml": base64.b64encode(xml).decode(),
            },
            timeout=30,
        )
        assert r.json()["success"], r.text
        return str(r.json()["data"]["uuid"])

    def propio() -> str:
        r = sistema.timbrar(xml)
        assert r.status_code == 200, r.text
        return str(r.json()["uuid"])

    with ThreadPoolExecutor(2) as grupo:
        a, b = grupo.submit(induxsoft), grupo.submit(propio)
        assert a.result().lower() == b.result().lower()
    assert saldo(sistema) == antes - 1


def test_a_transfer_becomes_one_venta_and_one_invoice(sistema: Sistema) -> None:
    s = sistema.sesion("distribuidor")
    transferencia = vender(sistema, 5, "7.50").json()["transferencia_id"]

    def venta() -> Any:
        datos = s.get("/v1/ventas?limite=200").json()["datos"]
        return next((v for v in datos if transferencia in v.values()), None)

    hallada = hasta(venta)
    assert hallada["importe"] == "7.50"
    cuerpo = {"nic": sistema.demo["cliente"]["nic"], "referencia": "A-1", "ventas": [hallada["id"]]}
    assert s.post("/v1/facturas", json=cuerpo).status_code == 201
    otra_vez = s.post("/v1/facturas", json=cuerpo)
    assert otra_vez.status_code == 409
    assert "detail" in otra_vez.json()


def test_a_transfer_with_the_same_key_happens_once(sistema: Sistema) -> None:
    antes = saldo(sistema)
    clave = str(uuid4())
    a = vender(sistema, 3, **{"Idempotency-Key": clave})
    b = vender(sistema, 3, **{"Idempotency-Key": clave})
    c = vender(sistema, 4, **{"Idempotency-Key": clave})
    assert a.json() == b.json()
    assert b.headers["Idempotent-Replayed"] == "true"
    assert (c.status_code, c.json()["code"]) == (409, "clave_reutilizada")
    assert saldo(sistema) == antes + 3


def test_money_needs_a_key_and_a_confirmation(sistema: Sistema) -> None:
    s = sistema.sesion("distribuidor")
    ruta = f"/v1/ctis/{sistema.demo['cti']['id']}/transferencias"
    r = s.post(
        ruta, json={"cantidad": 1, "importe": "1.00", "confirmar": True}, headers={"Idempotency-Key": ""}
    )
    assert (r.status_code, r.json()["code"]) == (400, "clave_requerida")
    r = s.post(ruta, json={"cantidad": 1, "importe": "1.00"})
    assert (r.status_code, r.json()["code"]) == (422, "confirmacion_requerida")
    r = s.post(ruta, json={"cantidad": 1, "importe": "1.00", "confirmar": True, "cuenta_id": str(uuid4())})
    assert (r.status_code, r.json()["code"]) == (422, "datos_invalidos")
    assert "cuenta_id" in str(r.json()["errores"])


@pytest.mark.parametrize(
    ("nombre", "codigo", "sat"),
    [
        ("roto", "cfdi_invalido", "301"),
        ("xxe", "cfdi_invalido", "301"),
        ("bomba", "cfdi_invalido", "301"),
        ("ajeno", "cfdi_invalido", "308"),
        ("alterado", "cfdi_invalido", "CFDI40102"),
        ("viejo", "cfdi_invalido", "401"),
    ],
)
def test_a_bad_cfdi_gets_the_sats_code_in_spanish_and_spends_nothing(
    sistema: Sistema, nombre: str, codigo: str, sat: str
) -> None:
    antes = saldo(sistema)
    r = sistema.timbrar(_malo(sistema, nombre))
    assert (r.status_code, r.json()["code"], r.json()["codigo_sat"]) == (422, codigo, sat), r.text
    assert len(r.json()["detail"]) > 20
    assert saldo(sistema) == antes


def _malo(sistema: Sistema, nombre: str) -> bytes:
    bueno = sistema.factura()
    match nombre:
        case "roto":
            return bueno[:-20]
        case "xxe":
            return (
                b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
                + bueno.replace(b"?>", b"?>", 1)[38:]
            )
        case "bomba":
            return b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><a>&b;</a>'
        case "ajeno":
            return factura(Emisor.nuevo(Autoridad.nueva(), "EKU9003173C9"), folio=uuid4().hex[:8])
        case "alterado":
            return bueno.replace(b'Folio="', b'Folio="9', 1)
        case _:
            hace = datetime.now(ZoneInfo("America/Mexico_City")).replace(tzinfo=None) - timedelta(hours=73)
            return sistema.factura(fecha=hace)


def test_wrong_password_blocked_cti_and_oversize_body(sistema: Sistema) -> None:
    antes = saldo(sistema)
    xml = sistema.factura()
    r = sistema.timbrar(xml, **sistema.basica(contrasena="no-es-esta-no"))
    assert (r.status_code, r.json()["code"]) == (401, "credenciales_invalidas")
    r = requests.post(f"{sistema.url}/v1/timbrado", data=xml, timeout=30)
    assert (r.status_code, r.json()["code"]) == (401, "no_autenticado")
    r = sistema.timbrar(b"x" * (5 * 1024 * 1024))
    assert (r.status_code, r.json()["code"]) == (413, "cuerpo_demasiado_grande")
    s = sistema.sesion("distribuidor")
    bloqueo = f"/v1/ctis/{sistema.demo['cti']['id']}/bloqueo"
    assert s.put(bloqueo, json={"motivo": "Prueba"}).status_code == 200
    try:
        r = sistema.timbrar(xml)
        assert (r.status_code, r.json()["code"]) == (403, "cuenta_bloqueada")
    finally:
        assert s.delete(bloqueo).status_code == 200
    assert saldo(sistema) == antes
    assert sistema.timbrar(xml).status_code == 200


def test_induxsofts_json_to_the_letter(sistema: Sistema) -> None:
    credencial = {"cti": sistema.demo["cti"]["id"], "pwd": sistema.demo["cti"]["contrasena"]}

    def llamar(**cuerpo: Any) -> dict[str, Any]:
        r = requests.post(f"{sistema.url}/comprobantes/timbrar/", json={**credencial, **cuerpo}, timeout=30)
        assert r.status_code == 200
        respuesta: dict[str, Any] = r.json()
        return respuesta

    xml = sistema.factura()
    r = llamar(xml=base64.b64encode(BOM + xml).decode(), idd="pedido-1" + uuid4().hex)
    assert r["success"] is True
    assert set(r["data"]) == {"uuid", "xml", "idd", "tpo"}
    assert r["data"]["tpo"] == "cfdi"
    assert base64.b64decode(r["data"]["xml"]).startswith(BOM + b"<")
    otra = sistema.factura()
    r = llamar(xml=otra.decode(), nb64=True)
    assert r["data"]["xml"].startswith("<")
    assert r["data"]["idd"] == r["data"]["uuid"]
    r = llamar(xml="no es base64!!")
    assert r == {"success": False, "message": r["message"]}
    assert "301" in r["message"]


def test_a_stamped_cfdi_can_be_had_again_by_uuid_and_by_nobody_else(sistema: Sistema) -> None:
    xml = sistema.factura()
    hecho = sistema.timbrar(xml).json()
    r = requests.get(f"{sistema.url}/v1/timbrado/{hecho['uuid']}", headers=sistema.basica(), timeout=30)
    assert r.json()["xml"] == hecho["xml"]
    r = requests.get(f"{sistema.url}/v1/timbrado/{uuid4()}", headers=sistema.basica(), timeout=30)
    assert r.status_code == 404


def test_a_stranger_sees_nothing_of_a_tenant(sistema: Sistema) -> None:
    raiz = sistema.sesion("raiz")
    cti, nic = sistema.demo["cti"]["id"], sistema.demo["cliente"]["nic"]
    for ruta in (f"/v1/ctis/{cti}", f"/v1/ctis/{cti}/movimientos", f"/v1/clientes/{nic}"):
        r = raiz.get(ruta)
        assert (r.status_code, r.json()["code"]) == (404, "no_encontrado"), ruta
    assert requests.get(f"{sistema.url}/v1/ctis", timeout=30).status_code == 401


def test_a_new_cliente_has_a_cti_ready_to_stamp(sistema: Sistema) -> None:
    s = sistema.sesion("distribuidor")
    r = s.post("/v1/clientes", json={"nombre": "Comercializadora Ñandú", "rfc": "CÑA010203AB1"})
    assert r.status_code == 201, r.text
    cti = r.json()["cti"]
    assert cti["contrasena"]
    r = s.post(
        f"/v1/ctis/{cti['id']}/transferencias", json={"cantidad": 1, "importe": "1.00", "confirmar": True}
    )
    assert r.status_code == 201, r.text
    basica = sistema.basica(cti=cti["id"], contrasena=cti["contrasena"])
    assert sistema.timbrar(sistema.factura(), **basica).status_code == 200
    r = sistema.timbrar(sistema.factura(), **basica)
    assert (r.status_code, r.json()["code"]) == (402, "saldo_insuficiente")


def test_puntos_and_a_licence(sistema: Sistema) -> None:
    s = sistema.sesion("distribuidor")
    nic = sistema.demo["cliente"]["nic"]
    r = s.post(
        f"/v1/clientes/{nic}/puntos/transferencias",
        json={"puntos": "100.00", "importe": "100.00", "confirmar": True},
    )
    assert r.status_code == 201, r.text
    r = s.post(f"/v1/clientes/{nic}/licencias", json={"producto": "FACTUDESK"})
    assert r.status_code == 201, r.text
    documento = r.json()["documento"]
    r = s.post("/v1/licencias/validaciones", json={"documento": documento, "producto": "FACTUDESK"})
    assert r.json()["codigo"] == "VALIDA", r.text


@pytest.mark.parametrize(
    "ruta", ["/v1/timbres/movimientos", "/v1/puntos/movimientos", "/v1/ventas", "/v1/clientes", "/v1/ctis"]
)
def test_pages_follow_each_other_and_a_foreign_cursor_is_refused(sistema: Sistema, ruta: str) -> None:
    s = sistema.sesion("distribuidor")
    entera = s.get(f"{ruta}?limite=200").json()["datos"]
    assert len(entera) >= 2
    hojas: list[Any] = []
    siguiente: str | None = f"{ruta}?limite=2"
    while siguiente is not None:
        pagina = s.get(siguiente).json()
        hojas += pagina["datos"]
        cursor = pagina["siguiente"]
        siguiente = f"{ruta}?limite=2&cursor={cursor}" if cursor else None
    assert [h.get("id", h.get("nic")) for h in hojas] == [h.get("id", h.get("nic")) for h in entera]
    for ajeno in ("9" * 30, "WzBd", "x"):
        r = s.get(ruta, params={"cursor": ajeno})
        assert (r.status_code, r.json()["code"]) == (422, "datos_invalidos"), (ajeno, r.text)


def test_every_book_balances(sistema: Sistema) -> None:
    sistema.cuadrar()
