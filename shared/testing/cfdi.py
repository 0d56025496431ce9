"""CFDI 4.0 and retention receipts 2.0 made on the spot: valid, sealed, of realistic size and variety.

For tests, benches and `make up`.

Independent of `services`: it works out the cadena original with the SAT's stylesheet on its own, so that a
document it seals is a second opinion on what the service verifies.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from uuid import UUID
from xml.sax.saxutils import quoteattr
from zoneinfo import ZoneInfo

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key
from lxml import etree
from OpenSSL import crypto

from shared.testing.certificados import PREFIJO_PAC, Autoridad, ParDePrueba, candado, numero_nuevo

NS_CFDI: Final = "http://www.sat.gob.mx/cfd/4"
NS_RETENCIONES: Final = "http://www.sat.gob.mx/esquemas/retencionpago/2"
NS_TFD: Final = "http://www.sat.gob.mx/TimbreFiscalDigital"
LUGAR: Final = "06000"
"""Código postal of the documents made here: Mexico City."""
ZONA: Final = ZoneInfo("America/Mexico_City")
EMISORES: Final = {
    "EMP010101AA1": "EMPRESA DE PRUEBA UNO",
    "ÑAN010101AB2": "ÑANDÚ Y CIGÜEÑA",
    "S&P010101AC3": "SERVICIOS & PRUEBAS",
    "PEGJ800101AA0": "JUAN PÉREZ GÓMEZ",
}
"""Taxpayers of the test authority; Ñ and & are there because real RFCs have them."""

_CENTAVO: Final = Decimal("0.01")
_IVA: Final = Decimal("0.16")
_ARTICULOS: Final = (
    ("43231500", "H87", "Licencia anual de software de punto de venta"),
    ("81112200", "E48", "Póliza de mantenimiento y soporte técnico remoto"),
    ("43211500", "H87", "Computadora de escritorio con 16 GB de memoria"),
    ("44121700", "XBX", "Caja de bolígrafos de tinta azul, punto mediano"),
    ("14111500", "XPK", "Paquete de papel bond tamaño carta"),
    ("80141600", "E48", "Servicio de capacitación en sitio, por jornada"),
)


@dataclass(frozen=True, slots=True)
class Emisor:
    """A taxpayer that can seal: its CSD, and what its documents say of it."""

    rfc: str
    nombre: str
    par: ParDePrueba
    regimen: str = ""
    """c_RegimenFiscal; empty: the general one of its kind of person."""

    @property
    def numero(self) -> str:
        return self.par.numero

    @classmethod
    def nuevo(cls, autoridad: Autoridad, rfc: str, nombre: str | None = None) -> Emisor:
        """With a fresh CSD of `autoridad`."""
        nombre = nombre or EMISORES.get(rfc, "EMISOR DE PRUEBA")
        return cls(rfc, nombre, autoridad.emitir(rfc, nombre))

    def sellar(self, xml_sin_sello: bytes) -> bytes:
        """The document with NoCertificado, Certificado and Sello set to this CSD's (re-serialised)."""
        return _sellar(xml_sin_sello, self.par.cert, self.par.llave)


@dataclass(frozen=True, slots=True)
class Material:
    """What `preparar` left in a folder: `autoridades/` and `pac/` are what the settings point to."""

    autoridad: Autoridad
    carpeta: Path

    @property
    def autoridades(self) -> Path:
        return self.carpeta / "autoridades"

    @property
    def pac(self) -> Path:
        return self.carpeta / "pac"

    def emisor(self, rfc: str = "EMP010101AA1", nombre: str | None = None) -> Emisor:
        """The taxpayer `rfc` with a CSD that is kept in `emisores/` and the same for every process."""
        nombre = nombre or EMISORES.get(rfc, "EMISOR DE PRUEBA")
        cer, key = (self.carpeta / "emisores" / f"{rfc}.{extension}" for extension in ("cer", "key"))
        with candado(self.carpeta):
            par = ParDePrueba.cargar(cer, key)
            if par is None:
                par = self.autoridad.emitir(rfc, nombre)
                par.guardar(cer, key)
        return Emisor(rfc, nombre, par)


