"""puntos, facturacion and licencias as processes on a real bus, and their routes over them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from flask.testing import FlaskClient

from services.gateway import auth
from services.gateway.app import crear_app
from shared.config import settings
from shared.contracts import facturacion as f
from shared.contracts import licencias as lic
from shared.contracts import puntos as p
from shared.contracts.eventos import CLIENTE_CREADO, CUENTA_MAESTRA_CREADA, ClienteCreado, CuentaMaestraCreada
from shared.errors import DomainError
from shared.messaging.rpc_client import RpcClient
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork

RAIZ, CM, NIC = uuid4(), uuid4(), 41
PLAZO = 30.0


def hasta(condicion: Callable[[], Any]) -> Any:
    """What `condicion` answers once it is true; a refusal or a service that starts is waited for."""
    fin = time.monotonic() + PLAZO
    while True:
        try:
            if valor := condicion():
                return valor
        except DomainError as error:
            ultimo: object = error
        else:
            ultimo = "nothing yet"
        assert time.monotonic() < fin, ultimo
        time.sleep(0.1)


@pytest.fixture(scope="module")
def carpeta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    carpeta = tmp_path_factory.mktemp("llaves")
    (carpeta / "licencias").mkdir()
    privada = Ed25519PrivateKey.generate()
    pem = privada.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (carpeta / "licencias" / "k1.pem").write_bytes(pem)
    (carpeta / "privada.pem").write_bytes(pem)
    publica = privada.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (carpeta / "publica.pem").write_bytes(publica)
    return carpeta


@pytest.fixture(scope="module")
def bus(
    servidores: Any, base_de_datos_modulo: Callable[..., str], vhost_modulo: Callable[..., str], carpeta: Path
) -> Iterator[RpcClient]:
    """The three services running, told of a root, a CM and a cliente by events."""
    amqp = vhost_modulo(topologia=True)
    procesos: list[subprocess.Popen[bytes]] = []
    for servicio in ("puntos", "facturacion", "licencias"):
        url = base_de_datos_modulo(servicio)
        entorno = os.environ | {
            "SERVICIO": servicio,
            "DATABASE_URL": url,
            "AMQP_URL": amqp,
            "LICENCIAS_KEYS_DIR": str(carpeta / "licencias"),
        }
        with (carpeta / f"{servicio}.log").open("wb") as salida:
            orden = [sys.executable, "-m", "shared.messaging.runtime", servicio]
            procesos.append(subprocess.Popen(orden, env=entorno, stdout=salida, stderr=salida))
        servidores.registrar(procesos[-1].pid)
        if servicio == "puntos":
            _contar(url)
    cliente = RpcClient(amqp)
    try:
        yield cliente
    finally:
        cliente.close()
        for proceso in procesos:
            proceso.terminate()
        for proceso in procesos:
            proceso.wait(20)


def _contar(url: str) -> None:
    """Leave clientes' events in an outbox: whichever relay publishes them, they reach every subscriber."""
    engine = new_engine(url)
    with UnitOfWork(engine, lambda session: session) as uow:
        for cuenta, padre in ((RAIZ, None), (CM, RAIZ)):
            uow.publish(
                CUENTA_MAESTRA_CREADA, CuentaMaestraCreada(cuenta_id=cuenta, padre_id=padre, nombre="CM")
            )
        uow.publish(
            CLIENTE_CREADO,
            ClienteCreado(cuenta_id=CM, cliente_id=UUID(int=NIC), nic=NIC, nombre="Ferretería", cti="C1"),
        )
        uow.commit()
    engine.dispose()


