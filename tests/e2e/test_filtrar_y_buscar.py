"""Manual, Filtrar y buscar: by every field, in its twelve orders, with labels, over HTTP and as CSV."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.sistema import Sistema, correr, hasta

RUTA = "/v1/clientes"
ORDENES = (
    "nombre", "nic", "mayor_saldo_timbres", "menor_saldo_timbres", "mayor_saldo_puntos", "menor_saldo_puntos",
    "compra_reciente", "compra_antigua", "alta_reciente", "alta_antigua", "emision_reciente", "emision_antigua",
)  # fmt: skip


@pytest.fixture(scope="module")
def s(sistema: Sistema) -> requests.Session:
    return sistema.sesion("distribuidor")


@pytest.fixture(scope="module")
def clientes(s: requests.Session) -> list[dict[str, Any]]:
    hechos = []
    for nombre, datos in (
        ("Búsqueda Ñandú", {"telefono": "+52 999 123 4567", "representante": {"nombre": "Íñiga Peón"}}),
        ("Búsqueda Águila", {"nombre_comercial": "El Nido", "tecnico": {"correo": "nido@aguila.example"}}),
        ("Búsqueda Colibrí", {"correo": "colibri@aves.example"}),
    ):
        r = s.post(RUTA, json={"nombre": nombre, **datos})
        assert r.status_code == 201, r.text
        hechos.append(r.json())
    return hechos


def nics(s: requests.Session, **filtros: str) -> list[int]:
    r = s.get(RUTA, params=filtros)
    assert r.status_code == 200, r.text
    return [x["nic"] for x in r.json()["datos"]]


def test_buscar_por_cada_campo(s: requests.Session, clientes: list[dict[str, Any]]) -> None:
    nandu, aguila, colibri = (x["nic"] for x in clientes)
    for q, nic in (
        ("nandu", nandu), ("ÑANDÚ búsqueda", nandu), ("999-123-4567", nandu), ("iñiga", nandu), (str(nandu), nandu),
        (clientes[0]["cti"]["id"], nandu), ("el nido", aguila), ("nido@aguila", aguila), ("olibr", colibri),
    ):  # fmt: skip
        assert nic in nics(s, q=q), q
    assert nics(s, q="busqueda nandu aguila") == []


def test_una_cti_adicional_y_los_saldos_llegan(s: requests.Session, clientes: list[dict[str, Any]]) -> None:
    nic, cti = clientes[0]["nic"], clientes[0]["cti"]["id"]
    r = s.post(f"{RUTA}/{nic}/ctis", json={"tipo": "estandar", "id": "pluma.azul"})
    assert r.status_code == 201, r.text
    hasta(lambda: nics(s, q="pluma.az") == [nic])
    for id_, cantidad in ((cti, 30), ("pluma.azul", 12)):
        cuerpo = {"cantidad": cantidad, "importe": "1.00", "confirmar": True}
        r = s.post(f"/v1/ctis/{id_}/transferencias", json=cuerpo)
        assert r.status_code == 201, r.text
    r = s.post(
        f"{RUTA}/{nic}/puntos/transferencias", json={"puntos": "7.50", "importe": "7.50", "confirmar": True}
    )
    assert r.status_code == 201, r.text

    def vista() -> Any:
        [x] = s.get(RUTA, params={"q": "busqueda nandu"}).json()["datos"]
        return x["saldo_timbres"] == 42 and x["saldo_puntos"] == "7.50" and x["ultima_compra"]

    hasta(vista)
    assert nics(s, q="busqueda", orden="mayor_saldo_timbres")[0] == nic
    assert nics(s, q="busqueda", orden="compra_antigua")[0] == nic
    assert nics(s, q="busqueda", timbres_desde="42") == [nic]


def test_doce_ordenes_por_paginas(s: requests.Session, clientes: list[dict[str, Any]]) -> None:
    for orden in ORDENES:
        todos = nics(s, q="busqueda", orden=orden)
        r = s.get(RUTA, params={"q": "busqueda", "orden": orden, "limite": "1"}).json()
        segunda = s.get(
            RUTA, params={"q": "busqueda", "orden": orden, "limite": "1", "cursor": r["siguiente"]}
        )
        assert [r["datos"][0]["nic"], segunda.json()["datos"][0]["nic"]] == todos[:2], orden
    otro = s.get(RUTA, params={"q": "busqueda", "orden": "nic", "limite": "1", "cursor": r["siguiente"]})
    assert (otro.status_code, otro.json()["code"]) == (422, "datos_invalidos")
    assert s.get(RUTA, params={"orden": "alfabetico"}).status_code == 422


def test_filtrar_por_etiquetas_y_contarlas(s: requests.Session, clientes: list[dict[str, Any]]) -> None:
    antes = s.get(f"{RUTA}/resumen").json()
    nic = clientes[2]["nic"]
    r = s.put(f"{RUTA}/{nic}/clasificacion", json={"favorito": True, "baja": True, "color": "rosa"})
    assert r.status_code == 200, r.text
    assert nic not in nics(s, q="colibri")
    assert nics(s, q="colibri", baja="true") == nics(s, q="colibri", baja="todas") == [nic]
    assert nic in nics(s, favorito="true", color="rosa", baja="todas")
    despues = s.get(f"{RUTA}/resumen").json()
    assert despues["favoritos"] == antes["favoritos"] + 1
    assert despues["colores"]["rosa"] == antes["colores"].get("rosa", 0) + 1


def test_reconstruir_no_cambia_nada(
    s: requests.Session, sistema: Sistema, clientes: list[dict[str, Any]]
) -> None:
    # Those of this file: the others' balances may still be on their way.
    suyos = {"orden": "nic", "q": "busqueda", "baja": "todas"}
    antes = s.get(RUTA, params=suyos).json()["datos"]
    assert len(antes) == len(clientes)
    hecho = correr("deploy.local.reconstruir_cartera", sistema.instalacion)
    assert hecho.returncode == 0, hecho.stderr
    assert s.get(RUTA, params=suyos).json()["datos"] == antes