def preparar(carpeta: Path) -> Material:
    """Make (once) a test authority and the sandbox PAC's key: `autoridades/`, `pac/`, `llaves/` to sign with.

    Calling again, also from another process, finds the same ones. The authority's key is in `llaves/`.
    """
    with candado(carpeta):
        cer, key = carpeta / "autoridades" / "autoridad-de-prueba.cer", carpeta / "llaves" / "autoridad.key"
        par = ParDePrueba.cargar(cer, key)
        if par is None:
            par = Autoridad.nueva().par
            par.guardar(cer, key)
            for viejo in (carpeta / "emisores").glob("*"):  # of an authority that is gone
                viejo.unlink()
        autoridad = Autoridad(par)
        cer, key = carpeta / "pac" / "sello.cer", carpeta / "pac" / "sello.key"
        if ParDePrueba.cargar(cer, key) is None:
            numero = numero_nuevo(PREFIJO_PAC)
            autoridad.emitir("PRU010101XX0", "PAC DE PRUEBA SIN VALIDEZ FISCAL", numero=numero).guardar(
                cer, key
            )
    return Material(autoridad, carpeta)


# --- documents ---------------------------------------------------------------------------------


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
        clave, unidad, descripcion = _ARTICULOS[(semilla + i) % len(_ARTICULOS)]
        cantidad = (semilla + 3 * i) % 9 + 1
        precio = Decimal((semilla * 7919 + i * 104729) % 900_000 + 1_000) / 100
        importe = (cantidad * precio).quantize(_CENTAVO)
        impuesto = (importe * _IVA).quantize(_CENTAVO, ROUND_HALF_UP)
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
        cuando = fecha or _ahora()
        relacion = f'<cfdi:InformacionGlobal Periodicidad="04" Meses="{cuando:%m}" Año="{cuando:%Y}"/>'
    cuerpo = (
        f"{relacion}{_partes(emisor, receptor, 'G02' if tipo == 'E' else 'G03', lugar)}"
        f"<cfdi:Conceptos>{''.join(conceptos)}</cfdi:Conceptos>"
        f'<cfdi:Impuestos TotalImpuestosTrasladados="{iva}"><cfdi:Traslados><cfdi:Traslado Base="{subtotal}" '
        'Impuesto="002" TipoFactor="Tasa" TasaOCuota="0.160000" '
        f'Importe="{iva}"/></cfdi:Traslados></cfdi:Impuestos>'
    )
    atributos = (
        f'FormaPago="03" CondicionesDePago="Contado" SubTotal="{subtotal}" Moneda="MXN" TipoCambio="1" '
        f'Total="{subtotal + iva}" MetodoPago="PUE"'
    )
    return _comprobante(emisor, tipo, serie, str(folio), fecha, lugar, atributos, cuerpo, addenda)


def egreso(emisor: Emisor, folio: int | str, *, lineas: int = 4, fecha: datetime | None = None) -> bytes:
    """A sealed nota de crédito."""
    return factura(emisor, folio, lineas=lineas, fecha=fecha, tipo="E", serie="NC")


