"""The list of CTI at the gateway: looked for by their clientes, named after them, with three calls at most."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from services.gateway.app import crear_app
from shared.contracts import clientes
from shared.contracts import timbrado as c
from tests.unit.gateway.conftest import CUENTA_A, ClienteDeMentira

CUENTA = uuid.UUID(CUENTA_A)


def cti(id_: str, nic: int) -> c.Cti:
    return c.Cti(
        id=id_, nic=nic, cuenta_id=CUENTA, cliente_id=uuid.UUID(int=nic), tipo="estandar", activa=True, saldo=1,
        disponible=1, con_contrasena=True, creada_en=datetime(2026, 11, 30, tzinfo=UTC),
    )  # fmt: skip


class Bus(ClienteDeMentira):
    """Each contract has its answer."""

    def __init__(self) -> None:
        super().__init__()
        self.respuestas: dict[Any, Any] = {
            clientes.HALLAR_CLIENTES: clientes.ClientesHallados(nics=[1001, 1002]),
            clientes.NOMBRAR_CLIENTES: clientes.NombresDeClientes(nombres={"1001": "Uno"}),
            c.LISTAR_CTIS: c.PaginaCtis(datos=[cti("A", 1001), cti("B", 1002), cti("C", 1001)]),
        }

    def llamar_con_marca(self, contrato: Any, peticion: Any, plazo: float | None = None) -> Any:
        self.llamadas.append((contrato.nombre, peticion))
        return self.respuestas[contrato], False


@pytest.fixture
def rpc() -> Bus:
    return Bus()


@pytest.fixture
def http(rpc: Bus) -> FlaskClient:
    return crear_app(rpc, rutas=("ctis",)).test_client()  # type: ignore[arg-type]


def test_a_search_asks_each_service_once(http: FlaskClient, con_sesion: dict[str, str], rpc: Bus) -> None:
    r = http.get("/v1/ctis?q=%20ana%20&nic=1001&tipo=estandar&orden=-saldo", headers=con_sesion)
    assert [(x["id"], x["cliente"]) for x in r.get_json()["datos"]] == [
        ("A", "Uno"), ("B", None), ("C", "Uno"),
    ]  # fmt: skip
    assert [peticion for _, peticion in rpc.llamadas] == [
        clientes.HallarClientes(cuenta_id=CUENTA, q="ana"),
        c.ListarCtis(cuenta_id=CUENTA, nic=1001, nics=[1001, 1002], tipo="estandar", orden="-saldo"),
        clientes.NombrarClientes(cuenta_id=CUENTA, nics=[1001, 1002]),
    ]


def test_without_a_search_all_are_listed(http: FlaskClient, con_sesion: dict[str, str], rpc: Bus) -> None:
    r = http.get("/v1/ctis?q=%20", headers={**con_sesion, "Accept": "text/csv"})
    assert r.text.splitlines()[0].endswith(",cliente")
    assert [nombre for nombre, _ in rpc.llamadas] == [c.LISTAR_CTIS.nombre, clientes.NOMBRAR_CLIENTES.nombre]
    assert rpc.llamadas[0][1] == c.ListarCtis(cuenta_id=CUENTA)


def test_nobody_found_is_no_cti(http: FlaskClient, con_sesion: dict[str, str], rpc: Bus) -> None:
    rpc.respuestas[clientes.HALLAR_CLIENTES] = clientes.ClientesHallados()
    r = http.get("/v1/ctis?q=nadie", headers=con_sesion)
    assert r.get_json() == {"datos": [], "siguiente": None}
    assert len(rpc.llamadas) == 1


def test_too_many_found_is_told_and_not_cut(http: FlaskClient, con_sesion: dict[str, str], rpc: Bus) -> None:
    rpc.respuestas[clientes.HALLAR_CLIENTES] = clientes.ClientesHallados(nics=[1001], completos=False)
    r = http.get("/v1/ctis?q=sa", headers=con_sesion)
    assert (r.status_code, list(r.get_json()["errores"])) == (422, ["q"])
    assert "Más de 1,000 clientes" in r.get_json()["errores"]["q"][0]
    assert clientes.NICS_HALLADOS <= c.NICS_MAXIMOS


def test_a_key_of_timbres_alone_learns_nothing_of_clientes(http: FlaskClient, rpc: Bus) -> None:
    """Not their names, and not whose phone it is either."""
    secreto = "s" * 43
    rpc.respuestas[clientes.VERIFICAR_LLAVE_API] = clientes.LlaveApiVigente(
        vigente=True, cuenta_id=CUENTA, nombre="ERP", alcances=["timbres:leer"], estado="activo"
    )
    cabeceras = {"Authorization": f"Bearer cm_{uuid.UUID(int=5).hex}_{secreto}"}
    r = http.get("/v1/ctis", headers=cabeceras)
    assert [x["cliente"] for x in r.get_json()["datos"]] == [None, None, None], r.text
    r = http.get("/v1/ctis?q=5512345678", headers=cabeceras)
    assert (r.status_code, r.get_json()["alcance"]) == (403, "clientes:leer")
    nombres = [nombre for nombre, _ in rpc.llamadas]
    assert clientes.NOMBRAR_CLIENTES.nombre not in nombres
    assert clientes.HALLAR_CLIENTES.nombre not in nombres
