"""The manual's transfers over HTTP: one, and many at once as JSON and CSV."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.sistema import Sistema, hasta

RUTA = "/v1/transferencias-masivas"


@pytest.fixture(scope="module")
def s(sistema: Sistema) -> requests.Session:
    return sistema.sesion("distribuidor")


@pytest.fixture(scope="module")
def ctis(s: requests.Session) -> list[str]:
    """The CTI estándar of three new clientes."""
    nombres = []
    for n in range(3):
        r = s.post("/v1/clientes", json={"nombre": f"Cliente de transferencias {n}"})
        assert r.status_code == 201, r.text
        nombres.append(r.json()["cti"]["id"])
    return nombres


def existencia(s: requests.Session) -> int:
    return int(s.get("/v1/timbres").json()["existencia"])


def saldos(s: requests.Session, ctis: list[str]) -> list[int]:
    return [int(s.get(f"/v1/ctis/{cti}").json()["saldo"]) for cti in ctis]


def filas(*tres: tuple[str, int, str]) -> list[dict[str, Any]]:
    return [{"cti": cti, "cantidad": cantidad, "importe": importe} for cti, cantidad, importe in tres]


def terminada(s: requests.Session, r: requests.Response) -> dict[str, Any]:
    """The operation that was answered, when it has ended."""
    assert r.status_code == 202, r.text
    donde = r.headers["Location"]
    assert donde == f"{RUTA}/{r.json()['id']}"
    return dict(hasta(lambda: (v := s.get(donde).json())["terminada_en"] and v))


def resultados(s: requests.Session, masiva: dict[str, Any], **filtros: str) -> list[dict[str, Any]]:
    r = s.get(f"{RUTA}/{masiva['id']}/filas", params={"limite": "200", **filtros})
    assert r.status_code == 200, r.text
    return list(r.json()["datos"])


def ventas(s: requests.Session, ids: set[str]) -> dict[str, dict[str, Any]]:
    """The ventas of these transfers, once all of them have come to facturacion."""

    def todas() -> Any:
        datos = {v["id"]: v for v in s.get("/v1/ventas?limite=200&estado=por_facturar").json()["datos"]}
        return {i: datos[i] for i in ids} if ids <= set(datos) else None

    return dict(hasta(todas))


def test_transferir_timbres_a_una_cti_estandar(s: requests.Session, ctis: list[str]) -> None:
    """Manual, Administrar CTI: quantity and importe, confirmed because it can't be undone; a venta results."""
    cti, antes, tenia = ctis[0], existencia(s), saldos(s, ctis[:1])[0]
    ruta = f"/v1/ctis/{cti}/transferencias"
    cuerpo = {"cantidad": 25, "importe": "31.25"}
    r = s.post(ruta, json=cuerpo)
    assert (r.status_code, r.json()["code"]) == (422, "confirmacion_requerida")
    clave = {"Idempotency-Key": str(uuid4())}
    r = s.post(ruta, json={**cuerpo, "confirmar": True}, headers=clave)
    assert r.status_code == 201, r.text
    hecha = r.json()
    assert (hecha["saldo"], hecha["existencia"]) == (tenia + 25, antes - 25)
    repetida = s.post(ruta, json={**cuerpo, "confirmar": True}, headers=clave)
    assert (repetida.json(), repetida.headers["Idempotent-Replayed"]) == (hecha, "true")
    otra = s.post(ruta, json={**cuerpo, "cantidad": 26, "confirmar": True}, headers=clave)
    assert (otra.status_code, otra.json()["code"]) == (409, "clave_reutilizada")
    for malo in (
        {"importe": "1.005"},
        {"importe": "-1.00"},
        {"importe": 1.5},
        {"cantidad": 0},
        {"cantidad": "5"},
    ):
        r = s.post(ruta, json={**cuerpo, "confirmar": True, **malo})
        assert (r.status_code, r.json()["code"]) == (422, "datos_invalidos"), r.text
    r = s.post(ruta, json={**cuerpo, "cantidad": 100_000_000, "confirmar": True})
    assert (r.status_code, r.json()["code"], r.json()["disponible"]) == (
        402,
        "saldo_insuficiente",
        antes - 25,
    )
    r = s.post("/v1/ctis/no-es-mia/transferencias", json={**cuerpo, "confirmar": True})
    assert r.status_code == 404
    assert (saldos(s, [cti])[0], existencia(s)) == (tenia + 25, antes - 25)
    venta = ventas(s, {hecha["transferencia_id"]})[hecha["transferencia_id"]]
    assert (venta["cantidad"], venta["importe"], venta["origen"]) == ("25", "31.25", "transferencia")


