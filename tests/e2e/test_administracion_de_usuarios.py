"""Administración de Usuarios, as the manual tells it, and what a serious product adds: roles, invitations, the titular."""

from __future__ import annotations

import csv
import io
from typing import Any
from uuid import UUID, uuid4

import pytest
import requests

from shared.contracts import clientes as cl
from shared.messaging.rpc_client import RpcClient
from tests.e2e import buzon
from tests.sistema import Sistema, hasta

CONTRASENA = "caballo grapa batería"
Sesion = requests.Session


class Persona:
    """Somebody with a confirmed perfil, or about to have one."""

    def __init__(self, sistema: Sistema, nombre: str) -> None:
        self.sistema, self.nombre = sistema, nombre
        self.correo = f"{nombre.lower()}-{uuid4().hex[:8]}@usuarios.example"
        self.movil = f"+5281{uuid4().int % 10**8:08d}"
        self.sesion = Sesion()

    def crear(self, bus: RpcClient) -> Persona:
        hecho = bus.llamar(
            cl.CREAR_PERFIL,
            cl.CrearPerfil(
                clave=uuid4().hex,
                nombre=self.nombre,
                correo=self.correo,
                movil=self.movil,
                contrasena=CONTRASENA,
            ),
        )
        self.perfil_id = str(hecho.perfil_id)
        return self

    def pedir(self, metodo: str, ruta: str, **como: Any) -> requests.Response:
        cabeceras = {"Idempotency-Key": uuid4().hex, **como.pop("headers", {})}
        return self.sesion.request(metodo, f"{self.sistema.url}{ruta}", headers=cabeceras, timeout=30, **como)

    def entrar(self) -> Persona:
        r = self.pedir("POST", "/v1/sesiones", json={"usuario": self.correo, "contrasena": CONTRASENA})
        assert r.status_code == 201, r.text
        self.sesion.headers["Authorization"] = f"Bearer {r.json()['acceso']}"
        return self

    def asuntos(self) -> list[str]:
        return [asunto for asunto, _ in buzon.recibidos(self.sistema, self.correo)]


class Cm:
    """A CM of its own, with its titular signed in."""

    def __init__(self, sistema: Sistema) -> None:
        self.sistema = sistema
        self.bus = RpcClient(sistema.instalacion.amqp_url)
        self.titular = self.persona("Tita")
        raiz = sistema.sesion("raiz").get("/v1/cuenta").json()["cuenta_id"]
        self.nombre = f"Usuarios {uuid4().hex[:6]}"
        self.bus.llamar(
            cl.CREAR_CUENTA_MAESTRA,
            cl.CrearCuentaMaestra(
                clave=uuid4().hex,
                padre_id=raiz,
                nombre=self.nombre,
                titular_perfil_id=UUID(self.titular.perfil_id),
            ),
        )
        self.titular.entrar()

    def persona(self, nombre: str) -> Persona:
        return Persona(self.sistema, nombre).crear(self.bus)

    def admitir(self, quien: Persona, rol: str) -> requests.Response:
        cuerpo = {"correo": quien.correo, "movil": quien.movil, "rol": rol}
        return self.titular.pedir("POST", "/v1/usuarios", json=cuerpo)


@pytest.fixture(scope="module")
def cm(sistema: Sistema) -> Any:
    una = Cm(sistema)
    yield una
    una.bus.close()


def test_admitir_un_nuevo_perfil(cm: Cm) -> None:
    nora = cm.persona("Nora")
    # Proporcionar el correo y el teléfono; aparece la información del nuevo usuario…
    cuerpo = {"correo": nora.correo, "movil": nora.movil}
    r = cm.titular.pedir("POST", "/v1/usuarios/busquedas", json=cuerpo)
    assert r.json() == {"hallado": True, "nombre": "Nora", "es_usuario": False}
    r = cm.titular.pedir("POST", "/v1/usuarios/busquedas", json={**cuerpo, "movil": cm.titular.movil})
    assert r.json() == {"hallado": False, "nombre": None, "es_usuario": False}
    # … clic en Agregar Usuario…
    clave = {"Idempotency-Key": uuid4().hex}
    for repetida in (None, "true"):
        r = cm.titular.pedir("POST", "/v1/usuarios", json={**cuerpo, "rol": "operador"}, headers=clave)
        assert (r.status_code, r.headers.get("Idempotent-Replayed")) == (201, repetida), r.text
    assert (r.json()["perfil_id"], r.json()["estado"]) == (nora.perfil_id, "activo")
    # … y aparece entre los usuarios.
    datos = cm.titular.pedir("GET", "/v1/usuarios").json()["datos"]
    assert [(u["nombre"], u["rol"]) for u in datos][:2] == [("Tita", "titular"), ("Nora", "operador")]
    r = cm.titular.pedir("GET", "/v1/usuarios", headers={"Accept": "text/csv"})
    filas = list(csv.DictReader(io.StringIO(r.content.decode("utf-8-sig"))))
    assert [f["correo"] for f in filas][:2] == [cm.titular.correo, nora.correo]
    hasta(lambda: f"Ahora es usuario de «{cm.nombre}»" in nora.asuntos())
    # It does what its role may, and no more.
    nora.entrar()
    assert nora.pedir("POST", "/v1/clientes", json={"nombre": "De Nora"}).status_code == 201
    for metodo, ruta in (("GET", "/v1/usuarios"), ("POST", "/v1/usuarios")):
        assert nora.pedir(metodo, ruta).status_code == 403
    r = cm.admitir(nora, "consulta")
    assert (r.status_code, r.json()["code"]) == (409, "conflicto")


