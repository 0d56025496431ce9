"""Idempotency, lists as CSV, health, the front, and the OpenAPI document."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from cryptography.fernet import Fernet
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import Client as WsgiClient

from services.gateway import auth, salud, server
from services.gateway.app import crear_app
from services.gateway.csv import celda
from services.gateway.openapi import documento
from services.gateway.schemas import dos_decimales
from services.gateway.server import Frente
from services.gateway.timbrado import rutas_calientes
from shared.config import settings
from shared.contracts import clientes as c

from .conftest import CUENTA_A, ClienteDeMentira

CLIENTE = c.Cliente(
    cuenta_id=uuid.UUID(int=1), cliente_id=uuid.UUID(int=3), nic=7, cti="C1", nombre="Ana", version=1,
    creado_en=datetime(2026, 11, 24, tzinfo=UTC), precio_especifico=Decimal("1.5"),
)  # fmt: skip


def test_clave_de_idempotencia(http: Any, rpc: ClienteDeMentira, con_sesion: dict[str, str]) -> None:
    rpc.respuesta = (CLIENTE, False)
    for clave in (None, "", "x" * 201, "con espacio"):
        cabeceras = {**con_sesion, **({} if clave is None else {"Idempotency-Key": clave})}
        r = http.post("/v1/clientes", json={"nombre": "Ana"}, headers=cabeceras)
        assert (r.status_code, r.json["code"]) == (400, "clave_requerida")
        assert "Idempotency-Key" in r.json["detail"]
    r = http.post("/v1/clientes", json={"nombre": "Ana"}, headers={**con_sesion, "Idempotency-Key": "k1"})
    assert r.status_code == 201
    assert "Idempotent-Replayed" not in r.headers
    assert rpc.llamadas[0][1].clave == f"{CUENTA_A}:k1"
    assert r.json["precio_especifico"] == "1.50"
    assert "cuenta_id" not in r.json
    rpc.respuesta = (CLIENTE, True)
    r = http.post("/v1/clientes", json={"nombre": "Ana"}, headers={**con_sesion, "Idempotency-Key": "k1"})
    assert r.headers["Idempotent-Replayed"] == "true"


def test_lo_que_llena_el_gateway_no_se_acepta_del_cuerpo(http: Any, con_sesion: dict[str, str]) -> None:
    for campo in ("cuenta_id", "clave", "actor"):
        r = http.post("/v1/clientes", json={"nombre": "Ana", campo: CUENTA_A}, headers=con_sesion)
        assert (r.status_code, list(r.json["errores"])) == (422, [campo])


def test_lista_en_json_y_csv(http: Any, con_sesion: dict[str, str]) -> None:
    r = http.get("/v1/cosas", headers=con_sesion)
    assert r.json["siguiente"] == "abc"
    assert r.json["datos"][0]["importe"] == "5.00"
    r = http.get("/v1/cosas?limite=2", headers={**con_sesion, "Accept": "text/csv"})
    assert r.content_type == "text/csv; charset=utf-8"
    assert r.headers["Link"] == '</v1/cosas?limite=2&cursor=abc>; rel="next"'
    lineas = r.data.decode("utf-8-sig").splitlines()
    vacia = http.get("/v1/cosas?limite=1", headers={**con_sesion, "Accept": "text/csv"})
    assert vacia.data.decode("utf-8-sig") == "nombre,cuantos,tipo,importe,etiquetas\r\n"
    assert lineas[0] == "nombre,cuantos,tipo,importe,etiquetas"
    assert lineas[1] == '\'=1+1,1,a,5.00,"[""x"",""y""]"'
    assert lineas[2] == '"Ñandú, ""dos""",-2,,-3.50,'


@pytest.mark.parametrize("texto", ["=1", "+1", "-1+2", "@x", "\t=1", "  =1", "\n=1", "-", "--1", "-1.2.3"])
def test_formulas_desarmadas(texto: str) -> None:
    assert celda(texto).startswith("'")


@given(st.text())
def test_ninguna_celda_empieza_como_formula(texto: str) -> None:
    salida = celda(texto)
    numero = salida.removeprefix("-").replace(".", "", 1)
    assert not salida.lstrip(" ").startswith(("=", "+", "@", "\t", "\r"))
    assert not salida.lstrip(" ").startswith("-") or numero.isdigit()


@pytest.mark.parametrize(
    ("valor", "texto"),
    [("1250", "1250.00"), ("0.8500", "0.85"), ("0.8575", "0.8575"), ("1E+3", "1000.00"), ("-0.5", "-0.50")],
)
def test_dos_decimales(valor: str, texto: str) -> None:
    assert dos_decimales(Decimal(valor)) == texto


