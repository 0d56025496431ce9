"""A stranger walks every route with someone else's ids and finds nothing; no list shows it what is not its own.

A route that is neither in the walk nor declared as naming no object fails here: `recorrido_de_aislamiento.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import requests

from shared.contracts import clientes as cl
from shared.messaging.rpc_client import RpcClient
from tests.e2e.otra_cuenta import otra_cuenta
from tests.e2e.recorrido_de_aislamiento import APARTE, CONSULTAS, PASOS, PROPIAS, Paso
from tests.matriz_de_roles import del_codigo
from tests.sistema import Sistema, hasta

Sesion = requests.Session


@dataclass
class Partes:
    """The owner with one object of every kind, and a stranger with a CM of its own."""

    duena: Sesion
    ajena: Sesion
    objetos: dict[str, Any]


def _bien(r: requests.Response) -> Any:
    assert r.status_code < 300, f"{r.request.method} {r.request.url}: {r.text}"
    return r.json() if r.content else None


@pytest.fixture(scope="module")
def partes(sistema: Sistema) -> Partes:
    duena = sistema.sesion("distribuidor")
    return Partes(duena, otra_cuenta(sistema), _objetos(sistema, duena))


def _objetos(sistema: Sistema, duena: Sesion) -> dict[str, Any]:
    """A cliente of its own: the walk's owner changes a password, which is not the demonstration's."""
    alta = _bien(duena.post("/v1/clientes", json={"nombre": "Recorrida, S.A."}))
    nic, cti, contrasena = alta["nic"], alta["cti"]["id"], alta["cti"]["contrasena"]
    confirmada = {"importe": "1.00", "confirmar": True}
    for _ in range(2):
        _bien(duena.post(f"/v1/ctis/{cti}/transferencias", json={"cantidad": 5, **confirmada}))
    objetos: dict[str, Any] = {
        "nic": nic,
        "cti": cti,
        "correo": "luis@cliente.example",
        "movil": "+525500000003",
    }
    objetos["uuid"] = _bien(sistema.timbrar(sistema.factura(), **sistema.basica(contrasena, cti)))["uuid"]
    ventas = hasta(
        lambda: [v["id"] for v in duena.get(f"/v1/ventas?estado=por_facturar&cliente={nic}").json()["datos"]][
            1:
        ]
    )
    objetos["venta_id"] = duena.get(f"/v1/ventas?estado=por_facturar&cliente={nic}").json()["datos"][0]["id"]
    objetos["factura_id"] = _bien(
        duena.post("/v1/facturas", json={"nic": nic, "referencia": "A-1", "ventas": [ventas[-1]]})
    )["id"]
    objetos["licencia_id"] = _bien(
        duena.post(f"/v1/clientes/{nic}/licencias", json={"producto": "FACTUDESK"})
    )["id"]
    objetos["llave_id"] = _bien(duena.post(f"/v1/ctis/{cti}/llaves", json={"nombre": "Una"}))["id"]
    fila = {"cti": cti, "cantidad": 1, "importe": "1.00"}
    objetos["masiva_id"] = _bien(
        duena.post("/v1/transferencias-masivas", json={"filas": [fila], "confirmar": True})
    )["id"]
    tarifas = _bien(sistema.sesion("raiz").get("/v1/operacion/tarifas-ilimitadas"))["datos"]
    objetos["precio_abierta"] = next(t["precio"] for t in tarifas if t["modalidad"] == "abierta")
    objetos["ilimitada"] = _bien(duena.post(f"/v1/clientes/{nic}/ctis", json={"tipo": "ilimitada"}))["id"]
    objetos["contratacion_id"] = _bien(
        duena.post(
            f"/v1/ctis/{objetos['ilimitada']}/contrataciones",
            json={"modalidad": "abierta", "precio": objetos["precio_abierta"], "confirmar": True},
        )
    )["id"]
    objetos["convertible"] = _bien(duena.post("/v1/clientes", json={"nombre": "Por convertir"}))["nic"]
    objetos["llave"] = _bien(
        duena.post("/v1/llaves-publicas", json={"nombre": "Sitio", "origenes": ["https://sitio.example"]})
    )["llave"]
    objetos["llave_api_id"] = _bien(
        duena.post("/v1/llaves-api", json={"nombre": "Programa", "alcances": ["clientes:leer"]})
    )["llave_id"]
    objetos["importacion_id"] = _bien(
        duena.post(
            "/v1/clientes/importaciones",
            data=b"nombre\nImportada\n",
            headers={"Content-Type": "text/csv"},
        )
    )["id"]
    objetos["distribuidor_id"] = _bien(
        duena.post(
            "/v1/distribuidores",
            json={"nombre": "Recorrida", "correo": "recorrida@red.example", "movil": "+529990005678"},
        )
    )["cuenta_id"]
    objetos["usuario_id"], objetos["invitacion_id"] = _usuarios(sistema, duena)
    otra = sistema.sesion("distribuidor").get("/v1/sesiones").json()["datos"]
    objetos["sesion_id"] = next(x["sesion_id"] for x in otra if x["actual"])
    objetos["aviso_id"] = _aviso(sistema, duena, nic)
    return objetos


def _usuarios(sistema: Sistema, duena: Sesion) -> tuple[str, str]:
    """Somebody who is admitted, and an invitation that nobody took."""
    quien = {"correo": "usuaria@recorrida.example", "movil": "+529990009012"}
    bus = RpcClient(sistema.instalacion.amqp_url)
    try:
        bus.llamar(
            cl.CREAR_PERFIL,
            cl.CrearPerfil(clave=uuid4().hex, nombre="Usuaria", contrasena=uuid4().hex, **quien),
        )
    finally:
        bus.close()
    admitida = _bien(duena.post("/v1/usuarios", json={**quien, "rol": "operador"}))
    otra = {"correo": "invitada@recorrida.example", "movil": "+529990003456", "rol": "consulta"}
    return admitida["perfil_id"], _bien(duena.post("/v1/usuarios", json=otra))["invitacion_id"]


def _aviso(sistema: Sistema, duena: Sesion, nic: int) -> str:
    """The guard freezes a CTI that stamps more than it was told to, and says so."""
    cti = _bien(duena.post(f"/v1/clientes/{nic}/ctis", json={"tipo": "estandar"}))
    ruta = f"/v1/ctis/{cti['id']}"
    _bien(duena.post(f"{ruta}/transferencias", json={"cantidad": 9, "importe": "1.00", "confirmar": True}))
    _bien(duena.put(f"{ruta}/limites", json={"tope_por_hora": 1}))
    for _ in range(3):
        _bien(sistema.timbrar(sistema.factura(), **sistema.basica(cti["contrasena"], cti["id"])))
    return str(hasta(lambda: duena.get("/v1/avisos").json()["datos"], 40)[0]["id"])


def test_every_route_is_in_the_walk_or_names_no_object() -> None:
    de_sesion = {
        f"{f.metodo} {f.ruta}" for f in del_codigo() if f.clase == "sesion" and f.de["titular"] == "si"
    }
    recorridas = {p.ruta for p in PASOS}
    assert recorridas & PROPIAS == set()
    assert de_sesion - recorridas - PROPIAS - APARTE.keys() == set(), (
        "add them to recorrido_de_aislamiento.py"
    )
    assert [t for t in APARTE.values() if t not in globals()] == []
    assert (recorridas | PROPIAS | APARTE.keys()) - de_sesion == set(), "these routes are gone"
    assert [r for r in PROPIAS if "{" in r] == []


def test_a_strangers_request_finds_nothing_and_the_owners_does(partes: Partes) -> None:
    mal = [m for p in PASOS if (m := _ajena_mal(partes, p))]
    mal += [m for p in PASOS if (m := _duena_mal(partes, p))]
    assert not mal, "\n".join(mal)


def test_a_bulk_transfer_refuses_each_foreign_row(partes: Partes) -> None:
    fila = {"cti": partes.objetos["cti"], "cantidad": 1, "importe": "1.00"}
    id_ = _bien(partes.ajena.post("/v1/transferencias-masivas", json={"filas": [fila], "confirmar": True}))[
        "id"
    ]
    ruta = f"/v1/transferencias-masivas/{id_}"
    hecha = hasta(
        lambda: (m := partes.ajena.get(ruta).json())["estado"] not in {"recibida", "aplicando"} and m
    )
    assert (hecha["aplicadas"], hecha["rechazadas"], hecha["timbres"]) == (0, 1, 0)
    [fila_hecha] = partes.ajena.get(f"{ruta}/filas").json()["datos"]
    assert fila_hecha["codigo"] == "no_existe"


def test_no_list_shows_what_is_not_its_own(partes: Partes) -> None:
    # A price is everybody's.
    suyos = {str(v) for k, v in partes.objetos.items() if k not in {"correo", "movil", "precio_abierta"}}
    mal = []
    for ruta in sorted(r.partition(" ")[2] for r in PROPIAS if r.startswith("GET ")):
        r = partes.ajena.get(ruta + CONSULTAS.get(ruta, ""))
        assert r.status_code == 200, f"{ruta}: {r.text}"
        mal += [(ruta, x) for x in suyos if f'"{x}"' in r.text or f": {x}," in r.text]
    assert mal == []


def _pedir(quien: Sesion, paso: Paso, objetos: dict[str, Any]) -> requests.Response:
    metodo, _, ruta = paso.ruta.partition(" ")
    nombres = {**{k: k for k in objetos}, **paso.ids}
    url = ruta.format(**{k: objetos[v] for k, v in nombres.items()})
    return quien.request(metodo, url + paso.consulta, json=_llenar(paso.cuerpo, objetos))


def _llenar(valor: Any, objetos: dict[str, Any]) -> Any:
    if isinstance(valor, dict):
        return {k: _llenar(v, objetos) for k, v in valor.items()}
    if isinstance(valor, list):
        return [_llenar(v, objetos) for v in valor]
    if isinstance(valor, str) and valor.startswith("{"):
        return objetos[valor[1:-1]]
    return valor


def _ajena_mal(partes: Partes, paso: Paso) -> str | None:
    r = _pedir(partes.ajena, paso, partes.objetos)
    bien = r.status_code in paso.ajena and paso.ajena_dice in r.text
    return None if bien else f"stranger: {paso.ruta} {r.status_code} {r.text[:200]}"


def _duena_mal(partes: Partes, paso: Paso) -> str | None:
    r = _pedir(partes.duena, paso, partes.objetos)
    # A conflict with the object's state is an answer about the object; "not found" or "badly asked" is not.
    mal = r.status_code in {400, 401, 403, 404, 422} or r.status_code >= 500
    if paso.duena_dice:
        mal = paso.duena_dice not in r.text
    return f"owner: {paso.ruta} {r.status_code} {r.text[:200]}" if mal else None