def test_eliminar_un_perfil(cm: Cm) -> None:
    olga = cm.persona("Olga")
    assert cm.admitir(olga, "administrador").status_code == 201
    olga.entrar()
    assert olga.pedir("GET", "/v1/usuarios").status_code == 200
    ruta = f"/v1/usuarios/{olga.perfil_id}"
    r = olga.pedir("DELETE", ruta, json={})
    assert r.json()["code"] == "confirmacion_requerida", r.text
    r = olga.pedir("DELETE", f"/v1/usuarios/{cm.titular.perfil_id}", json={})
    assert (r.status_code, r.json()["code"]) == (403, "no_permitido")
    assert cm.titular.pedir("DELETE", ruta, json={}).status_code == 204
    assert cm.titular.pedir("DELETE", ruta, json={}).status_code == 404
    # Its session goes on, without the account.
    assert hasta(lambda: olga.pedir("GET", "/v1/usuarios").status_code in {403, 404})
    assert olga.pedir("GET", "/v1/perfiles/yo").json()["cuentas"] == []
    hasta(lambda: f"Ya no es usuario de «{cm.nombre}»" in olga.asuntos())


def test_cambiar_el_rol_y_ceder_la_titularidad(sistema: Sistema) -> None:
    cm = Cm(sistema)
    sara = cm.persona("Sara")
    assert cm.admitir(sara, "consulta").status_code == 201
    ruta = f"/v1/usuarios/{sara.perfil_id}"
    r = cm.titular.pedir("PATCH", ruta, json={"rol": "titular"})
    assert r.status_code == 422
    r = cm.titular.pedir("PATCH", ruta, json={"rol": "administrador"})
    assert (r.status_code, r.json()["rol"]) == (200, "administrador"), r.text
    cuerpo = {"perfil_id": sara.perfil_id, "contrasena": "no es ésta"}
    r = cm.titular.pedir("POST", "/v1/usuarios/titularidad", json=cuerpo)
    assert (r.status_code, r.json()["code"]) == (401, "credenciales_invalidas")
    cuerpo["contrasena"] = CONTRASENA
    assert sara.entrar().pedir("POST", "/v1/usuarios/titularidad", json=cuerpo).status_code == 403
    r = cm.titular.pedir("POST", "/v1/usuarios/titularidad", json=cuerpo)
    assert (r.status_code, r.json()["rol"]) == (200, "titular"), r.text
    datos = sara.entrar().pedir("GET", "/v1/usuarios").json()["datos"]
    assert [u["rol"] for u in datos] == ["administrador", "titular"]
    hasta(lambda: f"Cedió la titularidad de «{cm.nombre}»" in cm.titular.asuntos())
    hasta(lambda: f"Ahora es el titular de «{cm.nombre}»" in sara.asuntos())
    cm.bus.close()


def test_invitar_a_quien_aun_no_tiene_perfil(cm: Cm) -> None:
    ines = Persona(cm.sistema, "Ines")
    r = cm.admitir(ines, "operador")
    assert (r.status_code, r.json()["estado"], r.json()["perfil_id"]) == (201, "invitado", None), r.text
    token = buzon.enlace(cm.sistema, ines.correo, f"Invitación para administrar «{cm.nombre}»")
    ruta = "/v1/usuarios/invitaciones/aceptaciones"
    r = ines.pedir("POST", ruta, json={"token": token})
    assert (r.status_code, r.json()["registrarse"]) == (409, True), r.text
    registro = {"nombre": "Inés", "correo": ines.correo, "movil": ines.movil, "contrasena": CONTRASENA}
    assert ines.pedir("POST", "/v1/perfiles", json=registro).status_code == 202
    confirmacion = buzon.enlace(cm.sistema, ines.correo, "Confirme su correo")
    assert ines.pedir("POST", "/v1/perfiles/confirmaciones", json={"token": confirmacion}).status_code == 200
    yo = ines.entrar().pedir("GET", "/v1/perfiles/yo").json()
    assert [(x["nombre"], x["rol"]) for x in yo["cuentas"]] == [(cm.nombre, "operador")]
    assert ines.pedir("POST", ruta, json={"token": token}).status_code == 410
    hasta(lambda: f"«{cm.nombre}» tiene un usuario nuevo" in cm.titular.asuntos())

    # One that is cancelled can't be accepted any more.
    otra = Persona(cm.sistema, "Otra")
    invitacion_id = cm.admitir(otra, "operador").json()["invitacion_id"]
    token = buzon.enlace(cm.sistema, otra.correo, "Invitación para administrar")
    ruta_de_una = f"/v1/usuarios/invitaciones/{invitacion_id}"
    assert cm.titular.pedir("DELETE", ruta_de_una).status_code == 204
    r = otra.pedir("POST", ruta, json={"token": token})
    assert (r.status_code, r.json()["code"]) == (410, "enlace_vencido")
