"""A person registers, confirms its correo, signs in, guards its perfil with a second factor and recovers its password."""

from __future__ import annotations

import email
import itertools
import re
import time
from dataclasses import dataclass, field
from email import policy
from typing import Any
from uuid import uuid4

import pyotp
import pytest
import requests

from shared.contracts import clientes as cl
from shared.messaging.rpc_client import RpcClient
from tests.sistema import Sistema, hasta

CONTRASENA, OTRA = "caballo grapa batería", "ventana lluvia martillo"
_numeros = itertools.count(1)


@dataclass
class Persona:
    """Somebody with a mailbox and a browser."""

    sistema: Sistema
    n: int = field(default_factory=lambda: next(_numeros))

    @property
    def correo(self) -> str:
        return f"persona{self.n}@registro.example"

    @property
    def movil(self) -> str:
        return f"+5255770000{self.n:02d}"

    def pedir(self, metodo: str, ruta: str, **como: Any) -> requests.Response:
        return requests.request(metodo, f"{self.sistema.url}{ruta}", timeout=30, **como)

    def registrar(self, **datos: Any) -> requests.Response:
        cabeceras = {"Idempotency-Key": datos.pop("clave", str(uuid4()))}
        cuerpo = {
            "nombre": "Rosa Pérez", "correo": self.correo, "movil": self.movil, "contrasena": CONTRASENA, **datos
        }  # fmt: skip
        return self.pedir("POST", "/v1/perfiles", json=cuerpo, headers=cabeceras)

    def entrar(self, usuario: str | None = None, **datos: Any) -> requests.Response:
        cuerpo = {"usuario": usuario or self.correo, "contrasena": CONTRASENA, **datos}
        return self.pedir("POST", "/v1/sesiones", json=cuerpo)

    def buzon(self, asunto: str) -> list[str]:
        """The texts of the mails with that subject, oldest first."""
        hallados = []
        for archivo in (self.sistema.instalacion.dir / "correo").glob("*.eml"):
            correo = email.message_from_bytes(archivo.read_bytes(), policy=policy.default)
            if correo["To"].addresses[0].addr_spec == self.correo and correo["Subject"] == asunto:
                cuerpo = correo.get_body(("plain",))
                assert cuerpo is not None
                hallados.append((correo["Date"].datetime, archivo.stat().st_mtime_ns, cuerpo.get_content()))
        return [texto for *_, texto in sorted(hallados)]

    def enlace(self, asunto: str, cual: int = 1) -> str:
        """The token in the `cual`th mail with that subject, once it came."""
        textos = hasta(lambda: t if len(t := self.buzon(asunto)) >= cual else None)
        token = re.search(r"\?token=([\w-]+)", textos[cual - 1])
        assert token is not None
        return token.group(1)

    def confirmado(self) -> dict[str, Any]:
        """Registered, confirmed and signed in: the session."""
        assert self.registrar().status_code == 202
        token = self.enlace("Confirme su correo para activar su perfil")
        r = self.pedir("POST", "/v1/perfiles/confirmaciones", json={"token": token})
        assert r.status_code == 200, r.text
        r = self.entrar()
        assert r.status_code == 201, r.text
        sesion: dict[str, Any] = r.json()
        return sesion


@pytest.fixture
def persona(sistema: Sistema) -> Persona:
    return Persona(sistema)


