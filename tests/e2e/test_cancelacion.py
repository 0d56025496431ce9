"""Cancelling over HTTP as a stranger with /docs would: acuse, state, printed representation, the portal's lists."""

from __future__ import annotations

import base64
import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from shared.testing import cfdi
from tests.sistema import Sistema, hasta

CLAVE = "la-del-csd-1"


@pytest.fixture(scope="module", autouse=True)
def timbres(sistema: Sistema) -> None:
    r = sistema.sesion("distribuidor").post(
        f"/v1/ctis/{sistema.demo['cti']['id']}/transferencias",
        json={"cantidad": 40, "importe": "40.00", "confirmar": True},
    )
    assert r.status_code == 201, r.text


def csd(sistema: Sistema) -> dict[str, str]:
    llave = sistema.emisor.par.llave.private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(CLAVE.encode())
    )
    return {
        "certificado": base64.b64encode(sistema.emisor.par.der).decode(),
        "llave": base64.b64encode(llave).decode(),
        "contrasena_llave": CLAVE,
    }


def timbrada(sistema: Sistema, *, libre: bool = True) -> str:
    """UUID of a fresh document that is cancelled without acceptance (`libre`), or only with it."""
    xml = cfdi.traslado(sistema.emisor, uuid4().int % 10**9, lineas=1) if libre else sistema.factura()
    r = sistema.timbrar(xml)
    assert r.status_code == 200, r.text
    return str(r.json()["uuid"])


def cancelar(sistema: Sistema, uuid: str, **cuerpo: Any) -> requests.Response:
    return requests.post(
        f"{sistema.url}/v1/timbrado/{uuid}/cancelacion",
        json={"motivo": "02", **csd(sistema), **cuerpo},
        headers=sistema.basica(),
        timeout=30,
    )


def leer(sistema: Sistema, ruta: str, **headers: str) -> requests.Response:
    return requests.get(f"{sistema.url}{ruta}", headers={**sistema.basica(), **headers}, timeout=60)


def test_a_document_is_cancelled_with_its_acuse_and_its_pdf_says_so(sistema: Sistema) -> None:
    uuid = timbrada(sistema)
    estado = leer(sistema, f"/v1/timbrado/{uuid}/estado").json()
    assert (estado["estado"], estado["es_cancelable"], estado["cancelacion"]) == (
        "Vigente", "Cancelable sin aceptación", None,
    )  # fmt: skip
    assert leer(sistema, f"/v1/timbrado/{uuid}/acuse").status_code == 404
    pdf = leer(sistema, f"/v1/timbrado/{uuid}", Accept="application/pdf")
    assert (pdf.status_code, pdf.headers["Content-Type"]) == (200, "application/pdf"), pdf.text[:300]
    assert pdf.content.startswith(b"%PDF-")
    r = cancelar(sistema, uuid)
    assert (r.status_code, r.json()["estado"], r.json()["codigo"]) == (200, "cancelada", "201"), r.text
    assert r.json()["uuid"] == uuid
    acuse = leer(sistema, f"/v1/timbrado/{uuid}/acuse")
    assert acuse.headers["Content-Type"].startswith("application/xml")
    assert acuse.text == r.json()["acuse"]
    assert uuid in acuse.text
    estado = leer(sistema, f"/v1/timbrado/{uuid}/estado").json()
    assert (estado["estado"], estado["cancelacion"]["estado"]) == ("Cancelado", "cancelada")
    descargado = leer(sistema, f"/v1/timbrado/{uuid}").json()
    assert descargado["cancelacion"]["estado"] == "cancelada"
    assert leer(sistema, f"/v1/timbrado/{uuid}", Accept="application/xml").text == descargado["xml"]
    # Again: what became of it; with another motive: no.
    assert cancelar(sistema, uuid).json() == r.json()
    otro = cancelar(sistema, uuid, motivo="03")
    assert (otro.status_code, otro.json()["code"]) == (409, "conflicto")


def test_a_receiver_accepts_or_refuses(sistema: Sistema) -> None:
    raiz = sistema.sesion("raiz")
    for aceptada, final, sat in ((True, "cancelada", "Cancelado"), (False, "rechazada", "Vigente")):
        uuid = timbrada(sistema, libre=False)
        r = cancelar(sistema, uuid, motivo="03")
        assert (r.status_code, r.json()["estado"]) == (202, "en_proceso"), r.text
        assert int(r.headers["Retry-After"]) > 0
        respuesta = {"uuid": uuid, "aceptada": aceptada}
        assert (
            sistema.sesion("distribuidor").post("/v1/operacion/pac-pruebas/aceptaciones", json=respuesta)
        ).status_code == 403
        assert raiz.post("/v1/operacion/pac-pruebas/aceptaciones", json=respuesta).status_code == 204
        assert raiz.post("/v1/operacion/pac-pruebas/aceptaciones", json=respuesta).status_code == 404
        estado = leer(sistema, f"/v1/timbrado/{uuid}/estado").json()
        assert (estado["estado"], estado["cancelacion"]["estado"]) == (sat, final)
        assert estado["cancelacion"]["acuse"] == r.json()["acuse"]


def test_an_answer_that_was_lost_is_found_without_the_key(sistema: Sistema) -> None:
    uuid = timbrada(sistema)
    r = sistema.sesion("raiz").post(
        "/v1/operacion/pac-pruebas/fallas",
        json={"modo": "cancelacion_sin_respuesta_despues", "veces": 1},
    )
    assert r.status_code == 204
    r = cancelar(sistema, uuid)
    assert (r.status_code, r.json()["estado"]) == (202, "solicitada")

    def terminada() -> Any:
        hecha = leer(sistema, f"/v1/timbrado/{uuid}").json()["cancelacion"]
        return hecha if hecha["estado"] == "cancelada" else None

    assert hasta(terminada)["acuse"]


