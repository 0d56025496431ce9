"""The SAT's matrix of errors: each rule finds its own mistake, alone, and nothing in a right document."""

from __future__ import annotations

import pytest

from services.timbrado.cfdi.reglas import (
    comprobante,
    conceptos,
    impuestos,
    nomina,
    pagos,
    partes,
    retenciones,
)
from shared.errors import Codigo
from tests.unit.timbrado.apoyo_reglas import Cambio, base, cambiada, codigos, hallados

EXTERIOR = (
    '<cfdi:Complemento><x:ComercioExterior xmlns:x="http://www.sat.gob.mx/ComercioExterior20"/></cfdi:Complemento>'
    "</cfdi:Comprobante>"
)
FIN = "</cfdi:Comprobante>"
RECEPTOR = ' Rfc="URE180429TM6" Nombre="UNIVERSIDAD ROBOTICA ESPAÑOLA"'
CASOS: list[tuple[str, str, list[Cambio]]] = [
    ("CFDI40103", "T", [(' Total="0"', ' Total="0" FormaPago="01"')]),
    ("CFDI40105", "I", [(' MetodoPago="PUE"', ' MetodoPago="PPD"')]),
    ("CFDI40107", "I", [(' SubTotal="{sub}"', ' SubTotal="{sub}1"')]),
    ("CFDI40108", "I", [(' SubTotal="{sub}"', ' SubTotal="1.00"')]),
    ("CFDI40109", "T", [(' SubTotal="0"', ' SubTotal="5"')]),
    ("CFDI40110", "I", [(' Moneda="MXN"', ' Descuento="99999999.00" Moneda="MXN"')]),
    ("CFDI40111", "T", [(' Importe="0" ', ' Importe="0" Descuento="0" ')]),
    ("CFDI40112", "I", [(' Moneda="MXN"', ' Descuento="0.001" Moneda="MXN"')]),
    ("CFDI40114", "I", [(' TipoCambio="1"', ' TipoCambio="2"')]),
    ("CFDI40115", "I", [(' Moneda="MXN" TipoCambio="1"', ' Moneda="USD"')]),
    ("CFDI40116", "T", [(' Moneda="XXX"', ' Moneda="XXX" TipoCambio="1"')]),
    ("CFDI40119", "I", [(' Total="{total}"', ' Total="1.00"')]),
    ("CFDI40122", "X", [(' Exportacion="01"', ' Exportacion="02"')]),
    ("CFDI40125", "T", [(' Total="0"', ' Total="0" MetodoPago="PUE"')]),
    ("CFDI40130", "G", [("<cfdi:InformacionGlobal", "<cfdi:Otra")]),
    ("CFDI40130", "I", [("<cfdi:Emisor", '<cfdi:InformacionGlobal Periodicidad="04" Meses="01" Año="{año}"/><cfdi:Emisor')]),
    ("CFDI40132", "G", [('Periodicidad="04" Meses="{mes}"', 'Periodicidad="05" Meses="13"')]),
    ("CFDI40134", "G", [('Meses="{mes}"', 'Meses="13"')]),
    ("CFDI40135", "G", [('Periodicidad="04"', 'Periodicidad="05"'), (' RegimenFiscal="601"', ' RegimenFiscal="621"')]),
    ("CFDI40136", "G", [('Año="{año}"', 'Año="2019"')]),
    ("CFDI40141", "I", [(' RegimenFiscal="601"', ' RegimenFiscal="612"')]),
    ("CFDI40141", "F", [(' RegimenFiscal="612"', ' RegimenFiscal="601"')]),
    ("CFDI40146", "I", [('Nombre="UNIVERSIDAD ROBOTICA ESPAÑOLA"', 'Nombre="PUBLICO EN GENERAL"')]),
    ("CFDI40149", "X", [(' DomicilioFiscalReceptor="06000"', ' DomicilioFiscalReceptor="65000"')]),
    ("CFDI40151", "I", [(RECEPTOR, RECEPTOR + ' ResidenciaFiscal="USA"')]),
    ("CFDI40152", "X", [(' UsoCFDI="S01"', ' ResidenciaFiscal="MEX" UsoCFDI="S01"')]),
    ("CFDI40153", "X", [(' UsoCFDI="S01"', ' NumRegIdTrib="1" UsoCFDI="S01"')]),
    ("CFDI40154", "I", [(RECEPTOR, RECEPTOR + ' NumRegIdTrib="1"')]),
    ("CFDI40155", "X", [(FIN, EXTERIOR), (' UsoCFDI="S01"', ' ResidenciaFiscal="USA" UsoCFDI="S01"')]),
    ("CFDI40158", "I", [(' RegimenFiscalReceptor="601"', ' RegimenFiscalReceptor="612"')]),
    ("CFDI40159", "X", [(' RegimenFiscalReceptor="616"', ' RegimenFiscalReceptor="610"')]),
    ("CFDI40161", "I", [(' UsoCFDI="G03"', ' UsoCFDI="D01"')]),
    ("CFDI40161", "X", [(' UsoCFDI="S01"', ' UsoCFDI="G03"')]),
    ("CFDI40166", "I", [(' ValorUnitario="{precio}"', ' ValorUnitario="0"')]),
    ("CFDI40167", "I", [(' Cantidad="{cantidad}"', ' Cantidad="77"')]),
    ("CFDI40168", "I", [(' ObjetoImp="02"', ' Descuento="0.001" ObjetoImp="02"')]),
    ("CFDI40169", "I", [(' ObjetoImp="02"', ' Descuento="99999999.00" ObjetoImp="02"')]),
    ("CFDI40171", "T", [(' ObjetoImp="01"', ' ObjetoImp="02"')]),
    ("CFDI40172", "I", [(' ObjetoImp="02"', ' ObjetoImp="01"')]),
    ("CFDI40173", "T", [(' ObjetoImp="01"/>', ' ObjetoImp="02"><cfdi:Impuestos/></cfdi:Concepto>')]),
    ("CFDI40177", "I", [(' TipoFactor="Tasa"', ' TipoFactor="Exento"')]),
    ("CFDI40178", "I", [(' TasaOCuota="0.160000"', "")]),
    ("CFDI40179", "I", [(' TasaOCuota="0.160000"', ' TasaOCuota="0.150000"')]),
    ("CFDI40180", "I", [(' TasaOCuota="0.160000" Importe="{iva}"', ' TasaOCuota="0.160000" Importe="1.00"')]),
    ("CFDI40184", "I", [("</cfdi:Traslados>", "</cfdi:Traslados>{ret}".replace("{ret}", (
        '<cfdi:Retenciones><cfdi:Retencion Base="1" Impuesto="001" TipoFactor="Exento" TasaOCuota="0.1" Importe="0.1"/>'
        "</cfdi:Retenciones>")))]),
    ("CFDI40185", "I", [("</cfdi:Traslados>", (
        '</cfdi:Traslados><cfdi:Retenciones><cfdi:Retencion Base="1" Impuesto="001" TipoFactor="Tasa" '
        'TasaOCuota="0.4" Importe="0.4"/></cfdi:Retenciones>'))]),
    ("CFDI40186", "I", [("</cfdi:Traslados>", (
        '</cfdi:Traslados><cfdi:Retenciones><cfdi:Retencion Base="100" Impuesto="001" TipoFactor="Tasa" '
        'TasaOCuota="0.1" Importe="20"/></cfdi:Retenciones>'))]),
    ("CFDI40188", "T", [(' ObjetoImp="01"/>', (
        ' ObjetoImp="01"><cfdi:ACuentaTerceros RfcACuentaTerceros="EMP010101AA1" NombreACuentaTerceros="X" '
        'RegimenFiscalACuentaTerceros="601" DomicilioFiscalACuentaTerceros="06000"/></cfdi:Concepto>'))]),
    ("CFDI40195", "T", [(FIN, EXTERIOR), (' ObjetoImp="01"/>', (
        ' ObjetoImp="01"><cfdi:InformacionAduanera NumeroPedimento="10  47  3807  8003832"/></cfdi:Concepto>'))]),
    ("CFDI40197", "T", [(' ObjetoImp="01"/>', (
        ' ObjetoImp="01"><cfdi:Parte ClaveProdServ="43231500" Cantidad="1" Descripcion="x" ValorUnitario="0"/>'
        "</cfdi:Concepto>"))]),
    ("CFDI40198", "T", [(' ObjetoImp="01"/>', (
        ' ObjetoImp="01"><cfdi:Parte ClaveProdServ="43231500" Cantidad="1.00" Descripcion="x" ValorUnitario="5.00" '
        'Importe="9.00"/></cfdi:Concepto>'))]),
    ("CFDI40200", "T", [(FIN, EXTERIOR), (' ObjetoImp="01"/>', (
        ' ObjetoImp="01"><cfdi:Parte ClaveProdServ="43231500" Cantidad="1" Descripcion="x"><cfdi:InformacionAduanera '
        'NumeroPedimento="10  47  3807  8003832"/></cfdi:Parte></cfdi:Concepto>'))]),
    ("CFDI40201", "T", [(FIN, "<cfdi:Impuestos/>" + FIN)]),
    ("CFDI40202", "I", [(' TotalImpuestosTrasladados=', ' TotalImpuestosRetenidos="0.001" TotalImpuestosTrasladados=')]),
    ("CFDI40203", "I", [(' TotalImpuestosTrasladados=', ' TotalImpuestosRetenidos="1.00" TotalImpuestosTrasladados=')]),
    ("CFDI40204", "I", [(' TotalImpuestosTrasladados="{iva}"', ' TotalImpuestosTrasladados="{iva}1"')]),
    ("CFDI40205", "I", [(' TotalImpuestosTrasladados="{iva}"', ' TotalImpuestosTrasladados="1.00"')]),
    ("CFDI40206", "E", [("<cfdi:Impuestos TotalImpuestosTrasladados=\"{iva}\">", (
        "<cfdi:Impuestos TotalImpuestosTrasladados=\"{iva}\"><cfdi:Retenciones><cfdi:Retencion Impuesto=\"001\" "
        'Importe="0.00"/></cfdi:Retenciones>'))]),
    ("CFDI40208", "E", [("<cfdi:Impuestos TotalImpuestosTrasladados=\"{iva}\">", (
        "<cfdi:Impuestos TotalImpuestosRetenidos=\"0.00\" TotalImpuestosTrasladados=\"{iva}\"><cfdi:Retenciones>"
        '<cfdi:Retencion Impuesto="001" Importe="0.00"/><cfdi:Retencion Impuesto="001" Importe="0.00"/>'
        "</cfdi:Retenciones>"))]),
    ("CFDI40210", "E", [("<cfdi:Impuestos TotalImpuestosTrasladados=\"{iva}\">", (
        "<cfdi:Impuestos TotalImpuestosRetenidos=\"0.00\" TotalImpuestosTrasladados=\"{iva}\"><cfdi:Retenciones>"
        '<cfdi:Retencion Impuesto="001" Importe="0.001"/></cfdi:Retenciones>'))]),
    ("CFDI40211", "E", [("<cfdi:Impuestos TotalImpuestosTrasladados=\"{iva}\">", (
        "<cfdi:Impuestos TotalImpuestosRetenidos=\"5.00\" TotalImpuestosTrasladados=\"{iva}\"><cfdi:Retenciones>"
        '<cfdi:Retencion Impuesto="001" Importe="5.00"/></cfdi:Retenciones>'))]),
    ("CFDI40212", "I", [("<cfdi:Impuestos TotalImpuestosTrasladados=\"{iva}\">", "<cfdi:Impuestos>")]),
    ("CFDI40214", "I", [('Impuestos TotalImpuestosTrasladados="{iva}"><cfdi:Traslados><cfdi:Traslado Base="{sub}"',
        'Impuestos TotalImpuestosTrasladados="{iva}"><cfdi:Traslados><cfdi:Traslado Base="{sub}1"')]),
    ("CFDI40215", "I", [('Impuestos TotalImpuestosTrasladados="{iva}"><cfdi:Traslados><cfdi:Traslado Base="{sub}"',
        'Impuestos TotalImpuestosTrasladados="{iva}"><cfdi:Traslados><cfdi:Traslado Base="1.00"')]),
    ("CFDI40218", "I", [("</cfdi:Traslados></cfdi:Impuestos>" + FIN, (
        '<cfdi:Traslado Base="{sub}" Impuesto="002" TipoFactor="Tasa" TasaOCuota="0.160000" Importe="{iva}"/>'
        "</cfdi:Traslados></cfdi:Impuestos>" + FIN))]),
    ("CFDI40219", "I", [('TasaOCuota="0.160000" Importe="{iva}"/></cfdi:Traslados></cfdi:Impuestos>' + FIN,
        'TasaOCuota="0.150000" Importe="{iva}"/></cfdi:Traslados></cfdi:Impuestos>' + FIN)]),
    ("CFDI40220", "I", [('Importe="{iva}"/></cfdi:Traslados></cfdi:Impuestos>' + FIN,
        'Importe="{iva}1"/></cfdi:Traslados></cfdi:Impuestos>' + FIN)]),
    ("CFDI40221", "I", [('Importe="{iva}"/></cfdi:Traslados></cfdi:Impuestos>' + FIN,
        'Importe="1.00"/></cfdi:Traslados></cfdi:Impuestos>' + FIN)]),
    ("CRP20101", "P", [(' TipoDeComprobante="P"', ' TipoDeComprobante="I"')]),
    ("CRP20102", "P", [(' Exportacion="01"', ' Exportacion="03"')]),
    ("CRP20104", "P", [(' Moneda="XXX"', ' Moneda="MXN"')]),
    ("CRP20107", "P", [(' SubTotal="0"', ' CondicionesDePago="x" SubTotal="0"')]),
    ("CRP20108", "P", [(' Moneda="XXX"', ' Descuento="0" Moneda="XXX"')]),
    ("CRP20111", "P", [("</cfdi:Conceptos>", (
        '<cfdi:Concepto ClaveProdServ="84111506" Cantidad="1" ClaveUnidad="ACT" Descripcion="Pago" ValorUnitario="0" '
        'Importe="0" ObjetoImp="01"/></cfdi:Conceptos>'))]),
    ("CRP20112", "P", [(' ObjetoImp="01"/>', ' ObjetoImp="01"><cfdi:CuentaPredial Numero="1"/></cfdi:Concepto>')]),
    ("CRP20113", "P", [(' ClaveProdServ="84111506"', ' ClaveProdServ="84111505"')]),
    ("CRP20114", "P", [(' Cantidad="1"', ' NoIdentificacion="1" Cantidad="1"')]),
    ("CRP20115", "P", [(' Cantidad="1"', ' Cantidad="2"')]),
    ("CRP20116", "P", [(' ClaveUnidad="ACT"', ' ClaveUnidad="H87"')]),
    ("CRP20117", "P", [(' ClaveUnidad="ACT"', ' ClaveUnidad="ACT" Unidad="x"')]),
    ("CRP20118", "P", [(' Descripcion="Pago"', ' Descripcion="Otro"')]),
    ("CRP20119", "P", [(' ValorUnitario="0"', ' ValorUnitario="1"')]),
    ("CRP20120", "P", [(' Importe="0"', ' Importe="1"')]),
    ("CRP20121", "P", [(' Importe="0"', ' Importe="0" Descuento="0"')]),
    ("CRP20122", "P", [(' ObjetoImp="01"', ' ObjetoImp="04"')]),
    ("CRP20201", "P", [("<pago20:Totales", '<pago20:Totales TotalRetencionesIVA="1.00"')]),
    ("CRP20202", "P", [("<pago20:Totales", '<pago20:Totales TotalRetencionesISR="1.00"')]),
    ("CRP20203", "P", [("<pago20:Totales", '<pago20:Totales TotalRetencionesIEPS="1.00"')]),
    ("CRP20204", "P", [('TotalTrasladosBaseIVA16="', 'TotalTrasladosBaseIVA16="1')]),
    ("CRP20205", "P", [('TotalTrasladosImpuestoIVA16="', 'TotalTrasladosImpuestoIVA16="1')]),
    ("CRP20206", "P", [("<pago20:Totales", '<pago20:Totales TotalTrasladosBaseIVA8="1.00"')]),
    ("CRP20207", "P", [("<pago20:Totales", '<pago20:Totales TotalTrasladosImpuestoIVA8="1.00"')]),
    ("CRP20208", "P", [("<pago20:Totales", '<pago20:Totales TotalTrasladosBaseIVA0="1.00"')]),
    ("CRP20209", "P", [("<pago20:Totales", '<pago20:Totales TotalTrasladosImpuestoIVA0="1.00"')]),
    ("CRP20210", "P", [("<pago20:Totales", '<pago20:Totales TotalTrasladosBaseExento="1.00"')]),
    ("CRP20211", "P", [('MontoTotalPagos="', 'MontoTotalPagos="1')]),
    ("CRP20212", "P", [('FormaDePagoP="03"', 'FormaDePagoP="99"')]),
    ("CRP20213", "P", [('MonedaP="MXN"', 'MonedaP="XXX"')]),
    ("CRP20214", "P", [('MonedaP="MXN" TipoCambioP="1"', 'MonedaP="USD"')]),
    ("CRP20215", "P", [('TipoCambioP="1"', 'TipoCambioP="2"')]),
    ("CRP20217", "P", [('ImpPagado="', 'ImpPagado="9')]),
    ("CRP20218", "P", [(' Monto="{monto}"', ' Monto="0"')]),
    ("CRP20219", "P", [(' Monto="{monto}"', ' Monto="{monto}1"')]),
    ("CRP20229", "P", [('FormaDePagoP="03"', 'FormaDePagoP="01" TipoCadPago="01"')]),
    ("CRP20236", "P", [('MonedaDR="MXN"', 'MonedaDR="XXX"')]),
    ("CRP20237", "P", [('MonedaDR="MXN" EquivalenciaDR="1"', 'MonedaDR="USD"')]),
    ("CRP20238", "P", [('EquivalenciaDR="1"', 'EquivalenciaDR="2"')]),
    ("CRP20239", "P", [('ImpSaldoAnt="{monto}"', 'ImpSaldoAnt="0"')]),
    ("CRP20241", "P", [('ImpPagado="{monto}"', 'ImpPagado="0"')]),
    ("CRP20244", "P", [('ImpSaldoInsoluto="0.00"', 'ImpSaldoInsoluto="5.00"')]),
    ("CRP20246", "P", [("<pago20:ImpuestosDR>", "<pago20:Otro>"), ("</pago20:ImpuestosDR>", "</pago20:Otro>")]),
    ("CRP20247", "P", [('ObjetoImpDR="02"', 'ObjetoImpDR="01"')]),
    ("NOM1", "N", [(' Moneda="MXN"', ' Moneda="USD" TipoCambio="17"')]),
    ("NOM3", "N", [(' Exportacion="01"', ' Exportacion="03"')]),
    ("NOM4", "N", [("<cfdi:Emisor", '<cfdi:InformacionGlobal Periodicidad="04" Meses="01" Año="{año}"/><cfdi:Emisor')]),
    ("NOM7", "N", [(' RegimenFiscal="601"', ' RegimenFiscal="601" FacAtrAdquirente="0123456789"')]),
    ("NOM11", "N", [(' RegimenFiscalReceptor="605"', ' RegimenFiscalReceptor="612"')]),
    ("NOM12", "N", [(' UsoCFDI="CN01"', ' UsoCFDI="S01"')]),
    ("NOM13", "N", [("</cfdi:Conceptos>", (
        '<cfdi:Concepto ClaveProdServ="84111505" Cantidad="1" ClaveUnidad="ACT" Descripcion="Pago de nómina" '
        'ValorUnitario="1" Importe="1" ObjetoImp="01"/></cfdi:Conceptos>'))]),
    ("NOM14", "N", [(' ClaveProdServ="84111505"', ' ClaveProdServ="84111506"')]),
    ("NOM15", "N", [(' Cantidad="1"', ' NoIdentificacion="1" Cantidad="1"')]),
    ("NOM16", "N", [(' Cantidad="1"', ' Cantidad="2"')]),
    ("NOM17", "N", [(' ClaveUnidad="ACT"', ' ClaveUnidad="H87"')]),
    ("NOM18", "N", [(' ClaveUnidad="ACT"', ' ClaveUnidad="ACT" Unidad="x"')]),
    ("NOM19", "N", [("Pago de nómina", "Pago de nomina")]),
    ("NOM23", "N", [(' ObjetoImp="01"', ' ObjetoImp="04"')]),
    ("NOM31", "N", [(' TotalPercepciones="{sub}"', ""), (' TotalOtrosPagos="0.00"', "")]),
    ("NOM33", "N", [('PeriodicidadPago="04"', 'PeriodicidadPago="99"')]),
    ("NOM34", "N", [('TipoNomina="O"', 'TipoNomina="E"')]),
    ("NOM35", "N", [('FechaInicialPago="{año}-{mes}-01"', 'FechaInicialPago="{año}-{mes}-16"')]),
    ("NOM37", "N", [(' TotalSueldos="', ' TotalSueldos="1')]),
    ("NOM39", "N", [(' TotalImpuestosRetenidos="', ' TotalImpuestosRetenidos="1')]),
    ("NOM40", "N", [(' TotalOtrosPagos="0.00"', ' TotalOtrosPagos="1.00"')]),
    ("NOM73", "N", [(' TotalGravado="', ' TotalGravado="1')]),
    ("NOM74", "N", [(' TotalExento="', ' TotalExento="1')]),
    ("Reten20106", "R", [('CveRetenc="01"', 'CveRetenc="25"')]),
    ("Reten20112", "R", [('RegimenFiscalE="601"', 'RegimenFiscalE="612"')]),
    ("Reten20117", "R", [(" DomicilioFiscalR", ' CurpR="PEGJ800101HDFRRN09" DomicilioFiscalR')]),
    ("Reten20122", "R", [('MesIni="{mes}" MesFin="{mes}"', 'MesIni="02" MesFin="01"')]),
    ("Reten20128", "R", [('MontoTotGrav="', 'MontoTotGrav="9')]),
    ("Reten20129", "R", [('MontoTotExent="', 'MontoTotExent="99999')]),
    ("Reten20130", "R", [("<retenciones:ImpRetenidos", "<!-- "), ('TipoPagoRet="03"/>', "-->")]),
    ("Reten20131", "R", [(' MontoRet="', ' MontoRet="9')]),
]  # fmt: skip


