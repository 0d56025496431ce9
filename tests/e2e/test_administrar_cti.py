"""Manual, *Administrar CTI*: each procedure over HTTP, as a distributor and its applications do it."""

from __future__ import annotations

import csv
import io
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.sistema import Sistema


class Cliente:
    """A new cliente of the demonstration's distributor with its first CTI."""

    def __init__(self, sistema: Sistema) -> None:
        self.sistema = sistema
        self.s = sistema.sesion("distribuidor")
        r = self.s.post("/v1/clientes", json={"nombre": f"Cliente {uuid4().hex[:6]}"})
        assert r.status_code == 201, r.text
        self.nic: int = r.json()["nic"]
        self.cti: str = r.json()["cti"]["id"]
        self.contrasena: str = r.json()["cti"]["contrasena"]

    def transferir(self, cantidad: int, cti: str | None = None) -> requests.Response:
        return self.s.post(
            f"/v1/ctis/{cti or self.cti}/transferencias",
            json={"cantidad": cantidad, "importe": "1.00", "confirmar": True},
        )

    def timbrar(
        self, contrasena: str | None = None, cti: str | None = None, xml: bytes | None = None
    ) -> requests.Response:
        basica = self.sistema.basica(cti=cti or self.cti, contrasena=contrasena or self.contrasena)
        return self.sistema.timbrar(xml or self.sistema.factura(), **basica)

    def saldo(self) -> int:
        return int(self.s.get(f"/v1/ctis/{self.cti}").json()["saldo"])

    def bitacora(self) -> list[dict[str, Any]]:
        r = self.s.get(f"/v1/ctis/{self.cti}/bitacora?limite=200")
        assert r.status_code == 200, r.text
        datos: list[dict[str, Any]] = r.json()["datos"]
        return datos


@pytest.fixture
def cliente(sistema: Sistema) -> Cliente:
    return Cliente(sistema)


def codigo(r: requests.Response) -> tuple[int, str | None]:
    return r.status_code, r.json().get("code")


def test_crear_cuentas_de_timbrado_adicionales(cliente: Cliente) -> None:
    ruta = f"/v1/clientes/{cliente.nic}/ctis"
    clave = {"Idempotency-Key": str(uuid4())}
    asignada = cliente.s.post(ruta, json={"tipo": "estandar"}, headers=clave)
    assert asignada.status_code == 201, asignada.text
    hecha = asignada.json()
    assert hecha["id"] == f"{cliente.cti}-2"
    assert len(hecha["contrasena"]) == 16
    otra_vez = cliente.s.post(ruta, json={"tipo": "estandar"}, headers=clave)
    assert otra_vez.json() == {**hecha, "contrasena": None}
    assert otra_vez.headers["Idempotent-Replayed"] == "true"
    assert codigo(cliente.timbrar(hecha["contrasena"], hecha["id"])) == (402, "saldo_insuficiente")
    assert cliente.transferir(1, hecha["id"]).status_code == 201
    assert cliente.timbrar(hecha["contrasena"], hecha["id"]).status_code == 200

    propio = f"caja-{uuid4().hex[:8]}"
    cuerpo = {"tipo": "estandar", "id": propio, "contrasena": "la-que-yo-elijo"}
    r = cliente.s.post(ruta, json=cuerpo)
    assert (r.status_code, r.json()["id"], r.json()["contrasena"]) == (201, propio, None)
    assert codigo(cliente.timbrar("la-que-yo-elijo", propio)) == (402, "saldo_insuficiente")
    r = cliente.s.post(ruta, json=cuerpo)
    assert codigo(r) == (409, "conflicto")
    assert propio in r.json()["detail"]

    ilimitada = cliente.s.post(ruta, json={"tipo": "ilimitada"}).json()
    assert cliente.timbrar(ilimitada["contrasena"], ilimitada["id"]).status_code in (402, 403)
    assert codigo(cliente.transferir(1, ilimitada["id"])) == (422, "datos_invalidos")

    for malo in (
        {"id": "CTI0000001"},
        {"id": "a b c"},
        {"contrasena": "corta"},
        {"contrasena": "\ud800" * 9},
    ):
        assert codigo(cliente.s.post(ruta, json={"tipo": "estandar", **malo})) == (422, "datos_invalidos"), (
            malo
        )
    assert codigo(cliente.s.post(ruta, json={"tipo": "otra"})) == (422, "datos_invalidos")
    for nic in (1, 10**30):
        assert codigo(cliente.s.post(f"/v1/clientes/{nic}/ctis", json={"tipo": "estandar"})) == (
            404,
            "no_encontrado",
        )
    ajena = cliente.sistema.sesion("raiz")
    assert codigo(ajena.post(ruta, json={"tipo": "estandar"})) == (404, "no_encontrado")
    lista = cliente.s.get(ruta).json()["datos"]
    assert [x["id"] for x in lista] == sorted([cliente.cti, hecha["id"], propio, ilimitada["id"]])
    solo = cliente.s.get(
        "/v1/ctis", params={"tipo": "ilimitada", "texto": f"{cliente.cti}-", "orden": "-saldo"}
    )
    assert [x["id"] for x in solo.json()["datos"]] == [ilimitada["id"]]


