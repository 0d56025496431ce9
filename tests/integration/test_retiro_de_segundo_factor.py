"""The root's staff turns off the second factor of who lost telephone and codes, against a real PostgreSQL."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pyotp
import pytest
from sqlalchemy import Engine, text

from services.clientes.repository import Repositorio
from services.clientes.segundo_factor import TotpReal
from services.clientes.use_cases import registro, segundo_factor
from shared.contracts import clientes as c
from shared.contracts.base import dump
from shared.errors import Codigo
from shared.messaging.bus import BusWorker
from shared.persistence.aislamiento import forzar
from shared.quien import Quien
from tests.integration.apoyo_registro import (
    CONTRASENA,
    CRED,
    activar,
    con_codigo,
    confirmado,
    confirmar,
    correos,
    correr,
    engine,
    entrar,
    rechazo,
    totp,
    ultimo_token,
)  # fmt: skip
from tests.integration.test_auditoria import _BusDePrueba, _dejados
from tests.integration.test_clientes_postgres import cuenta, perfil

__all__ = ["engine", "totp"]

ANA = {"correo": "Ana@Prueba.MX", "movil": "5512340001"}
MOTIVO = "Videollamada con identificación oficial, folio 123"


def peticion(raiz: UUID, actor: UUID, clave: str = "", **cambios: Any) -> c.RetirarSegundoFactor:
    return c.RetirarSegundoFactor(
        clave=clave or str(uuid4()), cuenta_id=raiz, actor=actor, **{**ANA, "motivo": MOTIVO, **cambios}
    )


@pytest.fixture
def operador(engine: Engine) -> tuple[UUID, UUID]:
    """The root and one of its staff."""
    quien = perfil(engine, 900).perfil_id
    return cuenta(engine, quien).cuenta_id, quien


def test_entra_con_su_contrasena_y_todos_lo_saben(
    engine: Engine, totp: TotpReal, operador: tuple[UUID, UUID]
) -> None:
    sesion, _, codigos = activar(engine, totp)
    otra = entrar(engine, codigo=codigos[0], totp=totp)
    with rechazo(Codigo.SEGUNDO_FACTOR_REQUERIDO):
        entrar(engine)
    hecho = correr(engine, segundo_factor.retirar, peticion(*operador))
    assert hecho.perfil_id == sesion.perfil_id
    assert set(hecho.sesiones) == {sesion.sesion_id, otra.sesion_id}
    assert entrar(engine).perfil_id == sesion.perfil_id
    with engine.connect() as conexion:
        restan = (
            "SELECT (SELECT count(*) FROM segundos_factores) + (SELECT count(*) FROM codigos_de_recuperacion)"
        )
        assert conexion.scalar(text(restan)) == 0
        vivas = "SELECT count(*) FROM sesiones WHERE revocada_en IS NULL AND sesion_id = ANY(:ids)"
        assert conexion.scalar(text(vivas), {"ids": hecho.sesiones}) == 0
    assert correos(engine)[-1][0] == "Retiramos el segundo factor de su perfil"
    # He can put another at once.
    iniciar = c.IniciarSegundoFactor(clave=str(uuid4()), perfil_id=sesion.perfil_id, contrasena=CONTRASENA)
    assert correr(engine, segundo_factor.iniciar, iniciar, CRED, totp).secreto


def test_retirarlo_anula_el_cambio_de_correo_pendiente(
    engine: Engine, totp: TotpReal, operador: tuple[UUID, UUID]
) -> None:
    sesion, _, _ = activar(engine, totp)
    editar = c.EditarPerfil(
        clave="k", perfil_id=sesion.perfil_id, correo="ladron@prueba.mx", contrasena=CONTRASENA
    )
    correr(engine, registro.editar, editar, CRED)
    correr(engine, segundo_factor.retirar, peticion(*operador))
    with rechazo(Codigo.ENLACE_VENCIDO):
        confirmar(engine, ultimo_token(engine, "ladron@prueba.mx"))


def test_lo_que_se_niega_no_cambia_nada(engine: Engine, totp: TotpReal, operador: tuple[UUID, UUID]) -> None:
    sin_factor = confirmado(engine)
    with rechazo(Codigo.CONFLICTO):
        correr(engine, segundo_factor.retirar, peticion(*operador))
    iniciar = c.IniciarSegundoFactor(
        clave=str(uuid4()), perfil_id=sin_factor.perfil_id, contrasena=CONTRASENA
    )
    iniciado = correr(engine, segundo_factor.iniciar, iniciar, CRED, totp)
    with rechazo(Codigo.CONFLICTO):
        correr(engine, segundo_factor.retirar, peticion(*operador))
    codigo = pyotp.TOTP(iniciado.secreto).now()
    correr(engine, segundo_factor.confirmar, con_codigo(sin_factor, codigo), totp)
    antes = len(correos(engine))
    otros: tuple[dict[str, Any], ...] = ({"movil": "5512340002"}, {"correo": "otra@prueba.mx"})
    for cambios in otros:
        with rechazo(Codigo.NO_ENCONTRADO):
            correr(engine, segundo_factor.retirar, peticion(*operador, **cambios))
    with rechazo(Codigo.NO_PERMITIDO):
        correr(engine, segundo_factor.retirar, peticion(operador[0], sin_factor.perfil_id))
    with rechazo(Codigo.SEGUNDO_FACTOR_REQUERIDO):
        entrar(engine)
    assert len(correos(engine)) == antes


def test_por_el_bus_se_audita_en_la_raiz_y_en_sus_cuentas_y_repetirlo_responde_lo_mismo(
    engine: Engine, totp: TotpReal, operador: tuple[UUID, UUID]
) -> None:
    sesion, _, _ = activar(engine, totp)
    suya = cuenta(engine, sesion.perfil_id, operador[0]).cuenta_id
    with engine.begin() as conexion:
        conexion.execute(text("DELETE FROM outbox"))
        assert forzar(conexion), "the service's own role is behind the policies too"
    quien = Quien("perfil", str(operador[1]), "192.0.2.1")
    bus = BusWorker(_BusDePrueba(engine, Repositorio), {"quien": quien.escribir()})
    pedida = dump(peticion(*operador, clave="una"))
    primera, otra = (bus.run(c.RETIRAR_SEGUNDO_FACTOR, pedida, segundo_factor.retirar) for _ in range(2))
    assert (primera["repetida"], otra["repetida"]) == (False, True)
    assert primera["datos"] == otra["datos"]
    asientos = _dejados(engine, "clientes")
    assert {x.cuenta_id for x in asientos} == {operador[0], suya}
    assert len(asientos) == 2
    for asiento in asientos:
        assert (asiento.accion, asiento.objeto) == (
            "clientes.retirar_segundo_factor_v1", f"perfil:{sesion.perfil_id}",
        )  # fmt: skip
        assert (asiento.actor_tipo, asiento.actor, asiento.ip) == ("perfil", str(operador[1]), "192.0.2.1")
        detalle = json.loads(asiento.detalle)
        assert detalle["peticion"]["motivo"] == MOTIVO
        assert detalle["peticion"]["movil"] == "***0001"
        assert (detalle["antes"], detalle["despues"]) == (
            {"segundo_factor": True}, {"segundo_factor": False, "sesiones_cerradas": 1},
        )  # fmt: skip
    assert len([x for x, _ in correos(engine) if x.startswith("Retiramos")]) == 1
