"""The other kinds: pago, nómina, traslado and retention receipts."""

from __future__ import annotations

import base64
from datetime import datetime
from decimal import Decimal
from uuid import UUID
from xml.sax.saxutils import quoteattr

from shared.testing.cfdi.emisores import Emisor
from shared.testing.cfdi.facturas import ARTICULOS, CENTAVO, IVA, LUGAR, ahora, comprobante, partes
from shared.testing.cfdi.sellado import NS_RETENCIONES, poner_sello


def pago(emisor: Emisor, folio: int, *, documentos: int = 4, fecha: datetime | None = None) -> bytes:
    """A sealed complemento de recepción de pagos 2.0 that pays `documentos` invoices."""
    base = Decimal(1000 + folio % 500)
    iva = (base * IVA).quantize(CENTAVO)
    monto = base + iva
    relacionados = "".join(
        f'<pago20:DoctoRelacionado IdDocumento="{UUID(int=folio * 100 + i)}" Serie="A" Folio="{folio + i}" '
        f'MonedaDR="MXN" EquivalenciaDR="1" NumParcialidad="1" ImpSaldoAnt="{monto}" ImpPagado="{monto}" '
        'ImpSaldoInsoluto="0.00" ObjetoImpDR="02"><pago20:ImpuestosDR><pago20:TrasladosDR><pago20:TrasladoDR '
        f'BaseDR="{base}" ImpuestoDR="002" TipoFactorDR="Tasa" TasaOCuotaDR="0.160000" ImporteDR="{iva}"/>'
        "</pago20:TrasladosDR></pago20:ImpuestosDR></pago20:DoctoRelacionado>"
        for i in range(documentos)
    )
    cuando = (fecha or ahora()).replace(hour=12, minute=0, second=0)
    cuerpo = (
        f"{partes(emisor, ('URE180429TM6', 'UNIVERSIDAD ROBOTICA ESPAÑOLA'), 'CP01')}"
        '<cfdi:Conceptos><cfdi:Concepto ClaveProdServ="84111506" Cantidad="1" ClaveUnidad="ACT" '
        'Descripcion="Pago" '
        'ValorUnitario="0" Importe="0" ObjetoImp="01"/></cfdi:Conceptos><cfdi:Complemento>'
        '<pago20:Pagos xmlns:pago20="http://www.sat.gob.mx/Pagos20" Version="2.0"><pago20:Totales '
        f'TotalTrasladosBaseIVA16="{base * documentos:.2f}" TotalTrasladosImpuestoIVA16="{iva * documentos}" '
        f'MontoTotalPagos="{monto * documentos}"/><pago20:Pago FechaPago="{cuando:%Y-%m-%dT%H:%M:%S}" '
        f'FormaDePagoP="03" MonedaP="MXN" TipoCambioP="1" Monto="{monto * documentos}">{relacionados}'
        f'<pago20:ImpuestosP><pago20:TrasladosP><pago20:TrasladoP BaseP="{base * documentos}" '
        'ImpuestoP="002" '
        f'TipoFactorP="Tasa" TasaOCuotaP="0.160000" ImporteP="{iva * documentos}"/></pago20:TrasladosP>'
        "</pago20:ImpuestosP></pago20:Pago></pago20:Pagos></cfdi:Complemento>"
    )
    return comprobante(
        emisor, "P", "P", str(folio), fecha, LUGAR, 'SubTotal="0" Moneda="XXX" Total="0"', cuerpo
    )


def nomina(emisor: Emisor, folio: int | str, *, fecha: datetime | None = None) -> bytes:
    """A sealed payroll receipt (complement Nómina 1.2) of a worker paid by the fortnight."""
    cuando = fecha or ahora()
    sueldo = Decimal(8_000 + int("".join(c for c in str(folio) if c.isdecimal()) or "0") % 4_000)
    impuesto = (sueldo / 8).quantize(CENTAVO)
    cuerpo = (
        f"<cfdi:Emisor Rfc={quoteattr(emisor.rfc)} Nombre={quoteattr(emisor.nombre)} "
        f'RegimenFiscal="{emisor.regimen_fiscal}"/><cfdi:Receptor Rfc="CACX7605101P8" '
        'Nombre="XOCHILT CASAS CHAVEZ" DomicilioFiscalReceptor="36257" RegimenFiscalReceptor="605" UsoCFDI="CN01"/>'
        '<cfdi:Conceptos><cfdi:Concepto ClaveProdServ="84111505" Cantidad="1" ClaveUnidad="ACT" '
        f'Descripcion="Pago de nómina" ValorUnitario="{sueldo}.00" Importe="{sueldo}.00" Descuento="{impuesto}" '
        'ObjetoImp="01"/></cfdi:Conceptos><cfdi:Complemento><nomina12:Nomina '
        'xmlns:nomina12="http://www.sat.gob.mx/nomina12" Version="1.2" TipoNomina="O" '
        f'FechaPago="{cuando:%Y-%m-%d}" FechaInicialPago="{cuando:%Y-%m}-01" FechaFinalPago="{cuando:%Y-%m}-15" '
        f'NumDiasPagados="15" TotalPercepciones="{sueldo}.00" TotalDeducciones="{impuesto}" TotalOtrosPagos="0.00">'
        '<nomina12:Emisor RegistroPatronal="B5510768108"/><nomina12:Receptor Curp="CACX760510MGTSHC04" '
        'NumSeguridadSocial="000000" FechaInicioRelLaboral="2020-01-01" Antigüedad="P200W" TipoContrato="01" '
        'TipoRegimen="02" NumEmpleado="120" RiesgoPuesto="1" PeriodicidadPago="04" SalarioDiarioIntegrado="600.00" '
        f'ClaveEntFed="JAL"/><nomina12:Percepciones TotalSueldos="{sueldo}.00" TotalGravado="{sueldo}.00" '
        'TotalExento="0.00"><nomina12:Percepcion TipoPercepcion="001" Clave="00500" Concepto="Sueldo" '
        f'ImporteGravado="{sueldo}.00" ImporteExento="0.00"/></nomina12:Percepciones><nomina12:Deducciones '
        f'TotalImpuestosRetenidos="{impuesto}"><nomina12:Deduccion TipoDeduccion="002" Clave="00301" Concepto="ISR" '
        f'Importe="{impuesto}"/></nomina12:Deducciones><nomina12:OtrosPagos><nomina12:OtroPago TipoOtroPago="002" '
        'Clave="00600" Concepto="Subsidio" Importe="0.00"><nomina12:SubsidioAlEmpleo SubsidioCausado="0.00"/>'
        "</nomina12:OtroPago></nomina12:OtrosPagos></nomina12:Nomina></cfdi:Complemento>"
    )
    atributos = f'SubTotal="{sueldo}.00" Descuento="{impuesto}" Moneda="MXN" Total="{sueldo - impuesto}" MetodoPago="PUE"'
    return comprobante(emisor, "N", "N", str(folio), fecha, LUGAR, atributos, cuerpo)


