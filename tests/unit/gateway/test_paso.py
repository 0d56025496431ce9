"""Who has a second factor shows it again for what is worth much."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from services.gateway import auth
from services.gateway.app import crear_app
from services.gateway.auth import requiere_sesion
from services.gateway.paso import VERIFICAR_EN, exigir_paso
from shared.config import settings
from shared.contracts import clientes as cl
from shared.contracts import puntos as pu
from shared.contracts import timbrado as ti

from .conftest import ClienteDeMentira, Token


@pytest.fixture
def http(rpc: ClienteDeMentira) -> Any:
    app: Flask = crear_app(
        rpc,  # type: ignore[arg-type]
        rutas=("transferencias", "masivas", "puntos", "ctis", "perfiles"),
    )

    @app.route("/prueba/<int:timbres>", methods=["POST"])
    @requiere_sesion("operador")
    def prueba(timbres: int) -> dict[str, Any]:
        exigir_paso(timbres=timbres)
        return {}

    assert auth.sin_marca(app) == []
    return app.test_client()


def con(token: Token, **claims: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(**claims)}", "Idempotency-Key": "k"}


def test_limite_exacto(http: Any, token: Token) -> None:
    viejo = con(token, sf=int(time.time()) - 400)
    limite = settings().paso_timbres
    assert limite == 10_000
    assert http.post(f"/prueba/{limite}", headers=viejo).status_code == 200
    r = http.post(f"/prueba/{limite + 1}", headers=viejo)
    assert (r.status_code, r.json["code"]) == (403, "segundo_factor_requerido")
    assert r.json["verificar_en"] == VERIFICAR_EN
    assert VERIFICAR_EN in r.json["detail"]


@pytest.mark.parametrize(
    ("claims", "estado"),
    [
        ({}, 200),
        ({"sf": 0}, 403),
        ({"sf": int(time.time()) - 3600}, 403),
        ({"sf": int(time.time())}, 200),
    ],
)
def test_quien(http: Any, token: Token, claims: dict[str, Any], estado: int) -> None:
    assert http.post("/prueba/50000", headers=con(token, **claims)).status_code == estado


@pytest.mark.parametrize(
    ("metodo", "ruta", "cuerpo", "llamada"),
    [
        (
            "post",
            "/v1/ctis/A001/transferencias",
            {"cantidad": 10_001, "importe": "1.00", "confirmar": True},
            ti.TRANSFERIR,
        ),
        (
            "post",
            "/v1/transferencias-masivas",
            {
                "filas": [{"cti": f"A00{n}", "cantidad": 6_000, "importe": "1.00"} for n in (1, 2)],
                "confirmar": True,
            },
            ti.TRANSFERIR_MASIVAMENTE,
        ),
        (
            "post",
            "/v1/clientes/1001/puntos/transferencias",
            {"puntos": "10000.01", "importe": "1.00", "confirmar": True},
            pu.TRANSFERIR,
        ),
        ("put", "/v1/ctis/A001/contrasena", {}, ti.RESTABLECER_CONTRASENA),
        ("post", "/v1/ctis/A001/llaves", {"nombre": "caja 1"}, ti.CREAR_LLAVE),
        (
            "patch",
            "/v1/perfiles/yo",
            {"correo": "otra@prueba.mx", "contrasena": "caballo grapa batería"},
            cl.EDITAR_PERFIL,
        ),
    ],
)
def test_rutas(
    http: Any, token: Token, rpc: ClienteDeMentira, metodo: str, ruta: str, cuerpo: Any, llamada: Any
) -> None:
    cuenta = ("00000000-0000-0000-0000-000000000001", "titular", False)
    rpc.respuesta = RuntimeError("past the gateway")

    def pedir(**claims: Any) -> tuple[int, list[str]]:
        rpc.llamadas.clear()
        cabeceras = {"Authorization": f"Bearer {token(cuenta, **claims)}", "Idempotency-Key": "k"}
        r = getattr(http, metodo)(ruta, json=cuerpo, headers=cabeceras)
        return r.status_code, [nombre for nombre, _ in rpc.llamadas]

    assert pedir(sf=0) == (403, [])
    for claims in ({}, {"sf": int(time.time())}):
        estado, llamadas = pedir(**claims)
        assert (estado, llamadas) == (500, [llamada.nombre]), ruta


def test_puntos_por_debajo_del_limite(http: Any, token: Token, rpc: ClienteDeMentira) -> None:
    assert settings().paso_puntos == Decimal("10000.00")
    rpc.respuesta = RuntimeError("past the gateway")
    cuerpo = {"puntos": "10000.00", "importe": "1.00", "confirmar": True}
    r = http.post("/v1/clientes/1001/puntos/transferencias", json=cuerpo, headers=con(token, sf=0))
    assert r.status_code == 500
    assert [nombre for nombre, _ in rpc.llamadas] == [pu.TRANSFERIR.nombre]


@pytest.mark.parametrize("en_cookie", [False, True])
def test_el_token_verificado_llega_por_donde_vino_la_sesion(
    rpc: ClienteDeMentira, token: Token, en_cookie: bool
) -> None:
    app = crear_app(rpc, rutas=("perfiles", "segundo_factor"))  # type: ignore[arg-type]
    http = app.test_client()
    ahora = datetime.now(UTC)
    rpc.respuesta = (cl.AccesoVerificado(acceso="nuevo", expira_en=ahora, verificado_en=ahora), False)
    cabeceras = {"Authorization": f"Bearer {token()}"}
    if en_cookie:
        http.set_cookie("cm_sesion", token())
        http.set_cookie("cm_csrf", "abc")
        cabeceras = {"X-CSRF-Token": "abc"}
    assert http.post(VERIFICAR_EN, json={"codigo": "1"}, headers=cabeceras).status_code == 422
    r = http.post(VERIFICAR_EN, json={"codigo": "123456"}, headers=cabeceras)
    assert (r.status_code, r.headers["Cache-Control"]) == (201, "no-store")
    assert r.get_json()["acceso"] == (None if en_cookie else "nuevo")
    puestas = [x for x in r.headers.getlist("Set-Cookie") if x.startswith("cm_sesion=nuevo;")]
    assert len(puestas) == en_cookie
    assert all("HttpOnly" in x and "SameSite=Strict" in x for x in puestas)


def test_la_contrasena_se_cambia_de_una_sola_manera(rpc: ClienteDeMentira, token: Token) -> None:
    http = crear_app(rpc, rutas=("perfiles",)).test_client()  # type: ignore[arg-type]
    rpc.respuesta = (cl.CorreoConfirmado(correo="x"), False)
    portador = {"Authorization": f"Bearer {token()}"}
    nueva = "caballo grapa batería"
    for cuerpo, cabeceras, estado in (
        ({"nueva": nueva}, portador, 422),
        ({"nueva": nueva, "token": "t", "actual": "a"}, portador, 422),
        ({"nueva": "corta", "actual": "a"}, portador, 422),
        ({"nueva": nueva, "actual": "a"}, {}, 401),
        ({"nueva": nueva, "actual": "a"}, portador, 204),
        ({"nueva": nueva, "token": "t"}, {}, 204),
    ):
        assert http.put("/v1/contrasenas", json=cuerpo, headers=cabeceras).status_code == estado, cuerpo
    assert [nombre for nombre, _ in rpc.llamadas] == [
        "clientes.cambiar_contrasena_v1",
        "clientes.restablecer_contrasena_v1",
    ]
    claves = {peticion.clave for _, peticion in rpc.llamadas}
    assert len(claves) == 2
