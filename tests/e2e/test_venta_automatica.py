"""Manual: Configurar venta automática de timbres a CTI Estándar, over HTTP, with both replicas of timbrado."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.sistema import Sistema, hasta

ORDEN = {"minimo": 10, "abonar": 25, "importe": "40.00", "confirmar": True}


def nueva_cti(sistema: Sistema, timbres: int) -> tuple[str, dict[str, str]]:
    """A cliente's CTI with a balance, and its HTTP Basic."""
    s = sistema.sesion("distribuidor")
    r = s.post("/v1/clientes", json={"nombre": "Cliente de venta automática"})
    assert r.status_code == 201, r.text
    cti = r.json()["cti"]
    if timbres:
        r = s.post(
            f"/v1/ctis/{cti['id']}/transferencias",
            json={"cantidad": timbres, "importe": "1.00", "confirmar": True},
        )
        assert r.status_code == 201, r.text
    return cti["id"], sistema.basica(cti=cti["id"], contrasena=cti["contrasena"])


def timbrar(sistema: Sistema, basica: dict[str, str], cuantas: int) -> None:
    """Stamp until each has its TFD; a CTI that is being sold to may be without balance for a moment."""

    def una(xml: bytes) -> None:
        def lograda() -> bool:
            r = sistema.timbrar(xml, **basica)
            assert r.status_code in (200, 402, 503), r.text
            return r.status_code == 200

        hasta(lograda, 30)

    with ThreadPoolExecutor(6) as grupo:
        list(grupo.map(una, [sistema.factura() for _ in range(cuantas)]))


def saldo(sistema: Sistema, cti: str) -> int:
    return int(sistema.sesion("distribuidor").get(f"/v1/ctis/{cti}").json()["saldo"])


@pytest.fixture(scope="module")
def sesion(sistema: Sistema) -> requests.Session:
    return sistema.sesion("distribuidor")


def test_configurar_venta_automatica_de_timbres_a_cti_estandar(
    sistema: Sistema, sesion: requests.Session
) -> None:
    cti, basica = nueva_cti(sistema, 12)
    ruta = f"/v1/ctis/{cti}/venta-automatica"
    assert sesion.get(ruta).status_code == 404
    r = sesion.put(ruta, json={**ORDEN, "confirmar": False})
    assert (r.status_code, r.json()["code"]) == (422, "confirmacion_requerida")
    r = sesion.put(ruta, json=ORDEN)
    assert r.status_code == 200, r.text
    assert (r.json()["minimo"], r.json()["abonar"], r.json()["importe"]) == (10, 25, "40.00")
    timbrar(sistema, basica, 2)
    assert saldo(sistema, cti) == 10, "at the minimum nothing is sold"
    timbrar(sistema, basica, 1)
    hasta(lambda: saldo(sistema, cti) == 34)
    orden = sesion.get(ruta).json()
    assert (orden["estado"], orden["vendido_en_el_mes"], orden["importe_del_mes"]) == ("activa", 25, "40.00")

    def venta() -> Any:
        ventas = sesion.get("/v1/ventas?origen=venta_automatica&limite=200").json()["datos"]
        return [v for v in ventas if v["id"] == orden["ultima_operacion"]]

    [v] = hasta(venta)
    assert v["importe"] == "40.00"
    assert sesion.delete(ruta).status_code == 204
    timbrar(sistema, basica, 26)
    assert saldo(sistema, cti) == 8
    assert sesion.get(ruta).status_code == 404


