"""The documents and certificates made for tests and benches are what they say they are."""

from __future__ import annotations

import time
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from lxml import etree

from services.timbrado.cfdi.certificados import Confianza, leer_archivo
from services.timbrado.cfdi.validacion import Validador
from shared.testing import cfdi
from tests.unit.timbrado.apoyo_cfdi import AHORA, codigo, emisor, hora_local, validar


def test_lote_variado_valido_y_del_tamano_dicho() -> None:
    documentos = list(cfdi.lote(emisor(), 60, fecha=hora_local()))
    validos = [validar(xml) for xml in documentos]
    assert {v.tipo for v in validos} == {"I", "E", "P", "T"}
    assert len({v.huella for v in validos}) == 60
    assert min(map(len, documentos)) > 3_500
    assert max(map(len, documentos)) < 9_000


def test_generar_es_rapido() -> None:
    list(cfdi.lote(emisor(), 5))
    inicio = time.process_time()
    assert len(list(cfdi.lote(emisor(), 150))) == 150
    assert time.process_time() - inicio < 0.5  # 300 a second


def test_sellar_uno_ajeno() -> None:
    xml = cfdi.factura(emisor("S&P010101AC3"), 1, fecha=hora_local())
    raiz = etree.fromstring(xml)
    nodo = raiz.find("{*}Emisor")
    assert nodo is not None
    nodo.set("Rfc", emisor().rfc)
    assert validar(emisor().sellar(etree.tostring(raiz, encoding="UTF-8"))).emisor == emisor().rfc


def test_redatar_y_sellar() -> None:
    """Also with an attribute whose name is not ASCII, and an earlier stamp taken out."""
    vieja = cfdi.factura(
        emisor("PEGJ800101AA0"),
        1,
        fecha=hora_local(AHORA - timedelta(days=300)),
        receptor=("XAXX010101000", "PUBLICO EN GENERAL"),
    )
    assert "Año=" in vieja.decode()
    timbre = (
        '<cfdi:Complemento><t:TimbreFiscalDigital xmlns:t="http://www.sat.gob.mx/TimbreFiscalDigital"/>'
        "</cfdi:Complemento></cfdi:Comprobante>"
    )
    vieja = vieja.replace(b"</cfdi:Comprobante>", timbre.encode())
    quien = emisor("ÑAN010101AB2")
    key = quien.par.llave.private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"12345678a")
    )
    argumentos = (vieja, quien.par.der, key, b"12345678a", hora_local())
    assert codigo(cfdi.redatar_y_sellar(*argumentos)) == "307"
    valido = validar(cfdi.redatar_y_sellar(*argumentos, quitar_timbre=True))
    assert valido.emisor == "ÑAN010101AB2"
    assert "NANDÚ" not in valido.xml.decode()
    assert "ÑANDÚ Y CIGÜEÑA" in valido.xml.decode()


def test_preparar_es_idempotente(tmp_path: Path) -> None:
    primero = cfdi.preparar(tmp_path)
    contenidos = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    uno = primero.emisor("ÑAN010101AB2")
    segundo = cfdi.preparar(tmp_path)
    assert {p: p.read_bytes() for p in contenidos} == contenidos
    assert segundo.emisor("ÑAN010101AB2").par.der == uno.par.der
    assert sorted(p.name for p in primero.autoridades.iterdir()) == ["autoridad-de-prueba.cer"]
    assert {p.name for p in primero.pac.iterdir()} == {"sello.cer", "sello.key"}
    assert all(p.stat().st_mode & 0o077 == 0 for p in tmp_path.rglob("*.key"))
    con = Validador(Confianza.de_carpeta(segundo.autoridades))
    con.validar(cfdi.factura(uno, 1, fecha=hora_local()), AHORA)
    assert leer_archivo(primero.pac / "sello.cer")[0].numero.startswith("99999")


def _emisor_de(carpeta: str) -> bytes:
    return cfdi.preparar(Path(carpeta)).emisor().par.der


def test_preparar_desde_varios_procesos_a_la_vez(tmp_path: Path) -> None:
    with get_context("spawn").Pool(3) as procesos:
        assert len(set(procesos.map(_emisor_de, [str(tmp_path)] * 3))) == 1
