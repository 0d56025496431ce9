"""Whose a request is behind proxies: spoofed headers of who is none, chains, and what can't be read."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from environs import EnvError
from flask import Flask
from flask.testing import FlaskClient

from services.gateway import limites, llamante
from services.gateway.app import crear_app
from services.gateway.dialects.protocolo import Peticion
from services.gateway.routes import sesiones
from shared.config import settings
from shared.contracts import clientes as c

from .conftest import ClienteDeMentira

RAIZ = Path(__file__).resolve().parents[3]
PROXIES = "10.0.0.0/8, 192.0.2.7,2001:db8:3::/64"


@pytest.fixture
def con_proxies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PROXIES_DE_CONFIANZA", PROXIES)
    settings.cache_clear()
    yield
    settings.cache_clear()


def _de(conexion: str | None, cabecera: str | None = None) -> str | None:
    environ = {"REMOTE_ADDR": conexion} if conexion is not None else {}
    if cabecera is not None:
        environ["HTTP_X_FORWARDED_FOR"] = cabecera
    return llamante.direccion(environ)


@pytest.mark.parametrize("conexion", ["127.0.0.1", "10.0.0.1", "::1", "", None])
def test_without_the_setting_nobody_is_believed(conexion: str | None) -> None:
    assert settings().proxies_de_confianza == ()
    assert _de(conexion, "203.0.113.9") == conexion


@pytest.mark.usefixtures("con_proxies")
@pytest.mark.parametrize(
    "conexion", ["198.51.100.4", "192.0.2.8", "2001:db8:4::1", "::ffff:198.51.100.4", "", None, "@"]
)
def test_who_is_no_proxy_can_not_choose_his_address(conexion: str | None) -> None:
    for cabecera in ("203.0.113.9", "10.0.0.1", "203.0.113.9, 10.0.0.1", "127.0.0.1"):
        assert _de(conexion, cabecera) == conexion


@pytest.mark.usefixtures("con_proxies")
@pytest.mark.parametrize(
    ("conexion", "cabecera", "direccion"),
    [
        ("10.1.2.3", "203.0.113.9", "203.0.113.9"),
        ("::ffff:10.1.2.3", "203.0.113.9", "203.0.113.9"),
        ("2001:db8:3::5", "2001:DB8:9::0001", "2001:db8:9::1"),
        # What stands left of the first stranger was written by him.
        ("10.1.2.3", "127.0.0.1, 203.0.113.9", "203.0.113.9"),
        ("10.1.2.3", "10.0.0.9,198.51.100.4,203.0.113.9,10.0.0.2 , 192.0.2.7", "203.0.113.9"),
        ("10.1.2.3", "<script>, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.1.2.3", "1.1.1.1," * 5000 + "203.0.113.9", "203.0.113.9"),
        ("10.1.2.3", "::ffff:203.0.113.9", "203.0.113.9"),
        ("10.1.2.3", "203.0.113.9, ::ffff:10.0.0.2", "203.0.113.9"),
        # Some add the port.
        ("10.1.2.3", "203.0.113.9:51234", "203.0.113.9"),
        ("10.1.2.3", "[2001:db8:9::1]:443, 10.0.0.2:80", "2001:db8:9::1"),
        ("10.1.2.3", "[2001:db8:9::1]", "2001:db8:9::1"),
        # Somebody within: the one farthest away.
        ("10.1.2.3", "10.7.7.7, 10.0.0.2", "10.7.7.7"),
        # Nothing to be read where the caller should stand: the connection's.
        ("10.1.2.3", None, "10.1.2.3"),
        ("10.1.2.3", "", "10.1.2.3"),
        ("10.1.2.3", " , ", "10.1.2.3"),
        ("10.1.2.3", "203.0.113.9, unknown", "10.1.2.3"),
        ("10.1.2.3", "203.0.113.9,,10.0.0.2", "10.1.2.3"),
        ("10.1.2.3", "203.0.113.300", "10.1.2.3"),
        ("10.1.2.3", "203.0.113.9 10.0.0.2", "10.1.2.3"),
        ("10.1.2.3", "fe80::1%" + "a" * 40, "10.1.2.3"),
        ("10.1.2.3", "2" * 5000, "10.1.2.3"),
        ("10.1.2.3", "[:[::]]:::", "10.1.2.3"),
        ("10.1.2.3", "\x00\xff\u0661.1.1.1", "10.1.2.3"),
        ("10.1.2.3", "203.0.113.9" + ",10.0.0.2" * 40, "10.1.2.3"),
    ],
)
def test_what_proxies_say(conexion: str, cabecera: str | None, direccion: str) -> None:
    assert _de(conexion, cabecera) == direccion


@pytest.mark.parametrize(
    "valor", ["10.0.0.1/8", "proxy.interno", "10.0.0.0/33", "0.0.0.0/0", "10.0.0.0/8,::/0"]
)
def test_a_wrong_setting_stops_the_process_and_is_named(monkeypatch: pytest.MonkeyPatch, valor: str) -> None:
    monkeypatch.setenv("PROXIES_DE_CONFIANZA", valor)
    settings.cache_clear()
    with pytest.raises(EnvError, match="PROXIES_DE_CONFIANZA"):
        settings()
    settings.cache_clear()


def _iniciar(http: FlaskClient, desde: str, por: str = "10.0.0.1") -> Any:
    return http.post(
        "/v1/sesiones",
        json={"usuario": "ana@empresa.mx", "contrasena": "x", "modo": "cookie"},
        headers={"X-Forwarded-For": desde, "X-Forwarded-Proto": "https"},
        environ_base={"REMOTE_ADDR": por},
    )


@pytest.fixture
def app(rpc: ClienteDeMentira) -> Iterator[Flask]:
    limites.olvidar()
    sesion = c.Sesion(
        sesion_id=UUID(int=1), perfil_id=UUID(int=2), nombre="Ana", acceso="a", renovacion="r",
        expira_en=datetime.now(UTC), dispositivo="d",
    )  # fmt: skip
    rpc.respuesta = (sesion, False)
    yield crear_app(rpc, rutas=("sesiones",))  # type: ignore[arg-type]
    limites.olvidar()


@pytest.mark.usefixtures("con_proxies", "llave")
def test_behind_a_proxy_an_attacker_limits_himself_alone(
    http: FlaskClient, rpc: ClienteDeMentira, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sesiones, "_INTENTOS", 3)
    estados = [_iniciar(http, f"198.51.100.{n}, 203.0.113.66").status_code for n in range(5)]
    assert estados == [201, 201, 201, 429, 429], "the addresses that he writes himself count for nothing"
    assert _iniciar(http, "203.0.113.9").status_code == 201
    peticion = rpc.llamadas[-1][1]
    assert (peticion.origen_ip, peticion.origen_red) == ("203.0.113.9", "203.0.113.9")


@pytest.mark.usefixtures("con_proxies")
def test_known_devices_of_one_address_are_counted_together_and_apart_from_strangers(
    http: FlaskClient, llave: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sesiones, "_INTENTOS", 3)

    def entrar(n: int, desde: str = "203.0.113.66") -> int:
        datos = {"dis": f"d{n}", "sub": "yo", "exp": datetime.now(UTC) + timedelta(days=1)}
        http.set_cookie("cm_dispositivo", jwt.encode(datos, llave, algorithm="EdDSA"), path="/v1/sesiones")
        return int(_iniciar(http, desde).status_code)

    assert [entrar(n) for n in range(5)] == [201, 201, 201, 429, 429], "a token each is no way around"
    assert entrar(9, "203.0.113.67") == 201
    # A flood of strangers behind an address leaves its known devices what is theirs.
    http.delete_cookie("cm_dispositivo", path="/v1/sesiones")
    assert [_iniciar(http, "203.0.113.68").status_code for _ in range(4)] == [201, 201, 201, 429]
    assert entrar(10, "203.0.113.68") == 201


@pytest.mark.usefixtures("con_proxies", "llave")
def test_cookies_are_secure_when_the_proxy_says_https(http: FlaskClient) -> None:
    for por, segura in (("10.0.0.1", True), ("198.51.100.4", False)):
        galletas = _iniciar(http, "203.0.113.9", por).headers.getlist("Set-Cookie")
        assert len(galletas) == 4
        assert all(("Secure" in re.split(r"; ?", galleta)) is segura for galleta in galletas), por


@pytest.mark.usefixtures("con_proxies")
def test_dialects_go_by_it_too() -> None:
    environ = {
        "REQUEST_METHOD": "POST", "REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9",
        "wsgi.input": io.BytesIO(),
    }  # fmt: skip
    assert Peticion(environ).ip == "203.0.113.9"


def test_nobody_else_reads_an_address() -> None:
    lectura = re.compile(r"REMOTE_ADDR|remote_addr|access_route|HTTP_X_FORWARDED_FOR|X-Forwarded-For")
    lectores = {
        archivo.name
        for archivo in (RAIZ / "services" / "gateway").rglob("*.py")
        if any(lectura.search(linea) for linea in archivo.read_text().splitlines())
    }
    assert lectores == {"llamante.py"}
