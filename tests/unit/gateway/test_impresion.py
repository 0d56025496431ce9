"""The printed representation: words, QR, marks, and that whatever the document says nothing is fetched."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from services.gateway.impresion.letras import importe_con_letra
from shared.testing import cfdi
from shared.testing.certificados import Autoridad

RAIZ = Path(__file__).resolve().parents[3]
TFD = (
    '<tfd:TimbreFiscalDigital xmlns:tfd="http://www.sat.gob.mx/TimbreFiscalDigital" Version="1.1"'
    ' UUID="AAAAAAAA-0000-4000-8000-00000000000A" FechaTimbrado="2026-01-01T00:00:00" RfcProvCertif="PRU010101XX0"'
    ' Leyenda="TIMBRE DE PRUEBA SIN VALIDEZ FISCAL" SelloCFD="AAAA" NoCertificadoSAT="{numero}" SelloSAT="BBBB"/>'
)


@pytest.mark.parametrize(
    ("importe", "moneda", "letra"),
    [
        ("0", "MXN", "CERO PESOS 00/100 M.N."),
        ("1", "MXN", "UN PESO 00/100 M.N."),
        ("21.5", "MXN", "VEINTIÚN PESOS 50/100 M.N."),
        ("100", "MXN", "CIEN PESOS 00/100 M.N."),
        ("101.01", "USD", "CIENTO UN DÓLARES 01/100 USD"),
        ("1001", "MXN", "MIL UN PESOS 00/100 M.N."),
        ("21000", "MXN", "VEINTIÚN MIL PESOS 00/100 M.N."),
        ("31742.99", "EUR", "TREINTA Y UN MIL SETECIENTOS CUARENTA Y DOS EUROS 99/100 EUR"),
        ("1000000", "MXN", "UN MILLÓN DE PESOS 00/100 M.N."),
        ("2000001.005", "MXN", "DOS MILLONES UN PESOS 01/100 M.N."),
        ("1000000000000", "MXN", "UN BILLÓN DE PESOS 00/100 M.N."),
        ("501100000", "MXN", "QUINIENTOS UN MILLONES CIEN MIL PESOS 00/100 M.N."),
        ("5.999", "JPY", "SEIS JPY 00/100"),
        ("12", "XXX", ""),
        ("-1", "MXN", ""),
    ],
)
def test_an_amount_in_words(importe: str, moneda: str, letra: str) -> None:
    assert importe_con_letra(Decimal(importe), moneda) == letra


@cache
def emisor() -> cfdi.Emisor:
    return cfdi.Emisor.nuevo(Autoridad.nueva(), "S&P010101AC3")


def timbrada(xml: bytes, numero: str = "99999000000000000001") -> bytes:
    fin = b"</cfdi:Comprobante>"
    tfd = f"<cfdi:Complemento>{TFD.format(numero=numero)}</cfdi:Complemento>".encode()
    return xml.replace(fin, tfd + fin)


def test_the_page_has_its_qr_words_seals_and_marks() -> None:
    from services.gateway.impresion import dibujo

    xml = timbrada(cfdi.factura(emisor(), 17, lineas=2))
    html = dibujo.pagina(xml, cancelado=False)
    total = re.search(rb' Total="([\d.]+)"', xml)
    assert total is not None
    assert importe_con_letra(Decimal(total[1].decode()), "MXN") in html
    assert "SIN VALIDEZ FISCAL" in html
    assert "CANCELADO" not in html
    assert "Cadena original del complemento de certificación" in html
    assert "COMPROBANTE CANCELADO ANTE EL SAT" in dibujo.pagina(xml, cancelado=True)
    from satcfdi.cfdi import CFDI

    partes = urlsplit(dibujo.url_verificacion(CFDI.from_string(xml)))
    sello = re.search(rb' Sello="([^"]+)"', xml)
    assert sello is not None
    assert partes.netloc == "verificacfdi.facturaelectronica.sat.gob.mx"
    assert parse_qs(partes.query) == {
        "id": ["AAAAAAAA-0000-4000-8000-00000000000A"],
        "re": ["S&P010101AC3"],
        "rr": ["URE180429TM6"],
        "tt": [f"{Decimal(total[1].decode()):.6f}".rstrip("0")],
        "fe": [sello[1].decode()[-8:]],
    }
    with pytest.raises(dibujo.Ilegible):
        dibujo.pagina(cfdi.factura(emisor(), 18, lineas=1), cancelado=False)


def test_a_hostile_document_is_drawn_and_fetches_nothing(tmp_path: Path) -> None:
    from services.gateway.impresion import dibujo

    escucha = socket.create_server(("127.0.0.1", 0))
    escucha.settimeout(0.2)
    conexiones: list[Any] = []
    fin = threading.Event()

    def contar() -> None:
        while not fin.is_set():
            try:
                conexiones.append(escucha.accept())
            except TimeoutError:
                continue

    hilo = threading.Thread(target=contar)
    hilo.start()
    url = f"http://127.0.0.1:{escucha.getsockname()[1]}/x"
    secreto = tmp_path / "secreto"
    secreto.write_text("CONTENIDO SECRETO")
    malo = (
        f"&lt;img src=&quot;{url}&quot;&gt;&lt;link rel=&quot;attachment&quot; href=&quot;{secreto.as_uri()}&quot;&gt;"
        f"&lt;style&gt;@import url({url})&lt;/style&gt;"
    )
    xml = timbrada(cfdi.factura(emisor(), 19, lineas=1, addenda=f'<a href="{url}"/>'))
    xml = re.sub(rb'Descripcion="[^"]*"', b'Descripcion="' + malo.encode() + b'"', xml)
    html = dibujo.pagina(xml, cancelado=False)
    assert "<img src=&#34;http" not in html
    assert f'<img src="{url}' not in html
    assert "&lt;img" in html
    # Even if it got through the templates: what is not inside the page is not fetched.
    with pytest.raises(ValueError, match="disallowed protocol"):
        dibujo.solo_incrustado().fetch(url)
    with pytest.raises(ValueError, match="disallowed protocol"):
        dibujo.solo_incrustado().fetch(secreto.as_uri())
    pdf = dibujo.dibujar(xml, cancelado=True)
    fin.set()
    hilo.join()
    escucha.close()
    assert pdf.startswith(b"%PDF-")
    assert conexiones == []
    assert b"CONTENIDO SECRETO" not in pdf


def test_a_worker_that_dies_hangs_or_fails_costs_one_answer() -> None:
    hecho = subprocess.run(
        [sys.executable, "-m", "tests.unit.gateway.taller_de_prueba"],
        cwd=RAIZ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert hecho.returncode == 0, hecho.stderr
    visto = json.loads(hecho.stdout.splitlines()[-1])
    pasos = visto["pasos"]
    assert pasos["uno"].endswith('{"que": "comprobante", "cancelado": true}uno')
    assert pasos["estado"].endswith('{"que": "estado"}{"como":"uno"}')
    assert pasos["estado que falla"].startswith("no_disponible: Este estado de cuenta no se pudo dibujar")
    assert pasos["uno"].split()[0] == pasos["dos"].split()[0], "one worker serves one after the other"
    assert "AMQP_URL" not in pasos["secretos"]
    assert pasos["falla"].startswith("no_disponible: Este comprobante no se pudo imprimir")
    assert "secreto" not in pasos["falla"]
    assert pasos["muere"].startswith("no_disponible")
    assert pasos["despues de morir"].endswith("despues de morir")
    assert pasos["tarda"].startswith("no_disponible")
    assert visto["latidos"] > 10, "the event loop stood still"
    assert len({j.split()[0] for j in visto["juntos"]}) == 2, "no more workers than places"
