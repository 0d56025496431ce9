"""A person sees what is held about it, accepts a new notice, and has itself erased, over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import requests

from tests.e2e.test_perfiles import CONTRASENA, Persona
from tests.sistema import Sistema, hasta


def test_una_persona_se_va(sistema: Sistema) -> None:
    rosa = Persona(sistema)
    acceso = rosa.confirmado()["acceso"]

    def pedir(metodo: str, ruta: str, **como: Any) -> requests.Response:
        return rosa.pedir(metodo, ruta, headers={"Authorization": f"Bearer {acceso}"}, **como)

    privacidad = pedir("GET", "/v1/perfiles/yo/privacidad").json()
    assert privacidad["por_aceptar"] is True
    r = pedir("POST", "/v1/perfiles/yo/consentimientos", json={"version": privacidad["version"]})
    assert r.status_code == 201, r.text
    # From where it was accepted is what the gateway saw.
    assert r.json()["origen_ip"]
    assert pedir("GET", "/v1/perfiles/yo/privacidad").json()["por_aceptar"] is False
    datos = pedir("GET", "/v1/perfiles/yo/datos").json()
    assert (datos["perfil"]["correo"], len(datos["consentimientos"]), len(datos["sesiones"])) == (
        rosa.correo,
        1,
        1,
    )

    assert pedir("POST", "/v1/perfiles/yo/supresion", json={"contrasena": CONTRASENA}).status_code == 422
    r = pedir("POST", "/v1/perfiles/yo/supresion", json={"contrasena": CONTRASENA, "confirmar": True})
    assert r.status_code == 200, r.text
    assert r.json()["conservado"]
    assert rosa.entrar().status_code == 401
    assert hasta(lambda: rosa.buzon("Sus datos personales fueron suprimidos"))
    # Somebody else, or the same person, may have the correo and the móvil from now on.
    assert rosa.registrar().status_code == 202
    token = rosa.enlace("Confirme su correo para activar su perfil", 2)
    assert rosa.pedir("POST", "/v1/perfiles/confirmaciones", json={"token": token}).status_code == 200
    assert rosa.entrar().json()["perfil_id"] != datos["perfil"]["perfil_id"]


def test_un_cliente_suprimido_pierde_su_nombre_en_todos_los_servicios(sistema: Sistema) -> None:
    titular = sistema.demo["distribuidor"]
    r = requests.post(
        f"{sistema.url}/v1/sesiones",
        json={"usuario": titular["usuario"], "contrasena": titular["contrasena"]},
        timeout=30,
    )

    def pedir(metodo: str, ruta: str, **como: Any) -> requests.Response:
        cabeceras = {
            "Authorization": f"Bearer {r.json()['acceso']}", "Idempotency-Key": str(uuid4()), "Cuenta": titular["cuenta"]
        }  # fmt: skip
        return requests.request(metodo, f"{sistema.url}{ruta}", headers=cabeceras, timeout=30, **como)

    creado = pedir("POST", "/v1/clientes", json={"nombre": "Zapatería Ñáñez", "rfc": "NANE800101AB1"})
    assert creado.status_code == 201, creado.text
    nic = creado.json()["nic"]
    assert pedir("GET", f"/v1/clientes/{nic}/datos-personales").json()["cliente"]["rfc"] == "NANE800101AB1"
    assert pedir("POST", f"/v1/clientes/{nic}/supresion", json={"confirmar": True}).status_code == 409
    assert pedir("PUT", f"/v1/clientes/{nic}/clasificacion", json={"baja": True}).status_code == 200
    suprimido = pedir("POST", f"/v1/clientes/{nic}/supresion", json={"confirmar": True})
    assert suprimido.status_code == 200, suprimido.text
    visto = pedir("GET", f"/v1/clientes/{nic}").json()
    assert (visto["nombre"], visto["rfc"], visto["nic"]) == ("Cliente suprimido", None, nic)
    assert pedir("PATCH", f"/v1/clientes/{nic}", json={"notas": "otra vez"}).status_code == 409
    assert hasta(lambda: not pedir("GET", "/v1/clientes?q=Ñáñez").json()["datos"])
