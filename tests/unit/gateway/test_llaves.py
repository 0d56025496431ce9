"""API keys at the gateway: every route has its scope or takes no key; addresses, expiry, memory."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from services.gateway import llaves
from services.gateway.alcances import CON_PASO, DE_PERSONAS, FAMILIAS, alcance_de, alcance_valido
from services.gateway.app import crear_app
from services.gateway.auth import PERFIL, RAIZ, SESION, requisito_de
from services.gateway.llaves import Memoria, admite
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError
from tests.matriz_de_roles import concretar, documento
from tests.unit.gateway.conftest import Token

CUENTA = uuid.UUID(int=1)
ID = uuid.UUID(int=5)


class Clientes:
    """Stands for the bus: clientes knows one key; whatever else reaches it was let through."""

    def __init__(self) -> None:
        self.secreto = secrets.token_urlsafe(32)
        self.dicho: dict[str, Any] = {
            "alcances": list(c.ALCANCES),
            "cuenta_id": CUENTA,
            "nombre": "ERP",
            "estado": "activo",
        }
        self.verificadas = 0
        self.caido = False
        self.pedidas: list[Any] = []

    @property
    def llave(self) -> str:
        return f"cm_{ID.hex}_{self.secreto}"

    def llamar_con_marca(self, contrato: Any, peticion: Any, plazo: float | None = None) -> Any:
        if contrato is not c.VERIFICAR_LLAVE_API:
            self.pedidas.append(peticion)
            raise DomainError(Codigo.NO_DISPONIBLE, "Hasta aquí.")
        self.verificadas += 1
        if self.caido:
            raise DomainError(Codigo.NO_DISPONIBLE, "No respondió.")
        huella = hashlib.sha256(self.secreto.encode()).hexdigest()
        if (peticion.llave_id, peticion.huella) != (ID, huella):
            return c.LlaveApiVigente(vigente=False), False
        return c.LlaveApiVigente(**{"vigente": True, **self.dicho}), False

    def llamar_crudo(self, *_: Any, **__: Any) -> Any:
        raise DomainError(Codigo.NO_DISPONIBLE, "Hasta aquí.")

    llamar = llamar_crudo


@pytest.fixture
def clientes() -> Clientes:
    return Clientes()


@pytest.fixture
def app(clientes: Clientes) -> Flask:
    return crear_app(clientes)  # type: ignore[arg-type]


@pytest.fixture
def http(app: Flask) -> FlaskClient:
    return app.test_client()


def _pedir(http: FlaskClient, llave: str, metodo: str, ruta: str, **como: Any) -> Any:
    cabeceras = {"Authorization": f"Bearer {llave}", "Idempotency-Key": str(uuid.uuid4())}
    return http.open(concretar(ruta), method=metodo, headers={**cabeceras, **como.pop("headers", {})}, **como)


def test_every_family_says_whether_it_takes_keys(app: Flask) -> None:
    """A new blueprint belongs in `FAMILIAS` or in `DE_PERSONAS`."""
    de_sesion = {
        regla.endpoint.partition(".")[0]
        for regla in app.url_map.iter_rules()
        for metodo in (regla.methods or set()) - {"HEAD", "OPTIONS"}
        if (requisito_de(app, regla.endpoint, metodo) or ("",))[0] in {PERFIL, SESION, RAIZ}
    }
    assert de_sesion - FAMILIAS.keys() - DE_PERSONAS == set()
    assert FAMILIAS.keys() & DE_PERSONAS == set()
    assert FAMILIAS.keys() - de_sesion == set(), "these families are gone"


def test_scopes_are_of_the_closed_list_and_each_is_asked_for_somewhere() -> None:
    assert {a for par in FAMILIAS.values() for a in par} == set(c.ALCANCES)
    assert set(c.ALCANCES) >= CON_PASO
    with pytest.raises(ValueError, match="unknown scope"):
        alcance_valido("clientes:borrar")
    assert alcance_de("clientes", "POST", "puntos:mover") == "puntos:mover"
    assert alcance_de("nadie", "GET") is alcance_de(None, "GET") is None


def test_reading_never_needs_a_scope_that_changes() -> None:
    for metodo, ruta, operacion in _operaciones():
        alcance = operacion.get("x-alcance", "")
        if metodo != "GET" and alcance:
            assert alcance.endswith((":escribir", ":mover")), ruta
        elif alcance:
            assert alcance.endswith(":leer"), ruta


def test_a_key_gets_as_far_as_its_scopes(http: FlaskClient, clientes: Clientes, app: Flask) -> None:
    """Each route with all scopes, with none, and with all but its own, against what the document says."""
    mal = []
    todos = list(c.ALCANCES)
    for metodo, ruta, operacion in _operaciones():
        alcance = operacion.get("x-alcance")
        entra = {}
        for con in ("todos", "sin el suyo", "sólo el suyo"):
            clientes.dicho["alcances"] = {
                "todos": todos,
                "sin el suyo": [a for a in todos if a != alcance],
                "sólo el suyo": [alcance],
            }[con]
            app.extensions["llaves_api"] = Memoria()
            cuerpo: dict[str, Any] | None = None if metodo in {"GET", "DELETE"} else {}
            r = _pedir(http, clientes.llave, metodo, ruta, json=cuerpo)
            entra[con] = (r.get_json(silent=True) or {}).get("code") not in {"no_permitido", "no_autenticado"}
        debe = {"todos": bool(alcance), "sin el suyo": False, "sólo el suyo": bool(alcance)}
        if entra != debe:
            mal.append(f"{metodo} {ruta} {alcance}: {entra}")
    assert mal == []


@pytest.mark.parametrize(
    ("metodo", "ruta"),
    [
        ("GET", "/v1/perfiles/yo"),
        ("DELETE", "/v1/sesiones/actual"),
        ("GET", "/v1/perfiles/yo/segundo-factor"),
        ("POST", "/v1/llaves-api"),
        ("GET", "/v1/operacion/pacs"),
        ("PUT", "/v1/operacion/lco"),
    ],
)
def test_what_only_people_may(http: FlaskClient, clientes: Clientes, metodo: str, ruta: str) -> None:
    clientes.dicho["es_raiz"] = True
    r = _pedir(http, clientes.llave, metodo, ruta)
    assert (r.status_code, r.json["code"]) == (403, "no_permitido")
    assert "llave de API" in r.json["detail"]
    assert clientes.pedidas == []


def test_the_roots_key_does_not_see_the_platforms_log(http: FlaskClient, clientes: Clientes) -> None:
    clientes.dicho["es_raiz"] = True
    r = _pedir(http, clientes.llave, "GET", "/v1/auditoria?plataforma=true")
    assert r.status_code == 403
    assert _pedir(http, clientes.llave, "GET", "/v1/auditoria").status_code == 503


def test_it_acts_for_its_cm_alone_and_signs_with_its_id(http: FlaskClient, clientes: Clientes) -> None:
    assert _pedir(http, clientes.llave, "POST", "/v1/clientes", json={"nombre": "Ana"}).status_code == 503
    [peticion] = clientes.pedidas
    assert (peticion.cuenta_id, peticion.actor) == (CUENTA, ID)
    otra = {"Cuenta": str(uuid.UUID(int=2))}
    assert _pedir(http, clientes.llave, "GET", "/v1/cuenta", headers=otra).status_code == 404


def test_the_state_of_its_cm_counts(http: FlaskClient, clientes: Clientes) -> None:
    clientes.dicho["estado"] = "suspendido"
    assert _pedir(http, clientes.llave, "GET", "/v1/clientes").status_code == 503, "let through"
    r = _pedir(http, clientes.llave, "POST", "/v1/clientes", json={"nombre": "Ana"})
    assert (r.status_code, r.json["code"]) == (403, "cuenta_bloqueada")


@pytest.mark.parametrize(
    "cambiar",
    [
        lambda k: k[:-1],
        lambda k: k + "x",
        lambda k: k[:-1] + ("A" if k[-1] != "A" else "B"),
        lambda k: k.replace("cm_0", "cm_1", 1),
        lambda _: "cm_",
        lambda _: "cm_sesion",
    ],
)
def test_a_key_that_is_not_one(http: FlaskClient, clientes: Clientes, cambiar: Any) -> None:
    r = _pedir(http, cambiar(clientes.llave), "GET", "/v1/cuenta")
    assert (r.status_code, r.json["code"]) == (401, "no_autenticado")
    assert _pedir(http, clientes.llave, "GET", "/v1/cuenta").status_code == 503, "the good one goes on"


def test_it_expires_though_it_is_remembered(
    http: FlaskClient, clientes: Clientes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reloj(datetime):
        adelanto = timedelta()

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + cls.adelanto

    monkeypatch.setattr(llaves, "datetime", Reloj)
    clientes.dicho["vence_en"] = datetime.now(UTC) + timedelta(hours=1)
    assert _pedir(http, clientes.llave, "GET", "/v1/cuenta").status_code == 503
    Reloj.adelanto = timedelta(hours=2)
    assert _pedir(http, clientes.llave, "GET", "/v1/cuenta").status_code == 401
    assert clientes.verificadas == 1


def test_its_addresses(http: FlaskClient, clientes: Clientes) -> None:
    clientes.dicho["redes"] = ["203.0.113.0/24"]
    r = _pedir(http, clientes.llave, "GET", "/v1/cuenta", environ_base={"REMOTE_ADDR": "198.51.100.1"})
    assert (r.status_code, r.json["code"]) == (403, "no_permitido")
    assert "198.51.100.1" in r.json["detail"]
    r = _pedir(http, clientes.llave, "GET", "/v1/cuenta", environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert r.status_code == 503


@pytest.mark.parametrize(
    ("redes", "direccion", "entra"),
    [
        ([], "198.51.100.1", True),
        (["198.51.100.1/32"], "198.51.100.1", True),
        (["198.51.100.1/32"], "198.51.100.2", False),
        (["2001:db8::/32", "10.0.0.0/8"], "10.9.9.9", True),
        (["2001:db8::/32"], "2001:db8:1::1", True),
        (["2001:db8::/32"], "10.9.9.9", False),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", True),
        (["10.0.0.0/8"], "", False),
    ],
)
def test_address_lists(redes: list[str], direccion: str, entra: bool) -> None:
    assert admite(redes, direccion) is entra


def test_without_clientes_nothing_is_known(http: FlaskClient, clientes: Clientes) -> None:
    clientes.caido = True
    r = _pedir(http, clientes.llave, "GET", "/v1/perfiles/yo")
    assert (r.status_code, r.json["code"]) == (503, "no_disponible")


def test_a_scope_that_moves_value_is_given_with_the_second_factor(
    http: FlaskClient, clientes: Clientes, token: Token
) -> None:
    def crear(alcances: list[str], **claims: Any) -> Any:
        acceso = token((str(CUENTA), "administrador", False), **claims)
        return _pedir(http, acceso, "POST", "/v1/llaves-api", json={"nombre": "ERP", "alcances": alcances})

    for alcance in c.ALCANCES:
        r = crear(["clientes:leer", alcance], sf=0)
        esperado = "segundo_factor_requerido" if alcance in CON_PASO else "no_disponible"
        assert r.json["code"] == esperado, alcance
        assert crear([alcance], sf=int(time.time())).json["code"] == "no_disponible"
        assert crear([alcance]).json["code"] == "no_disponible", "who has no second factor"


SI, NO = c.LlaveApiVigente(vigente=True), c.LlaveApiVigente(vigente=False)


def _clave(n: int) -> tuple[uuid.UUID, str]:
    return (uuid.UUID(int=n), "")


def test_an_answer_is_remembered_for_a_while_and_an_error_is_not() -> None:
    ahora = [0.0]
    memoria = Memoria(reloj=lambda: ahora[0])
    dichos: list[Any] = [DomainError(Codigo.NO_DISPONIBLE, "No."), SI, NO]

    def buscar() -> c.LlaveApiVigente:
        dicho = dichos.pop(0)
        # The call takes a while: its answer is as old as its question.
        ahora[0] += 1
        if isinstance(dicho, Exception):
            raise dicho
        return dicho  # type: ignore[no-any-return]

    with pytest.raises(DomainError):
        memoria.ver(_clave(1), "x", buscar)
    assert memoria.ver(_clave(1), "x", buscar) is SI
    ahora[0] = 1 + llaves.MEMORIA - 0.01
    assert memoria.ver(_clave(1), "x", buscar) is SI
    ahora[0] = 1 + llaves.MEMORIA
    assert memoria.ver(_clave(1), "x", buscar) is NO
    assert memoria.ver(_clave(1), "x", buscar) is NO


def test_what_it_remembers_is_bounded_and_wrong_keys_push_out_no_good_one() -> None:
    memoria = Memoria(maximo=10, reloj=lambda: 0.0)
    for n in range(50):
        memoria.ver(_clave(n), "x", lambda: SI)
    for n in range(1000, 1200):
        memoria.ver(_clave(n), "y", lambda: NO)
    assert [n for n in range(50) if memoria._sabida(_clave(n))] == list(range(40, 50))
    assert len(memoria._malas) == 200


def test_too_many_wrong_keys_of_one_address() -> None:
    memoria = Memoria(reloj=lambda: 0.0)
    for n in range(llaves._FALLOS - 1):
        memoria.ver(_clave(n), "x", lambda: NO)
    memoria._fallos.contar("x")
    with pytest.raises(DomainError) as alto:
        memoria.ver(_clave(9999), "x", lambda: SI)
    assert alto.value.code is Codigo.DEMASIADOS_INTENTOS
    assert memoria.ver(_clave(9999), "y", lambda: SI) is SI


def test_of_requests_with_one_key_one_asks() -> None:
    memoria, veces, sigue = Memoria(), [], threading.Event()

    def buscar() -> c.LlaveApiVigente:
        veces.append(1)
        sigue.wait(5)
        return SI

    dichos: list[Any] = []
    hilos = [
        threading.Thread(target=lambda: dichos.append(memoria.ver(_clave(1), "x", buscar))) for _ in range(8)
    ]
    for hilo in hilos:
        hilo.start()
    while not memoria._vuelos:
        time.sleep(0.001)
    sigue.set()
    for hilo in hilos:
        hilo.join(5)
    assert (len(veces), dichos) == (1, [SI] * 8)


def _operaciones() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (metodo.upper(), ruta, operacion)
        for ruta, metodos in documento()["paths"].items()
        for metodo, operacion in metodos.items()
        if metodo != "parameters"
        and {"bearer", "sesion"} <= {nombre for s in operacion.get("security", ()) for nombre in s}
    ]