@pytest.mark.parametrize("importe", ["1.234", "NaN", "Infinity", "1e999999", "", "1,000.00", 5, 5.0, True])
def test_importes_que_no_se_aceptan(http: Any, con_sesion: dict[str, str], importe: Any) -> None:
    r = http.post("/v1/cosas", json={"nombre": "Ana", "importe": importe}, headers=con_sesion)
    assert (r.status_code, list(r.json["errores"])) == (422, ["importe"])


def test_salud(http: Any, rpc: ClienteDeMentira) -> None:
    assert http.get("/salud/viva").json == {"estado": "viva"}
    r = http.get("/salud/lista")
    assert r.status_code == 200
    assert r.json["servicios"] == dict.fromkeys(salud.SERVICIOS, "lista")
    http.get("/salud/lista")
    assert len(rpc.llamadas) == len(salud.SERVICIOS)


def test_salud_con_un_servicio_caido(http: Any, rpc: ClienteDeMentira) -> None:
    rpc.caidos = {"puntos"}
    r = http.get("/salud/lista")
    assert r.status_code == 503
    assert r.json["servicios"]["puntos"] == "no_disponible"
    assert r.json["servicios"]["timbrado"] == "lista"


def test_documento_openapi(http: Any) -> None:
    doc = http.get("/openapi.json").json
    assert doc["openapi"] == "3.1.0"
    for esquema in doc["components"]["schemas"].values():
        jsonschema_rs.meta.validate(esquema)
    assert doc["components"]["schemas"]["Cosa"]["properties"]["importe"] == {
        "type": "string",
        "format": "decimal",
    }
    precio = doc["components"]["schemas"]["CrearCliente"]["properties"]["precio_especifico"]
    assert (precio["type"], precio["format"], "minimum" in precio) == (["string", "null"], "decimal", False)
    assert set(doc["components"]["securitySchemes"]) == {"bearer", "sesion", "llave", "cti", "sw"}
    crear = doc["paths"]["/v1/cosas"]["post"]
    assert crear["security"] == [{"bearer": []}, {"sesion": []}]
    assert doc["paths"]["/v1/falla"]["get"]["security"] == []
    por_omision = doc["components"]["responses"]["DEFAULT_ERROR"]["content"]
    assert list(por_omision) == ["application/problem+json"]
    assert crear["responses"]["default"] == {"$ref": "#/components/responses/DEFAULT_ERROR"}


@pytest.fixture
def completa(rpc: ClienteDeMentira) -> Flask:
    return crear_app(rpc)  # type: ignore[arg-type]


def test_un_numero_que_nadie_tiene_no_es_una_falla(
    completa: Flask, rpc: ClienteDeMentira, con_sesion: dict[str, str]
) -> None:
    rpc.respuesta = (CLIENTE, False)
    r = completa.test_client().get(f"/v1/clientes/{2**70}", headers=con_sesion)
    assert (r.status_code, rpc.llamadas[-1][1].nic) == (200, 2**63 - 1)


def test_todas_las_rutas_dicen_quien_puede(completa: Flask) -> None:
    assert auth.sin_marca(completa) == []


def test_el_documento_completo_es_valido(completa: Flask) -> None:
    doc = documento(completa.extensions["openapi"])
    assert documento(completa.extensions["openapi"]) == doc
    for esquema in doc["components"]["schemas"].values():
        jsonschema_rs.meta.validate(esquema)
    for ruta, metodos in doc["paths"].items():
        for metodo, operacion in metodos.items():
            if metodo != "parameters":
                assert operacion.get("summary"), f"{metodo} {ruta} has no summary"
                assert "security" in operacion
    referencias = set(re.findall(r'"\$ref": ?"#/([^"]+)"', json.dumps(doc)))
    for referencia in referencias:
        nodo = doc
        for parte in referencia.split("/"):
            nodo = nodo[parte]