def test_bloquear_reactivar_una_cuenta_de_timbrado(cliente: Cliente) -> None:
    assert cliente.transferir(2).status_code == 201
    bloqueo = f"/v1/ctis/{cliente.cti}/bloqueo"
    assert codigo(cliente.s.put(bloqueo, json={})) == (422, "datos_invalidos")
    assert codigo(cliente.s.put(bloqueo, json={"motivo": "  "})) == (422, "datos_invalidos")
    r = cliente.s.put(bloqueo, json={"motivo": "Falta de pago"})
    assert (r.json()["activa"], r.json()["motivo_bloqueo"]) == (False, "Falta de pago")
    assert codigo(cliente.timbrar()) == (403, "cuenta_bloqueada")
    assert cliente.transferir(1).status_code == 201, "what it is sold waits for it"
    filtrada = cliente.s.get("/v1/ctis", params={"activa": "false", "texto": cliente.cti}).json()["datos"]
    assert [x["id"] for x in filtrada] == [cliente.cti]
    r = cliente.s.delete(bloqueo, json={"motivo": "Ya pagó"})
    assert (r.json()["activa"], r.json()["motivo_bloqueo"]) == (True, None)
    assert cliente.timbrar().status_code == 200
    assert cliente.s.put(bloqueo, json={"motivo": "Otra vez"}).status_code == 200
    assert cliente.s.delete(bloqueo).status_code == 200, "the reason is optional, and so is the body"
    hechos = [(a["accion"], a["motivo"]) for a in cliente.bitacora()]
    assert hechos[:4] == [
        ("reactivacion", ""),
        ("bloqueo", "Otra vez"),
        ("reactivacion", "Ya pagó"),
        ("bloqueo", "Falta de pago"),
    ]
    yo = cliente.s.get("/v1/perfiles/yo").json()
    [primero] = [a for a in cliente.bitacora() if a["motivo"] == "Falta de pago"]
    assert primero["actor"] in str(yo)
    assert primero["ip"] == "127.0.0.1"
    r = cliente.s.get(f"/v1/ctis/{cliente.cti}/bitacora", headers={"Accept": "text/csv"})
    filas = list(csv.DictReader(io.StringIO(r.content.decode("utf-8-sig"))))
    assert [f["accion"] for f in filas] == [a["accion"] for a in cliente.bitacora()]
    assert codigo(cliente.sistema.sesion("raiz").get(f"/v1/ctis/{cliente.cti}/bitacora"))[0] == 404


