"""What clientes says of a session wins over its token; what a CM that is not active may do, route by route."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from services.gateway import vigentes
from services.gateway.app import crear_app
from services.gateway.auth import SESION, requisito_de
from services.gateway.cuenta_detenida import ACTIVO, DETENIDA, SIN_EMPEZAR, estados_de
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError
from tests.matriz_de_roles import concretar, documento

from .conftest import CUENTA_A, ClienteDeMentira, Token, rutas_de_prueba

CLAVE = (UUID(int=8), UUID(int=7))
#: Renewing is the way back; and access is always taken away, also of a CM that stands still.
PARA_DETENIDAS = {
    "POST /v1/cuenta/renovaciones",
    "DELETE /v1/llaves-api/{llave_id}",
    "DELETE /v1/usuarios/{perfil_id}",
    "DELETE /v1/usuarios/invitaciones/{invitacion_id}",
}


def dicho(rol: str = "operador", estado: str = ACTIVO, raiz: bool = False) -> c.SesionVigente:
    cuenta = c.CuentaDePerfil(cuenta_id=UUID(CUENTA_A), nombre="CM", rol=rol, estado=estado, es_raiz=raiz)
    return c.SesionVigente(vigente=True, cuentas=[cuenta], nics=[7])


@pytest.fixture
def reloj(app: Flask) -> list[float]:
    ahora = [1000.0]
    app.extensions["sesiones"] = vigentes.Memoria(reloj=lambda: ahora[0])
    return ahora


def test_what_clientes_says_wins_and_is_remembered(
    http: Any, rpc: ClienteDeMentira, con_sesion: dict[str, str], reloj: list[float]
) -> None:
    rpc.sesion = dicho("consulta")
    for _ in range(3):
        assert http.get("/v1/cuenta", headers=con_sesion).json["rol"] == "consulta"
    assert http.post("/v1/cosas", json={"nombre": "Ana"}, headers=con_sesion).status_code == 403
    assert http.get("/v1/yo", headers=con_sesion).json["nics"] == [7]
    assert [(p.sesion_id, p.perfil_id) for p in rpc.verificadas] == [CLAVE]
    rpc.sesion = dicho("titular")
    reloj[0] += vigentes.MEMORIA
    assert http.post("/v1/cosas", json={"nombre": "Ana"}, headers=con_sesion).status_code == 201


def test_what_clientes_said_last_wins_over_the_token_while_it_is_away(
    http: Any, rpc: ClienteDeMentira, con_sesion: dict[str, str], reloj: list[float]
) -> None:
    rpc.sesion = dicho("operador", "suspendido")
    assert http.post("/v1/cosas", json={"nombre": "Ana"}, headers=con_sesion).status_code == 403
    rpc.sesion = None
    for _ in range(3):
        reloj[0] += vigentes.MEMORIA
        r = http.post("/v1/cosas", json={"nombre": "Ana"}, headers=con_sesion)
        assert (r.status_code, r.json["code"]) == (403, "cuenta_bloqueada")


def test_a_revoked_session_is_401_and_stays_so_when_clientes_is_away(
    http: Any, rpc: ClienteDeMentira, con_sesion: dict[str, str], reloj: list[float]
) -> None:
    rpc.sesion = c.SesionVigente(vigente=False)
    r = http.get("/v1/yo", headers=con_sesion)
    assert (r.status_code, r.json["code"]) == (401, "no_autenticado")
    rpc.sesion = None
    reloj[0] += 600
    assert http.get("/v1/yo", headers=con_sesion).status_code == 401


def test_without_clientes_the_token_is_believed_and_asked_again_soon(
    http: Any, rpc: ClienteDeMentira, con_sesion: dict[str, str], reloj: list[float]
) -> None:
    for _ in range(4):
        assert http.get("/v1/cuenta", headers=con_sesion).json["rol"] == "operador"
    assert len(rpc.verificadas) == 1
    rpc.sesion = dicho("consulta")
    reloj[0] += vigentes.A_CIEGAS
    assert http.get("/v1/cuenta", headers=con_sesion).json["rol"] == "consulta"


def test_what_ends_here_ends_at_once_whatever_was_on_its_way(app: Flask, reloj: list[float]) -> None:
    memoria = app.extensions["sesiones"]

    def mientras() -> c.SesionVigente:
        memoria.matar(CLAVE[0])
        return dicho()

    assert not memoria.ver(CLAVE, mientras).vigente
    assert not memoria.ver(CLAVE, dicho).vigente


def test_a_renewal_asks_anew_at_once(rpc: ClienteDeMentira, con_sesion: dict[str, str]) -> None:
    app = crear_app(rpc, rutas=("sesiones",))  # type: ignore[arg-type]
    app.extensions["openapi"].register_blueprint(rutas_de_prueba())
    app.extensions["sesiones"] = vigentes.Memoria(reloj=lambda: 1000.0)
    http = app.test_client()
    rpc.sesion = dicho("consulta")
    assert http.get("/v1/cuenta", headers=con_sesion).json == {
        "cuenta": CUENTA_A,
        "rol": "consulta",
        "ip": "127.0.0.1",
    }
    rpc.sesion = dicho("titular")
    assert http.post("/v1/cosas", json={"nombre": "Ana"}, headers=con_sesion).status_code == 403, "remembered"
    nueva = c.Sesion(
        sesion_id=CLAVE[0], perfil_id=CLAVE[1], nombre="Ana", acceso="a", renovacion="r", expira_en=datetime.now(UTC)
    )  # fmt: skip
    rpc.respuesta = (nueva, False)
    r = http.post("/v1/sesiones/renovaciones", json={"renovacion": "la-de-antes"})
    assert r.status_code == 201
    assert http.post("/v1/cosas", json={"nombre": "Ana"}, headers=con_sesion).status_code == 201
    assert len(rpc.verificadas) == 2


def test_what_was_asked_before_a_renewal_is_not_remembered_after_it() -> None:
    memoria = vigentes.Memoria(reloj=lambda: 1000.0)

    def mientras() -> c.SesionVigente:
        memoria.olvidar(CLAVE)
        return dicho("consulta")

    def despues() -> str:
        hallada = memoria.ver(CLAVE, lambda: dicho("titular"))
        assert hallada is not None
        return hallada.cuentas[0].rol

    primera = memoria.ver(CLAVE, mientras)
    assert primera is not None
    assert primera.cuentas[0].rol == "consulta", "whoever asked before is answered"
    assert despues() == "titular"


def test_an_end_that_was_on_its_way_at_a_renewal_is_one() -> None:
    memoria = vigentes.Memoria(reloj=lambda: 1000.0)

    def mientras() -> c.SesionVigente:
        memoria.olvidar(CLAVE)
        return c.SesionVigente(vigente=False)

    for buscar in (mientras, dicho):
        hallada = memoria.ver(CLAVE, buscar)
        assert hallada is not None
        assert not hallada.vigente


def test_of_two_questions_around_a_renewal_the_later_one_is_remembered() -> None:
    memoria, entro, suelta = vigentes.Memoria(), threading.Event(), threading.Event()
    dichos: list[Any] = []

    def lenta() -> c.SesionVigente:
        entro.set()
        assert suelta.wait(10)
        return dicho("consulta")

    primera = threading.Thread(target=lambda: dichos.append(memoria.ver(CLAVE, lenta)))
    primera.start()
    assert entro.wait(10)
    memoria.olvidar(CLAVE)
    assert memoria.ver(CLAVE, lambda: dicho("titular")).cuentas[0].rol == "titular"  # type: ignore[union-attr]
    suelta.set()
    primera.join(10)
    assert [x.cuentas[0].rol for x in dichos] == ["titular"], "the newer answer serves all"
    assert memoria.ver(CLAVE, lambda: dicho("operador")).cuentas[0].rol == "titular"  # type: ignore[union-attr]


def test_of_many_requests_one_asks() -> None:
    memoria, entro, suelta, preguntas = vigentes.Memoria(), threading.Event(), threading.Event(), []

    def lenta() -> c.SesionVigente:
        preguntas.append(1)
        entro.set()
        assert suelta.wait(10)
        return dicho()

    dichos: list[Any] = []
    hilos = [threading.Thread(target=lambda: dichos.append(memoria.ver(CLAVE, lenta))) for _ in range(6)]
    hilos[0].start()
    assert entro.wait(10)
    for h in hilos[1:]:
        h.start()
    suelta.set()
    for h in hilos:
        h.join(10)
    assert (len(preguntas), [x.vigente for x in dichos]) == (1, [True] * 6)


def test_the_memory_is_bounded() -> None:
    memoria = vigentes.Memoria(maximo=10)
    for i in range(100):
        memoria.ver((UUID(int=i), UUID(int=1)), dicho)
        memoria.matar(UUID(int=i))
    assert len(memoria) == 20


def test_the_states_of_each_mark() -> None:
    assert estados_de("POST", False) == (ACTIVO,)
    assert estados_de("get", False) == (ACTIVO, *DETENIDA)
    assert estados_de("POST", True) == (ACTIVO, *DETENIDA)
    assert estados_de("GET", True) == (ACTIVO, *DETENIDA, *SIN_EMPEZAR)


class _Dice(ClienteDeMentira):
    """Whatever is not about the session was let through."""

    def llamar_con_marca(self, *_: Any, **__: Any) -> Any:
        raise DomainError(Codigo.NO_DISPONIBLE, "Hasta aquí.")

    def llamar_crudo(self, *_: Any, **__: Any) -> Any:
        raise DomainError(Codigo.NO_DISPONIBLE, "Hasta aquí.")


@pytest.mark.parametrize("estado", [*DETENIDA, *SIN_EMPEZAR])
def test_every_route_with_a_cm_that_is_not_active(token: Token, estado: str) -> None:
    rpc = _Dice()
    rpc.sesion = dicho("titular", estado)
    app = crear_app(rpc)  # type: ignore[arg-type]
    http = app.test_client()
    cabeceras = {"Authorization": f"Bearer {token()}"}
    vistas, mal = set(), []
    for ruta, metodos in documento()["paths"].items():
        for metodo, operacion in metodos.items():
            if metodo == "parameters" or "x-rol" not in operacion or operacion.get("x-raiz"):
                continue
            bloqueada = _bloqueada(http, metodo.upper(), concretar(ruta), cabeceras)
            if bloqueada == (estado in operacion["x-estados"]):
                mal.append(f"{metodo} {ruta}: {bloqueada}")
            if not bloqueada:
                vistas.add(f"{metodo.upper()} {ruta}")
    assert mal == []
    if estado in SIN_EMPEZAR:
        assert vistas == {"GET /v1/cuenta"}
    else:
        assert {v for v in vistas if not v.startswith("GET ")} == PARA_DETENIDAS
    # The person's own stays.
    assert not _bloqueada(http, "GET", "/v1/sesiones", cabeceras)
    assert not _bloqueada(http, "DELETE", "/v1/sesiones", cabeceras)


def test_the_mark_is_data(app: Flask) -> None:
    completa = crear_app(None)  # type: ignore[arg-type]
    marcadas = {
        (metodo, regla.rule)
        for regla in completa.url_map.iter_rules()
        for metodo in (regla.methods or set()) - {"HEAD", "OPTIONS"}
        if (m := requisito_de(completa, regla.endpoint, metodo)) and m[0] == SESION and m[3]
    }
    assert {f"{m} {r}" for m, r in marcadas} == {
        "GET /v1/cuenta",
        "POST /v1/cuenta/renovaciones",
        "DELETE /v1/llaves-api/<uuid:llave_id>",
        "DELETE /v1/usuarios/<uuid:perfil_id>",
        "DELETE /v1/usuarios/invitaciones/<uuid:invitacion_id>",
    }


def _bloqueada(http: FlaskClient, metodo: str, ruta: str, cabeceras: dict[str, str]) -> bool:
    r = http.open(
        ruta,
        method=metodo,
        headers={**cabeceras, "Idempotency-Key": str(uuid.uuid4())},
        json=None if metodo in {"GET", "DELETE"} else {},
    )
    cuerpo = r.get_json(silent=True) or {}
    if cuerpo.get("code") != "cuenta_bloqueada":
        return False
    assert r.status_code == 403
    assert "La Cuenta Maestra está en estado" in cuerpo["detail"]
    return True
