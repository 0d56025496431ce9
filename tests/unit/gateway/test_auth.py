"""Tokens, cookie with CSRF, accounts and roles."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask

from services.gateway import auth

from .conftest import CUENTA_A, CUENTA_B, Token

OTRA = str(uuid.UUID(int=99))


def _portador(token: str, **otras: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **otras}


def test_token_valido(http: Any, token: Token) -> None:
    r = http.get("/v1/cuenta", headers=_portador(token()))
    assert r.json == {"cuenta": CUENTA_A, "rol": "operador", "ip": "127.0.0.1"}
    assert http.get("/v1/yo", headers=_portador(token())).json == {"nombre": "Ana", "nics": [1001]}


def test_sin_sesion(http: Any, llave: Ed25519PrivateKey) -> None:
    r = http.get("/v1/cuenta")
    assert (r.status_code, r.json["code"]) == (401, "no_autenticado")
    assert r.headers["WWW-Authenticate"].startswith("Bearer")
    # Before the body is even looked at.
    assert http.post("/v1/cosas", data=b"{", content_type="application/json").status_code == 401


@pytest.mark.parametrize(
    "cambio",
    [
        {"exp": datetime.now(UTC) - timedelta(seconds=5)},
        {"exp": None},
        {"sub": None},
        {"sid": None},
        {"sub": "no es uuid"},
        {"cuentas": [{"id": "x"}]},
        {"cuentas": ["x"]},
        {"cuentas": 5},
        {"firma": Ed25519PrivateKey.generate()},
        {"firma": "x" * 64, "algoritmo": "HS256"},
        {"firma": None, "algoritmo": "none"},
    ],
)
def test_token_que_no_sirve(http: Any, token: Token, cambio: dict[str, object]) -> None:
    r = http.get("/v1/cuenta", headers=_portador(token(**cambio)))
    assert (r.status_code, r.json["code"]) == (401, "no_autenticado")


@pytest.mark.parametrize("valor", ["Bearer", "Bearer ", "Bearer a.b.c", "Basic eDp5", "Bearer \xff", "x"])
def test_autorizacion_mal_escrita(http: Any, llave: Ed25519PrivateKey, valor: str) -> None:
    assert http.get("/v1/cuenta", headers={"Authorization": valor}).status_code == 401


def test_firma_con_la_llave_publica_como_secreto(http: Any, token: Token, llave: Ed25519PrivateKey) -> None:
    publica = auth._llave_publica().public_bytes_raw()
    falso = jwt.encode(
        {"sub": str(uuid.uuid4()), "sid": str(uuid.uuid4()), "exp": 9_999_999_999}, publica, algorithm="HS256"
    )
    assert http.get("/v1/cuenta", headers=_portador(falso)).status_code == 401


def test_cookie_y_csrf(http: Any, token: Token) -> None:
    http.set_cookie("cm_sesion", token())
    http.set_cookie("cm_csrf", "abc")
    assert http.get("/v1/cuenta").status_code == 200
    cosa = {"nombre": "Ana"}
    assert http.post("/v1/cosas", json=cosa).status_code == 403
    assert http.post("/v1/cosas", json=cosa, headers={"X-CSRF-Token": "otra"}).status_code == 403
    assert http.post("/v1/cosas", json=cosa, headers={"X-CSRF-Token": "abc"}).status_code == 201
    http.delete_cookie("cm_csrf")
    assert http.post("/v1/cosas", json=cosa, headers={"X-CSRF-Token": ""}).status_code == 403
    # A bearer token is never sent by the browser on its own, so it needs no CSRF token.
    assert http.post("/v1/cosas", json=cosa, headers=_portador(token())).status_code == 201


def test_elegir_cuenta(http: Any, token: Token) -> None:
    dos = token((CUENTA_A, "operador", False), (CUENTA_B, "titular", True))
    r = http.get("/v1/cuenta", headers=_portador(dos))
    assert r.status_code == 422
    assert "Cuenta" in r.json["errores"]
    assert http.get("/v1/cuenta", headers=_portador(dos, Cuenta=CUENTA_B)).json["rol"] == "titular"
    for ajena in (OTRA, "x", ""):
        r = http.get("/v1/cuenta", headers=_portador(dos, Cuenta=ajena))
        assert (r.status_code, r.json["code"]) == (404, "no_encontrado")
    assert http.get("/v1/yo", headers=_portador(dos)).status_code == 200


def test_perfil_sin_cuentas(http: Any, token: Token) -> None:
    ninguna = token(cuentas=[])
    assert http.get("/v1/yo", headers=_portador(ninguna)).status_code == 200
    assert http.get("/v1/cuenta", headers=_portador(ninguna)).status_code == 403


@pytest.mark.parametrize(
    ("rol", "estado"),
    [
        ("lectura", 403),
        ("consulta", 403),
        ("operador", 201),
        ("administrador", 201),
        ("titular", 201),
        ("x", 403),
    ],
)
def test_roles(http: Any, token: Token, rol: str, estado: int) -> None:
    r = http.post("/v1/cosas", json={"nombre": "Ana"}, headers=_portador(token((CUENTA_A, rol, False))))
    assert r.status_code == estado


@pytest.mark.parametrize(
    ("rol", "raiz", "estado"),
    [("titular", False, 403), ("operador", True, 403), ("administrador", True, 200)],
)
def test_raiz(http: Any, token: Token, rol: str, raiz: bool, estado: int) -> None:
    assert http.get("/v1/raiz", headers=_portador(token((CUENTA_A, rol, raiz)))).status_code == estado


def test_ninguna_ruta_olvida_decir_quien_puede(app: Flask) -> None:
    assert auth.sin_marca(app) == []


def test_una_ruta_sin_marca_se_descubre(app: Flask) -> None:
    app.view_functions.clear()
    assert auth.sin_marca(app)
