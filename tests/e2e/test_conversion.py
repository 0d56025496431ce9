"""Manual: Convertir un cliente existente en distribuidor. What it had goes with it, and it stamps all the while."""

from __future__ import annotations

import base64
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.e2e.buzon import enlace
from tests.sistema import Sistema, hasta

CONTRASENA = "caballo grapa batería"
ALTA = "Confirme su cuenta de distribuidor"


def timbrar(sistema: Sistema, cti: str, contrasena: str) -> requests.Response:
    basica = base64.b64encode(f"{cti}:{contrasena}".encode()).decode()
    return requests.post(
        f"{sistema.url}/v1/timbrado",
        data=sistema.factura(),
        headers={"Content-Type": "application/xml", "Authorization": f"Basic {basica}"},
        timeout=30,
    )


@pytest.fixture
def cliente(sistema: Sistema) -> dict[str, Any]:
    """A cliente of the root with a CTI that has 10 timbres and has stamped once."""
    raiz = sistema.sesion("raiz")
    r = raiz.post("/v1/clientes", json={"nombre": "Ferretería del Centro", "rfc": "EKU9003173C9"})
    assert r.status_code == 201, r.text
    nuevo: dict[str, Any] = r.json()
    cti = nuevo["cti"]["id"]
    hasta(lambda: raiz.get(f"/v1/ctis/{cti}").status_code == 200)
    if nuevo["cti"]["contrasena"] is None:
        nuevo["cti"]["contrasena"] = raiz.put(f"/v1/ctis/{cti}/contrasena", json={}).json()["contrasena"]
    r = raiz.post(
        f"/v1/ctis/{cti}/transferencias", json={"cantidad": 10, "importe": "9.00", "confirmar": True}
    )
    assert r.status_code == 201, r.text
    orden = {"minimo": 5, "abonar": 10, "importe": "9.00", "confirmar": True}
    r = raiz.put(f"/v1/ctis/{cti}/venta-automatica", json=orden)
    assert r.status_code in (200, 201), r.text
    r = timbrar(sistema, cti, nuevo["cti"]["contrasena"])
    assert r.status_code == 200, r.text
    nuevo["uuid"] = r.json()["uuid"]
    return nuevo


def test_convertir_un_cliente_existente_en_distribuidor(sistema: Sistema, cliente: dict[str, Any]) -> None:
    raiz, nic, cti = sistema.sesion("raiz"), cliente["nic"], cliente["cti"]["id"]
    ruta = f"/v1/clientes/{nic}/conversion"
    contacto = {"correo": f"ferre{nic}@centro.example", "movil": f"55770{nic:05d}"}
    sin_confirmar = raiz.post(ruta, json=contacto)
    assert (sin_confirmar.status_code, sin_confirmar.json()["code"]) == (422, "confirmacion_requerida")
    clave = {"Idempotency-Key": str(uuid4())}
    hecha = raiz.post(ruta, json={**contacto, "confirmar": True}, headers=clave)
    assert hecha.status_code == 201, hecha.text
    otra_vez = raiz.post(ruta, json={**contacto, "confirmar": True}, headers=clave)
    assert otra_vez.json() == hecha.json()
    assert otra_vez.headers["Idempotent-Replayed"] == "true"

    # It is in nobody's cartera but its own, and stamps with what it has although its CM waits.
    assert raiz.get(f"/v1/clientes?q={nic}").json()["datos"] == []
    assert raiz.get(f"/v1/clientes/{nic}").status_code == 404
    hasta(lambda: raiz.get(f"/v1/ctis/{cti}").status_code == 404)
    assert timbrar(sistema, cti, cliente["cti"]["contrasena"]).status_code == 200
    [distribuidor] = [
        d for d in raiz.get("/v1/distribuidores?limite=200").json()["datos"]
        if hecha.json()["distribuidor_id"] in d.values()
    ]  # fmt: skip
    assert distribuidor["estado"] == "sin_validar"

    # It confirms by mail and the CM activates it.
    r = requests.post(
        f"{sistema.url}/v1/distribuidores/confirmaciones",
        json={
            "token": enlace(sistema, contacto["correo"], ALTA), "nombre": "Fidel Ferrer", "contrasena": CONTRASENA,
            "aviso_version": "1",
        },
        headers={"Idempotency-Key": str(uuid4())},
        timeout=30,
    )  # fmt: skip
    assert r.status_code == 201, r.text
    r = raiz.post(
        f"/v1/distribuidores/{hecha.json()['distribuidor_id']}/activacion", json={"confirmar": True}
    )
    assert r.status_code == 200, r.text

    # Its history came along; what the root sold stays with the root.
    suya = sistema.sesion_de(contacto["correo"], CONTRASENA)
    assert suya.get(f"/v1/clientes/{nic}").json()["nombre"] == "Ferretería del Centro"
    for q in ("", "?q=ferreteria", f"?q={nic}", f"?q={cti}", "?orden=nombre"):
        assert [c["nic"] for c in suya.get(f"/v1/clientes{q}").json()["datos"]] == [nic], q
    assert suya.get("/v1/clientes/resumen").json()["todos"] == 1
    assert suya.get(f"/v1/ctis/{cti}").json()["saldo"] == 8
    movimientos = suya.get(f"/v1/ctis/{cti}/movimientos").json()["datos"]
    assert sorted(m["cantidad"] for m in movimientos) == [-1, -1, 10]
    timbrados = suya.get(f"/v1/ctis/{cti}/timbrados").json()["datos"]
    assert cliente["uuid"] in [t["uuid"] for t in timbrados]
    assert suya.get(f"/v1/ctis/{cti}/venta-automatica").status_code == 404
    assert raiz.get(f"/v1/ctis/{cti}/movimientos").status_code == 404
    assert suya.get("/v1/ventas").json()["datos"] == []
    assert (
        len([v for v in raiz.get(f"/v1/ventas?cliente={nic}").json()["datos"] if v["importe"] == "9.00"]) == 1
    )
    assert suya.post(ruta, json={**contacto, "confirmar": True}).status_code in (402, 409)
    sistema.cuadrar()


