"""Manual: Integrar el alta desde un sitio Web externo a CM. A real browser on a page of somebody else."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.buzon import enlace, recibidos
from tests.sistema import Sistema, hasta

AXE = Path(__file__).with_name("navegador") / "node_modules" / "axe-core" / "axe.min.js"
CONTRASENA = "caballo grapa batería"
ALTA = "Confirme su cuenta de distribuidor"
ESCRITORIO, TELEFONO = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


class SitioAjeno:
    """A page of another origin, with a policy as strict as one can have and still load the form."""

    def __init__(self) -> None:
        self.cuerpo = ""
        self.politica = ""
        sitio = self

        class Paginas(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", sitio.politica)
                self.end_headers()
                self.wfile.write(
                    '<!doctype html><html lang="es"><head><meta charset="utf-8"><title>Soluciones del Sureste</title>'
                    '<meta name="viewport" content="width=device-width, initial-scale=1"></head><body><main>'
                    f"<h1>Soluciones del Sureste</h1>{sitio.cuerpo}</main></body></html>".encode()
                )

            def log_message(self, *_: object) -> None:
                """No noise."""

        self.servidor = ThreadingHTTPServer(("127.0.0.1", 0), Paginas)
        self.origen = f"http://127.0.0.1:{self.servidor.server_port}"
        threading.Thread(target=self.servidor.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def sitio() -> Iterator[SitioAjeno]:
    uno = SitioAjeno()
    yield uno
    uno.servidor.shutdown()


@pytest.fixture(scope="module")
def navegador() -> Iterator[Browser]:
    ruta = shutil.which("chromium")
    assert ruta is not None, "run python3 deploy/local/instalar.py --ajenos"
    with sync_playwright() as p:
        navegador = p.chromium.launch(executable_path=ruta, args=["--no-sandbox"])
        yield navegador
        navegador.close()


@pytest.fixture(scope="module")
def llave(sistema: Sistema, sitio: SitioAjeno) -> str:
    """The root's key for that site; the root needs no Multi-nivel."""
    r = sistema.sesion("raiz").post(
        "/v1/llaves-publicas", json={"nombre": "Sitio de prueba", "origenes": [sitio.origen]}
    )
    assert r.status_code == 201, r.text
    return str(r.json()["llave"])


@pytest.fixture
def abrir(
    navegador: Browser, sistema: Sistema, sitio: SitioAjeno, llave: str
) -> Iterator[Callable[..., Page]]:
    contextos = []

    def abrir(tamano: Any = ESCRITORIO, url: str | None = None, llave: str = llave) -> Page:
        sitio.politica = f"default-src 'none'; script-src {sistema.url}; connect-src {sistema.url}"
        sitio.cuerpo = f'<script src="{sistema.url}/publico/alta.js" data-llave="{llave}" async></script>'
        contextos.append(navegador.new_context(viewport=tamano, locale="es-MX"))
        pagina = contextos[-1].new_page()
        pagina.set_default_timeout(15_000)
        pagina.goto(url or sitio.origen)
        return pagina

    yield abrir
    for contexto in contextos:
        contexto.close()


def llenar(pagina: Page, correo: str, movil: str, nombre: str = "Timbres del Golfo") -> None:
    pagina.get_by_label("Nombre o razón social").fill(nombre)
    pagina.get_by_label("Su nombre completo").fill("Ana Ruiz")
    pagina.get_by_label("Correo electrónico").fill(correo)
    pagina.get_by_label("Teléfono móvil").fill(movil)
    pagina.get_by_label("He leído y acepto").check()


def enviar(pagina: Page) -> None:
    pagina.get_by_role("button", name="Registrarme").click()


def enfocado(pagina: Page) -> str:
    return str(
        pagina.evaluate(
            "[...document.querySelectorAll('*')].find(e => e.shadowRoot).shadowRoot.activeElement?.id"
        )
    )


def sin_faltas_de_accesibilidad(navegador: Browser, pagina: Page) -> None:
    """axe finds nothing. Given through the browser itself: the page's policy admits no other script."""
    faltas = pagina.evaluate(f"() => {{ {AXE.read_text()}; return axe.run().then(r => r.violations); }}")
    assert [(f["id"], [n["html"] for n in f["nodes"]]) for f in faltas] == []


