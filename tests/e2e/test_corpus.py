"""The SAT's rules through the running system: the shared corpus by two routes at once, retention receipts, the
dry run that tells every problem, and the LCO with its switch."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from lxml import etree

from deploy.local.supervision import Supervisor
from services.timbrado.cfdi.certificados import leer_archivo
from services.timbrado.cfdi.tfd import extraer, leer
from services.timbrado.pac.sandbox import PREFIJO_CERTIFICADO
from shared.testing import cfdi
from tests import corpus
from tests.corpus import CORPUS, con_corpus
from tests.sistema import Sistema, hasta
from tests.unit.timbrado.apoyo_lco import lista


@pytest.fixture(autouse=True, scope="module")
def con_timbres(sistema: Sistema) -> None:
    cti = sistema.demo["cti"]["id"]
    r = sistema.sesion("distribuidor").post(
        f"/v1/ctis/{cti}/transferencias", json={"cantidad": 400, "importe": "1.00", "confirmar": True}
    )
    assert r.status_code == 201, r.text


def retencion(sistema: Sistema) -> bytes:
    return cfdi.retencion(sistema.emisor, uuid4().int % 10**15)


def validar(sistema: Sistema, xml: bytes) -> requests.Response:
    return requests.post(
        f"{sistema.url}/v1/timbrado/validaciones",
        data=xml,
        headers={"Content-Type": "application/xml", **sistema.basica()},
        timeout=30,
    )


def test_a_retention_receipt_is_stamped_once_by_two_routes(sistema: Sistema) -> None:
    xml = retencion(sistema)
    assert validar(sistema, xml).json()["valido"] is True
    r = sistema.timbrar(xml)
    assert r.status_code == 200, r.text
    timbrado = r.json()["xml"].encode()
    tfd = extraer(timbrado)
    assert tfd is not None
    leido = leer(tfd)
    assert leido.uuid.upper() == r.json()["uuid"]
    assert leido.firmado_por(leer_archivo(sistema.instalacion.dir / "cfdi" / "pac" / "sello.cer")[0])
    assert (
        timbrado.replace(tfd, b"").replace(b"<retenciones:Complemento></retenciones:Complemento>", b"") == xml
    )
    raiz = etree.fromstring(timbrado)
    assert leido.sello_cfd == raiz.get("Sello")
    assert [etree.QName(n).localname for n in raiz][-2:] == ["Totales", "Complemento"]
    otra = induxsoft(sistema, xml)
    assert otra["data"]["uuid"] == r.json()["uuid"]
    assert otra["data"]["tpo"] == "cr"


def test_the_dry_run_tells_every_problem_and_names_the_node(sistema: Sistema) -> None:
    xml = sistema.factura(lineas=1).replace(b' UsoCFDI="G03"', b' UsoCFDI="D01"')
    xml = sistema.emisor.sellar(xml.replace(b' RegimenFiscal="601"', b' RegimenFiscal="612"'))
    for r in (validar(sistema, xml), sistema.timbrar(xml)):
        assert r.status_code == 422
        cuerpo = r.json()
        assert (cuerpo["code"], cuerpo["codigo_sat"]) == ("cfdi_invalido", "CFDI40141")
        assert cuerpo["nodo"] == "Comprobante/Emisor/@RegimenFiscal"
        assert [p["codigo"] for p in cuerpo["problemas"]] == ["CFDI40141", "CFDI40161"]
        assert "constancia de situación fiscal" in cuerpo["detail"]


def test_the_lco_is_loaded_by_make_and_asked_while_its_switch_is_on(sistema: Sistema, tmp_path: Path) -> None:
    raiz, distribuidor = sistema.sesion("raiz"), sistema.sesion("distribuidor")
    assert distribuidor.get("/v1/operacion/lco").status_code == 403
    if raiz.get("/v1/operacion/lco").json()["version"] is None:
        assert raiz.put("/v1/operacion/lco", json={"exigir": True}).status_code == 409
    emisor = sistema.emisor
    try:
        cargar(sistema, tmp_path, [("AAA010101AAA", emisor.numero, "A", "1")])
        r = raiz.put("/v1/operacion/lco", json={"exigir": True})
        assert r.status_code == 200
        assert (r.json()["exigir"], r.json()["lineas"]) == (True, 1)
        assert raiz.put("/v1/operacion/lco", json={"exigir": "si"}).status_code == 422
        # Each process asks within seconds which list is in use.
        hasta(lambda: codigo(sistema) == "402")
        cargar(sistema, tmp_path, [(emisor.rfc, emisor.numero, "R", "1")])
        hasta(lambda: codigo(sistema) == "304")
        cargar(sistema, tmp_path, [(emisor.rfc, emisor.numero, "A", "1")])
        hasta(lambda: codigo(sistema) == "ok")
        # The other replica may ask a second later.
        xml = retencion(sistema)
        hasta(lambda: sistema.timbrar(xml).status_code == 200)
    finally:
        raiz.put("/v1/operacion/lco", json={"exigir": False})


# --- the corpus -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def csds(sistema: Sistema) -> list[str]:
    """CSDs of companies of the corpus; the system is told to trust them, as the SAT's test authority is not published."""
    autoridades = sistema.instalacion.dir / "cfdi" / "autoridades"
    hallados = []
    for cer in sorted((CORPUS / "csd").glob("*-csd-*.cer")):
        certificado = leer_archivo(cer)[0]
        if certificado.vigente(datetime.now(UTC)) and len(certificado.rfc) == 12:
            hallados.append(cer.stem)
            (autoridades / f"corpus-{cer.name}").write_bytes(cer.read_bytes())
    supervisor = Supervisor(sistema.instalacion)
    supervisor.reiniciar([e.nombre for e in supervisor.estados() if e.nombre.startswith("timbrado")])
    sistema.esperar_lista()
    return hallados


