"""Perfiles against a real PostgreSQL: registering, confirming, recovering, signing in, with a clock that a test moves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyotp
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import Engine, text

from services.clientes.credenciales import CredencialesReales
from services.clientes.repository import Repositorio
from services.clientes.segundo_factor import TotpReal
from services.clientes.use_cases import registro, segundo_factor, sesiones
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork

LLAVE = Ed25519PrivateKey.generate()
CRED = CredencialesReales(LLAVE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
CONTRASENA, OTRA = "caballo grapa batería", "ventana lluvia martillo"
_ENLACE = re.compile(r"/(?:confirmar|recuperar)\?token=([\w-]+)")


class Reloj(UnitOfWork[Repositorio]):
    """A unit of work at another time."""

    adelanto = timedelta()

    @property
    def ahora(self) -> datetime:
        return datetime.now(UTC) + self.adelanto


@pytest.fixture
def engine(base_de_datos: Callable[..., str]) -> Iterator[Engine]:
    motor = new_engine(base_de_datos("clientes"), pool_size=12)
    yield motor
    motor.dispose()


@pytest.fixture(scope="module")
def totp(tmp_path_factory: pytest.TempPathFactory) -> TotpReal:
    llaves: Path = tmp_path_factory.mktemp("llaves") / "llaves"
    llaves.write_bytes(Fernet.generate_key())
    return TotpReal(llaves)


def correr(
    engine: Engine, use_case: Callable[..., Any], *argumentos: Any, adelanto: timedelta = timedelta()
) -> Any:
    with Reloj(engine, Repositorio) as uow:
        uow.adelanto = adelanto  # type: ignore[attr-defined]
        respuesta = use_case(uow, *argumentos)
        uow.commit()
        return respuesta


def rechazo(codigo: Codigo) -> Any:
    return pytest.raises(DomainError, match=f"^{codigo}:")


def registrar(engine: Engine, correo: str = "ana@prueba.mx", movil: str = "5512340001", **datos: Any) -> None:
    peticion = c.RegistrarPerfil(
        clave=str(uuid4()),
        correo=correo,
        movil=movil,
        **{"nombre": "Ana López", "contrasena": CONTRASENA, **datos},
    )
    correr(engine, registro.registrar, peticion, CRED)


def correos(engine: Engine, para: str = "ana@prueba.mx") -> list[tuple[str, str]]:
    """Subject and token, or none, of each mail to someone, in order."""
    with engine.connect() as conexion:
        filas = conexion.execute(
            text("SELECT asunto, texto FROM correos WHERE para = :para ORDER BY creado_en, correo_id"),
            {"para": para},
        ).all()
    return [(f.asunto, m.group(1) if (m := _ENLACE.search(f.texto)) else "") for f in filas]


def ultimo_token(engine: Engine, para: str = "ana@prueba.mx") -> str:
    return [token for _, token in correos(engine, para) if token][-1]


def confirmar(engine: Engine, token: str, **como: Any) -> c.CorreoConfirmado:
    peticion = c.ConfirmarCorreo(clave=str(uuid4()), token=token)
    hecho: c.CorreoConfirmado = correr(engine, registro.confirmar, peticion, **como)
    return hecho


def entrar(
    engine: Engine, usuario: str = "ana@prueba.mx", contrasena: str = CONTRASENA, codigo: str | None = None,
    totp: TotpReal | None = None,
) -> c.Sesion:  # fmt: skip
    peticion = c.IniciarSesion(usuario=usuario, contrasena=contrasena, codigo=codigo)
    sesion: c.Sesion = correr(engine, sesiones.iniciar_sesion, peticion, CRED, totp)
    return sesion


def recuperar(engine: Engine, usuario: str = "ana@prueba.mx", **como: Any) -> None:
    peticion = c.RecuperarContrasena(clave=str(uuid4()), usuario=usuario)
    correr(engine, registro.recuperar, peticion, **como)


def restablecer(engine: Engine, token: str, nueva: str = OTRA, **como: Any) -> None:
    peticion = c.RestablecerContrasenaDePerfil(clave=str(uuid4()), token=token, nueva=nueva)
    correr(engine, registro.restablecer, peticion, CRED, **como)


def reenviar(engine: Engine, correo: str = "ana@prueba.mx") -> None:
    correr(engine, registro.reenviar, c.ReenviarConfirmacion(clave=str(uuid4()), correo=correo))


def confirmado(engine: Engine) -> c.Sesion:
    registrar(engine)
    confirmar(engine, ultimo_token(engine))
    return entrar(engine)


def activar(engine: Engine, totp: TotpReal) -> tuple[c.Sesion, pyotp.TOTP, list[str]]:
    sesion = confirmado(engine)
    peticion = c.IniciarSegundoFactor(clave=str(uuid4()), perfil_id=sesion.perfil_id, contrasena=CONTRASENA)
    iniciado = correr(engine, segundo_factor.iniciar, peticion, CRED, totp)
    app = pyotp.TOTP(iniciado.secreto)
    hecho = correr(
        engine,
        segundo_factor.confirmar,
        con_codigo(sesion, app.at(datetime.now(UTC) - timedelta(seconds=30))),
        totp,
    )
    return sesion, app, hecho.codigos


def con_codigo(sesion: c.Sesion, codigo: str) -> c.ConCodigo:
    return c.ConCodigo(
        clave=str(uuid4()), perfil_id=sesion.perfil_id, sesion_id=sesion.sesion_id, codigo=codigo
    )