def test_transferencias_masivas_a_cti_estandar(
    sistema: Sistema, s: requests.Session, ctis: list[str]
) -> None:
    """Manual, Administrar CTI: select accounts, give quantity and importe of each, apply (irreversible)."""
    a, b, otra = ctis
    antes, tenian = existencia(s), saldos(s, ctis)
    pedidas = filas((a, 10, "12.50"), ("no-es-mia", 1, "1.00"), (b, 20, "20.00"), (a, 5, "0.00"))

    # The dry run says what would happen, and nothing does.
    r = s.post(RUTA, json={"filas": pedidas, "simular": True})
    assert r.status_code == 200, r.text
    simulada = r.json()
    assert (simulada["estado"], simulada["aplicables"], simulada["rechazadas"]) == (
        "aplicada_con_rechazos",
        3,
        1,
    )
    assert (simulada["timbres"], simulada["importe"]) == (35, "32.50")
    assert (simulada["existencia_antes"], simulada["existencia_despues"]) == (antes, antes - 35)
    assert [(x["fila"], x["codigo"]) for x in simulada["rechazos"]] == [(2, "no_existe")]
    assert (existencia(s), saldos(s, ctis)) == (antes, tenian)

    # All or nothing: one refused row refuses them all.
    masiva = terminada(s, s.post(RUTA, json={"filas": pedidas, "todo_o_nada": True, "confirmar": True}))
    assert (masiva["estado"], masiva["aplicadas"], masiva["rechazadas"]) == ("rechazada", 0, 4)
    assert [x["codigo"] for x in resultados(s, masiva)] == [
        "otra_fila",
        "no_existe",
        "otra_fila",
        "otra_fila",
    ]
    assert (existencia(s), saldos(s, ctis)) == (antes, tenian)

    # JSON, row by row: those that fit are applied, the others say why not.
    clave = {"Idempotency-Key": str(uuid4())}
    r = s.post(RUTA, json={"filas": pedidas, "confirmar": True}, headers=clave)
    masiva = terminada(s, r)
    assert (masiva["estado"], masiva["porcentaje"], masiva["filas"]) == ("aplicada_con_rechazos", 100, 4)
    assert (masiva["aplicadas"], masiva["rechazadas"], masiva["timbres"]) == (3, 1, 35)
    assert (masiva["importe_pedido"], masiva["importe"]) == ("33.50", "32.50")
    assert (existencia(s), saldos(s, ctis)) == (antes - 35, [tenian[0] + 15, tenian[1] + 20, tenian[2]])
    todas = resultados(s, masiva)
    assert [(x["fila"], x["estado"], x["codigo"]) for x in todas] == [
        (1, "aplicada", None), (2, "rechazada", "no_existe"), (3, "aplicada", None), (4, "aplicada", None),
    ]  # fmt: skip
    assert "Revise" in todas[1]["motivo"]
    assert resultados(s, masiva, estado="rechazada") == [todas[1]]
    r = s.get(f"{RUTA}/{masiva['id']}/filas?limite=3", headers={"Accept": "text/csv"})
    assert r.headers["Content-Type"].startswith("text/csv")
    assert 'rel="next"' in r.headers["Link"]
    assert [x["fila"] for x in csv.DictReader(io.StringIO(r.content.decode("utf-8-sig")))] == ["1", "2", "3"]

    # The same key: the same operation, in whichever form the same rows come; other rows are refused.
    como_csv = "cti;cantidad;importe\r\n" + "".join(
        f"{x['cti']};{x['cantidad']};{x['importe']}\r\n" for x in pedidas
    )
    repetida = s.post(
        f"{RUTA}?confirmar=true",
        data=como_csv.encode("utf-8-sig"),
        headers={**clave, "Content-Type": "text/csv"},
    )
    assert (repetida.status_code, repetida.json()["id"]) == (202, masiva["id"]), repetida.text
    assert repetida.headers["Idempotent-Replayed"] == "true"
    r = s.post(RUTA, json={"filas": pedidas[:1], "confirmar": True}, headers=clave)
    assert (r.status_code, r.json()["code"]) == (409, "clave_reutilizada")

    # CSV, all or nothing, all well.
    texto = f"cti,cantidad,importe\n{otra},7,7.00\n{b},3,3.00\n"
    r = s.post(
        f"{RUTA}?confirmar=true&todo_o_nada=true", data=texto.encode(), headers={"Content-Type": "text/csv"}
    )
    segunda = terminada(s, r)
    assert (segunda["estado"], segunda["todo_o_nada"], segunda["timbres"]) == ("aplicada", True, 10)
    assert (existencia(s), saldos(s, ctis)) == (antes - 45, [tenian[0] + 15, tenian[1] + 23, tenian[2] + 7])

    # Each applied row is one venta.
    aplicadas = [x for m in (masiva, segunda) for x in resultados(s, m, estado="aplicada")]
    por_facturar = ventas(s, {x["transferencia_id"] for x in aplicadas})
    assert {v["origen"] for v in por_facturar.values()} == {"masiva"}
    for x in aplicadas:
        venta = por_facturar[x["transferencia_id"]]
        assert (int(venta["cantidad"]), Decimal(venta["importe"])) == (x["cantidad"], Decimal(x["importe"]))
    listadas = s.get("/v1/ventas?origen=masiva&limite=200").json()["datos"]
    suyas = {v["id"] for v in por_facturar.values()}
    assert [v for v in listadas if v["id"] in suyas] == sorted(
        por_facturar.values(), key=lambda v: (v["en"], v["id"]), reverse=True
    )

    # The statement of a CTI tells where its timbres came from.
    movimientos = s.get(f"/v1/ctis/{otra}/movimientos").json()["datos"]
    assert [(m["cantidad"], m["motivo"]) for m in movimientos] == [(7, "masiva")]
    lista = s.get(f"{RUTA}?limite=2").json()
    assert [m["id"] for m in lista["datos"]] == [segunda["id"], masiva["id"]]
    assert s.get(f"{RUTA}?cursor={lista['siguiente']}").json()["datos"][0]["estado"] == "rechazada"
    ajena = sistema.sesion("raiz").get(f"{RUTA}/{masiva['id']}")
    assert (ajena.status_code, ajena.json()["code"]) == (404, "no_encontrado")