def test_each_refusal_says_what_to_do(sistema: Sistema) -> None:
    uuid = timbrada(sistema)
    for cuerpo, status, codigo, campo in (
        ({"motivo": "05"}, 422, "datos_invalidos", "motivo"),
        ({"motivo": "01"}, 422, "datos_invalidos", "sustituye"),
        ({"motivo": "01", "sustituye": uuid}, 422, "datos_invalidos", "sustituye"),
        ({"sustituye": str(uuid4())}, 422, "datos_invalidos", "sustituye"),
        ({"sustituye": "x"}, 422, "datos_invalidos", "sustituye"),
        ({"contrasena_llave": "no"}, 422, "datos_invalidos", "contrasena_llave"),
        ({"llave": None}, 422, "datos_invalidos", "llave"),
        ({"solicitud": "AAAA"}, 422, "datos_invalidos", "solicitud"),
        ({"cti": "X"}, 422, "datos_invalidos", "cti"),
    ):
        r = cancelar(sistema, uuid, **cuerpo)
        assert (r.status_code, r.json()["code"], list(r.json()["errores"])) == (status, codigo, [campo]), (
            r.text
        )
        assert CLAVE not in r.text
    sistema.sesion("raiz").post(
        "/v1/operacion/pac-pruebas/fallas", json={"modo": "cancelacion_rechazar", "veces": 1}
    )
    r = cancelar(sistema, uuid)
    assert (r.status_code, r.json()["code"], r.json()["codigo_sat"]) == (422, "pac_rechazo", "204"), r.text
    assert r.json()["cancelacion"]["estado"] == "rechazada"
    assert cancelar(sistema, str(uuid4())).status_code == 404
    assert cancelar(sistema, "no-es-uuid").status_code == 404
    r = requests.post(f"{sistema.url}/v1/timbrado/{uuid}/cancelacion", json={"motivo": "02"}, timeout=30)
    assert (r.status_code, r.headers["WWW-Authenticate"][:5]) == (401, "Basic")
    r = requests.post(
        f"{sistema.url}/v1/timbrado/{uuid}/cancelacion", data=b"[1]", headers=sistema.basica(), timeout=30
    )
    assert r.status_code == 422
    assert leer(sistema, f"/v1/timbrado/{uuid}/estado").json()["estado"] == "Vigente"
    r = requests.post(
        f"{sistema.url}/v1/timbrado/validaciones",
        data=sistema.factura().replace(b'Folio="', b'Folio="9', 1),
        headers=sistema.basica(),
        timeout=30,
    )
    assert (r.status_code, r.json()["codigo_sat"], r.json()["nodo"]) == (
        422, "CFDI40102", "Comprobante/@Sello",
    )  # fmt: skip


def test_the_portal_lists_downloads_and_asks(sistema: Sistema) -> None:
    s, cti = sistema.sesion("distribuidor"), sistema.demo["cti"]["id"]
    cancelado, vigente = timbrada(sistema), timbrada(sistema)
    assert cancelar(sistema, cancelado).status_code == 200
    ruta = f"/v1/ctis/{cti}/timbrados"
    hojas: list[dict[str, Any]] = []
    parametros: dict[str, Any] = {"limite": 3}
    for _ in range(3):
        pagina = s.get(ruta, params=parametros).json()
        hojas += pagina["datos"]
        parametros["cursor"] = pagina["siguiente"]
    assert [h["uuid"] for h in hojas[:2]] == [vigente, cancelado]
    assert [h["estado"] for h in hojas[:2]] == ["timbrado", "cancelado"]
    assert len({h["id"] for h in hojas}) == len(hojas)
    hace = datetime.now(UTC) - timedelta(minutes=30)
    filtros: list[dict[str, Any]] = [
        {"uuid": cancelado},
        {"estado": "cancelado", "limite": 1},
        {"receptor": sistema.emisor.rfc, "desde": hace.isoformat(), "limite": 1, "estado": "cancelado"},
    ]
    for filtro in filtros:
        assert [h["uuid"] for h in s.get(ruta, params=filtro).json()["datos"]] == [cancelado], filtro
    assert s.get(ruta, params={"hasta": hace.isoformat(), "desde": hace.isoformat()}).status_code == 422
    assert s.get(ruta, params={"estado": "x"}).status_code == 422
    filas = list(
        csv.DictReader(io.StringIO(s.get(ruta, headers={"Accept": "text/csv"}).content.decode("utf-8-sig")))
    )
    assert filas[0]["uuid"] == vigente
    uno = f"/v1/comprobantes/{cancelado}"
    assert s.get(uno).json()["cancelacion"]["estado"] == "cancelada"
    assert s.get(uno, headers={"Accept": "application/xml"}).text == s.get(uno).json()["xml"]
    pdf = s.get(uno, headers={"Accept": "application/pdf"}, timeout=60)
    assert pdf.content.startswith(b"%PDF-")
    assert s.get(f"{uno}/estado").json()["estado"] == "Cancelado"
    assert cancelado in s.get(f"{uno}/acuse").text
    raiz = sistema.sesion("raiz")
    for ajena in (uno, f"{uno}/estado", f"{uno}/acuse", ruta):
        assert raiz.get(ajena).status_code == 404, ajena