def test_el_documento_dice_las_rutas_de_timbrado(
    completa: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "llaves").write_bytes(Fernet.generate_key())
    monkeypatch.setenv("DIALECTOS_KEY_FILE", str(tmp_path / "llaves"))
    settings.cache_clear()
    doc = documento(completa.extensions["openapi"])
    rpc: Any = ClienteDeMentira()
    # What ends in `*` is a beginning, whose paths are told by their templates.
    calientes = {(m.lower(), r) for m, r in rutas_calientes(rpc) if not r.endswith("*")}
    settings.cache_clear()
    documentadas = {(m, r) for r, metodos in doc["paths"].items() for m in metodos}
    assert {"/cfdi33/stamp/{version}", "/account/balance", "/security/authenticate"} <= set(doc["paths"])
    # Induxsoft's clients also ask without the final slash.
    assert {(m, r) for m, r in calientes if (m, f"{r}/") not in calientes} <= documentadas
    assert doc["paths"]["/v1/timbrado"]["post"]["security"] == [{"cti": []}]
    transferir = doc["paths"]["/v1/ctis/{cti}/transferencias"]["post"]
    assert {p["$ref"].rpartition("/")[2] for p in transferir["parameters"]} == {"Cuenta", "IdempotencyKey"}


def test_docs_sin_nada_de_fuera(http: Any) -> None:
    pagina = http.get("/docs")
    assert "http" not in pagina.text.replace("<!doctype html>", "")
    assert "'self'" in pagina.headers["Content-Security-Policy"]
    for archivo in ("swagger-ui.css", "swagger-ui-bundle.js", "inicio.js"):
        assert http.get(f"/docs/{archivo}").status_code == 200
    assert http.get("/docs/swagger-ui.LICENSE").status_code == 404


def _eco(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(len(environ["wsgi.input"].read())).encode()]


@pytest.fixture
def frente(app: Flask) -> WsgiClient:
    return WsgiClient(Frente(app, {("POST", "/eco"): _eco}, 100, prefijos={("GET", "/eco/"): _eco}))


def test_el_frente_reparte(frente: Any) -> None:
    assert frente.post("/eco", data=b"x" * 100).text == "100"
    assert frente.get("/eco/algo").text == "0"
    assert frente.get("/eco/").status_code == 404
    r = frente.put("/eco")
    assert (r.status_code, r.headers["Allow"]) == (405, "POST")
    assert frente.get("/salud/viva").json == {"estado": "viva"}
    r = frente.get("/salud/viva")
    assert r.headers["X-Frame-Options"] == "DENY"
    assert r.headers["Cache-Control"] == "no-store"
    assert "script-src 'self'" in frente.get("/docs").headers["Content-Security-Policy"]


def test_tope_del_cuerpo(frente: Any) -> None:
    for ruta in ("/eco", "/v1/cosas"):
        r = frente.post(ruta, data=b"x" * 101)
        assert (r.status_code, r.json["code"], r.mimetype) == (
            413, "cuerpo_demasiado_grande", "application/problem+json",
        )  # fmt: skip


class _Trozos:
    """An input in chunks: its length is not told."""

    def __init__(self, total: int) -> None:
        self.total = total

    def read(self, n: int) -> bytes:
        n = min(n, self.total)
        self.total -= n
        return b"x" * n


def test_cuerpo_por_trozos() -> None:
    environ: dict[str, Any] = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": _Trozos(100)}
    server.leer_cuerpo(environ, 100)
    assert (environ["CONTENT_LENGTH"], len(environ["wsgi.input"].read())) == ("100", 100)
    resto = _Trozos(10_000_000)
    with pytest.raises(server._CuerpoMal) as exc:
        server.leer_cuerpo({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": resto}, 100)
    assert exc.value.status == 413
    assert resto.total > 9_000_000


def test_cuerpo_incompleto_o_largo_mal_escrito() -> None:
    for environ in (
        {"CONTENT_LENGTH": "10", "wsgi.input": _Trozos(5)},
        {"CONTENT_LENGTH": "-1", "wsgi.input": _Trozos(5)},
        {"CONTENT_LENGTH": "+5", "wsgi.input": _Trozos(5)},
    ):
        with pytest.raises(server._CuerpoMal) as exc:
            server.leer_cuerpo(environ, 100)
        assert exc.value.status == 400


def test_correlacion(frente: Any) -> None:
    traza = "a" * 31 + "1"
    r = frente.get("/v1/nada", headers={"traceparent": f"00-{traza}-{'b' * 16}-01"})
    assert r.headers["X-Correlation-Id"] == r.json["correlation_id"] == traza
    for mala in (
        "x",
        f"00-{'0' * 32}-{'b' * 16}-01",
        f"00-{traza}-{'b' * 16}-01x",
        f"ff-{traza}-{'b' * 16}-01",
    ):
        otra = frente.get("/v1/nada", headers={"traceparent": mala})
        assert otra.headers["X-Correlation-Id"] != traza
        assert len(otra.headers["X-Correlation-Id"]) == 32
