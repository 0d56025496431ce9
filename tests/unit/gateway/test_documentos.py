"""The routes of a CTI's documents, with an engine by hand: what it is asked, and how each answer is told."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from werkzeug.test import Client, TestResponse

from services.gateway import documentos
from services.gateway.server import Frente
from shared.contracts import timbrado as c
from shared.errors import Codigo, DomainError

FOLIO = UUID("5803eb8d-81cd-4557-8719-26632d2fa434")
BASICA = {"Authorization": "Basic " + base64.b64encode(b"CTI1:secreta123").decode()}
CSD = {"certificado": "QQ==", "llave": "QQ==", "contrasena_llave": "x"}


def cancelacion(estado: str = "cancelada", **datos: Any) -> c.Cancelacion:
    campos: dict[str, Any] = {
        "uuid": FOLIO, "estado": estado, "motivo": "02", "codigo": "201", "acuse": "<Acuse/>",
        "solicitada_en": datetime(2026, 11, 24, tzinfo=UTC),
    }  # fmt: skip
    return c.Cancelacion(**(campos | datos))


class Motor:
    def __init__(self) -> None:
        self.pedido: Any = None
        self.cancelacion: c.Cancelacion | None = None

    def llamar(self, contrato: Any, peticion: Any) -> Any:
        self.pedido = peticion
        if contrato is c.CANCELAR_TIMBRADO:
            return self.cancelacion
        if contrato is c.CONSULTAR_ESTADO:
            return c.EstadoDeTimbrado(uuid=FOLIO, estado="Vigente", cancelacion=self.cancelacion)
        return c.Comprobante(
            uuid=FOLIO, idd="mi-1", tipo="I", emisor="A", receptor="B", total=Decimal("1.00"), pac="sandbox",
            timbrado_en=datetime(2026, 11, 24, tzinfo=UTC), xml="<x/>", cancelacion=self.cancelacion,
        )  # fmt: skip


@pytest.fixture
def motor() -> Motor:
    return Motor()


@pytest.fixture
def http(motor: Motor) -> Client:
    def nada(environ: Any, start_response: Any) -> list[bytes]:
        start_response("404 Not Found", [])
        return []

    frente = Frente(nada, {}, 10_000, prefijos=documentos.rutas(motor))  # type: ignore[arg-type]
    # The server tells the address; werkzeug's client does not.
    return Client(
        lambda environ, start_response: frente({**environ, "REMOTE_ADDR": "127.0.0.1"}, start_response)
    )


def pedir(http: Client, cuerpo: Any, **headers: str) -> TestResponse:
    return http.post(f"/v1/timbrado/{FOLIO}/cancelacion", json=cuerpo, headers={**BASICA, **headers})


@pytest.mark.parametrize(
    ("estado", "status", "espera"),
    [
        ("cancelada", 200, None),
        ("en_proceso", 202, "3600"),
        ("solicitada", 202, "5"),
        ("rechazada", 422, None),
    ],
)
def test_each_state_has_its_status(
    http: Client, motor: Motor, estado: str, status: int, espera: str | None
) -> None:
    motor.cancelacion = cancelacion(estado, codigo="204", detalle="Cancele primero los relacionados.")
    r = pedir(http, {"motivo": "02", **CSD})
    assert (r.status_code, r.headers.get("Retry-After")) == (status, espera)
    assert r.json is not None
    if estado == "rechazada":
        assert (r.json["code"], r.json["codigo_sat"]) == ("pac_rechazo", "204")
        assert r.json["cancelacion"]["estado"] == "rechazada"
    else:
        assert (r.json["uuid"], r.json["estado"]) == (str(FOLIO).upper(), estado)


def test_the_document_is_its_own_key_unless_the_caller_has_one(http: Client, motor: Motor) -> None:
    motor.cancelacion = cancelacion()
    claves = []
    for motivo, headers in (("02", {}), ("02", {}), ("03", {}), ("02", {"Idempotency-Key": "mia"})):
        assert pedir(http, {"motivo": motivo, **CSD}, **headers).status_code == 200
        claves.append(motor.pedido.clave)
    assert claves[0] == claves[1]
    assert len(set(claves)) == 3
    assert claves[3] == "CTI1:mia"
    assert pedir(http, {"motivo": "02", **CSD}, **{"Idempotency-Key": "con espacio"}).status_code == 422
    assert motor.pedido.ip == "127.0.0.1"
    assert "secreta123" not in repr(motor.pedido)


@pytest.mark.parametrize(
    ("cuerpo", "campo"),
    [
        ({}, "motivo"),
        ({"motivo": "5"}, "motivo"),
        ({"motivo": "02", "uuid": str(FOLIO)}, "uuid"),
        ({"motivo": "02", "clave": "x"}, "clave"),
        ({"motivo": "01", "sustituye": 7}, "sustituye"),
    ],
)
def test_a_bad_body_names_its_field_in_spanish(
    http: Client, motor: Motor, cuerpo: dict[str, Any], campo: str
) -> None:
    r = pedir(http, cuerpo)
    assert r.json is not None
    assert (r.status_code, list(r.json["errores"])) == (422, [campo])
    assert motor.pedido is None


def test_what_is_asked_by_each_path(http: Client, motor: Motor) -> None:
    for ruta, clase, clave in (
        (f"/v1/timbrado/{FOLIO}", c.ConsultarComprobante, str(FOLIO)),
        (f"/v1/timbrado/{FOLIO}/estado", c.ConsultarEstado, FOLIO),
        ("/v1/timbrado/pedido%2F15", c.ConsultarComprobante, "pedido/15"),
        ("/v1/timbrado/pedido/estado", c.ConsultarComprobante, "pedido/estado"),
        ("/v1/timbrado/%C3%B1", c.ConsultarComprobante, "ñ"),
    ):
        assert http.get(ruta, headers=BASICA).status_code == 200
        assert isinstance(motor.pedido, clase)
        assert (
            getattr(motor.pedido, "uuid_o_idd", None) == clave or getattr(motor.pedido, "uuid", None) == clave
        )
        assert motor.pedido.ip == "127.0.0.1"
    sin = http.get(f"/v1/timbrado/{FOLIO}")
    assert (sin.status_code, sin.headers["WWW-Authenticate"][:5]) == (401, "Basic")
    assert http.get(f"/v1/timbrado/{FOLIO}/acuse", headers=BASICA).status_code == 404
    motor.cancelacion = cancelacion()
    assert http.get(f"/v1/timbrado/{FOLIO}/acuse", headers=BASICA).text == "<Acuse/>"
    assert http.post(f"/v1/timbrado/{FOLIO}/otra", headers=BASICA).status_code == 404
    assert http.post("/v1/timbrado/x/cancelacion", headers=BASICA, json={}).status_code == 404


class Imprenta:
    def __init__(self, falla: bool) -> None:
        self.falla = falla
        self.cancelado: bool | None = None

    def pdf(self, xml: str, *, cancelado: bool) -> bytes:
        self.cancelado = cancelado
        if self.falla:
            raise DomainError(Codigo.NO_DISPONIBLE, "La representación impresa tardó demasiado.")
        return b"%PDF-" + xml.encode()


@pytest.mark.parametrize(
    ("acepta", "tipo"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/xml", "application/xml"),
        ("application/pdf", "application/pdf"),
        ("application/json;q=0.1, application/pdf", "application/pdf"),
        ("text/plain", "application/json"),
    ],
)
def test_the_callers_accept_chooses(
    http: Client, motor: Motor, monkeypatch: pytest.MonkeyPatch, acepta: str, tipo: str
) -> None:
    imprenta = Imprenta(falla=False)
    monkeypatch.setattr(documentos, "taller", lambda: imprenta)
    motor.cancelacion = cancelacion()
    r = http.get(f"/v1/timbrado/{FOLIO}", headers={**BASICA, "Accept": acepta})
    assert (r.status_code, r.mimetype, r.headers["Vary"]) == (200, tipo, "Accept")
    if tipo == "application/pdf":
        assert r.data == b"%PDF-<x/>"
        assert imprenta.cancelado is True


def test_a_drawing_that_fails_is_503(http: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documentos, "taller", lambda: Imprenta(falla=True))
    r = http.get(f"/v1/timbrado/{FOLIO}", headers={**BASICA, "Accept": "application/pdf"})
    assert r.json is not None
    assert (r.status_code, r.json["code"]) == (503, "no_disponible")
