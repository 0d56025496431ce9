"""Manual, Filtrar y buscar: by every field, in its twelve orders, with labels, over HTTP and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
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


#: Every field of the manual, each with something that nobody else has.
FORMAS: tuple[dict[str, Any], ...] = (
    {
        "nombre": "Búsqueda Ñandú", "nombre_comercial": "Aves, 1,250 Plumas", "rfc": "NAN9003178X1",
        "telefono": "01 (999) 123-4567", "correo": "pico@nandu.example",
        "representante": {
            "nombre": "Íñiga Peón", "correo": "iniga@nandu.example", "telefono": "(999) 222 0001",
            "movil": "044 999 222 0002",
        },
        "financiero": {
            "nombre": "Úrsula Cenzontle", "correo": "ursula@nandu.example", "telefono": "999-333-0001 ext. 12",
            "movil": "+52 1 999 333 0002",
        },
        "tecnico": {
            "nombre": "Wenceslao Quetzal", "correo": "wences@nandu.example", "telefono": "999 444 0001",
            "movil": "9994440002",
        },
    },
    {"nombre": "Búsqueda Águila", "nombre_comercial": "El Nido", "tecnico": {"correo": "nido@aguila.example"}},
    {"nombre": "Búsqueda Colibrí", "correo": "colibri@aves.example"},
)  # fmt: skip
PARTES = ("representante", "financiero", "tecnico")


@pytest.fixture(scope="module")
def clientes(s: requests.Session) -> list[dict[str, Any]]:
    hechos = []
    for datos in FORMAS:
        r = s.post(RUTA, json=datos)
        assert r.status_code == 201, r.text
        hechos.append(r.json())
    return hechos


def nics(s: requests.Session, **filtros: str) -> list[int]:
    r = s.get(RUTA, params=filtros)
    assert r.status_code == 200, r.text
    return [x["nic"] for x in r.json()["datos"]]


def exportados(s: requests.Session, **filtros: str) -> list[dict[str, str]]:
    r = s.get(f"{RUTA}/exportacion", params=filtros)
    assert r.status_code == 200, r.text
    return list(csv.DictReader(io.StringIO(r.content.decode("utf-8-sig"), newline="")))


def por_cada_campo(cliente: dict[str, Any]) -> list[str]:
    """What is typed to find the first cliente by each field: as it was typed then, as it is shown, and otherwise."""
    forma = FORMAS[0]
    simples = [
        x[campo]
        for x in (forma, cliente)
        for campo in ("nombre", "nombre_comercial", "rfc", "telefono", "correo")
    ]
    partes = [
        x[quien][campo]
        for x in (forma, cliente)
        for quien in PARTES
        for campo in ("nombre", "correo", "telefono", "movil")
    ]
    otras = [
        "nandu", "ÑANDÚ búsqueda", "999-123-4567", "+52 999 123 4567", "iñiga", "peon INIGA", "plumas 1,250", "nan-900317",
        "NAN-900317-8X1", "nan 900317 8x1", "(999) 444-0001", "quetz", "333 0002", f"{cliente['nic']} 9991234567",
    ]  # fmt: skip
    return [str(cliente["nic"]), cliente["cti"]["id"], *simples, *partes, *otras]


def test_buscar_por_cada_campo(s: requests.Session, clientes: list[dict[str, Any]]) -> None:
    nandu, aguila, colibri = (x["nic"] for x in clientes)
    completo = s.get(f"{RUTA}/{nandu}").json()
    buscadas = por_cada_campo({**completo, "cti": clientes[0]["cti"]})
    assert len(set(buscadas)) >= 40
    for q in buscadas:
        assert nics(s, q=q) == [nandu], q
    for q, nic in (("el nido", aguila), ("nido@aguila", aguila), ("olibr", colibri)):
        assert nics(s, q=q) == [nic], q
    for q in ("busqueda nandu aguila", "999 123 4568", "nan-900318"):
        assert nics(s, q=q) == [], q


def test_exportar_lo_que_se_busca(s: requests.Session, clientes: list[dict[str, Any]]) -> None:
    """By each field the file has whom the list has."""
    nandu = clientes[0]["nic"]
    completo = s.get(f"{RUTA}/{nandu}").json()
    for q in por_cada_campo({**completo, "cti": clientes[0]["cti"]}):
        assert [x["nic"] for x in exportados(s, q=q)] == [str(nandu)], q
    assert exportados(s, q="busqueda nandu aguila") == []
    assert s.get(f"{RUTA}/exportacion", params={"orden": "alfabetico"}).status_code == 422


def test_buscar_cuentas_de_timbrado(
    s: requests.Session, sistema: Sistema, clientes: list[dict[str, Any]]
) -> None:
    """Manual: "Puede buscar clientes (y cuentas de timbrado) por…": by each field too, in the order and pages of CTI."""
    nandu, aguila, _ = (x["nic"] for x in clientes)
    cti = clientes[0]["cti"]["id"]
    r = s.post(f"{RUTA}/{nandu}/ctis", json={"tipo": "ilimitada"})
    assert r.status_code == 201, r.text
    suyas = sorted([cti, r.json()["id"]])

    def listar(**filtros: str) -> list[tuple[str, str]]:
        hecho = s.get("/v1/ctis", params=filtros)
        assert hecho.status_code == 200, hecho.text
        return [(x["id"], x["cliente"]) for x in hecho.json()["datos"]]

    hasta(lambda: listar(nic=str(aguila)), 30)
    hasta(lambda: len(listar(nic=str(nandu))) == 2, 30)
    completo = s.get(f"{RUTA}/{nandu}").json()
    for q in por_cada_campo({**completo, "cti": clientes[0]["cti"]}):
        assert listar(q=q) == [(x, "Búsqueda Ñandú") for x in suyas], q
    assert listar(q="nandu", tipo="ilimitada") == [(r.json()["id"], "Búsqueda Ñandú")]
    assert listar(q="nandu", nic=str(aguila)) == listar(q="busqueda nandu aguila") == []
    assert [nombre for _, nombre in listar(nic=str(aguila))] == ["Búsqueda Águila"]
    hojas, cursor = [], None
    while True:
        pagina = s.get(
            "/v1/ctis", params={"q": "busqueda", "limite": "1", **({"cursor": cursor} if cursor else {})}
        )
        hojas += [x["id"] for x in pagina.json()["datos"]]
        cursor = pagina.json()["siguiente"]
        if cursor is None:
            break
    assert hojas == [x for x, _ in listar(q="busqueda")] == sorted(hojas)
    assert len(hojas) == len(set(hojas)) >= 4
    ajena = sistema.sesion("raiz").get("/v1/ctis", params={"q": "nandu"})
    assert ajena.json()["datos"] == []
    del_cliente = s.get(f"{RUTA}/{nandu}/ctis").json()["datos"]
    assert {x["cliente"] for x in del_cliente} == {"Búsqueda Ñandú"}


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


#: Order → what of a row it goes by, and whether the greatest comes first. Of names only these three are asked.
CLAVES: dict[str, tuple[Callable[[dict[str, Any]], Any], bool]] = {
    "nombre": (lambda x: x["nombre"].replace("Ñ", "N").replace("Á", "A"), False),
    "nic": (lambda x: x["nic"], False),
    "mayor_saldo_timbres": (lambda x: x["saldo_timbres"], True),
    "menor_saldo_timbres": (lambda x: x["saldo_timbres"], False),
    "mayor_saldo_puntos": (lambda x: Decimal(x["saldo_puntos"]), True),
    "menor_saldo_puntos": (lambda x: Decimal(x["saldo_puntos"]), False),
    "compra_reciente": (lambda x: x["ultima_compra"] and datetime.fromisoformat(x["ultima_compra"]), True),
    "compra_antigua": (lambda x: x["ultima_compra"] and datetime.fromisoformat(x["ultima_compra"]), False),
    "alta_reciente": (lambda x: datetime.fromisoformat(x["creado_en"]), True),
    "alta_antigua": (lambda x: datetime.fromisoformat(x["creado_en"]), False),
    "emision_reciente": (lambda x: x["ultima_emision"] and datetime.fromisoformat(x["ultima_emision"]), True),
    "emision_antigua": (lambda x: x["ultima_emision"] and datetime.fromisoformat(x["ultima_emision"]), False),
}


def test_doce_ordenes_por_paginas(
    s: requests.Session, sistema: Sistema, clientes: list[dict[str, Any]]
) -> None:
    """Each order by what the rows themselves say, two of three clientes with different balances, purchases and stampings."""
    vender = {"importe": "1.00", "confirmar": True}
    for cliente, cantidad, puntos in ((clientes[1], 7, "1.25"), (clientes[0], 5, "0.75")):
        cti = cliente["cti"]
        r = s.post(f"/v1/ctis/{cti['id']}/transferencias", json={"cantidad": cantidad, **vender})
        assert r.status_code == 201, r.text
        r = s.post(
            f"{RUTA}/{cliente['nic']}/puntos/transferencias",
            json={"puntos": puntos, "importe": puntos, "confirmar": True},
        )
        assert r.status_code == 201, r.text
        quien = sistema.basica(cti=cti["id"], contrasena=cti["contrasena"])
        assert sistema.timbrar(sistema.factura(), **quien).status_code == 200

    def filas() -> list[dict[str, Any]]:
        datos: list[dict[str, Any]] = s.get(RUTA, params={"q": "busqueda", "orden": "nic"}).json()["datos"]
        return datos

    def llegaron() -> bool:
        [nandu, aguila, colibri] = filas()
        timbres, puntos = nandu["saldo_timbres"], Decimal(nandu["saldo_puntos"])
        return bool(
            nandu["ultima_emision"] and aguila["ultima_emision"] and nandu["ultima_compra"] and aguila["ultima_compra"]
            and aguila["saldo_timbres"] == 6 and timbres > 0 and timbres not in (5, 6, 42) and colibri["saldo_timbres"] == 0
            and Decimal(aguila["saldo_puntos"]) == Decimal("1.25") and puntos in (Decimal("0.75"), Decimal("8.25"))
        )  # fmt: skip

    hasta(llegaron, 40)
    todas = filas()
    assert set(CLAVES) == set(ORDENES)
    for orden, (clave, mayor) in CLAVES.items():
        con = [x for x in todas if clave(x) is not None]
        assert len({clave(x) for x in con}) == len(con) >= 2, f"{orden}: no two alike, or it proves nothing"
        debidas = [*sorted(con, key=clave, reverse=mayor), *(x for x in todas if clave(x) is None)]
        esperados = [x["nic"] for x in debidas]
        assert nics(s, q="busqueda", orden=orden) == esperados, orden
        exportadas = exportados(s, q="busqueda", orden=orden)
        assert [int(x["nic"]) for x in exportadas] == esperados, orden
        assert [
            (int(x["saldo_timbres"]), Decimal(x["saldo_puntos"]), bool(x["ultima_compra"]))
            for x in exportadas
        ] == [(x["saldo_timbres"], Decimal(x["saldo_puntos"]), bool(x["ultima_compra"])) for x in debidas]
        hojas: list[int] = []
        cursor: str | None = ""
        while cursor is not None:
            pedida = {
                "q": "busqueda",
                "orden": orden,
                "limite": "1",
                **({"cursor": cursor} if cursor else {}),
            }
            pagina = s.get(RUTA, params=pedida).json()
            hojas += [x["nic"] for x in pagina["datos"]]
            ultimo, cursor = cursor, pagina["siguiente"]
        assert hojas == esperados, orden
        otro = s.get(
            RUTA, params={**pedida, "orden": "nic" if orden != "nic" else "nombre", "cursor": ultimo or ""}
        )
        assert (otro.status_code, otro.json()["code"]) == (422, "datos_invalidos")
    assert s.get(RUTA, params={"orden": "alfabetico"}).status_code == 422


def test_filtrar_por_etiquetas_y_contarlas(s: requests.Session, clientes: list[dict[str, Any]]) -> None:
    antes = s.get(f"{RUTA}/resumen").json()
    nic = clientes[2]["nic"]
    r = s.put(f"{RUTA}/{nic}/clasificacion", json={"favorito": True, "baja": True, "color": "rosa"})
    assert r.status_code == 200, r.text
    assert nic not in nics(s, q="colibri")
    for baja in ("false", "true", "todas"):
        exportada = [int(x["nic"]) for x in exportados(s, q="busqueda", baja=baja)]
        assert sorted(exportada) == sorted(nics(s, q="busqueda", baja=baja)), baja
        assert (nic in exportada) is (baja != "false")
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