@pytest.fixture
def http(bus: RpcClient, carpeta: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """The gateway's routes for an operador of the CM."""
    monkeypatch.setenv("TOKEN_PUBLIC_KEY_FILE", str(carpeta / "publica.pem"))
    settings.cache_clear()
    auth._llave_publica.cache_clear()
    token = jwt.encode(
        {
            "sub": str(uuid4()),
            "sid": str(uuid4()),
            "exp": int(time.time()) + 600,
            "cuentas": [{"id": str(CM), "rol": "operador"}],
        },
        (carpeta / "privada.pem").read_bytes(),
        algorithm="EdDSA",
    )
    app = crear_app(bus, rutas=("facturacion", "licencias", "puntos"))
    cliente = app.test_client()
    cliente.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    yield cliente
    settings.cache_clear()
    auth._llave_publica.cache_clear()


def test_from_minting_to_the_invoice(bus: RpcClient, http: FlaskClient) -> None:
    acreditar = p.Acreditar(clave=f"{RAIZ}:1", cuenta_id=RAIZ, destino_id=CM, puntos=Decimal("500"))
    hasta(lambda: bus.llamar(p.ACREDITAR, acreditar))
    ruta = f"/v1/clientes/{NIC}/puntos/transferencias"
    cuerpo = {"puntos": "150.25", "importe": "174.29"}
    hasta(lambda: bus.llamar(p.CONSULTAR_SALDO, p.ConsultarSaldo(cuenta_id=CM, nic=NIC)))

    sin_confirmar = http.post(ruta, json=cuerpo, headers={"Idempotency-Key": "t1"})
    assert sin_confirmar.get_json()["code"] == "confirmacion_requerida"
    cuerpo_completo: dict[str, Any] = {**cuerpo, "confirmar": True}
    assert http.post(ruta, json=cuerpo_completo).get_json()["code"] == "clave_requerida"
    hecha = http.post(ruta, json=cuerpo_completo, headers={"Idempotency-Key": "t1"})
    assert hecha.status_code == 201, hecha.get_json()
    assert hecha.get_json()["saldo"] == "349.75"
    otra_vez = http.post(ruta, json=cuerpo_completo, headers={"Idempotency-Key": "t1"})
    assert otra_vez.get_json() == hecha.get_json()
    assert otra_vez.headers["Idempotent-Replayed"] == "true"
    distinta = http.post(ruta, json={**cuerpo_completo, "puntos": "1"}, headers={"Idempotency-Key": "t1"})
    assert (distinta.status_code, distinta.get_json()["code"]) == (409, "clave_reutilizada")
    ajeno = http.post(
        "/v1/clientes/9223372036854775808/puntos/transferencias",
        json=cuerpo_completo,
        headers={"Idempotency-Key": "t2"},
    )
    assert ajeno.status_code == 404
    assert http.get("/v1/puntos").get_json() == {"saldo": "349.75", "disponible": "349.75"}
    movimientos = http.get("/v1/puntos/movimientos?limite=1").get_json()
    assert movimientos["datos"][0]["puntos"] == "-150.25"
    assert movimientos["siguiente"]

    # Order between events is not promised: the venta may come before its cliente's name.
    def con_nombre() -> Any:
        datos = http.get(f"/v1/ventas?estado=por_facturar&cliente={NIC}").get_json()["datos"]
        return [v for v in datos if v["cliente"]]

    [venta] = hasta(con_nombre)
    assert (venta["id"], venta["cantidad"], venta["importe"]) == (hecha.get_json()["id"], "150.25", "174.29")
    assert venta["cliente"] == "Ferretería"
    csv = http.get("/v1/ventas", headers={"Accept": "text/csv"})
    assert csv.mimetype == "text/csv"
    assert venta["id"] in csv.get_data(as_text=True)
    factura = http.post(
        "/v1/facturas",
        json={"nic": NIC, "referencia": "A-100", "ventas": [venta["id"]]},
        headers={"Idempotency-Key": "f1"},
    )
    assert factura.status_code == 201, factura.get_json()
    assert http.get("/v1/ventas?estado=por_facturar").get_json() == {"datos": [], "siguiente": None}
    assert [x["id"] for x in http.get("/v1/facturas").get_json()["datos"]] == [factura.get_json()["id"]]
    for _ in range(2):
        anulada = http.delete(f"/v1/facturas/{factura.get_json()['id']}")
        assert (anulada.status_code, anulada.get_json()["estado"]) == (200, "anulada")
    assert len(http.get("/v1/ventas?estado=por_facturar").get_json()["datos"]) == 1
    for lista in ("facturas", "mkl", "puntos/movimientos"):
        assert http.get(f"/v1/{lista}", headers={"Accept": "text/csv"}).mimetype == "text/csv"
    assert http.delete(f"/v1/facturas/{uuid4()}").status_code == 404
    assert http.get("/v1/ventas?estado=x").get_json()["code"] == "datos_invalidos"
    assert bus.llamar(f.LISTAR_VENTAS, f.ListarVentas(cuenta_id=RAIZ)).datos == []


def test_licences_over_http(bus: RpcClient, http: FlaskClient) -> None:
    ruta = f"/v1/clientes/{NIC}/licencias"
    hasta(lambda: http.get(ruta).status_code == 200)
    cuerpo = {"producto": "punto-de-venta"}
    sin_mkl = http.post(ruta, json=cuerpo, headers={"Idempotency-Key": "l1"})
    assert sin_mkl.get_json()["code"] == "contrato_requerido"
    contrato = lic.ContratarMkl(
        clave=f"{CM}:m1",
        cuenta_id=CM,
        producto="punto-de-venta",
        vence_en=datetime.now(UTC).date() + timedelta(days=365),
    )
    bus.llamar(lic.CONTRATAR_MKL, contrato)
    assert http.get("/v1/mkl").get_json()["datos"][0]["vigente"] is True
    licencia = http.post(ruta, json=cuerpo, headers={"Idempotency-Key": "l1"})
    assert licencia.status_code == 201, licencia.get_json()
    documento = licencia.get_json()["documento"]

    def validar() -> str:
        respuesta = http.post("/v1/licencias/validaciones", json={"documento": documento, **cuerpo})
        return str(respuesta.get_json()["codigo"])

    assert validar() == "VALIDA"
    assert len(http.get(ruta).get_json()["datos"]) == 1
    assert http.delete(f"/v1/licencias/{licencia.get_json()['id']}").get_json()["estado"] == "revocada"
    assert validar() == "REVOCADA"
    publicadas = http.get("/.well-known/licencias.json")
    assert [llave["id"] for llave in publicadas.get_json()["llaves"]] == ["k1"]
    assert licencia.get_json()["id"] in publicadas.get_json()["revocaciones"]
    documento = http.get("/openapi.json").get_json()
    assert {"/v1/ventas", "/v1/mkl", "/v1/puntos"} <= documento["paths"].keys()
