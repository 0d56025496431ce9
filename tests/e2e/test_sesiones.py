"""Sessions over HTTP: listed, revoked, renewed; what changes in clientes holds within seconds; limits of sign-in."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
import requests
from sqlalchemy import text

from shared.persistence.base import new_engine
from tests.sistema import Sistema, hasta

PAPEL = "distribuidor"


def entrar(sistema: Sistema, **datos: Any) -> requests.Response:
    quien = {k: sistema.demo[PAPEL][k] for k in ("usuario", "contrasena")}
    cabeceras = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"}
    return requests.post(f"{sistema.url}/v1/sesiones", json={**quien, **datos}, headers=cabeceras, timeout=30)


def pedir(sistema: Sistema, sesion: dict[str, Any], metodo: str, ruta: str, **como: Any) -> requests.Response:
    cabeceras = {"Authorization": f"Bearer {sesion['acceso']}", "Idempotency-Key": str(uuid4())}
    return requests.request(metodo, f"{sistema.url}{ruta}", headers=cabeceras, timeout=30, **como)


def sql(sistema: Sistema, orden: str, **datos: Any) -> None:
    motor = new_engine(sistema.instalacion.base("clientes"), 1)
    try:
        with motor.begin() as conexion:
            assert conexion.execute(text(orden), datos).rowcount == 1
    finally:
        motor.dispose()


@pytest.fixture
def sesion(sistema: Sistema) -> dict[str, Any]:
    r = entrar(sistema)
    assert r.status_code == 201, r.text
    hecha: dict[str, Any] = r.json()
    return hecha


def test_se_ven_se_cierran_y_su_token_muere(sistema: Sistema, sesion: dict[str, Any]) -> None:
    otra = entrar(sistema).json()
    vistas = {x["sesion_id"]: x for x in pedir(sistema, sesion, "GET", "/v1/sesiones").json()["datos"]}
    assert vistas[sesion["sesion_id"]]["actual"] is True
    assert vistas[otra["sesion_id"]]["actual"] is False
    assert vistas[otra["sesion_id"]]["dispositivo"] == "Firefox en Linux"
    assert pedir(sistema, otra, "GET", "/v1/perfiles/yo").status_code == 200
    assert pedir(sistema, sesion, "DELETE", f"/v1/sesiones/{uuid4()}").status_code == 404
    for _ in range(2):
        r = pedir(sistema, sesion, "DELETE", f"/v1/sesiones/{otra['sesion_id']}")
        assert r.status_code == 204, r.text
    hasta(lambda: pedir(sistema, otra, "GET", "/v1/perfiles/yo").status_code == 401, segundos=10)
    r = requests.post(
        f"{sistema.url}/v1/sesiones/renovaciones", json={"renovacion": otra["renovacion"]}, timeout=30
    )
    assert r.status_code == 401
    assert pedir(sistema, sesion, "DELETE", "/v1/sesiones").status_code == 204
    [queda] = pedir(sistema, sesion, "GET", "/v1/sesiones").json()["datos"]
    assert queda["sesion_id"] == sesion["sesion_id"]


def test_suspender_la_cuenta_vale_en_segundos(sistema: Sistema, sesion: dict[str, Any]) -> None:
    cuenta_id = sesion["cuentas"][0]["cuenta_id"]
    assert pedir(sistema, sesion, "POST", "/v1/clientes", json={"nombre": "Antes"}).status_code == 201
    cambio = "UPDATE cuentas_maestras SET estado = :estado WHERE cuenta_id = :id"
    sql(sistema, cambio.replace(" WHERE", ", proximo_aviso = NULL WHERE"), estado="suspendido", id=cuenta_id)
    try:

        def bloqueada() -> bool:
            r = pedir(sistema, sesion, "POST", "/v1/facturas", json={})
            return (r.status_code, r.json()["code"]) == (403, "cuenta_bloqueada")

        hasta(bloqueada, segundos=10)
        assert pedir(sistema, sesion, "GET", "/v1/clientes").status_code == 200
        r = pedir(sistema, sesion, "POST", "/v1/cuenta/renovaciones", json={"total": "1.00"})
        assert r.json()["code"] == "confirmacion_requerida"
    finally:
        sql(sistema, cambio, estado="activo", id=cuenta_id)
    hasta(
        lambda: pedir(sistema, sesion, "POST", "/v1/clientes", json={"nombre": "Ya"}).status_code == 201,
        segundos=10,
    )


def test_un_rol_cambiado_vale_en_segundos(sistema: Sistema) -> None:
    r = requests.post(
        f"{sistema.url}/v1/sesiones",
        json={k: sistema.demo["cliente"][k] for k in ("usuario", "contrasena")},
        timeout=30,
    )
    suya = r.json()
    cuenta_id = entrar(sistema).json()["cuentas"][0]["cuenta_id"]
    assert pedir(sistema, suya, "GET", "/v1/clientes").status_code == 403
    quien = {"c": cuenta_id, "p": suya["perfil_id"]}
    alta = "INSERT INTO usuarios (cuenta_id, perfil_id, rol, creado_en) VALUES (:c, :p, 'consulta', now())"
    sql(sistema, alta, **quien)
    try:
        hasta(lambda: pedir(sistema, suya, "GET", "/v1/clientes").status_code == 200, segundos=10)
        assert pedir(sistema, suya, "POST", "/v1/clientes", json={"nombre": "X"}).status_code == 403
    finally:
        sql(sistema, "DELETE FROM usuarios WHERE cuenta_id = :c AND perfil_id = :p", **quien)
    hasta(lambda: pedir(sistema, suya, "GET", "/v1/clientes").status_code == 403, segundos=10)


def test_adivinar_se_limita_y_el_dispositivo_conocido_entra(sistema: Sistema, sesion: dict[str, Any]) -> None:
    r = next(r for _ in range(20) if (r := entrar(sistema, contrasena="no es ésta")).status_code != 401)
    assert (r.status_code, r.json()["code"]) == (429, "demasiados_intentos")
    assert 0 < int(r.headers["Retry-After"]) <= 60
    assert entrar(sistema).status_code == 429, "nor the right one, from an unknown device behind that address"
    assert entrar(sistema, dispositivo=sesion["dispositivo"]).status_code == 201
    # The others' tests sign in from this address too.
    motor = new_engine(sistema.instalacion.base("clientes"), 1)
    with motor.begin() as conexion:
        conexion.execute(text("DELETE FROM intentos"))
    motor.dispose()
