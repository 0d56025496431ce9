"""The table of statuses and the form of every error."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway import traza
from services.gateway.errors import ESTADOS, problema
from shared.errors import Codigo, DomainError, cfdi_invalido

from .conftest import ClienteDeMentira

CAMPOS = {"type", "title", "status", "code", "detail", "errores", "correlation_id"}


def test_cada_codigo_tiene_su_estado() -> None:
    assert set(ESTADOS) == set(Codigo)
    assert all(400 <= estado < 600 and titulo for estado, titulo in ESTADOS.values())


@pytest.mark.parametrize("codigo", list(Codigo))
def test_forma_del_problema(codigo: Codigo) -> None:
    import orjson

    traza.correlation.set("f" * 32)
    linea, headers, cuerpo = problema(DomainError(codigo, "Haga esto.", errores={"a": ["b"]}))
    dato = orjson.loads(cuerpo)
    assert set(dato) == CAMPOS
    assert linea.startswith(f"{ESTADOS[codigo][0]} ")
    assert dato["status"] == ESTADOS[codigo][0]
    assert (dato["code"], dato["detail"], dato["errores"]) == (codigo, "Haga esto.", {"a": ["b"]})
    assert dato["correlation_id"] == "f" * 32
    nombres = dict(headers)
    assert nombres["Content-Type"] == "application/problem+json"
    assert nombres["Content-Length"] == str(len(cuerpo))
    assert ("Retry-After" in nombres) == (dato["status"] in {429, 503})


def test_los_datos_acompanan_y_no_pisan(http: Any) -> None:
    r = http.get("/v1/sin-saldo")
    assert r.status_code == 402
    assert r.json["disponible"] == 3
    assert r.json["status"] == 402
    _, _, cuerpo = problema(cfdi_invalido("CFDI40102", "El sello no corresponde."))
    assert b'"codigo_sat":"CFDI40102"' in cuerpo


def test_reintentar_en_lo_dice_el_error() -> None:
    _, headers, _ = problema(DomainError(Codigo.DEMASIADOS_INTENTOS, "Espere.", datos={"reintentar_en": 90}))
    assert ("Retry-After", "90") in headers


def test_lo_inesperado_no_se_cuenta(http: Any) -> None:
    r = http.get("/v1/falla")
    assert (r.status_code, r.json["code"]) == (500, "error_interno")
    assert "secreta" not in r.text
    _, _, cuerpo = problema(RuntimeError("contraseña=secreta"))
    assert b"secreta" not in cuerpo


def test_rutas_y_metodos_que_no_existen(http: Any) -> None:
    r = http.get("/v1/nada")
    assert (r.status_code, r.json["code"], r.mimetype) == (404, "no_encontrado", "application/problem+json")
    r = http.put("/v1/cosas")
    assert r.status_code == 405
    assert set(r.headers["Allow"].split(", ")) >= {"GET", "POST"}


def test_json_que_no_se_puede_leer(http: Any, con_sesion: dict[str, str]) -> None:
    r = http.post("/v1/cosas", data=b'{"nombre": ', content_type="application/json", headers=con_sesion)
    assert (r.status_code, r.json["code"]) == (400, "datos_invalidos")
    r = http.post("/v1/cosas", data=b"\xff\xfe", content_type="application/json", headers=con_sesion)
    assert r.status_code == 400


def test_validacion_en_espanol(http: Any, con_sesion: dict[str, str]) -> None:
    malo = {"cuantos": 0, "tipo": "z", "importe": 1.5, "etiquetas": [1], "sobra": 1}
    r = http.post("/v1/cosas", json=malo, headers=con_sesion)
    assert r.status_code == 422
    assert r.json["errores"] == {
        "nombre": ["Este campo es obligatorio."],
        "cuantos": ["Debe ser mayor o igual que 1."],
        "tipo": ["Debe ser uno de: a, b."],
        "importe": ['Escriba la cantidad como texto con punto decimal, por ejemplo "1250.00".'],
        "etiquetas.0": ["Debe ser un texto."],
        "sobra": ["Este campo no existe. Quítelo o revise cómo está escrito."],
    }
    r = http.post("/v1/cosas", json={"nombre": "demasiado"}, headers=con_sesion)
    assert r.json["errores"] == {"nombre": ["Escriba de 2 a 5."]}
    r = http.post("/v1/cosas", json=["no", "es", "objeto"], headers=con_sesion)
    assert r.status_code == 422


def test_argumentos_desconocidos_de_la_consulta(http: Any, con_sesion: dict[str, str]) -> None:
    r = http.get("/v1/cosas?limite=500&otro=1", headers=con_sesion)
    assert r.status_code == 422
    assert set(r.json["errores"]) == {"limite", "otro"}


def test_el_error_del_servicio_llega_entero(
    http: Any, rpc: ClienteDeMentira, con_sesion: dict[str, str]
) -> None:
    rpc.respuesta = DomainError(Codigo.NO_DISPONIBLE, "Intente luego.", datos={"reintentar_en": 2})
    cabeceras = {**con_sesion, "Idempotency-Key": "k"}
    r = http.post("/v1/clientes", json={"nombre": "Ana"}, headers=cabeceras)
    assert (r.status_code, r.json["detail"], r.headers["Retry-After"]) == (503, "Intente luego.", "2")
