"""From HTTP to the database: the gateway's routes, the bus and the service clientes as it runs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask.testing import FlaskClient
from kombu import Connection, Producer

from services.gateway import auth
from services.gateway.app import crear_app
from services.gateway.routes import clientes as rutas_clientes
from shared.contracts import clientes as c
from shared.contracts.base import dump
from shared.contracts.eventos import TIMBRES_CONSUMIDOS, Consumo, TimbresConsumidos
from shared.messaging.rpc_client import RpcClient
from shared.messaging.wire import EVENTS, SERIALIZER
from tests.conftest import RAIZ, Servidores

CONTRASENA = "una contraseña larga"
Montaje = tuple[RpcClient, FlaskClient]


@pytest.fixture(scope="module")
def base(base_de_datos_modulo: Callable[..., str]) -> str:
    return base_de_datos_modulo("clientes")


@pytest.fixture(scope="module")
def montaje(
    servidores: Servidores,
    base: str,
    vhost_modulo: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Montaje]:
    llave = Ed25519PrivateKey.generate()
    pem = tmp_path_factory.mktemp("llaves") / "acceso.pem"
    pem.write_bytes(llave.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    amqp = vhost_modulo(topologia=True)
    entorno = {
        **os.environ,
        "SERVICIO": "clientes",
        "AMQP_URL": amqp,
        "DATABASE_URL": base,
        "TOKEN_PRIVATE_KEY_FILE": str(pem),
    }
    registro = Path(tmp_path_factory.mktemp("registro")) / "clientes.log"
    with registro.open("wb") as salida:
        proceso = subprocess.Popen(
            [sys.executable, "-m", "shared.messaging.runtime", "clientes"],
            cwd=RAIZ, env=entorno, stdout=salida, stderr=salida,
        )  # fmt: skip
    servidores.registrar(proceso.pid)
    rpc = RpcClient(amqp)
    parche = pytest.MonkeyPatch()
    parche.setattr(auth, "_llave_publica", llave.public_key)
    parche.setattr(rutas_clientes, "_PLAZO_CTI", 0.2)
    try:
        rpc.llamar_crudo("clientes", "salud_v1", {}, 30.0)
        app = crear_app(rpc, ("sesiones", "perfiles", "cuenta", "clientes", "cartera", "usuarios"))
        yield rpc, app.test_client(use_cookies=False)
    except Exception:
        print(registro.read_text())
        raise
    finally:
        parche.undo()
        rpc.close()
        proceso.terminate()
        proceso.wait(20)


_n = iter(range(1, 10_000))


def sembrar(rpc: RpcClient, padre: Any = None) -> tuple[c.Perfil, c.CuentaMaestra]:
    n = next(_n)
    perfil = rpc.llamar(
        c.CREAR_PERFIL,
        c.CrearPerfil(
            clave=f"perfil-{n}", nombre=f"Persona {n}", correo=f"p{n}@prueba.mx", movil=f"551234{n:04d}",
            contrasena=CONTRASENA,
        ),
    )  # fmt: skip
    if padre is False:
        return perfil, None  # type: ignore[return-value]
    return perfil, rpc.llamar(
        c.CREAR_CUENTA_MAESTRA,
        c.CrearCuentaMaestra(
            clave=f"cuenta-{n}", padre_id=padre, nombre=f"Cuenta {n}", titular_perfil_id=perfil.perfil_id
        ),
    )


@pytest.fixture(scope="module")
def raiz(montaje: Montaje) -> c.CuentaMaestra:
    return sembrar(montaje[0])[1]


def entrar(http: FlaskClient, usuario: str) -> dict[str, str]:
    respuesta = http.post("/v1/sesiones", json={"usuario": usuario, "contrasena": CONTRASENA})
    assert respuesta.status_code == 201, respuesta.text
    return {"Authorization": f"Bearer {respuesta.json['acceso']}"}  # type: ignore[index]


@pytest.fixture
def sesion(montaje: Montaje, raiz: c.CuentaMaestra) -> dict[str, str]:
    perfil, _ = sembrar(montaje[0], raiz.cuenta_id)
    return entrar(montaje[1], perfil.correo)


def alta(http: FlaskClient, sesion: dict[str, str], clave: str, **datos: Any) -> Any:
    return http.post("/v1/clientes", json=datos, headers={**sesion, "Idempotency-Key": clave})


def test_cliente_de_principio_a_fin(montaje: Montaje, sesion: dict[str, str]) -> None:
    _, http = montaje
    datos = {"nombre": "Ferretería López", "rfc": "EKU9003173C9", "precio_especifico": "0.85"}
    hecho = alta(http, sesion, "uno", **datos, tecnico={"nombre": "Eva", "correo": "eva@x.mx"})
    assert hecho.status_code == 201, hecho.text
    nic = hecho.json["nic"]
    assert hecho.json["cti"] == {"id": f"CTI{nic:07d}", "contrasena": None}
    assert hecho.json["precio_especifico"] == "0.85"
    assert "Idempotent-Replayed" not in hecho.headers
    otra = alta(http, sesion, "uno", **datos, tecnico={"nombre": "Eva", "correo": "eva@x.mx"})
    assert otra.json["nic"] == nic
    assert otra.headers["Idempotent-Replayed"] == "true"
    assert alta(http, sesion, "uno", nombre="Otro").status_code == 409

    lista = http.get("/v1/clientes?q=ferreter", headers=sesion).json
    assert [x["nic"] for x in lista["datos"]] == [nic]  # type: ignore[index]
    cambio = http.patch(f"/v1/clientes/{nic}", json={"rfc": None, "notas": "x", "version": 1}, headers=sesion)
    assert cambio.status_code == 200, cambio.text
    assert (cambio.json["rfc"], cambio.json["notas"], cambio.json["version"]) == (None, "x", 2)  # type: ignore[index]
    assert http.patch(f"/v1/clientes/{nic}", json={"version": 1}, headers=sesion).status_code == 409
    assert http.get(f"/v1/clientes/{nic}", headers=sesion).json["cti"] == {"id": f"CTI{nic:07d}"}  # type: ignore[index]


def test_refusals(montaje: Montaje, sesion: dict[str, str], raiz: c.CuentaMaestra) -> None:
    rpc, http = montaje
    assert http.get("/v1/clientes").status_code == 401
    assert http.post("/v1/clientes", json={"nombre": "x"}, headers=sesion).status_code == 400
    mala = alta(http, sesion, "m", nombre="", correo="no", sobra=1)
    assert mala.status_code == 422
    assert set(mala.json["errores"]) == {"nombre", "correo", "sobra"}
    assert alta(http, sesion, "n", nombre="a\x00b").status_code == 422
    ajeno = rpc.llamar(
        c.CREAR_CLIENTE, c.CrearCliente(clave=str(uuid4()), cuenta_id=raiz.cuenta_id, nombre="Ajeno")
    )
    for nic in (ajeno.nic, 99999999999999999999999):
        assert http.get(f"/v1/clientes/{nic}", headers=sesion).status_code == 404
        assert http.patch(f"/v1/clientes/{nic}", json={}, headers=sesion).status_code == 404
    assert http.get("/v1/clientes?cursor=zz", headers=sesion).status_code == 422


def test_perfil_principal(montaje: Montaje, sesion: dict[str, str]) -> None:
    rpc, http = montaje
    nic = alta(http, sesion, str(uuid4()), nombre="Cliente").json["nic"]
    persona, _ = sembrar(rpc, False)
    ruta, yo = f"/v1/clientes/{nic}/perfil-principal", http.get("/v1/perfiles/yo", headers=sesion).json
    assert yo is not None
    propio = {"correo": yo["correo"], "movil": yo["movil"]}
    assert http.put(ruta, json=propio, headers=sesion).status_code == 403
    nadie = {"correo": "nadie@x.mx", "movil": "5500000000"}
    assert http.put(ruta, json=nadie, headers=sesion).status_code == 422
    hecho = http.put(ruta, json={"correo": persona.correo, "movil": persona.movil}, headers=sesion)
    assert hecho.status_code == 200, hecho.text
    assert entrar(http, persona.correo)
    # What finds nobody counts, with the looks of who wants to admit a usuario; what is done does not.
    for _ in range(22):
        assert http.put(ruta, json=hecho_con(persona), headers=sesion).status_code == 200
    estados = [http.put(ruta, json=nadie, headers=sesion).status_code for _ in range(20)]
    assert estados == [422] * 18 + [429] * 2
    busqueda = http.post("/v1/usuarios/busquedas", json=nadie, headers=sesion)
    assert busqueda.status_code == 429
    assert http.put(ruta, json=hecho_con(persona), headers=sesion).status_code == 429


def hecho_con(persona: c.Perfil) -> dict[str, str]:
    return {"correo": persona.correo, "movil": persona.movil}


def test_sesion_de_programa(montaje: Montaje, raiz: c.CuentaMaestra) -> None:
    rpc, http = montaje
    perfil, cuenta = sembrar(rpc, raiz.cuenta_id)
    mala = http.post("/v1/sesiones", json={"usuario": perfil.correo, "contrasena": "no es"})
    assert (mala.status_code, mala.json["code"]) == (401, "credenciales_invalidas")  # type: ignore[index]
    primera: Any = http.post("/v1/sesiones", json={"usuario": perfil.movil, "contrasena": CONTRASENA}).json
    ruta = "/v1/sesiones/renovaciones"
    segunda: Any = http.post(ruta, json={"renovacion": primera["renovacion"]}).json
    encabezado = {"Authorization": f"Bearer {segunda['acceso']}"}
    vista: Any = http.get("/v1/cuenta", headers=encabezado).json
    assert (vista["cuenta_id"], vista["estado"], vista["es_raiz"]) == (str(cuenta.cuenta_id), "activo", False)
    assert http.delete("/v1/sesiones/actual", headers=encabezado).status_code == 204
    assert http.post(ruta, json={"renovacion": segunda["renovacion"]}).status_code == 401


def test_sesion_del_portal(montaje: Montaje, raiz: c.CuentaMaestra) -> None:
    rpc, http = montaje
    perfil, _ = sembrar(rpc, raiz.cuenta_id)
    navegador = http.application.test_client()
    hecha = navegador.post(
        "/v1/sesiones", json={"usuario": perfil.correo, "contrasena": CONTRASENA, "modo": "cookie"}
    )
    assert (hecha.json["acceso"], hecha.json["renovacion"]) == (None, None)  # type: ignore[index]
    assert navegador.get("/v1/cuenta").status_code == 200
    csrf = navegador.get_cookie("cm_csrf")
    assert csrf is not None
    assert navegador.post("/v1/sesiones/renovaciones").status_code == 401
    renovada = navegador.post("/v1/sesiones/renovaciones", headers={"X-CSRF-Token": csrf.value})
    assert renovada.status_code == 201, renovada.text
    csrf = navegador.get_cookie("cm_csrf")
    assert csrf is not None
    assert navegador.delete("/v1/sesiones/actual").status_code == 403
    assert navegador.delete("/v1/sesiones/actual", headers={"X-CSRF-Token": csrf.value}).status_code == 204
    assert navegador.get("/v1/cuenta").status_code == 401


def test_un_consumo_llega_por_el_bus(montaje: Montaje, sesion: dict[str, str]) -> None:
    rpc, http = montaje
    cliente = alta(http, sesion, str(uuid4()), nombre="Timbra").json
    cuenta: Any = http.get("/v1/cuenta", headers=sesion).json
    en = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)
    consumo = Consumo(
        cti=cliente["cti"]["id"],
        cuenta_id=UUID(cuenta["cuenta_id"]),
        cliente_id=UUID(cliente["cliente_id"]),
        cantidad=3,
        en=en,
    )
    with Connection(rpc._url) as conexion:
        for _ in range(2):
            Producer(conexion.channel()).publish(
                dump(TimbresConsumidos(consumos=[consumo])),
                exchange=EVENTS.name,
                routing_key=TIMBRES_CONSUMIDOS.nombre,
                serializer=SERIALIZER,
                message_id=str(uuid4()),
            )
    limite = time.monotonic() + 10
    while (vista := _ver(http, sesion, cliente["nic"]))[
        "ultima_emision"
    ] is None and time.monotonic() < limite:
        time.sleep(0.1)
    assert datetime.fromisoformat(vista["ultima_emision"]) == en
    assert vista["version"] == 1


def _ver(http: FlaskClient, sesion: dict[str, str], nic: int) -> Any:
    return http.get(f"/v1/clientes/{nic}", headers=sesion).json


def test_demasiados_intentos(montaje: Montaje) -> None:
    _, http = montaje
    estados = [
        http.post("/v1/sesiones", json={"usuario": "x@y.mx", "contrasena": "mala"}).status_code
        for _ in range(12)
    ]
    assert estados == [401] * 8 + [429] * 4


def desde(http: FlaskClient, direccion: str, usuario: str, contrasena: str = CONTRASENA, **datos: Any) -> Any:
    """A sign-in from an address."""
    return http.post(
        "/v1/sesiones",
        json={"usuario": usuario, "contrasena": contrasena, **datos},
        environ_base={"REMOTE_ADDR": direccion},
    )


def test_un_dispositivo_conocido_entra_mientras_otros_atacan_su_cuenta(
    montaje: Montaje, raiz: c.CuentaMaestra
) -> None:
    rpc, http = montaje
    perfil, _ = sembrar(rpc, raiz.cuenta_id)
    navegador, ajeno = http.application.test_client(), http.application.test_client()
    assert desde(navegador, "192.0.2.10", perfil.correo, modo="cookie").status_code == 201
    assert (
        desde(ajeno, "192.0.2.20", sembrar(rpc, raiz.cuenta_id)[0].correo, modo="cookie").status_code == 201
    )
    intentos = [desde(http, f"10.1.{n}.1", perfil.correo, "no es ésta").status_code for n in range(32)]
    assert intentos == [401] * 30 + [429] * 2
    atacante = "10.1.0.1"
    negada = desde(http, "192.0.2.11", perfil.correo)
    assert (negada.status_code, negada.json["code"]) == (429, "demasiados_intentos")
    assert int(negada.headers["Retry-After"]) > 0
    assert desde(ajeno, "192.0.2.11", perfil.correo, modo="cookie").status_code == 429, "another's device"
    # The cookie alone makes it known: from a new place, and from where an attacker is.
    galleta = navegador.get_cookie("cm_dispositivo", path="/v1/sesiones")
    assert galleta is not None
    for direccion in ("192.0.2.11", atacante):
        dentro = desde(navegador, direccion, perfil.correo, modo="cookie")
        assert (dentro.status_code, dentro.json["acceso"]) == (201, None), dentro.text
    assert desde(http, "192.0.2.12", perfil.movil, dispositivo=galleta.value).status_code == 201
    # Its own tries are counted by themselves, and it takes nothing back from the attackers.
    suyos = [
        desde(http, "192.0.2.12", perfil.correo, "no es ésta", dispositivo=galleta.value).status_code
        for _ in range(11)
    ]
    assert suyos == [401] * 10 + [429]
    assert desde(http, "10.1.40.1", perfil.correo, "no es ésta").status_code == 429


def test_con_la_fila_de_argon2_llena_se_pide_volver_y_no_se_pierde_nada(
    montaje: Montaje, raiz: c.CuentaMaestra, base: str
) -> None:
    rpc, http = montaje
    correos = [sembrar(rpc, raiz.cuenta_id)[0].correo for _ in range(6)]
    # Dear to verify, so that the line fills however slow everything before it is on this machine.
    cara = PasswordHasher(time_cost=8, memory_cost=19_456, parallelism=1).hash(CONTRASENA)
    with psycopg.connect(base.replace("+psycopg", "")) as db:
        puestas = db.execute(
            "UPDATE perfiles SET hash_contrasena = %s WHERE correo = ANY(%s)", (cara, correos)
        )
        assert puestas.rowcount == len(correos)
    respuestas: list[Any] = []

    def insistir(correo: str) -> None:
        # As a portal does: when it is told to come back, it does.
        for _ in range(200):
            r = desde(http.application.test_client(use_cookies=False), "198.51.100.77", correo)
            respuestas.append(r)
            if r.status_code != 503:
                return
            time.sleep(0.05)

    hilos = [threading.Thread(target=insistir, args=(correo,)) for correo in correos * 5]
    for h in hilos:
        h.start()
    for h in hilos:
        h.join(60)
    assert {r.status_code for r in respuestas} == {201, 503}, "neither an error nor a lock-out"
    dentro = [r for r in respuestas if r.status_code == 201]
    assert len(dentro) == len(hilos), "everybody came in"
    for r in respuestas:
        if r.status_code == 503:
            assert r.headers["Content-Type"] == "application/problem+json"
            assert (r.json["code"], r.headers["Retry-After"]) == ("no_disponible", "2")
            assert r.json["detail"] == (
                "Hay demasiados inicios de sesión en este momento. Intente de nuevo en unos segundos."
            )
    # Each session that was told is there, and who was sent away counts against nobody behind that address.
    sesion = {"Authorization": f"Bearer {dentro[0].json['acceso']}"}
    yo: Any = http.get("/v1/perfiles/yo", headers=sesion).json
    lista: Any = http.get("/v1/sesiones?limite=200", headers=sesion).json
    suyas = {r.json["sesion_id"] for r in dentro if r.json["perfil_id"] == yo["perfil_id"]}
    assert {x["sesion_id"] for x in lista["datos"]} == suyas
    assert len(suyas) == 5
    assert desde(http, "198.51.100.77", sembrar(rpc, raiz.cuenta_id)[0].correo).status_code == 201