def test_integrar_el_alta_desde_un_sitio_web_externo(
    sistema: Sistema, sitio: SitioAjeno, abrir: Callable[..., Page], navegador: Browser, llave: str
) -> None:
    pagina = abrir()
    errores: list[str] = []
    pagina.on("pageerror", lambda e: errores.append(str(e)))
    pagina.get_by_role("heading", name="Regístrese como distribuidor").wait_for()
    sin_faltas_de_accesibilidad(navegador, pagina)

    # Errors stand at their fields, and the first of them has the focus.
    enviar(pagina)
    assert enfocado(pagina) == "nombre"
    campo = pagina.get_by_label("Correo electrónico")
    assert campo.get_attribute("aria-invalid") == "true"
    assert "error-correo" in (campo.get_attribute("aria-describedby") or "")
    sin_faltas_de_accesibilidad(navegador, pagina)

    # What the server refuses is told likewise, and nothing that was written is lost.
    llenar(pagina, "ana@golfo.example", "55 6600 0001")
    pagina.get_by_label("RFC").fill("XAXX010101000")
    pagina.wait_for_timeout(2100)
    enviar(pagina)
    pagina.get_by_text("El RFC genérico no puede ser").wait_for()
    assert enfocado(pagina) == "rfc"
    assert pagina.get_by_label("Su nombre completo").input_value() == "Ana Ruiz"
    pagina.get_by_label("RFC").fill("")

    # The network fails once; the same form goes through the second time.
    pagina.route("**/v1/publico/altas", lambda ruta: ruta.abort())
    enviar(pagina)
    pagina.get_by_role("alert").filter(has_text="lo que escribió sigue aquí").wait_for()
    pagina.unroute("**/v1/publico/altas")
    avisos: list[str] = []
    pagina.expose_function("avisar", lambda que: avisos.append(que))  # noqa: PLW0108
    pagina.evaluate("document.addEventListener('cm:alta', () => avisar('alta'))")
    enviar(pagina)
    pagina.get_by_role("heading", name="Recibimos su registro").wait_for()
    assert enfocado(pagina) == "titulo"
    sin_faltas_de_accesibilidad(navegador, pagina)
    assert (errores, avisos) == ([], ["alta"])

    # The CM sees it, the person confirms by mail, and the CM can activate it.
    raiz = sistema.sesion("raiz")
    [alta] = [
        a for a in raiz.get(f"/v1/altas?llave={llave}").json()["datos"] if a["correo"] == "ana@golfo.example"
    ]
    assert (alta["estado"], alta["sitio"], alta["titular"]) == ("sin_validar", sitio.origen, "Ana Ruiz")
    token = enlace(sistema, "ana@golfo.example", ALTA)
    r = requests.post(
        f"{sistema.url}/v1/distribuidores/confirmaciones",
        json={"token": token, "nombre": "Ana Ruiz", "contrasena": CONTRASENA, "aviso_version": "1"},
        headers={"Idempotency-Key": str(uuid4())},
        timeout=30,
    )
    assert r.status_code in (200, 201), r.text
    assert r.json()["estado"] == "sin_activar"
    [alta] = raiz.get(f"/v1/altas?llave={llave}&estado=sin_activar").json()["datos"]
    r = raiz.post(f"/v1/distribuidores/{alta['distribuidor_id']}/activacion", json={"confirmar": True})
    assert r.status_code in (200, 201), r.text
    suya = sistema.sesion_de("ana@golfo.example", CONTRASENA).get("/v1/cuenta").json()
    assert (suya["nombre"], suya["estado"]) == ("Timbres del Golfo", "activo")


