"""kill -9 at every named point, and of the servers, under load: exactly once in effect, whatever dies."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
import requests

from shared.crash import POINTS
from tests.sistema import Sistema


@dataclass
class Carga:
    """Callers that stamp until each invoice has its TFD, as a well-made application does."""

    sistema: Sistema
    uuids: list[str] = field(default_factory=list)
    errores: list[str] = field(default_factory=list)

    def una(self) -> None:
        xml = self.sistema.factura()
        limite = time.monotonic() + 60
        while time.monotonic() < limite:
            try:
                r = self.sistema.timbrar(xml)
            except requests.RequestException:
                time.sleep(0.3)
                continue
            if r.status_code == 200:
                self.uuids.append(r.json()["uuid"])
                return
            if r.status_code != 503:
                self.errores.append(r.text)
                return
            time.sleep(0.3)
        self.errores.append("no TFD within 60 s")

    def correr(self, cuantas: int, llamadores: int) -> None:
        with ThreadPoolExecutor(llamadores) as grupo:
            list(grupo.map(lambda _: self.una(), range(cuantas)))


def vender(sistema: Sistema, cantidad: int) -> None:
    """Sell with one key until it is done: whatever died, it happens once."""
    clave = str(uuid4())
    limite = time.monotonic() + 60
    while True:
        try:
            r = sistema.sesion("distribuidor").post(
                f"/v1/ctis/{sistema.demo['cti']['id']}/transferencias",
                json={"cantidad": cantidad, "importe": "1.00", "confirmar": True},
                headers={"Idempotency-Key": clave},
            )
            if r.status_code == 201:
                return
        except (requests.RequestException, AssertionError):
            pass
        assert time.monotonic() < limite, "the transfer did not succeed in 60 s"
        time.sleep(0.3)


def saldo(sistema: Sistema) -> int:
    r = sistema.sesion("distribuidor").get(f"/v1/ctis/{sistema.demo['cti']['id']}")
    return int(r.json()["saldo"])


#: What makes each point be reached beside the load; the others lie on the load's own way.
FALLA_DEL_PAC = {"conciliador.despues_del_pac": "tiempo_agotado_despues"}

#: Points that a load of stampings does not come by; each family has its own file here.
OTROS = (
    "relevo.",
    "masiva.",
    "ilimitada.",
    "cargo.",
    "cancelacion.",
    "venta_automatica.",
    "importacion.",
    "correos.",
    "renovacion.",
)


@pytest.mark.parametrize("punto", [p for p in POINTS if not p.startswith(OTROS)])
def test_death_at_a_point(sistema: Sistema, punto: str) -> None:
    sistema.esperar_lista()
    vender(sistema, 40)
    antes = saldo(sistema)
    if punto in FALLA_DEL_PAC:
        r = sistema.sesion("raiz").post(
            "/v1/operacion/pac-pruebas/fallas", json={"modo": FALLA_DEL_PAC[punto], "veces": 2}
        )
        assert r.status_code == 204
    sistema.armar(punto)
    carga = Carga(sistema)
    carga.correr(20, 8)
    vender(sistema, 1)
    assert carga.errores == []
    assert len(set(carga.uuids)) == 20
    limite = time.monotonic() + 20
    while (sistema.crash_dir / punto).exists() and time.monotonic() < limite:
        time.sleep(0.2)
    assert not (sistema.crash_dir / punto).exists(), "nobody came by the point: the test proved nothing"
    sistema.esperar_lista()
    assert saldo(sistema) == antes - 20 + 1


def test_the_broker_dies_under_load(sistema: Sistema) -> None:
    sistema.esperar_lista()
    vender(sistema, 100)
    carga = Carga(sistema)
    with ThreadPoolExecutor(1) as grupo:
        corrida = grupo.submit(carga.correr, 80, 8)
        time.sleep(0.5)
        sistema.matar("rabbitmq")
        corrida.result()
    assert carga.errores == []
    assert len(set(carga.uuids)) == 80


def test_postgres_dies_under_load(sistema: Sistema) -> None:
    sistema.esperar_lista()
    vender(sistema, 100)
    carga = Carga(sistema)
    with ThreadPoolExecutor(1) as grupo:
        corrida = grupo.submit(carga.correr, 80, 8)
        time.sleep(0.5)
        sistema.matar("postgres")
        corrida.result()
    assert carga.errores == []
    assert len(set(carga.uuids)) == 80


@pytest.mark.parametrize("servidor", ["postgres", "rabbitmq"])
def test_a_frozen_server_gives_503_within_the_deadline(sistema: Sistema, servidor: str) -> None:
    sistema.esperar_lista()
    vender(sistema, 5)
    s = sistema.sesion("distribuidor")
    xml = sistema.factura()
    with sistema.congelado(servidor), ThreadPoolExecutor(2) as grupo:
        inicio = time.monotonic()
        timbrado = grupo.submit(sistema.timbrar, xml)
        lista = grupo.submit(s.get, "/v1/ctis")
        for r in (timbrado.result(), lista.result()):
            assert (r.status_code, r.json()["code"]) == (503, "no_disponible"), r.text
            assert int(r.headers["Retry-After"]) > 0
        assert time.monotonic() - inicio < 16
    sistema.esperar_lista()
    carga = Carga(sistema)
    carga.correr(3, 3)
    assert carga.errores == []
    assert sistema.timbrar(xml).status_code == 200


@pytest.mark.parametrize(
    "modo", ["rechazar", "tiempo_agotado_antes", "tiempo_agotado_despues", "repetido_sin_xml", "basura"]
)
def test_each_failure_of_the_pac_ends_well(sistema: Sistema, modo: str) -> None:
    sistema.esperar_lista()
    vender(sistema, 10)
    antes = saldo(sistema)
    sistema.sesion("raiz").post("/v1/operacion/pac-pruebas/fallas", json={"modo": modo, "veces": 1})
    carga = Carga(sistema)
    carga.correr(5, 5)
    assert len(carga.errores) == (1 if modo == "rechazar" else 0)
    assert len(set(carga.uuids)) == 5 - len(carga.errores)
    assert saldo(sistema) == antes - len(carga.uuids)


@pytest.mark.largo
def test_2000_stampings_with_five_deaths_of_timbrado_and_one_of_the_broker(sistema: Sistema) -> None:
    sistema.esperar_lista()
    vender(sistema, 2100)
    carga = Carga(sistema)
    with ThreadPoolExecutor(1) as grupo:
        corrida = grupo.submit(carga.correr, 2000, 32)
        for muerte in range(6):
            time.sleep(1.5)
            sistema.matar("rabbitmq" if muerte == 3 else "timbrado")
        corrida.result()
    assert carga.errores == []
    assert len(set(carga.uuids)) == 2000


def test_every_book_balances(sistema: Sistema) -> None:
    sistema.esperar_lista()
    sistema.cuadrar()