def portador(sesion: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {sesion['acceso']}", "Idempotency-Key": str(uuid4())}


def test_registrarse_confirmar_y_entrar_por_correo_o_movil(persona: Persona) -> None:
    clave = str(uuid4())
    for repetida in (None, "true"):
        r = persona.registrar(clave=clave)
        assert (r.status_code, r.headers.get("Idempotent-Replayed")) == (202, repetida), r.text
    for contrasena in (CONTRASENA, OTRA):
        r = persona.entrar(contrasena=contrasena)
        assert (r.status_code, r.json()["code"]) == (401, "credenciales_invalidas")
    token = persona.enlace("Confirme su correo para activar su perfil")
    r = persona.pedir("POST", "/v1/perfiles/confirmaciones", json={"token": "no-es-un-token"})
    assert (r.status_code, r.json()["code"]) == (410, "enlace_vencido")
    for _ in range(2):
        r = persona.pedir("POST", "/v1/perfiles/confirmaciones", json={"token": token})
        assert (r.status_code, r.json()) == (200, {"correo": persona.correo})
    for usuario in (persona.correo.upper(), persona.movil.removeprefix("+52")):
        r = persona.entrar(usuario)
        assert r.status_code == 201, r.text
        yo = persona.pedir("GET", "/v1/perfiles/yo", headers=portador(r.json())).json()
        assert (yo["nombre"], yo["correo"], yo["segundo_factor"]) == ("Rosa Pérez", persona.correo, False)
    assert len(persona.buzon("Confirme su correo para activar su perfil")) == 1


def test_otro_enlace_deja_elegir_la_contrasena(persona: Persona) -> None:
    """Who asks for it need not be who registered, and so the password that was typed then does not count."""
    assert persona.registrar().status_code == 202
    r = persona.pedir("POST", "/v1/perfiles/confirmaciones/reenvios", json={"correo": persona.correo})
    assert (r.status_code, r.content) == (202, b"")
    token = persona.enlace("Elija su contraseña para activar su perfil")
    for suyo in (token, persona.enlace("Confirme su correo para activar su perfil")):
        r = persona.pedir("POST", "/v1/perfiles/confirmaciones", json={"token": suyo})
        assert (r.status_code, r.json()["code"]) == (410, "enlace_vencido")
    r = persona.pedir("PUT", "/v1/contrasenas", json={"token": token, "nueva": OTRA})
    assert r.status_code == 204, r.text
    assert persona.entrar().status_code == 401
    assert persona.entrar(contrasena=OTRA).status_code == 201


def test_nadie_sabe_por_fuera_quien_existe(persona: Persona) -> None:
    persona.confirmado()
    respuestas = [
        [persona.registrar(contrasena=OTRA), Persona(persona.sistema).registrar()],
        *(
            [
                persona.pedir("POST", ruta, json={campo: quien})
                for quien in (persona.correo, "nadie@registro.example")
            ]
            for ruta, campo in (
                ("/v1/perfiles/confirmaciones/reenvios", "correo"),
                ("/v1/contrasenas/recuperaciones", "usuario"),
            )
        ),
    ]
    for conocido, desconocido in respuestas:
        assert (
            (conocido.status_code, conocido.content)
            == (202, b"")
            == (desconocido.status_code, desconocido.content)
        )
        assert conocido.headers.keys() == desconocido.headers.keys()
    hasta(lambda: persona.buzon("Ya tiene un perfil de Cuenta Maestra"))
    assert persona.entrar().status_code == 201


def test_contrasena_facil_de_adivinar(persona: Persona) -> None:
    for facil in ("contraseña1", "aaaaaaaaaaaa", f"{persona.correo} 1"):
        r = persona.registrar(contrasena=facil)
        assert (r.status_code, r.json()["code"]) == (422, "datos_invalidos"), facil
        assert "contrasena" in r.json()["errores"]


def test_recuperar_la_contrasena_cierra_las_sesiones(persona: Persona) -> None:
    sesion = persona.confirmado()
    for _ in range(2):
        r = persona.pedir("POST", "/v1/contrasenas/recuperaciones", json={"usuario": persona.movil})
        assert r.status_code == 202
    primero, segundo = (persona.enlace("Recupere su contraseña", n) for n in (1, 2))

    def poner(**datos: Any) -> requests.Response:
        return persona.pedir("PUT", "/v1/contrasenas", json={"nueva": OTRA, **datos})

    # Mails of one second leave in any order: the one that works is the later.
    estados = [poner(token=token).status_code for token in (primero, segundo)]
    assert sorted(estados) == [204, 410]
    assert poner(token=segundo).status_code == 410
    r = persona.pedir("POST", "/v1/sesiones/renovaciones", json={"renovacion": sesion["renovacion"]})
    assert (r.status_code, r.json()["code"]) == (401, "no_autenticado")
    assert persona.entrar().status_code == 401
    nueva = persona.entrar(contrasena=OTRA).json()
    hasta(lambda: persona.buzon("Su contraseña cambió"))

    assert poner(actual=OTRA).status_code == 401, "without a session"
    otra = persona.entrar(contrasena=OTRA).json()
    cuerpo = {"actual": CONTRASENA, "nueva": "lápiz nube tornillo"}
    r = persona.pedir("PUT", "/v1/contrasenas", json=cuerpo, headers=portador(nueva))
    assert (r.status_code, r.json()["code"]) == (401, "credenciales_invalidas")
    r = persona.pedir("PUT", "/v1/contrasenas", json={**cuerpo, "actual": OTRA}, headers=portador(nueva))
    assert r.status_code == 204, r.text
    for una, estado in ((nueva, 201), (otra, 401)):
        r = persona.pedir("POST", "/v1/sesiones/renovaciones", json={"renovacion": una["renovacion"]})
        assert r.status_code == estado


def test_cambiar_de_correo(persona: Persona) -> None:
    sesion = persona.confirmado()
    nuevo = Persona(persona.sistema)
    cuerpo: dict[str, Any] = {"correo": nuevo.correo, "nombre": "Rosa María"}
    r = persona.pedir("PATCH", "/v1/perfiles/yo", json=cuerpo, headers=portador(sesion))
    assert (r.status_code, list(r.json()["errores"])) == (422, ["contrasena"])
    cuerpo["contrasena"] = CONTRASENA
    r = persona.pedir("PATCH", "/v1/perfiles/yo", json=cuerpo, headers=portador(sesion))
    assert r.status_code == 200, r.text
    assert (r.json()["nombre"], r.json()["correo"]) == ("Rosa María", persona.correo)
    assert r.json()["correo_pendiente"] == nuevo.correo
    token = nuevo.enlace("Confirme su nuevo correo")
    hasta(lambda: persona.buzon("Pidieron cambiar el correo de su perfil"))
    assert persona.entrar().status_code == 201
    assert nuevo.entrar().status_code == 401
    assert persona.pedir("POST", "/v1/perfiles/confirmaciones", json={"token": token}).status_code == 200
    assert nuevo.entrar().status_code == 201
    assert persona.entrar().status_code == 401


def test_segundo_factor_y_lo_que_lo_pide_de_nuevo(persona: Persona) -> None:
    sesion = persona.confirmado()
    ruta = "/v1/perfiles/yo/segundo-factor"
    r = persona.pedir("POST", ruta, json={"contrasena": OTRA}, headers=portador(sesion))
    assert (r.status_code, r.json()["code"]) == (401, "credenciales_invalidas")
    r = persona.pedir("POST", ruta, json={"contrasena": CONTRASENA}, headers=portador(sesion))
    assert r.status_code == 201, r.text
    assert r.json()["qr"].startswith("data:image/svg+xml;base64,")
    app = pyotp.parse_uri(r.json()["uri"])
    assert isinstance(app, pyotp.TOTP)
    assert app.secret == r.json()["secreto"]
    ahora = int(time.time())
    r = persona.pedir("PUT", ruta, json={"codigo": app.at(ahora - 30)}, headers=portador(sesion))
    assert r.status_code == 200, r.text
    codigos = r.json()["codigos"]
    assert len(codigos) == 10
    hasta(lambda: persona.buzon("Su perfil tiene segundo factor"))

    r = persona.entrar()
    assert (r.status_code, r.json()["code"]) == (401, "segundo_factor_requerido")
    r = persona.entrar(codigo="000000")
    assert (r.status_code, r.json()["code"], list(r.json()["errores"])) == (
        401,
        "credenciales_invalidas",
        ["codigo"],
    )
    sesion = persona.entrar(codigo=codigos[0]).json()
    assert persona.entrar(codigo=codigos[0]).status_code == 401
    r = persona.pedir("GET", ruta, headers=portador(sesion))
    assert (r.json()["activo"], r.json()["codigos_restantes"]) == (True, 9)

    # A session that showed no code lately: its time is set back, and its token renewed.
    cuenta, cti = _con_cuenta(persona, sesion)
    _envejecer(persona, sesion)
    r = persona.pedir("POST", "/v1/sesiones/renovaciones", json={"renovacion": sesion["renovacion"]})
    sesion = r.json()
    cabeceras = {**portador(sesion), "Cuenta": cuenta}
    transferencia = {"cantidad": 10_001, "importe": "1.00", "confirmar": True}
    for metodo, que, cuerpo in (
        ("POST", f"/v1/ctis/{cti}/transferencias", transferencia),
        ("PUT", f"/v1/ctis/{cti}/contrasena", {}),
    ):
        r = persona.pedir(metodo, que, json=cuerpo, headers=cabeceras)
        assert (r.status_code, r.json()["code"]) == (403, "segundo_factor_requerido"), r.text
        assert r.json()["verificar_en"] == f"{ruta}/verificaciones"
    verificacion: dict[str, Any] = {
        "json": {"codigo": app.at(ahora + 30)}, "headers": {**cabeceras, **_clave()}
    }  # fmt: skip
    r = persona.pedir("POST", f"{ruta}/verificaciones", **verificacion)
    assert r.status_code == 201, r.text
    # A repeat gets the first answer without its secret, tries no code and so is not counted as a failure.
    for _ in range(6):
        otra = persona.pedir("POST", f"{ruta}/verificaciones", **verificacion)
        assert (otra.status_code, otra.headers["Idempotent-Replayed"], otra.json()["acceso"]) == (
            201,
            "true",
            None,
        )
    cabeceras = {**portador(r.json()), "Cuenta": cuenta}
    r = persona.pedir("POST", f"/v1/ctis/{cti}/transferencias", json=transferencia, headers=cabeceras)
    assert (r.status_code, r.json()["code"]) == (402, "saldo_insuficiente"), r.text
    r = persona.pedir("PUT", f"/v1/ctis/{cti}/contrasena", json={}, headers={**cabeceras, **_clave()})
    assert r.status_code == 200, r.text

    cuerpo = {"codigo": codigos[1], "contrasena": CONTRASENA}
    assert persona.pedir("DELETE", ruta, json=cuerpo, headers=cabeceras).status_code == 204
    assert persona.entrar().status_code == 201


def _clave() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


def _con_cuenta(persona: Persona, sesion: dict[str, Any]) -> tuple[str, str]:
    """A CM whose titular is this person, with a cliente: their ids."""
    raiz = persona.sistema.sesion("raiz").get("/v1/cuenta").json()["cuenta_id"]
    bus = RpcClient(persona.sistema.instalacion.amqp_url)
    try:
        cuenta = bus.llamar(
            cl.CREAR_CUENTA_MAESTRA,
            cl.CrearCuentaMaestra(
                clave=f"e2e-perfiles:{persona.n}",
                padre_id=raiz,
                nombre="Rosa y asociados",
                titular_perfil_id=sesion["perfil_id"],
            ),
        )
    finally:
        bus.close()
    # The tokens of this session are older than its CM.
    nueva = persona.pedir(
        "POST", "/v1/sesiones/renovaciones", json={"renovacion": sesion["renovacion"]}
    ).json()
    sesion.update(nueva)
    # The gateway asks clientes about a session each 5 s: until then it has no CM.
    hasta(lambda: persona.pedir("GET", "/v1/cuenta", headers=portador(sesion)).status_code == 200)
    r = persona.pedir("POST", "/v1/clientes", json={"nombre": "Ferretería Rosa"}, headers=portador(sesion))
    assert r.status_code == 201, r.text
    cti = str(r.json()["cti"]["id"])
    hasta(lambda: persona.pedir("GET", f"/v1/ctis/{cti}", headers=portador(sesion)).status_code == 200)
    return str(cuenta.cuenta_id), cti


def _envejecer(persona: Persona, sesion: dict[str, Any]) -> None:
    from sqlalchemy import text

    from shared.persistence.base import new_engine

    engine = new_engine(persona.sistema.instalacion.base("clientes"), 1)
    with engine.begin() as conexion:
        hecho = conexion.execute(
            text(
                "UPDATE sesiones SET segundo_factor_en = now() - interval '6 minutes' WHERE sesion_id = :id"
            ),
            {"id": sesion["sesion_id"]},
        )
        assert hecho.rowcount == 1
    engine.dispose()
