"""Operation of the PACs over HTTP: how they are, pause and resume, the daily reconciliation and its differences."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import requests
from sqlalchemy import text

from shared.persistence.base import new_engine
from shared.testing import cfdi
from shared.testing.pacs.servidor import Sellador
from tests.e2e.test_flujo_principal import vender
from tests.sistema import Sistema, hasta

AYER = (datetime.now(ZoneInfo("America/Mexico_City")) - timedelta(days=1)).date()


@pytest.fixture(scope="module")
def raiz(sistema: Sistema) -> requests.Session:
    return sistema.sesion("raiz")


def test_operators_see_each_pac_and_what_it_did(sistema: Sistema, raiz: requests.Session) -> None:
    assert vender(sistema, 100).status_code == 201
    assert sistema.timbrar(sistema.factura()).status_code == 200
    r = raiz.get("/v1/operacion/pacs")
    assert r.status_code == 200, r.text
    [pac] = r.json()["datos"]
    assert (pac["nombre"], pac["tipo"], pac["disyuntor"], pac["pausado"]) == (
        "sandbox",
        "sandbox",
        "cerrado",
        False,
    )
    assert pac["timbrados"] >= 1
    csv = raiz.get("/v1/operacion/pacs", headers={"Accept": "text/csv"})
    assert csv.text.lstrip("\ufeff").startswith("nombre,tipo,prioridad")


@pytest.mark.parametrize(
    ("metodo", "ruta"),
    [
        ("GET", "/v1/operacion/pacs"),
        ("PUT", "/v1/operacion/pacs/sandbox/pausa"),
        ("DELETE", "/v1/operacion/pacs/sandbox/pausa"),
        ("GET", "/v1/operacion/conciliaciones"),
        ("POST", "/v1/operacion/conciliaciones"),
        ("GET", "/v1/operacion/conciliaciones/00000000-0000-4000-8000-000000000001/diferencias"),
    ],
)
def test_only_the_roots_staff_may(sistema: Sistema, metodo: str, ruta: str) -> None:
    r = sistema.sesion("distribuidor").request(
        metodo, ruta, json={"motivo": "x"} if metodo == "PUT" else None
    )
    assert r.status_code == 403, r.text


def test_a_paused_pac_gets_nothing_and_a_resumed_one_finishes_it(
    sistema: Sistema, raiz: requests.Session
) -> None:
    pausa = "/v1/operacion/pacs/sandbox/pausa"
    assert raiz.put(pausa, json={}).status_code == 422
    assert raiz.put("/v1/operacion/pacs/no-existe/pausa", json={"motivo": "x"}).status_code == 404
    r = raiz.put(pausa, json={"motivo": "mantenimiento del PAC"})
    assert r.status_code == 200, r.text
    assert (r.json()["pausado"], r.json()["motivo"]) == (True, "mantenimiento del PAC")
    xml = sistema.factura()
    try:
        # Every replica knows within a second; what arrives until then is still stamped.
        hasta(lambda: all(sistema.timbrar(sistema.factura()).status_code != 200 for _ in range(8)))
        assert sistema.timbrar(xml).status_code != 200
    finally:
        assert raiz.delete(pausa).json()["pausado"] is False
    hasta(lambda: sistema.timbrar(xml).status_code == 200)


def test_a_day_is_reconciled_on_demand_and_its_differences_are_shown(
    sistema: Sistema, raiz: requests.Session
) -> None:
    sellador = Sellador(cfdi.preparar(sistema.instalacion.dir / "cfdi").autoridad, "PRU010101XX0", "PRUEBA")
    timbre = sellador.timbrar(sistema.factura())
    uuid = str(timbre.uuid).upper()
    engine = new_engine(sistema.instalacion.base("timbrado"), 1)
    with engine.begin() as connection:  # the sandbox stamped it, and we know nothing of it
        connection.execute(
            text("INSERT INTO pac_sandbox.timbres (huella, tfd, creado_en) VALUES (:h, :t, :c)"),
            {"h": uuid4().bytes * 2, "t": timbre.tfd.encode(), "c": f"{AYER}T18:00:00Z"},
        )
    engine.dispose()
    for dia in ("2999-01-01", "ayer"):
        assert (
            raiz.post("/v1/operacion/conciliaciones", json={"pac": "sandbox", "dia": dia}).status_code == 422
        )
    r = raiz.post("/v1/operacion/conciliaciones", json={"pac": "sandbox", "dia": str(AYER)})
    assert r.status_code == 201, r.text
    ruta = f"/v1/operacion/conciliaciones/{r.json()['id']}/diferencias"

    def terminada() -> bool:
        filas = raiz.get("/v1/operacion/conciliaciones", params={"pac": "sandbox"}).json()["datos"]
        return any(f["id"] == r.json()["id"] and f["estado"] == "terminada" and f["abiertas"] for f in filas)

    hasta(terminada)
    datos = raiz.get(ruta, params={"abiertas": "true"}).json()["datos"]
    assert {(d["uuid"].upper(), d["tipo"]) for d in datos} == {(uuid, "falta_aqui")}
    csv = raiz.get(ruta, headers={"Accept": "text/csv"})
    assert csv.headers["Content-Type"].startswith("text/csv")
    assert uuid.lower() in csv.text.lower()
    avisos = raiz.get("/v1/avisos").json()["datos"]
    assert any(a["tipo"] == "conciliacion_pac" and "sandbox" in a["mensaje"] for a in avisos)
    assert raiz.get(f"/v1/operacion/conciliaciones/{uuid4()}/diferencias").status_code == 404
