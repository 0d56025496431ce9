"""An application with a few routes of each kind, a key pair that signs tokens, and an RPC client by hand."""

# flask-smorest is published without types.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import marshmallow as ma
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from flask.testing import FlaskClient
from flask_smorest import Blueprint

from services.gateway import auth
from services.gateway.app import crear_app
from services.gateway.auth import publica, requiere_perfil, requiere_raiz, requiere_sesion
from services.gateway.contexto import actual, clave_idempotencia, llamar, perfil_actual
from services.gateway.schemas import Decimales, Esquema, PaginaArgs, esquema_de, pagina_de
from shared.config import settings
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError

CUENTA_A, CUENTA_B = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
Token = Callable[..., str]


class ClienteDeMentira:
    """Stands for the RPC client; `respuesta` is (answer, replayed) or an exception."""

    def __init__(self) -> None:
        self.respuesta: Any = (None, False)
        self.llamadas: list[tuple[str, Any]] = []
        self.caidos: set[str] = set()
        #: What clientes says of a session; None: it does not answer, so that tokens are believed.
        self.sesion: c.SesionVigente | None = None
        self.verificadas: list[c.VerificarSesion] = []

    def llamar(self, contrato: Any, peticion: Any, plazo: float | None = None) -> Any:
        assert contrato is c.VERIFICAR_SESION
        self.verificadas.append(peticion)
        if self.sesion is None:
            raise DomainError(Codigo.NO_DISPONIBLE, "No respondió.")
        return self.sesion

    def llamar_con_marca(self, contrato: Any, peticion: Any, plazo: float | None = None) -> Any:
        self.llamadas.append((contrato.nombre, peticion))
        if isinstance(self.respuesta, Exception):
            raise self.respuesta
        return self.respuesta

    def llamar_crudo(self, servicio: str, metodo: str, kwargs: Any, plazo: float) -> dict[str, Any]:
        self.llamadas.append((f"{servicio}.{metodo}", kwargs))
        if servicio in self.caidos:
            raise DomainError(Codigo.NO_DISPONIBLE, "No respondió.")
        return {"estado": "bien"}


class Cosa(Esquema):
    nombre = ma.fields.String(required=True, validate=ma.validate.Length(min=2, max=5))
    cuantos = ma.fields.Integer(validate=ma.validate.Range(min=1))
    tipo = ma.fields.String(validate=ma.validate.OneOf(["a", "b"]))
    importe = Decimales()
    etiquetas = ma.fields.List(ma.fields.String())


def rutas_de_prueba() -> Blueprint:
    blp = Blueprint("pruebas", __name__)
    cosas = [
        {"nombre": "=1+1", "cuantos": 1, "tipo": "a", "importe": "5", "etiquetas": ["x", "y"]},
        {"nombre": 'Ñandú, "dos"', "cuantos": -2, "importe": "-3.50"},
    ]

    @blp.route("/v1/cosas", methods=["POST"])
    @requiere_sesion("operador")
    @blp.arguments(Cosa)
    @blp.response(201, Cosa)
    def crear(datos: dict[str, Any]) -> dict[str, Any]:
        return {**datos, "nombre": datos["nombre"]}

    @blp.route("/v1/cosas", methods=["GET"])
    @requiere_sesion
    @blp.arguments(PaginaArgs, location="query")
    @blp.response(200, pagina_de(Cosa))
    def listar(args: dict[str, Any]) -> Any:
        return {"datos": cosas if args["limite"] != 1 else [], "siguiente": "abc"}

    @blp.route("/v1/clientes", methods=["POST"])
    @requiere_sesion("operador")
    @blp.arguments(esquema_de(c.CrearCliente))
    @blp.response(201, esquema_de(c.Cliente))
    def crear_cliente(datos: dict[str, Any]) -> Any:
        yo = actual()
        return llamar(
            c.CREAR_CLIENTE, c.CrearCliente(cuenta_id=yo.cuenta_id, clave=clave_idempotencia(), **datos)
        )

    @blp.route("/v1/yo")
    @requiere_perfil
    def yo() -> dict[str, Any]:
        return {"nombre": perfil_actual().nombre, "nics": list(perfil_actual().nics)}

    @blp.route("/v1/cuenta")
    @requiere_sesion(rol="consulta")
    def cuenta() -> dict[str, Any]:
        return {"cuenta": str(actual().cuenta_id), "rol": actual().rol, "ip": actual().ip}

    @blp.route("/v1/raiz")
    @requiere_raiz(rol="administrador")
    def raiz() -> dict[str, Any]:
        return {}

    @blp.route("/v1/falla")
    @publica
    def falla() -> dict[str, Any]:
        raise RuntimeError("contraseña=secreta")

    @blp.route("/v1/sin-saldo")
    @publica
    def sin_saldo() -> dict[str, Any]:
        raise DomainError(Codigo.SALDO_INSUFICIENTE, "Compre más.", datos={"disponible": 3, "status": 1})

    return blp


@pytest.fixture
def llave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ed25519PrivateKey]:
    privada = Ed25519PrivateKey.generate()
    ruta = tmp_path / "publica.pem"
    ruta.write_bytes(
        privada.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    monkeypatch.setenv("TOKEN_PUBLIC_KEY_FILE", str(ruta))
    settings.cache_clear()
    auth._llave_publica.cache_clear()
    yield privada
    settings.cache_clear()
    auth._llave_publica.cache_clear()


@pytest.fixture
def token(llave: Ed25519PrivateKey) -> Token:
    def hacer(
        *cuentas: tuple[str, str, bool], firma: Any = llave, algoritmo: str = "EdDSA", **otros: Any
    ) -> str:
        claims = {
            "sub": str(uuid.UUID(int=7)),
            "sid": str(uuid.UUID(int=8)),
            "nombre": "Ana",
            "exp": datetime.now(UTC) + timedelta(minutes=5),
            "cuentas": [
                {"id": i, "rol": r, "raiz": x} for i, r, x in (cuentas or ((CUENTA_A, "operador", False),))
            ],
            "nics": [1001],
            **otros,
        }
        return jwt.encode({k: v for k, v in claims.items() if v is not None}, firma, algorithm=algoritmo)

    return hacer


@pytest.fixture
def rpc() -> ClienteDeMentira:
    return ClienteDeMentira()


@pytest.fixture
def app(rpc: ClienteDeMentira) -> Flask:
    app = crear_app(rpc, rutas=())  # type: ignore[arg-type]
    app.extensions["openapi"].register_blueprint(rutas_de_prueba())
    return app


@pytest.fixture
def http(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def con_sesion(token: Token) -> dict[str, str]:
    return {"Authorization": f"Bearer {token()}"}