def test_restablecer_la_contrasena_de_una_cti(cliente: Cliente) -> None:
    assert cliente.transferir(8).status_code == 201
    assert cliente.timbrar().status_code == 200
    ruta, vieja = f"/v1/ctis/{cliente.cti}/contrasena", cliente.contrasena
    r = cliente.s.put(ruta, json={"traslape_horas": 24})
    nueva = r.json()["contrasena"]
    assert r.json()["anterior_hasta"] is not None
    assert cliente.s.get(f"/v1/ctis/{cliente.cti}").json()["anterior_hasta"] == r.json()["anterior_hasta"]
    for contrasena in (vieja, nueva, vieja, nueva):
        assert cliente.timbrar(contrasena).status_code == 200
    clave = {"Idempotency-Key": str(uuid4())}
    r = cliente.s.put(ruta, json={"contrasena": "la-que-yo-elijo"}, headers=clave)
    assert r.json() == {"id": cliente.cti, "contrasena": None, "anterior_hasta": None}
    assert cliente.s.put(ruta, json={"contrasena": "la-que-yo-elijo"}, headers=clave).status_code == 200
    for contrasena in (vieja, nueva):
        assert codigo(cliente.timbrar(contrasena)) == (401, "credenciales_invalidas")
    assert cliente.timbrar("la-que-yo-elijo").status_code == 200
    assert cliente.s.put(ruta, json={"contrasena": "la-que-yo-elijo"}).status_code == 200
    assert cliente.timbrar("la-que-yo-elijo").status_code == 200, "the very same password is right at once"
    for malo in ({"traslape_horas": 169}, {"traslape_horas": -1}, {"contrasena": "x"}, {"nada": 1}):
        assert codigo(cliente.s.put(ruta, json=malo)) == (422, "datos_invalidos"), malo
    assert cliente.saldo() == 1


def test_llaves_en_lugar_de_la_contrasena(cliente: Cliente) -> None:
    assert cliente.transferir(5).status_code == 201
    ruta = f"/v1/ctis/{cliente.cti}/llaves"
    clave = {"Idempotency-Key": str(uuid4())}
    r = cliente.s.post(ruta, json={"nombre": "Punto de venta 1"}, headers=clave)
    assert r.status_code == 201, r.text
    llave = r.json()
    assert llave["llave"].startswith("cmk_")
    assert cliente.s.post(ruta, json={"nombre": "Punto de venta 1"}, headers=clave).json()["llave"] is None
    hecho = cliente.timbrar(llave["llave"])
    assert hecho.status_code == 200
    r = requests.post(
        f"{cliente.sistema.url}/comprobantes/timbrar/",
        json={
            "cti": cliente.cti, "pwd": llave["llave"], "nb64": True, "xml": cliente.sistema.factura().decode()
        },
        timeout=30,
    )  # fmt: skip
    assert r.json()["success"], r.text
    [vista] = cliente.s.get(ruta).json()["datos"]
    assert vista["termina_en"] == llave["llave"][-4:]
    assert "llave" not in vista
    assert cliente.s.delete(f"{ruta}/{llave['id']}").json()["revocada_en"] is not None
    assert codigo(cliente.timbrar(llave["llave"])) == (401, "credenciales_invalidas")
    r = requests.get(
        f"{cliente.sistema.url}/v1/timbrado/{hecho.json()['uuid']}",
        headers=cliente.sistema.basica(cti=cliente.cti, contrasena=llave["llave"]),
        timeout=30,
    )
    assert codigo(r) == (401, "credenciales_invalidas")
    assert cliente.timbrar().status_code == 200
    assert codigo(cliente.s.delete(f"{ruta}/{uuid4()}")) == (404, "no_encontrado")
    assert codigo(cliente.s.post(ruta, json={"nombre": ""})) == (422, "datos_invalidos")


def test_limites_de_una_cti(cliente: Cliente) -> None:
    assert cliente.transferir(20).status_code == 201
    ruta = f"/v1/ctis/{cliente.cti}/limites"
    assert cliente.s.get(ruta).json() == {"por_minuto": None, "rfcs": [], "redes": [], "tope_por_hora": None}
    assert cliente.timbrar().status_code == 200
    r = cliente.s.put(ruta, json={"rfcs": ["cacx7605101p8"], "redes": ["10.1.2.3/8"]})
    assert r.json()["redes"] == ["10.0.0.0/8"]
    assert codigo(cliente.timbrar()) == (403, "no_permitido")
    assert cliente.s.put(ruta, json={"rfcs": ["EKU9003173C9"], "redes": ["127.0.0.1"]}).status_code == 200
    assert cliente.timbrar().status_code == 200
    assert cliente.s.put(ruta, json={"por_minuto": 7, "tope_por_hora": 1000}).status_code == 200
    with ThreadPoolExecutor(12) as grupo:
        respuestas = list(
            grupo.map(lambda xml: cliente.timbrar(xml=xml), [cliente.sistema.factura() for _ in range(12)])
        )
    assert sum(r.status_code == 200 for r in respuestas) == 5, "two of the seven were stamped before"
    excedida = next(r for r in respuestas if r.status_code != 200)
    assert codigo(excedida) == (429, "demasiados_intentos")
    assert 1 <= int(excedida.headers["Retry-After"]) <= 60
    for malo in ({"por_minuto": 0}, {"rfcs": ["X"]}, {"redes": ["no"]}, {"tope_por_hora": -1}, {"otro": 1}):
        assert codigo(cliente.s.put(ruta, json=malo)) == (422, "datos_invalidos"), malo
    r = cliente.s.put(ruta, json={"redes": ["10.0.0.1", "no"]})
    assert "redes.1" in r.json()["errores"]