def pago(emisor: Emisor, folio: int, *, documentos: int = 4, fecha: datetime | None = None) -> bytes:
    """A sealed complemento de recepción de pagos 2.0 that pays `documentos` invoices."""
    base = Decimal(1000 + folio % 500)
    iva = (base * _IVA).quantize(_CENTAVO)
    monto = base + iva
    relacionados = "".join(
        f'<pago20:DoctoRelacionado IdDocumento="{UUID(int=folio * 100 + i)}" Serie="A" Folio="{folio + i}" '
        f'MonedaDR="MXN" EquivalenciaDR="1" NumParcialidad="1" ImpSaldoAnt="{monto}" ImpPagado="{monto}" '
        'ImpSaldoInsoluto="0.00" ObjetoImpDR="02"><pago20:ImpuestosDR><pago20:TrasladosDR><pago20:TrasladoDR '
        f'BaseDR="{base}" ImpuestoDR="002" TipoFactorDR="Tasa" TasaOCuotaDR="0.160000" ImporteDR="{iva}"/>'
        "</pago20:TrasladosDR></pago20:ImpuestosDR></pago20:DoctoRelacionado>"
        for i in range(documentos)
    )
    cuando = (fecha or _ahora()).replace(hour=12, minute=0, second=0)
    cuerpo = (
        f"{_partes(emisor, ('URE180429TM6', 'UNIVERSIDAD ROBOTICA ESPAÑOLA'), 'CP01')}"
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
    return _comprobante(
        emisor, "P", "P", str(folio), fecha, LUGAR, 'SubTotal="0" Moneda="XXX" Total="0"', cuerpo
    )


def nomina(emisor: Emisor, folio: int | str, *, fecha: datetime | None = None) -> bytes:
    """A sealed payroll receipt (complement Nómina 1.2) of a worker paid by the fortnight."""
    cuando = fecha or _ahora()
    sueldo = Decimal(8_000 + int("".join(c for c in str(folio) if c.isdecimal()) or "0") % 4_000)
    impuesto = (sueldo / 8).quantize(_CENTAVO)
    cuerpo = (
        f"<cfdi:Emisor Rfc={quoteattr(emisor.rfc)} Nombre={quoteattr(emisor.nombre)} "
        f'RegimenFiscal="{emisor.regimen or _regimen(emisor.rfc)}"/><cfdi:Receptor Rfc="CACX7605101P8" '
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
    return _comprobante(emisor, "N", "N", str(folio), fecha, LUGAR, atributos, cuerpo)


def traslado(emisor: Emisor, folio: int, *, lineas: int = 10, fecha: datetime | None = None) -> bytes:
    """A sealed traslado: goods moved between branches of the issuer."""
    conceptos = "".join(
        f'<cfdi:Concepto ClaveProdServ="{_ARTICULOS[i % 6][0]}" NoIdentificacion="ART-{folio + i:06d}" '
        f'Cantidad="{i + 1}" ClaveUnidad="H87" Descripcion="{_ARTICULOS[i % 6][2]}, traslado entre '
        'sucursales" '
        'ValorUnitario="0" Importe="0" ObjetoImp="01"/>'
        for i in range(lineas)
    )
    cuerpo = (
        f"{_partes(emisor, (emisor.rfc, emisor.nombre), 'S01')}<cfdi:Conceptos>{conceptos}</cfdi:Conceptos>"
    )
    return _comprobante(
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
    cuando = fecha or _ahora()
    monto = Decimal(1_000 + int("".join(c for c in str(folio) if c.isdecimal()) or "0") % 9_000)
    retenido = (monto / 10).quantize(_CENTAVO)
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
        f'RegimenFiscalE="{emisor.regimen or _regimen(emisor.rfc)}"/>'
        f'<retenciones:Receptor NacionalidadR="{nacionalidad}">{quien}</retenciones:Receptor>'
        f'<retenciones:Periodo MesIni="{cuando:%m}" MesFin="{cuando:%m}" Ejercicio="{cuando:%Y}"/>'
        f'<retenciones:Totales MontoTotOperacion="{monto}.00" MontoTotGrav="{monto}.00" MontoTotExent="0.00" '
        f'MontoTotRet="{retenido}"><retenciones:ImpRetenidos BaseRet="{monto}.00" ImpuestoRet="001" '
        f'MontoRet="{retenido}" TipoPagoRet="03"/></retenciones:Totales>{complemento}{addenda}'
        "</retenciones:Retenciones>"
    ).encode()
    return _poner_sello(xml, emisor)


def lote(emisor: Emisor, n: int, *, desde: int = 1, fecha: datetime | None = None) -> Iterator[bytes]:
    """`n` different documents as a distributor sees them: mostly ingresos, some of each type, 4–7 KB."""
    for folio in range(desde, desde + n):
        match folio % 20:
            case 0 | 7:
                yield pago(emisor, folio, documentos=2 + folio % 3, fecha=fecha)
            case 3:
                yield egreso(emisor, folio, fecha=fecha)
            case 11:
                yield traslado(emisor, folio, fecha=fecha)
            case _:
                yield factura(emisor, folio, lineas=3 + folio % 8, fecha=fecha)


def redatar_y_sellar(
    xml: bytes,
    cer: bytes,
    key: bytes,
    password: bytes,
    fecha: datetime | str,
    *,
    quitar_timbre: bool = False,
) -> bytes:
    """A foreign document with another `fecha` (naive, local), sealed with a CSD (DER `cer`, PKCS#8 `key`).

    Issuer Rfc and Nombre become the certificate's, and its régimen one of that kind of person, if the kind
    changed. An earlier TFD stays unless `quitar_timbre`.
    """
    cert = x509.load_der_x509_certificate(cer)
    llave = load_der_private_key(key, password)
    if not isinstance(llave, rsa.RSAPrivateKey):
        raise TypeError("a CSD's key is RSA")
    raiz = etree.fromstring(xml)
    cuando = fecha if isinstance(fecha, str) else fecha.strftime("%Y-%m-%dT%H:%M:%S")
    ns = etree.QName(raiz).namespace
    cfdi = ns == NS_CFDI
    raiz.set("Fecha" if cfdi else "FechaExp", cuando)
    emisor = raiz.find(f"{{{ns}}}Emisor")
    if emisor is not None:
        campos = dict(crypto.X509.from_cryptography(cert).get_subject().get_components())
        rfc = _texto(campos[b"x500UniqueIdentifier"]).split("/")[0].strip()
        regimen = "RegimenFiscal" if cfdi else "RegimenFiscalE"
        if len(rfc) != len((emisor.get("Rfc" if cfdi else "RfcE") or rfc).strip()):
            emisor.set(regimen, _regimen(rfc))
        emisor.set("Rfc" if cfdi else "RfcE", rfc)
        emisor.set("Nombre" if cfdi else "NomDenRazSocE", _texto(campos.get(b"name") or campos[b"CN"]))
    if quitar_timbre:
        for timbre in list(raiz.iterfind(f"{{{ns}}}Complemento/{{{NS_TFD}}}TimbreFiscalDigital")):
            complemento = timbre.getparent()
            assert complemento is not None
            complemento.remove(timbre)
            if len(complemento) == 0:
                raiz.remove(complemento)
    # UTF-8: in ASCII an attribute called Año would come out as a character reference, which is not XML.
    return _sellar(etree.tostring(raiz, encoding="UTF-8"), cert, llave)


def cadena_original(raiz: etree._Element) -> bytes:
    """Of a parsed Comprobante or Retenciones, by the SAT's stylesheet, UTF-8."""
    cfdi = etree.QName(raiz).namespace == NS_CFDI
    return memoryview(_xslt(cfdi)(raiz)).tobytes()  # type: ignore[arg-type]  # it has the buffer protocol


@cache
def _xslt(cfdi: bool) -> etree.XSLT:
    spec = find_spec("satcfdi")
    assert spec is not None
    assert spec.origin is not None, "satcfdi is a dependency"
    sat = Path(spec.origin).parent / "transform" / "schemas" / "www.sat.gob.mx"
    hoja = (
        "sitio_internet/cfd/4/cadenaoriginal_4_0/cadenaoriginal_4_0.xslt"
        if cfdi
        else "esquemas/retencionpago/2/retenciones.xslt"
    )
    return etree.XSLT(etree.parse(sat / hoja))


def _comprobante(
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
    cuando = fecha or _ahora()
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
    return _poner_sello(xml, emisor)


def _poner_sello(xml: bytes, emisor: Emisor) -> bytes:
    # Sealed by putting the seal in its place: serialising again would cost half of the time.
    sello = _firmar(emisor.par.llave, cadena_original(etree.fromstring(xml)))
    return xml.replace(b' Sello="" ', b' Sello="' + sello + b'" ', 1)


def _partes(emisor: Emisor, receptor: tuple[str, str], uso: str, lugar: str = LUGAR) -> str:
    domicilio, regimen = "65000", _regimen(receptor[0])
    if receptor[0] in ("XAXX010101000", "XEXX010101000"):
        domicilio, regimen, uso = lugar, "616", "S01"
    return (
        f"<cfdi:Emisor Rfc={quoteattr(emisor.rfc)} Nombre={quoteattr(emisor.nombre)} "
        f'RegimenFiscal="{emisor.regimen or _regimen(emisor.rfc)}"/><cfdi:Receptor Rfc={quoteattr(receptor[0])} '
        f"Nombre={quoteattr(receptor[1])} "
        f'DomicilioFiscalReceptor="{domicilio}" RegimenFiscalReceptor="{regimen}" UsoCFDI="{uso}"/>'
    )


def _sellar(xml: bytes, cert: x509.Certificate, llave: rsa.RSAPrivateKey) -> bytes:
    par = ParDePrueba(cert, llave)
    raiz = etree.fromstring(xml)
    raiz.set("NoCertificado", par.numero)
    raiz.set("Certificado", base64.b64encode(par.der).decode("ascii"))
    raiz.set("Sello", _firmar(llave, cadena_original(raiz)).decode("ascii"))
    return etree.tostring(raiz, encoding="UTF-8", xml_declaration=True)


def _firmar(llave: rsa.RSAPrivateKey, datos: bytes) -> bytes:
    return base64.b64encode(llave.sign(datos, padding.PKCS1v15(), hashes.SHA256()))


def _texto(valor: bytes) -> str:
    try:
        return valor.decode("utf-8")
    except UnicodeDecodeError:
        return valor.decode("latin-1")


def _regimen(rfc: str) -> str:
    return "601" if len(rfc) == 12 else "612"


def _ahora() -> datetime:
    # A little in the past: the machine that stamps may be another one.
    return datetime.now(ZONA).replace(tzinfo=None, microsecond=0) - timedelta(seconds=5)
