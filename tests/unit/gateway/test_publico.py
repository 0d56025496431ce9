"""What a foreign page gets: CORS for the sites of the key alone, the script, the page, and the traps for programs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from werkzeug.test import Client

from services.gateway import auth, limites
from services.gateway.app import crear_app
from services.gateway.routes import publico
from services.gateway.server import Frente
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError

LLAVE = "pk_" + "a" * 32
SITIO = "https://www.sureste.mx"
FIRMA = Ed25519PrivateKey.generate()
CUERPO: dict[str, Any] = {
    "nombre": "Timbres del Golfo", "titular": "Ana Ruiz", "correo": "ana@golfo.mx", "movil": "5588880001",
    "acepta_aviso": True, "aviso_version": "1",
}  # fmt: skip


class Clientes:
    """Stands for the service: one key, one site."""

    def __init__(self) -> None:
        self.pedidas: list[c.SolicitarAlta] = []

    def llamar_con_marca(self, contrato: Any, p: Any, plazo: float | None = None) -> Any:
        if contrato is c.PERMITIR_ORIGEN:
            return c.OrigenPermitido(permitido=p.origen == SITIO and p.llave in (None, LLAVE)), False
        if contrato is c.LEER_AVISO:
            texto = "# Aviso\nDe <b>todos</b>\n- uno\n  dos\n- tres\n\nFin"
            return c.AvisoPublicado(
                version="7", texto=texto, publicado_en=datetime(2026, 3, 2, 5, 59, tzinfo=UTC)
            ), False
        if contrato is c.SOLICITAR_ALTA:
            self.pedidas.append(p)
            return c.AltaRecibida(mensaje="Gracias."), False
        if p.llave != LLAVE:
            raise DomainError(Codigo.NO_ENCONTRADO, "Este formulario no está disponible.")
        formulario = c.Formulario(
            llave=LLAVE, cuenta="Sureste", titulo="Regístrese", aviso_url="/aviso", aviso_version="1",
            boleto=boleto(), origenes=[SITIO, "http://localhost:8080"],
        )  # fmt: skip
        return formulario, False


def boleto(hace: int = 60, **cambios: Any) -> str:
    ahora = int(time.time()) - hace
    datos = {"uso": "alta", "llave": LLAVE, "iat": ahora, "exp": ahora + 86_400, **cambios}
    return jwt.encode(datos, FIRMA, algorithm="EdDSA")


@pytest.fixture
def clientes() -> Clientes:
    return Clientes()


@pytest.fixture
def http(clientes: Clientes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(auth, "_llave_publica", FIRMA.public_key)
    limites.olvidar()
    yield Client(Frente(crear_app(clientes, ("publico", "altas")), {}, 100_000))  # type: ignore[arg-type]
    limites.olvidar()


def pedir(
    http: Client,
    sitio: str | None = SITIO,
    llave: str | None = LLAVE,
    desde: str = "127.0.0.1",
    **cambios: Any,
) -> Any:
    cabeceras = {"X-Llave-Publica": llave, "Origin": sitio, **cambios.pop("cabeceras", {})}
    return http.post(
        "/v1/publico/altas",
        json={**CUERPO, **cambios},
        headers={n: v for n, v in cabeceras.items() if v is not None},
        environ_base={"REMOTE_ADDR": desde},
    )


def test_un_sitio_de_la_llave_puede_leer_la_respuesta_y_ningun_otro(http: Client, clientes: Clientes) -> None:
    r = pedir(http)
    assert (r.status_code, r.json) == (202, {"mensaje": "Gracias."})
    assert r.headers["Access-Control-Allow-Origin"] == SITIO
    assert "Origin" in r.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in r.headers
    [pedida] = clientes.pedidas
    assert (pedida.llave, pedida.origen, pedida.correo) == (LLAVE, SITIO, "ana@golfo.mx")
    for sitio in ("https://otro.mx", "null", "https://www.sureste.mx.otro.mx", "x" * 400):
        r = pedir(http, sitio)
        assert (r.status_code, r.json["code"]) == (403, "no_permitido")
        assert "Access-Control-Allow-Origin" not in r.headers
        assert "Origin" in r.headers["Vary"]
    assert pedir(http, None).status_code == 403
    assert len(clientes.pedidas) == 1


def test_la_pagina_tambien_lee_los_errores(http: Client) -> None:
    r = pedir(http, correo="no es correo", acepta_aviso=False, otro="x")
    assert (r.status_code, set(r.json["errores"])) == (422, {"correo", "acepta_aviso", "otro"})
    assert r.headers["Access-Control-Allow-Origin"] == SITIO
    rara: Any
    for rara in ("\0", "\ud800", 7, {}, "pk_" + "ñ" * 32):
        r = http.post("/v1/publico/altas", json={**CUERPO, "llave": rara}, headers={"Origin": SITIO})
        assert r.status_code == 422
    sin_llave = pedir(http, llave=None)
    assert "llave" in sin_llave.json["errores"]


def test_la_llave_puede_ir_en_el_cuerpo_y_nuestra_pagina_no_es_ajena(
    http: Client, clientes: Clientes
) -> None:
    assert pedir(http, cabeceras={"X-Llave-Publica": None}, llave=None).status_code == 422
    r = http.post("/v1/publico/altas", json={**CUERPO, "llave": LLAVE}, headers={"Origin": SITIO})
    assert (r.status_code, r.headers["Access-Control-Allow-Origin"]) == (202, SITIO)
    assert pedir(http, "http://localhost").status_code == 202
    assert clientes.pedidas[-1].origen is None


def test_la_consulta_previa_del_navegador(http: Client) -> None:
    pide = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-llave-publica",
    }
    r = http.options("/v1/publico/altas", headers={"Origin": SITIO, **pide})
    assert r.status_code == 200
    assert r.headers["Access-Control-Allow-Origin"] == SITIO
    assert {h.strip().lower() for h in r.headers["Access-Control-Allow-Headers"].split(",")} == {
        "content-type", "x-llave-publica", "idempotency-key",
    }  # fmt: skip
    ajeno = http.options("/v1/publico/altas", headers={"Origin": "https://otro.mx", **pide})
    assert "Access-Control-Allow-Origin" not in ajeno.headers
    # Nothing else of ours answers to a foreign page.
    assert "Access-Control-Allow-Origin" not in http.get("/v1/altas", headers={"Origin": SITIO}).headers


def test_el_guion_lo_carga_cualquier_pagina_y_se_guarda(http: Client) -> None:
    r = http.get("/publico/alta.js")
    assert (r.status_code, r.mimetype) == (200, "text/javascript")
    assert r.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert r.headers["Cache-Control"] == "public, max-age=300"
    assert http.get("/publico/alta.js", headers={"If-None-Match": r.headers["ETag"]}).status_code == 304
    for prohibido in ("eval(", "innerHTML", "document.write", "new Function", "style="):
        assert prohibido not in r.text
    assert http.get("/v1/publico/llaves/" + LLAVE).headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_la_pagina_solo_la_enmarcan_los_sitios_de_la_llave(http: Client) -> None:
    r = http.get(f"/publico/alta?llave={LLAVE}")
    assert r.status_code == 200
    politica = r.headers["Content-Security-Policy"]
    assert f"frame-ancestors 'self' {SITIO} http://localhost:8080" in politica
    assert "unsafe" not in politica
    assert "X-Frame-Options" not in r.headers
    assert f'data-llave="{LLAVE}"' in r.text
    mala = http.get('/publico/alta?llave="><script>alert(1)</script>')
    assert mala.status_code == 404
    assert "frame-ancestors 'none'" in mala.headers["Content-Security-Policy"]
    assert mala.headers["X-Frame-Options"] == "DENY"
    assert "<script>alert" not in mala.text


def test_el_formulario_dice_sus_textos_y_no_sus_sitios(http: Client) -> None:
    r = http.get(f"/v1/publico/llaves/{LLAVE}", headers={"Origin": SITIO})
    assert r.headers["Access-Control-Allow-Origin"] == SITIO
    assert set(r.json or {}) == {"llave", "cuenta", "titulo", "aviso_url", "aviso_version", "boleto"}
    for mala in ("pk_otra", "%00", "a" * 3000, "%ED%A0%80"):
        assert http.get(f"/v1/publico/llaves/{mala}", headers={"Origin": SITIO}).status_code == 404
        assert http.get(f"/publico/alta?llave={mala}").status_code == 404


def test_el_aviso_de_privacidad_se_lee_en_una_pagina(http: Client) -> None:
    r = http.get("/publico/aviso-de-privacidad")
    assert (
        "<h1>Aviso</h1><p>De &lt;b&gt;todos&lt;/b&gt;</p><ul><li>uno dos</li><li>tres</li></ul><p>Fin</p>"
        in r.text
    )
    assert "Versión 7, publicada el 01/03/2026." in r.text
    assert (r.mimetype, r.headers["X-Frame-Options"]) == ("text/html", "DENY")


def test_un_programa_que_llena_todo_no_consigue_nada(http: Client, clientes: Clientes) -> None:
    assert pedir(http, sitio_web="https://spam.example").status_code == 202
    assert clientes.pedidas == []


@pytest.mark.parametrize(
    ("de", "estado"),
    [
        ({}, 202),
        ({"hace": 0}, 429),
        ({"hace": 90_000}, 422),
        ({"uso": "otro"}, 422),
        ({"llave": "pk_" + "b" * 32}, 422),
    ],
)
def test_el_boleto_dice_cuando_se_abrio_el_formulario(
    http: Client, clientes: Clientes, de: dict[str, Any], estado: int
) -> None:
    r = pedir(http, boleto=boleto(**de))
    assert r.status_code == estado
    assert len(clientes.pedidas) == (estado == 202)
    if estado == 429:
        assert int(r.headers["Retry-After"]) <= 2
    assert pedir(http, boleto="x.y.z").status_code == 422


def test_hay_un_limite_por_direccion(http: Client, clientes: Clientes) -> None:
    estados = [pedir(http).status_code for _ in range(12)]
    assert estados == [202] * 10 + [429] * 2
    assert len(clientes.pedidas) == 10
    assert pedir(http).headers["Access-Control-Allow-Origin"] == SITIO


def test_lo_que_se_rechaza_no_cierra_el_formulario(http: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key's limit is one for all strangers."""
    monkeypatch.setattr(publico, "_POR_LLAVE", (3, 3600))
    extranos = (
        {"boleto": "x.y.z"},
        {"boleto": boleto(hace=90_000)},
        {"boleto": boleto(), "sitio_web": "https://spam.example"},
    )
    for rechazada in extranos:
        for n in range(4):
            assert pedir(http, **rechazada, desde=f"192.0.2.{n}").status_code in (202, 422)
    # Nor do those that never opened it.
    sin = [pedir(http, desde=f"198.51.100.{n}").status_code for n in range(5)]
    assert sin == [202] * 3 + [429] * 2
    con = [pedir(http, boleto=boleto(), desde=f"203.0.113.{n}").status_code for n in range(5)]
    assert con == [202] * 3 + [429] * 2


def test_el_mismo_reintento_lleva_la_misma_clave(http: Client, clientes: Clientes) -> None:
    for _ in range(2):
        pedir(http, cabeceras={"Idempotency-Key": "intento-1"})
    pedir(http)
    claves = [p.clave for p in clientes.pedidas]
    assert claves[0] == claves[1] == f"publico:{LLAVE}:intento-1"
    assert claves[2] != claves[1]


def test_la_inscripcion_es_de_nuestra_pagina_y_no_lleva_llave(http: Client, clientes: Clientes) -> None:
    assert http.post("/v1/cuentas-maestras", json=CUERPO).status_code == 202
    assert (clientes.pedidas[-1].llave, clientes.pedidas[-1].origen) == (None, None)
    assert http.post("/v1/cuentas-maestras", json=CUERPO, headers={"Origin": SITIO}).status_code == 403
    con_llave: Any = http.post("/v1/cuentas-maestras", json={**CUERPO, "llave": LLAVE})
    assert "llave" in con_llave.json["errores"]