def test_configurar_venta_automatica_de_timbres_a_varias_cti(
    sistema: Sistema, sesion: requests.Session
) -> None:
    con_saldo, sin_saldo = nueva_cti(sistema, 30)[0], nueva_cti(sistema, 0)[0]
    pedido = {**ORDEN, "ctis": [con_saldo, sin_saldo, "NO-ES-DE-NADIE"]}
    r = sesion.put("/v1/ventas-automaticas", json={**pedido, "simular": True})
    assert r.status_code == 200, r.text
    simulada = r.json()
    assert [(x["resultado"], x["vende_ahora"]) for x in simulada["resultados"]] == [
        ("simulada", 0),
        ("simulada", 25),
        ("rechazada", 0),
    ]
    assert (simulada["vende_ahora"], simulada["importe_ahora"], simulada["faltan"]) == (25, "40.00", 0)
    assert sesion.get(f"/v1/ctis/{sin_saldo}/venta-automatica").status_code == 404
    clave = {"Idempotency-Key": f"varias-{sin_saldo}"}
    r = sesion.put("/v1/ventas-automaticas", json=pedido, headers=clave)
    assert (r.status_code, r.json()["validas"], r.json()["rechazadas"]) == (200, 2, 1), r.text
    assert sesion.put("/v1/ventas-automaticas", json=pedido, headers=clave).json() == r.json()
    hasta(lambda: saldo(sistema, sin_saldo) == 25)
    assert saldo(sistema, con_saldo) == 30
    lista = sesion.get("/v1/ventas-automaticas?limite=200").json()["datos"]
    assert {o["cti"]: o["vendido_en_el_mes"] for o in lista}.items() >= {con_saldo: 0, sin_saldo: 25}.items()
    csv = sesion.get("/v1/ventas-automaticas", headers={"Accept": "text/csv"})
    assert csv.headers["Content-Type"].startswith("text/csv")
    assert sin_saldo in csv.text
    malos: list[dict[str, Any]] = [
        {"ctis": []},
        {"ctis": [con_saldo] * 2},
        {"tope_mensual": 24},
        {"importe": "-1.00"},
        {"minimo": 0},
    ]
    for mal in malos:
        r = sesion.put("/v1/ventas-automaticas", json={**pedido, **mal})
        assert (r.status_code, r.json()["code"]) == (422, "datos_invalidos"), (mal, r.text)


def test_one_sale_per_crossing_with_both_replicas(sistema: Sistema, sesion: requests.Session) -> None:
    assert len(sistema.pids("timbrado")) == 2
    cti, basica = nueva_cti(sistema, 12)
    r = sesion.put(f"/v1/ctis/{cti}/venta-automatica", json={**ORDEN, "abonar": 20})
    assert r.status_code == 200, r.text
    timbrar(sistema, basica, 60)
    hasta(lambda: saldo(sistema, cti) >= 10)
    movimientos = sesion.get(f"/v1/ctis/{cti}/movimientos?limite=200").json()["datos"]
    corre, ventas = 0, 0
    for m in sorted(movimientos, key=lambda m: m["id"]):
        if m["motivo"] == "venta_automatica":
            assert corre < 10, "sold though the balance was not below the minimum"
            ventas += 1
        corre += m["cantidad"]
    assert corre == saldo(sistema, cti)
    assert ventas == (60 - 12 + corre) // 20 >= 2


def test_a_stranger_sees_and_changes_nothing(sistema: Sistema) -> None:
    cti, _ = nueva_cti(sistema, 0)
    raiz = sistema.sesion("raiz")
    for r in (
        raiz.get(f"/v1/ctis/{cti}/venta-automatica"),
        raiz.put(f"/v1/ctis/{cti}/venta-automatica", json=ORDEN),
        raiz.delete(f"/v1/ctis/{cti}/venta-automatica"),
        raiz.get(f"/v1/ctis/{cti}/pronostico"),
    ):
        assert (r.status_code, r.json()["code"]) == (404, "no_encontrado"), r.text
    r = raiz.put("/v1/ventas-automaticas", json={**ORDEN, "ctis": [cti]})
    assert r.json()["resultados"][0]["error"] == "no_encontrado"


def test_the_forecast_goes_by_what_was_consumed(sistema: Sistema, sesion: requests.Session) -> None:
    cti, basica = nueva_cti(sistema, 10)
    antes = sesion.get(f"/v1/ctis/{cti}/pronostico").json()
    assert (antes["dias"], antes["promedio_diario"], antes["poca_historia"]) == (None, None, True)
    timbrar(sistema, basica, 2)
    hecho = hasta(lambda: (p := sesion.get(f"/v1/ctis/{cti}/pronostico").json())["dias"] is not None and p)
    assert (hecho["disponible"], hecho["promedio_diario"], hecho["dias"]) == (8, "2.00", 4)
    lista = sesion.get("/v1/pronosticos?dias_menos_de=5&limite=200").json()["datos"]
    assert hecho in lista
    csv = sesion.get("/v1/pronosticos", headers={"Accept": "text/csv"}).text.lstrip("\ufeff").splitlines()
    assert csv[0].split(",") == list(hecho)


def test_every_book_balances(sistema: Sistema) -> None:
    sistema.cuadrar()
