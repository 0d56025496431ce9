"""A program works with an API key of the CM: within its scopes, and until it is revoked."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.sistema import Sistema, hasta


@pytest.fixture(scope="module")
def duena(sistema: Sistema) -> requests.Session:
    return sistema.sesion("distribuidor")


def crear(duena: requests.Session, **datos: Any) -> dict[str, Any]:
    r = duena.post("/v1/llaves-api", json={"nombre": "ERP", **datos})
    assert r.status_code == 201, r.text
    assert r.headers["Cache-Control"] == "no-store"
    hecha: dict[str, Any] = r.json()
    return hecha


def con(sistema: Sistema, llave: str, metodo: str, ruta: str, **como: Any) -> requests.Response:
    cabeceras = {"Authorization": f"Bearer {llave}", "Idempotency-Key": str(uuid4())}
    return requests.request(metodo, f"{sistema.url}{ruta}", headers=cabeceras, timeout=30, **como)


def test_un_programa_trabaja_con_su_llave_hasta_que_se_revoca(
    sistema: Sistema, duena: requests.Session
) -> None:
    hecha = crear(duena, alcances=["clientes:leer", "clientes:escribir", "timbres:leer"])
    llave = hecha["llave"]
    r = con(sistema, llave, "POST", "/v1/clientes", json={"nombre": "Alta por programa"})
    assert r.status_code == 201, r.text
    nic, cti = r.json()["nic"], r.json()["cti"]["id"]
    r = con(sistema, llave, "GET", f"/v1/clientes/{nic}")
    assert (r.status_code, r.json()["nombre"]) == (200, "Alta por programa")
    assert con(sistema, llave, "GET", "/v1/clientes").status_code == 200
    assert con(sistema, llave, "GET", "/v1/timbres").status_code == 200

    transferencia = {"cantidad": 1, "importe": "1.00", "confirmar": True}
    r = con(sistema, llave, "POST", f"/v1/ctis/{cti}/transferencias", json=transferencia)
    assert (r.status_code, r.json()["code"], r.json()["alcance"]) == (403, "no_permitido", "timbres:mover")
    for metodo, ruta in (
        ("GET", "/v1/perfiles/yo"),
        ("GET", "/v1/llaves-api"),
        ("DELETE", f"/v1/llaves-api/{hecha['llave_id']}"),
        ("GET", "/v1/operacion/pacs"),
    ):
        r = con(sistema, llave, metodo, ruta)
        assert (r.status_code, r.json()["code"]) == (403, "no_permitido"), ruta

    [vista] = [x for x in duena.get("/v1/llaves-api").json()["datos"] if x["llave_id"] == hecha["llave_id"]]
    assert "llave" not in vista
    assert vista["usada_en"] is not None

    def asientos() -> set[tuple[str, str]]:
        datos = duena.get("/v1/auditoria", params={"actor": hecha["llave_id"]}).json()["datos"]
        return {(x["actor_tipo"], x["accion"]) for x in datos}

    hasta(lambda: ("llave", "clientes.crear_cliente_v1") in asientos())
    assert {tipo for tipo, _ in asientos()} == {"llave"}

    for _ in range(2):
        r = duena.delete(f"/v1/llaves-api/{hecha['llave_id']}")
        assert (r.status_code, bool(r.json()["revocada_en"])) == (200, True)
    hasta(lambda: con(sistema, llave, "GET", "/v1/clientes").status_code == 401, segundos=10)
    r = con(sistema, llave, "GET", "/v1/clientes")
    assert r.headers["WWW-Authenticate"].startswith("Bearer")
    assert r.json()["code"] == "no_autenticado"


def test_una_llave_mueve_timbres_solo_con_ese_alcance(sistema: Sistema, duena: requests.Session) -> None:
    alta = duena.post("/v1/clientes", json={"nombre": "Con llave que mueve"}).json()
    llave = crear(duena, alcances=["timbres:mover"])["llave"]
    ruta = f"/v1/ctis/{alta['cti']['id']}/transferencias"
    r = con(sistema, llave, "POST", ruta, json={"cantidad": 2, "importe": "1.00", "confirmar": True})
    assert r.status_code == 201, r.text
    assert con(sistema, llave, "GET", "/v1/timbres").status_code == 403


def test_solo_desde_sus_direcciones_y_mostrada_una_vez(sistema: Sistema, duena: requests.Session) -> None:
    ajena = crear(duena, alcances=["cuenta:leer"], redes=["203.0.113.0/24"])
    r = con(sistema, ajena["llave"], "GET", "/v1/cuenta")
    assert (r.status_code, r.json()["code"]) == (403, "no_permitido")
    clave = {"Idempotency-Key": str(uuid4())}
    cuerpo = {"nombre": "ERP", "alcances": ["cuenta:leer"], "redes": ["127.0.0.1"]}
    r = duena.post("/v1/llaves-api", json=cuerpo, headers=clave)
    assert con(sistema, r.json()["llave"], "GET", "/v1/cuenta").status_code == 200
    otra = duena.post("/v1/llaves-api", json=cuerpo, headers=clave)
    assert (otra.json()["llave"], otra.json()["llave_id"]) == (None, r.json()["llave_id"])


@pytest.mark.parametrize(
    ("datos", "campo"),
    [
        ({"alcances": []}, "alcances"),
        ({"alcances": ["todo"]}, "alcances"),
        ({"nombre": "  "}, "nombre"),
        ({"redes": ["casa"]}, "redes.0"),
        ({"vence_en": "2020-01-01T00:00:00Z"}, "vence_en"),
        ({"vence_en": "2099-01-01T00:00:00"}, "vence_en"),
        ({"rol": "titular"}, "rol"),
    ],
)
def test_lo_que_no_es_una_llave(duena: requests.Session, datos: dict[str, Any], campo: str) -> None:
    r = duena.post("/v1/llaves-api", json={"nombre": "ERP", "alcances": ["cuenta:leer"], **datos})
    assert (r.status_code, list(r.json()["errores"])) == (422, [campo])
