"""Ingresos and egresos, and what every CFDI made here has: root, issuer, receiver."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from uuid import UUID
from xml.sax.saxutils import quoteattr
from zoneinfo import ZoneInfo

from shared.testing.cfdi.emisores import Emisor
from shared.testing.cfdi.sellado import NS_CFDI, poner_sello, regimen_general

LUGAR: Final = "06000"
"""Código postal of the documents made here: Mexico City."""
ZONA: Final = ZoneInfo("America/Mexico_City")

CENTAVO: Final = Decimal("0.01")
IVA: Final = Decimal("0.16")
ARTICULOS: Final = (
    ("43231500", "H87", "Licencia anual de software de punto de venta"),
    ("81112200", "E48", "Póliza de mantenimiento y soporte técnico remoto"),
    ("43211500", "H87", "Computadora de escritorio con 16 GB de memoria"),
    ("44121700", "XBX", "Caja de bolígrafos de tinta azul, punto mediano"),
    ("14111500", "XPK", "Paquete de papel bond tamaño carta"),
    ("80141600", "E48", "Servicio de capacitación en sitio, por jornada"),
)


def factura(
    emisor: Emisor,
    folio: int | str,
    *,
    lineas: int = 8,
    fecha: datetime | None = None,
    tipo: str = "I",
    serie: str = "A",
    lugar: str = LUGAR,
    receptor: tuple[str, str] = ("URE180429TM6", "UNIVERSIDAD ROBOTICA ESPAÑOLA"),
    addenda: str = "",
) -> bytes:
    """A sealed ingreso (or egreso, `tipo="E"`) with IVA 16 %. `fecha` is local time of `lugar`, naive.

    To ("XAXX010101000", "PUBLICO EN GENERAL") it is a factura global of the month.
    """
    semilla = int("".join(c for c in str(folio) if c.isdecimal()) or "0")
    conceptos, subtotal, iva = [], Decimal(0), Decimal(0)
    for i in range(lineas):
        clave, unidad, descripcion = ARTICULOS[(semilla + i) % len(ARTICULOS)]
        cantidad = (semilla + 3 * i) % 9 + 1
        precio = Decimal((semilla * 7919 + i * 104729) % 900_000 + 1_000) / 100
        importe = (cantidad * precio).quantize(CENTAVO)
        impuesto = (importe * IVA).quantize(CENTAVO, ROUND_HALF_UP)
        subtotal, iva = subtotal + importe, iva + impuesto
        conceptos.append(
            f'<cfdi:Concepto ClaveProdServ="{clave}" NoIdentificacion="ART-{semilla + i:06d}" '
            f'Cantidad="{cantidad}" '
            f'ClaveUnidad="{unidad}" Unidad="Pieza" Descripcion="{descripcion}" ValorUnitario="{precio:.2f}" '
            f'Importe="{importe}" ObjetoImp="02"><cfdi:Impuestos><cfdi:Traslados><cfdi:Traslado '
            f'Base="{importe}" '
            f'Impuesto="002" TipoFactor="Tasa" TasaOCuota="0.160000" Importe="{impuesto}"/></cfdi:Traslados>'
            "</cfdi:Impuestos></cfdi:Concepto>"
        )
    relacion = ""
    if tipo == "E":
        relacion = (
            '<cfdi:CfdiRelacionados TipoRelacion="01"><cfdi:CfdiRelacionado '
            f'UUID="{UUID(int=semilla + 1)}"/></cfdi:CfdiRelacionados>'
        )
    if tipo == "I" and receptor == ("XAXX010101000", "PUBLICO EN GENERAL"):
        cuando = fecha or ahora()
        relacion = f'<cfdi:InformacionGlobal Periodicidad="04" Meses="{cuando:%m}" Año="{cuando:%Y}"/>'
    cuerpo = (
        f"{relacion}{partes(emisor, receptor, 'G02' if tipo == 'E' else 'G03', lugar)}"
        f"<cfdi:Conceptos>{''.join(conceptos)}</cfdi:Conceptos>"
        f'<cfdi:Impuestos TotalImpuestosTrasladados="{iva}"><cfdi:Traslados><cfdi:Traslado Base="{subtotal}" '
        'Impuesto="002" TipoFactor="Tasa" TasaOCuota="0.160000" '
        f'Importe="{iva}"/></cfdi:Traslados></cfdi:Impuestos>'
    )
    atributos = (
        f'FormaPago="03" CondicionesDePago="Contado" SubTotal="{subtotal}" Moneda="MXN" TipoCambio="1" '
        f'Total="{subtotal + iva}" MetodoPago="PUE"'
    )
    return comprobante(emisor, tipo, serie, str(folio), fecha, lugar, atributos, cuerpo, addenda)


def egreso(emisor: Emisor, folio: int | str, *, lineas: int = 4, fecha: datetime | None = None) -> bytes:
    """A sealed nota de crédito."""
    return factura(emisor, folio, lineas=lineas, fecha=fecha, tipo="E", serie="NC")


def comprobante(
    emisor: Emisor,
    tipo: str,
    serie: str,
    folio: str,
    fecha: datetime | None,
    lugar: str,
    atributos: str,
    cuerpo: str,
    addenda: str = "",
) -> bytes:
    """A sealed Comprobante around `cuerpo`; `atributos` are those of the root that a kind has of its own."""
    cuando = fecha or ahora()
    certificado = base64.b64encode(emisor.par.der).decode("ascii")
    if addenda:
        addenda = f"<cfdi:Addenda>{addenda}</cfdi:Addenda>"
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<cfdi:Comprobante xmlns:cfdi="{NS_CFDI}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="{NS_CFDI} http://www.sat.gob.mx/sitio_internet/cfd/4/cfdv40.xsd" Version="4.0" '
        f'Serie="{serie}" Folio="{folio}" Fecha="{cuando:%Y-%m-%dT%H:%M:%S}" Sello="" '
        f'NoCertificado="{emisor.numero}" '
        f'Certificado="{certificado}" {atributos} TipoDeComprobante="{tipo}" Exportacion="01" '
        f'LugarExpedicion="{lugar}">{cuerpo}{addenda}</cfdi:Comprobante>'
    ).encode()
    return poner_sello(xml, emisor.par)


def partes(emisor: Emisor, receptor: tuple[str, str], uso: str, lugar: str = LUGAR) -> str:
    """Issuer and receiver; a generic RFC lives where the document is issued (CFDI40149)."""
    domicilio, regimen = "65000", regimen_general(receptor[0])
    if receptor[0] in ("XAXX010101000", "XEXX010101000"):
        domicilio, regimen, uso = lugar, "616", "S01"
    return (
        f"<cfdi:Emisor Rfc={quoteattr(emisor.rfc)} Nombre={quoteattr(emisor.nombre)} "
        f'RegimenFiscal="{emisor.regimen_fiscal}"/><cfdi:Receptor Rfc={quoteattr(receptor[0])} '
        f"Nombre={quoteattr(receptor[1])} "
        f'DomicilioFiscalReceptor="{domicilio}" RegimenFiscalReceptor="{regimen}" UsoCFDI="{uso}"/>'
    )


def ahora() -> datetime:
    """Local time of `LUGAR`, naive."""
    # A little in the past: the machine that stamps may be another one.
    return datetime.now(ZONA).replace(tzinfo=None, microsecond=0) - timedelta(seconds=5)
