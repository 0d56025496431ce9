"""Taking away somebody's second factor: only the root's administrador, with his own shown again, and with a reason."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from services.gateway import limites, vigentes
from services.gateway.app import crear_app
from services.gateway.paso import ACTIVAR_EN, VERIFICAR_EN
from shared.contracts import clientes as c

from .conftest import CUENTA_A, ClienteDeMentira, Token

RUTA = "/v1/operacion/segundos-factores/retiros"
CUERPO = {"correo": "ana@prueba.mx", "movil": "5512340001", "motivo": "Videollamada con su identificación"}
SUYAS = [UUID(int=21), UUID(int=22)]


@pytest.fixture
def app(rpc: ClienteDeMentira) -> Iterator[Flask]:
    limites.olvidar()
    hecho = c.SegundoFactorRetirado(perfil_id=UUID(int=20), retirado_en=datetime.now(UTC), sesiones=SUYAS)
    rpc.respuesta = (hecho, False)
    yield crear_app(rpc, rutas=("segundo_factor",))  # type: ignore[arg-type]
    limites.olvidar()


@pytest.fixture
def http(app: Flask, token: Token) -> Any:
    cliente = app.test_client()

    def pedir(cuerpo: Any = CUERPO, rol: str = "administrador", raiz: bool = True, **claims: Any) -> Any:
        acceso = token((CUENTA_A, rol, raiz), **{"sf": int(time.time()), **claims})
        cabeceras = {"Authorization": f"Bearer {acceso}", "Idempotency-Key": "k"}
        return cliente.post(RUTA, json=cuerpo, headers=cabeceras)

    return pedir


def test_it_is_asked_of_clientes_and_the_sessions_die_here_at_once(
    http: Any, app: Flask, rpc: ClienteDeMentira
) -> None:
    r = http()
    assert r.status_code == 201, r.text
    assert (r.json["perfil_id"], r.json["sesiones_cerradas"]) == (str(UUID(int=20)), 2)
    assert set(r.json) == {"perfil_id", "retirado_en", "sesiones_cerradas"}
    [(nombre, peticion)] = rpc.llamadas
    assert nombre == c.RETIRAR_SEGUNDO_FACTOR.nombre
    assert (str(peticion.cuenta_id), peticion.actor, peticion.motivo) == (
        CUENTA_A, UUID(int=7), CUERPO["motivo"],
    )  # fmt: skip
    memoria: vigentes.Memoria = app.extensions["sesiones"]
    for sesion in SUYAS:
        dicho = memoria.ver((sesion, UUID(int=20)), lambda: c.SesionVigente(vigente=True))
        assert dicho is not None
        assert not dicho.vigente


@pytest.mark.parametrize(
    ("como", "codigo"),
    [
        ({"raiz": False, "rol": "titular"}, "no_permitido"),
        ({"rol": "operador"}, "no_permitido"),
        ({"sf": int(time.time()) - 400}, "segundo_factor_requerido"),
        ({"sf": 0}, "segundo_factor_requerido"),
        ({"sf": None}, "segundo_factor_requerido"),
    ],
)
def test_who_may_not(http: Any, rpc: ClienteDeMentira, como: dict[str, Any], codigo: str) -> None:
    r = http(**como)
    assert (r.status_code, r.json["code"]) == (403, codigo)
    assert rpc.llamadas == []
    if como == {"sf": None}:
        assert (r.json["activar_en"], r.json["verificar_en"]) == (ACTIVAR_EN, VERIFICAR_EN)
        assert ACTIVAR_EN in r.json["detail"]


@pytest.mark.parametrize("falta", ["correo", "movil", "motivo"])
def test_both_names_and_a_reason(http: Any, falta: str) -> None:
    r = http({k: v for k, v in CUERPO.items() if k != falta})
    assert (r.status_code, list(r.json["errores"])) == (422, [falta])
    corto = http({**CUERPO, "motivo": "me llamó"})
    assert (corto.status_code, list(corto.json["errores"])) == (422, ["motivo"])


def test_not_many_in_an_hour(http: Any) -> None:
    estados = [http().status_code for _ in range(21)]
    assert estados == [201] * 20 + [429]