def traslado(emisor: Emisor, folio: int, *, lineas: int = 10, fecha: datetime | None = None) -> bytes:
    """A sealed traslado: goods moved between branches of the issuer."""
    conceptos = "".join(
        f'<cfdi:Concepto ClaveProdServ="{ARTICULOS[i % 6][0]}" NoIdentificacion="ART-{folio + i:06d}" '
        f'Cantidad="{i + 1}" ClaveUnidad="H87" Descripcion="{ARTICULOS[i % 6][2]}, traslado entre '
        'sucursales" '
        'ValorUnitario="0" Importe="0" ObjetoImp="01"/>'
        for i in range(lineas)
    )
    cuerpo = (
        f"{partes(emisor, (emisor.rfc, emisor.nombre), 'S01')}<cfdi:Conceptos>{conceptos}</cfdi:Conceptos>"
    )
    return comprobante(
        emisor, "T", "T", str(folio), fecha, LUGAR, 'SubTotal="0" Moneda="XXX" Total="0"', cuerpo
    )


def retencion(
    emisor: Emisor,
    folio: int | str,
    *,
    fecha: datetime | None = None,
    lugar: str = LUGAR,
    receptor: tuple[str, str] | None = ("URE180429TM6", "UNIVERSIDAD ROBOTICA ESPAÑOLA"),
    complemento: str = "",
    addenda: str = "",
) -> bytes:
    """A sealed retention receipt 2.0: professional services, ISR 10 % retained. No receiver: a foreigner.

    `complemento` is the content of `retenciones:Complemento`. `fecha` is local time of `lugar`, naive.
    """
    cuando = fecha or ahora()
    monto = Decimal(1_000 + int("".join(c for c in str(folio) if c.isdecimal()) or "0") % 9_000)
    retenido = (monto / 10).quantize(CENTAVO)
    if receptor is None:
        nacionalidad, quien = (
            "Extranjero",
            ('<retenciones:Extranjero NumRegIdTribR="123456789" NomDenRazSocR="FOREIGN COMPANY INC"/>'),
        )
    else:
        nacionalidad, quien = (
            "Nacional",
            (
                f"<retenciones:Nacional RfcR={quoteattr(receptor[0])} NomDenRazSocR={quoteattr(receptor[1])} "
                'DomicilioFiscalR="65000"/>'
            ),
        )
    if complemento:
        complemento = f"<retenciones:Complemento>{complemento}</retenciones:Complemento>"
    if addenda:
        addenda = f"<retenciones:Addenda>{addenda}</retenciones:Addenda>"
    certificado = base64.b64encode(emisor.par.der).decode("ascii")
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<retenciones:Retenciones xmlns:retenciones="{NS_RETENCIONES}" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="'
        f'{NS_RETENCIONES} http://www.sat.gob.mx/esquemas/retencionpago/2/retencionpagov2.xsd" Version="2.0" '
        f'FolioInt="{folio}" Sello="" NoCertificado="{emisor.numero}" Certificado="{certificado}" '
        f'FechaExp="{cuando:%Y-%m-%dT%H:%M:%S}" LugarExpRetenc="{lugar}" CveRetenc="01">'
        f"<retenciones:Emisor RfcE={quoteattr(emisor.rfc)} NomDenRazSocE={quoteattr(emisor.nombre)} "
        f'RegimenFiscalE="{emisor.regimen_fiscal}"/>'
        f'<retenciones:Receptor NacionalidadR="{nacionalidad}">{quien}</retenciones:Receptor>'
        f'<retenciones:Periodo MesIni="{cuando:%m}" MesFin="{cuando:%m}" Ejercicio="{cuando:%Y}"/>'
        f'<retenciones:Totales MontoTotOperacion="{monto}.00" MontoTotGrav="{monto}.00" MontoTotExent="0.00" '
        f'MontoTotRet="{retenido}"><retenciones:ImpRetenidos BaseRet="{monto}.00" ImpuestoRet="001" '
        f'MontoRet="{retenido}" TipoPagoRet="03"/></retenciones:Totales>{complemento}{addenda}'
        "</retenciones:Retenciones>"
    ).encode()
    return poner_sello(xml, emisor.par)
