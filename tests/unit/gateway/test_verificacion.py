"""The address in the QR code: the same whether it is printed or answered."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from services.gateway import verificacion
from services.gateway.dialects import xml
from tests.unit.gateway.dialectos_de_prueba import sellado, timbrado

DATOS = {
    "raiz": "Comprobante",
    "uuid": "U",
    "emisor": "AAA010101AAA",
    "receptor": "XOCD720319T86",
    "sello": "x" * 90,
}


def test_as_the_annex_writes_it() -> None:
    url = verificacion.url(
        raiz="Comprobante", uuid="5803EB8D-81CD-4557-8719-26632D2FA434", emisor="XOCD720319T86",
        receptor="CARR861127SB0", total="14300.000000", sello=f"{'A' * 300}rH8/bw==",
    )  # fmt: skip
    assert url == (
        "https://verificacfdi.facturaelectronica.sat.gob.mx/default.aspx?id=5803EB8D-81CD-4557-8719-26632D2FA434"
        "&re=XOCD720319T86&rr=CARR861127SB0&tt=14300.0&fe=rH8/bw=="
    )


@pytest.mark.parametrize(
    ("total", "dicho"),
    [("100", "100.0"), ("0.00", "0.0"), ("1250.50", "1250.5"), ("1234567.123456", "1234567.123456")],
)
def test_a_total_has_no_idle_zeros(total: str, dicho: str) -> None:
    assert parse_qs(urlsplit(verificacion.url(**DATOS, total=total)).query)["tt"] == [dicho]


def test_whoever_opens_it_reads_an_rfc_with_an_ampersand_and_a_seal_with_a_plus() -> None:
    datos = DATOS | {"emisor": "S&P010101AC3", "receptor": "ÑAN010101AB2", "sello": "abc+d/e=="}
    leido = parse_qs(urlsplit(verificacion.url(**datos, total="1")).query)
    assert (leido["re"], leido["rr"], leido["fe"]) == (["S&P010101AC3"], ["ÑAN010101AB2"], ["bc+d/e=="])


def test_a_retention_has_its_own_site_and_a_foreigner_its_number_or_nothing() -> None:
    base = '<retenciones:Receptor NacionalidadR="{}">{}</retenciones:Receptor>'
    suyos = {
        "rr=URE180429TM6": base.format("Nacional", '<retenciones:Nacional RfcR="URE180429TM6"/>'),
        "nr=12-345": base.format("Extranjero", '<retenciones:Extranjero NumRegIdTribR="12-345"/>'),
        "": base.format("Extranjero", '<retenciones:Extranjero NomDenRazSocR="X"/>'),
    }
    for campo, receptor in suyos.items():
        cuerpo = (
            sellado(raiz="Retenciones").replace("cfdi:", "retenciones:").replace(":cfdi=", ":retenciones=")
        )
        cuerpo = cuerpo.replace('Total="116.00" ', "").replace('Rfc="EKU', 'RfcE="EKU')
        inicio = cuerpo.index("<retenciones:Receptor")
        fin = cuerpo.index("</retenciones:Retenciones>")
        totales = '<retenciones:Totales MontoTotOperacion="250.00"/>'
        documento = timbrado(
            (cuerpo[:inicio] + receptor + totales + cuerpo[fin:]).replace("</retenciones:Ret", "</cfdi:Ret")
        )
        documento = documento.replace("cfdi:", "retenciones:")
        url = xml.timbre_de(documento).verificacion
        assert url.startswith("https://prodretencionverificacion.clouda.sat.gob.mx/?id=")
        assert url.endswith("&re=EKU9003173C9" + (f"&{campo}" if campo else "") + "&tt=250.0&fe=ABCDEFGH")