def test_en_un_telefono_y_en_nuestra_pagina(
    sistema: Sistema, abrir: Callable[..., Page], navegador: Browser, llave: str
) -> None:
    pagina = abrir(TELEFONO)
    pagina.get_by_label("Nombre o razón social").wait_for()
    enviar(pagina)
    assert pagina.evaluate("document.documentElement.scrollWidth") <= TELEFONO["width"]
    propia = abrir(TELEFONO, f"{sistema.url}/publico/alta?llave={llave}")
    propia.get_by_role("heading", level=1, name="Regístrese como distribuidor").wait_for()
    sin_faltas_de_accesibilidad(navegador, propia)
    llenar(propia, "beto@golfo.example", "55 6600 0002", "Beto en Línea")
    propia.wait_for_timeout(2100)
    propia.keyboard.press("Tab")
    enviar(propia)
    propia.get_by_role("heading", name="Recibimos su registro").wait_for()
    assert hasta(lambda: recibidos(sistema, "beto@golfo.example"))
    aviso = abrir(TELEFONO, f"{sistema.url}/publico/aviso-de-privacidad")
    aviso.get_by_role("heading", level=1).wait_for()
    sin_faltas_de_accesibilidad(navegador, aviso)
    revocada = abrir(url=f"{sistema.url}/publico/alta?llave=pk_{'x' * 32}")
    revocada.get_by_role("alert").filter(has_text="no está disponible").wait_for()


def test_otro_sitio_no_puede_usar_la_llave(
    sistema: Sistema, sitio: SitioAjeno, abrir: Callable[..., Page], llave: str
) -> None:
    pagina = abrir(url=sitio.origen.replace("127.0.0.1", "localhost"))
    pagina.get_by_role("alert").wait_for()
    assert pagina.get_by_label("Nombre o razón social").count() == 0
    cuerpo = {
        "nombre": "Otro", "titular": "Otro", "correo": "otro@golfo.example", "movil": "5566000003",
        "acepta_aviso": True, "aviso_version": "1",
    }  # fmt: skip
    r = requests.post(
        f"{sistema.url}/v1/publico/altas",
        json=cuerpo,
        headers={"Origin": "https://otro.example", "X-Llave-Publica": llave},
        timeout=30,
    )
    assert (r.status_code, r.json()["code"]) == (403, "no_permitido")
    assert "Access-Control-Allow-Origin" not in r.headers


def test_una_llave_revocada_deja_de_servir(
    sistema: Sistema, sitio: SitioAjeno, abrir: Callable[..., Page]
) -> None:
    raiz = sistema.sesion("raiz")
    r = raiz.post("/v1/llaves-publicas", json={"nombre": "Por revocar", "origenes": [sitio.origen]})
    llave = r.json()["llave"]
    pagina = abrir(llave=llave)
    llenar(pagina, "caro@golfo.example", "5566000004")
    pagina.wait_for_timeout(2100)
    for _ in range(2):
        r = raiz.delete(f"/v1/llaves-publicas/{llave}")
        assert (r.status_code, r.json()["revocada_en"] is None) == (200, False)
    enviar(pagina)
    pagina.get_by_role("alert").filter(has_text="sigue aquí").or_(
        pagina.get_by_role("alert").filter(has_text="no está disponible")
    ).first.wait_for()
    assert pagina.get_by_label("Correo electrónico").input_value() == "caro@golfo.example"
    assert sistema.sesion("distribuidor").delete(f"/v1/llaves-publicas/{llave}").status_code == 404


def test_inscribirse_como_distribuidor_de_la_raiz(sistema: Sistema) -> None:
    cuerpo = {
        "nombre": "Nueva Distribuidora", "titular": "Dora Díaz", "correo": "dora@golfo.example", "movil": "5566000005",
        "acepta_aviso": True, "aviso_version": "1",
    }  # fmt: skip
    r = requests.post(f"{sistema.url}/v1/cuentas-maestras", json=cuerpo, timeout=30)
    assert r.status_code == 202, r.text
    conocida = {**cuerpo, "correo": sistema.demo["raiz"]["usuario"]}
    otra = requests.post(f"{sistema.url}/v1/cuentas-maestras", json=conocida, timeout=30)
    assert (otra.status_code, otra.json()) == (202, r.json())
    assert enlace(sistema, "dora@golfo.example", ALTA)
    altas = sistema.sesion("raiz").get("/v1/altas?estado=sin_validar").json()["datos"]
    assert [a["llave"] for a in altas if a["correo"] == "dora@golfo.example"] == [None]