def test_el_perfil_principal_del_cliente_sera_el_titular(sistema: Sistema) -> None:
    """A distributor with Multi-nivel converts a cliente whose own perfil controls it: that perfil, and nobody else."""
    suya = {"correo": "dueno@papeleria.example", "movil": "+525577889900"}

    def publica(ruta: str, **cuerpo: Any) -> requests.Response:
        r = requests.post(
            f"{sistema.url}{ruta}", json=cuerpo, headers={"Idempotency-Key": str(uuid4())}, timeout=30
        )
        assert r.ok, r.text
        return r

    publica("/v1/perfiles", nombre="Pilar Dueña", contrasena=CONTRASENA, **suya)
    publica("/v1/perfiles/confirmaciones", token=enlace(sistema, suya["correo"], "Confirme su correo"))
    cm = sistema.sesion("distribuidor")
    nic = cm.post("/v1/clientes", json={"nombre": "Papelería Pilar", "notas": "paga tarde"}).json()["nic"]
    assert cm.put(f"/v1/clientes/{nic}/perfil-principal", json=suya).status_code == 200
    ruta = f"/v1/clientes/{nic}/conversion"
    otra = cm.post(ruta, json={"correo": "otra@papeleria.example", "movil": "5577889901", "confirmar": True})
    assert (otra.status_code, list(otra.json()["errores"])) == (422, ["correo"])
    hecha = cm.post(ruta, json={"confirmar": True})
    assert hecha.status_code == 201, hecha.text
    r = publica("/v1/distribuidores/confirmaciones", token=enlace(sistema, suya["correo"], ALTA))
    assert (r.json()["estado"], r.json()["perfil_creado"]) == ("sin_activar", False)
    r = cm.post(f"/v1/distribuidores/{hecha.json()['distribuidor_id']}/activacion", json={"confirmar": True})
    assert r.status_code == 200, r.text
    dueno = sistema.sesion_de(suya["correo"], CONTRASENA)
    # It administers its CM, and is nobody's perfil principal any more.
    assert dueno.get("/v1/perfiles/yo").json()["nics"] == []
    assert dueno.get(f"/v1/clientes/{nic}").json().get("notas") is None
    assert [x["notas"] for x in cm.get("/v1/conversiones").json()["datos"] if x["nic"] == nic] == [
        "paga tarde"
    ]