@pytest.mark.parametrize("cual", ["I", "E", "T", "P", "N", "G", "X", "R", "F"])
def test_un_documento_correcto_no_tiene_hallazgos(cual: str) -> None:
    assert codigos(base(cual)) == []


@pytest.mark.parametrize(("esperado", "cual", "cambios"), CASOS, ids=[f"{e}-{c}" for e, c, _ in CASOS])
def test_cada_regla_halla_su_error(esperado: str, cual: str, cambios: list[Cambio]) -> None:
    xml = cambiada(base(cual), cambios)
    assert esperado in codigos(xml)
    error = next(e for e in hallados(xml) if e.datos["codigo_sat"] == esperado)
    assert error.code is Codigo.CFDI_INVALIDO
    assert str(error.datos["nodo"]) in error.detail
    assert error.detail.endswith(".")


def test_cada_codigo_de_las_tablas_tiene_su_caso() -> None:
    tablas = [
        comprobante.TABLA, partes.TABLA, conceptos.ANTES, conceptos.TRASLADO, conceptos.RETENCION, conceptos.DESPUES,
        impuestos.GENERALES, impuestos.RETENCION, impuestos.TRASLADO, pagos._PAGO, pagos._DOCUMENTO,
        retenciones.TABLA, nomina.TABLA,
    ]  # fmt: skip
    for tabla in tablas:
        orden = [fila[0] for fila in tabla]
        assert orden == sorted(orden), "the matrix's order"
    en_tablas = {str(fila[0]) for tabla in tablas for fila in tabla}
    en_tablas |= {fila[0] for fila in (*pagos._FIJOS, *nomina._FIJOS)} | {
        fila[0] for fila in pagos._RETENIDOS
    }
    assert en_tablas <= {esperado for esperado, _, _ in CASOS}