def test_fifty_thousand_rows_go_through_in_one_request(s: requests.Session, ctis: list[str]) -> None:
    """All but one of CTI that are not there, so that the system's other tests don't meet 50,000 ventas."""
    muchas = filas((ctis[0], 1, "1.00"), *((f"no-es-mia-{n:050}", 1, "1.00") for n in range(49_999)))
    antes = existencia(s)
    r = s.post(RUTA, json={"filas": muchas, "simular": True})
    assert r.status_code == 200, r.text
    assert (r.json()["aplicables"], r.json()["rechazadas"], len(r.json()["rechazos"])) == (1, 49_999, 1_000)
    masiva = terminada(s, s.post(RUTA, json={"filas": muchas, "confirmar": True}))
    assert (masiva["filas"], masiva["aplicadas"], masiva["porcentaje"]) == (50_000, 1, 100)
    assert existencia(s) == antes - 1
    r = s.post(RUTA, json={"filas": [*muchas, muchas[0]], "confirmar": True})
    assert (r.status_code, r.json()["code"]) == (422, "datos_invalidos")


def test_bad_rows_are_listed_and_nothing_is_applied(s: requests.Session, ctis: list[str]) -> None:
    antes = existencia(s)
    malas = filas((ctis[0], 1, "1.00"), (ctis[0], 0, "1.00"), ("x", 1, "1.005"))
    r = s.post(RUTA, json={"filas": malas, "confirmar": True})
    assert (r.status_code, r.json()["code"], r.json()["filas_invalidas"]) == (422, "datos_invalidos", 2)
    assert [(e["fila"], e["campo"]) for e in r.json()["errores_por_fila"]] == [
        (2, "cantidad"), (3, "cti"), (3, "importe"),
    ]  # fmt: skip
    assert existencia(s) == antes
    assert s.post(f"{RUTA}", data=b"x" * 9_000_000, headers={"Content-Type": "text/csv"}).status_code == 413


def test_every_book_balances(sistema: Sistema) -> None:
    sistema.cuadrar()