def test_la_guarda_congela_y_avisa(cliente: Cliente) -> None:
    assert cliente.transferir(10).status_code == 201
    assert cliente.s.put(f"/v1/ctis/{cliente.cti}/limites", json={"tope_por_hora": 2}).status_code == 200
    for _ in range(3):
        assert cliente.timbrar().status_code == 200
    limite = time.monotonic() + 40
    while codigo(r := cliente.timbrar()) != (403, "cuenta_bloqueada"):
        # An hour may end in the middle of the test, and its count begins again.
        assert r.status_code == 200 or time.monotonic() < limite, r.text
        assert time.monotonic() < limite
        time.sleep(2)
    [aviso] = [a for a in cliente.s.get("/v1/avisos?leido=false").json()["datos"] if a["cti"] == cliente.cti]
    assert aviso["tipo"] == "cti_congelada"
    assert "Congelada por la guarda" in cliente.s.get(f"/v1/ctis/{cliente.cti}").json()["motivo_bloqueo"]
    leido = cliente.s.put(f"/v1/avisos/{aviso['id']}/lectura")
    assert leido.json()["leido_en"] is not None
    assert codigo(cliente.sistema.sesion("raiz").put(f"/v1/avisos/{aviso['id']}/lectura"))[0] == 404
    assert aviso["id"] in {a["id"] for a in cliente.s.get("/v1/avisos?leido=true").json()["datos"]}
    assert cliente.s.put("/v1/avisos/lectura").status_code == 200
    assert cliente.s.get("/v1/avisos?leido=false").json()["datos"] == []
    assert cliente.s.delete(f"/v1/ctis/{cliente.cti}/bloqueo", json={"motivo": "Era yo"}).status_code == 200
    assert cliente.timbrar().status_code == 200


def test_200_debitos_concurrentes_con_150_timbres(cliente: Cliente) -> None:
    assert cliente.transferir(150).status_code == 201
    xmls = [cliente.sistema.factura() for _ in range(200)]
    with ThreadPoolExecutor(32) as grupo:
        respuestas = list(grupo.map(lambda xml: cliente.timbrar(xml=xml), xmls))
    hechas = [r.json()["uuid"] for r in respuestas if r.status_code == 200]
    assert len(set(hechas)) == len(hechas) == 150
    assert {codigo(r) for r in respuestas if r.status_code != 200} == {(402, "saldo_insuficiente")}
    assert cliente.saldo() == 0


@pytest.mark.parametrize("metodo", ["get", "put", "delete"])
@pytest.mark.parametrize("recurso", ["", "/bloqueo", "/contrasena", "/limites", "/llaves", "/bitacora"])
def test_a_cti_that_is_nobodys_is_not_found(sistema: Sistema, metodo: str, recurso: str) -> None:
    s = sistema.sesion("distribuidor")
    for cti in ("CTI9999999", "con%00nulo", "%F0%9F%98%80"):
        r = s.request(
            metodo, f"/v1/ctis/{cti}{recurso}", json={"motivo": "x"} if "bloqueo" in recurso else {}
        )
        assert r.status_code in (404, 405), (cti, r.status_code, r.text)


def test_every_book_balances(sistema: Sistema) -> None:
    sistema.cuadrar()