def documentos(csds: list[str]) -> Iterator[tuple[str, bytes, str]]:
    """Each file re-dated and re-sealed, and the code that it must get: the table's, at this moment."""
    for i, archivo in enumerate(corpus.veredictos()):
        # One second apart, so that equal documents of different sources stay different invoices.
        ahora = datetime.now(UTC).replace(microsecond=0)
        xml = corpus.resellar(archivo, csds[i % len(csds)], cuando=ahora - timedelta(seconds=i + 1))
        yield archivo, xml, corpus.codigo(xml, ahora)


@con_corpus
def test_every_valid_document_is_stamped_once(sistema: Sistema, csds: list[str]) -> None:
    s = sistema.sesion("distribuidor")
    cti = sistema.demo["cti"]["id"]
    ruta = f"/v1/ctis/{cti}"
    antes = s.get(ruta).json()["saldo"]
    timbrados: set[str] = set()
    distintos: dict[str, tuple[str, str]] = {}
    for archivo, xml, esperado in documentos(csds):
        if esperado != corpus.veredictos()[archivo].resellado:
            distintos[archivo] = (esperado, corpus.veredictos()[archivo].resellado)
        with ThreadPoolExecutor(2) as grupo:
            propio = grupo.submit(sistema.timbrar, xml)
            otro = grupo.submit(induxsoft, sistema, xml)
            a, b = propio.result(), otro.result()
        if esperado != "ok":
            assert (a.status_code, a.json()["codigo_sat"]) == (422, esperado), archivo
            assert b["success"] is False
            assert esperado in b["message"]
            continue
        assert a.status_code == 200, (archivo, a.text)
        assert b["success"], (archivo, b)
        assert a.json()["uuid"] == b["data"]["uuid"]
        tfd = extraer(a.json()["xml"].encode())
        assert tfd is not None
        leido = leer(tfd)
        assert leido.uuid.upper() == a.json()["uuid"]
        assert leido.no_certificado_sat.startswith(PREFIJO_CERTIFICADO)
        assert leido.firmado_por(leer_archivo(sistema.instalacion.dir / "cfdi" / "pac" / "sello.cer")[0])
        timbrados.add(a.json()["uuid"])
    assert s.get(ruta).json()["saldo"] == antes - len(timbrados)
    # The table is of one moment; a later one moves no more than the year of a factura global.
    assert len(distintos) <= 2, distintos
    assert len(timbrados) >= 115


# --- what they share --------------------------------------------------------------------------------


def induxsoft(sistema: Sistema, xml: bytes) -> dict[str, Any]:
    respuesta: dict[str, Any] = requests.post(
        f"{sistema.url}/comprobantes/timbrar/",
        json={
            "cti": sistema.demo["cti"]["id"],
            "pwd": sistema.demo["cti"]["contrasena"],
            "xml": base64.b64encode(xml).decode(),
        },
        timeout=30,
    ).json()
    return respuesta


def cargar(sistema: Sistema, carpeta: Path, lineas: list[tuple[str, str, str, str]]) -> None:
    """What `make lco archivo=…` runs."""
    archivo = carpeta / "LCO_2026-11-24_1.XML"
    archivo.write_bytes(lista(lineas))
    entorno = str(sistema.instalacion.archivo_entorno("herramientas"))
    hecho = subprocess.run(
        [sys.executable, "-m", "deploy.lanzar", entorno, "deploy.local.cargar_lco", str(archivo)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert hecho.returncode == 0, hecho.stderr
    assert "LCO in use: 1 lines" in hecho.stdout


def codigo(sistema: Sistema) -> str:
    r = validar(sistema, sistema.factura(lineas=1))
    return "ok" if r.status_code == 200 else str(r.json()["codigo_sat"])
