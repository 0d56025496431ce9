"""The SAT's matrix in the validation: what it must not refuse, what comes first, what is left to the PAC."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from services.timbrado.cfdi.validacion import Validador
from shared.testing import cfdi
from tests.unit.timbrado.apoyo_cfdi import (
    AHORA,
    cambiar,
    codigo,
    confianza,
    emisor,
    hora_local,
    rechazo,
    resellar,
    validar,
)
from tests.unit.timbrado.apoyo_reglas import Cambio, base, cambiada, codigos, valores


@pytest.mark.parametrize(
    ("cual", "cambios"),
    [
        # The SAT's limits, not equality: quantity and price are known to half of their last decimal.
        ("I", [(' Cantidad="{cantidad}"', ' Cantidad="{cantidad}.000000"')]),
        ("I", [(' SubTotal="{sub}"', ' SubTotal="{sub}0000"'), (' Total="{total}"', ' Total="{total}0"')]),
        ("I", [(' TipoCambio="1"', ' TipoCambio="1.000000"')]),
        ("I", [(' TipoCambio="1"', "")]),
        ("I", [(' Moneda="MXN" TipoCambio="1"', ' Moneda="USD" TipoCambio="17.46"')]),
        ("I", [(' FormaPago="03"', ' FormaPago="99"'), (' MetodoPago="PUE"', ' MetodoPago="PPD"')]),
        ("I", [(' RegimenFiscal="601"', ' RegimenFiscal="626"')]),
        ("I", [(' RegimenFiscal="601"', ' RegimenFiscal="622"')]),
        ("I", [(' RegimenFiscalReceptor="601"', ' RegimenFiscalReceptor="610"'), (' UsoCFDI="G03"', ' UsoCFDI="S01"')]),
        ("G", [("PUBLICO EN GENERAL", "PÚBLICO EN GENERAL")]),
        ("E", [(' UsoCFDI="G02"', ' UsoCFDI="S01"')]),
        ("I", [(' ObjetoImp="02"', ' ObjetoImp="06"')]),
        ("P", [('EquivalenciaDR="1"', 'EquivalenciaDR="1.0000000000"')]),
        ("R", [('MontoTotExent="0.00"', 'MontoTotExent="0"')]),
    ],
)  # fmt: skip
def test_no_se_rechaza(cual: str, cambios: list[Cambio]) -> None:
    xml = cambiada(base(cual), cambios)
    assert codigos(xml) == []


def test_redondeo_por_concepto_y_del_documento() -> None:
    """Six decimals in the concepts, two in the document: a half may round either way."""
    uno = (
        '<cfdi:Concepto ClaveProdServ="43231500" Cantidad="3" ClaveUnidad="H87" Descripcion="x" ValorUnitario="0.335" '
        'Importe="1.005000" ObjetoImp="02"><cfdi:Impuestos><cfdi:Traslados><cfdi:Traslado Base="1.005000" Impuesto="002" '
        'TipoFactor="Tasa" TasaOCuota="0.160000" Importe="0.160800"/></cfdi:Traslados></cfdi:Impuestos></cfdi:Concepto>'
    )
    for subtotal in ("1.01", "1.00"):
        xml = _con_conceptos(uno, subtotal, "0.16")
        assert codigos(xml) == [], subtotal
    assert "CFDI40108" in codigos(_con_conceptos(uno, "1.02", "0.16"))
    assert "CFDI40221" in codigos(_con_conceptos(uno, "1.00", "0.17"))


def _con_conceptos(conceptos_: str, subtotal: str, iva: str) -> bytes:
    xml = base("I").decode()
    datos = valores(base("I"))
    xml = re.sub("<cfdi:Conceptos>.*</cfdi:Conceptos>", f"<cfdi:Conceptos>{conceptos_}</cfdi:Conceptos>", xml)
    xml = xml.replace(f'Total="{datos["total"]}"', f'Total="{Decimal(subtotal) + Decimal(iva)}"')
    xml = xml.replace(f'="{datos["sub"]}"', f'="{subtotal}"')
    return xml.replace(f'="{datos["iva"]}"', f'="{iva}"').encode()


def test_la_matriz_va_despues_del_sello_y_la_fecha() -> None:
    xml = cambiar(base("I"), ' UsoCFDI="G03"', ' UsoCFDI="D01"')
    error = rechazo(xml)
    assert error.datos["codigo_sat"] == "CFDI40102"
    assert [p["codigo"] for p in error.datos["problemas"]] == ["CFDI40102", "CFDI40161"]  # type: ignore[attr-defined]
    error = rechazo(resellar(xml))
    assert error.datos == {"codigo_sat": "CFDI40161", "nodo": "Comprobante/Receptor/@UsoCFDI"}


def test_se_dicen_todos_los_problemas_y_el_primero_es_el_codigo() -> None:
    xml = cambiar(base("I"), ' UsoCFDI="G03"', ' UsoCFDI="D01"')
    xml = cambiar(xml, ' RegimenFiscal="601"', ' RegimenFiscal="612"')
    xml = cambiar(
        xml, ' ClaveUnidad="H87"' if b'"H87"' in xml else ' ClaveUnidad="E48"', ' ClaveUnidad="QQQ"'
    )
    error = rechazo(resellar(xml))
    problemas = error.datos["problemas"]
    assert isinstance(problemas, list)
    assert [p["codigo"] for p in problemas] == ["CFDI40165", "CFDI40141", "CFDI40161"]
    assert error.datos["codigo_sat"] == "CFDI40165"
    assert all(set(p) == {"codigo", "nodo", "detalle"} and p["detalle"].endswith(".") for p in problemas)
    assert not any(p["detalle"].startswith(p["codigo"]) for p in problemas)


def test_un_codigo_se_deja_al_pac_por_configuracion() -> None:
    xml = resellar(cambiar(base("I"), ' UsoCFDI="G03"', ' UsoCFDI="D01"'))
    assert codigo(xml) == "CFDI40161"
    Validador(confianza(), omitidas={"CFDI40161"}).validar(xml, AHORA)
    Validador(confianza(), omitidas={"*"}).validar(xml, AHORA)
    assert codigo(xml, con=Validador(confianza(), omitidas={"CFDI40119"})) == "CFDI40161"


def test_documentos_de_todo_tipo_pasan_completos() -> None:
    for xml in cfdi.lote(emisor(), 40, fecha=hora_local()):
        validar(xml)
    assert validar(base("N")).tipo == "N"
