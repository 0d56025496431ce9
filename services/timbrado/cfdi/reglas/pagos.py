"""Rules of the complement Recepción de Pagos 2.0: CRP20101 to CRP20274 of its own matrix of errors.

What CFDI40xxx says of a type P already (FormaPago, MetodoPago, SubTotal, TipoCambio, Total: CRP20103, 20105,
20106, 20109, 20110) is not said twice. Left out: bank accounts and payment chains (20221–20235 but 20229,
patterns of c_FormaPago), payments in several currencies (20275, 20276, and every sum with an exchange other
than 1: the margins are not certain), rates (20253, 20260, 20272), and ObjetoImpDR 04 to 08.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from lxml import etree

from services.timbrado.cfdi.formatos import NS_CFDI
from services.timbrado.cfdi.reglas.catalogos import decimales_de
from services.timbrado.cfdi.reglas.vista import CERO, Hallazgo, Vista, clave, excede, importe, numero

NS_PAGOS: Final = "http://www.sat.gob.mx/Pagos20"
_P: Final = f"{{{NS_PAGOS}}}"
_TERCERO: Final = f"{{{NS_CFDI}}}ACuentaTerceros"
_CENTAVO: Final = Decimal("0.01")

_FIJOS: Final = (
    ("CRP20113", "ClaveProdServ", "84111506"),
    ("CRP20114", "NoIdentificacion", None),
    ("CRP20115", "Cantidad", Decimal(1)),
    ("CRP20116", "ClaveUnidad", "ACT"),
    ("CRP20117", "Unidad", None),
    ("CRP20118", "Descripcion", "Pago"),
    ("CRP20119", "ValorUnitario", Decimal(0)),
    ("CRP20120", "Importe", Decimal(0)),
    ("CRP20121", "Descuento", None),
    ("CRP20122", "ObjetoImp", "01"),
)
"""The one concept of a payment has these values; None must not be there."""

_TOTALES: Final = (
    ("CRP20204", "CRP20205", "TotalTrasladosBaseIVA16", "TotalTrasladosImpuestoIVA16", Decimal("0.16")),
    ("CRP20206", "CRP20207", "TotalTrasladosBaseIVA8", "TotalTrasladosImpuestoIVA8", Decimal("0.08")),
    ("CRP20208", "CRP20209", "TotalTrasladosBaseIVA0", "TotalTrasladosImpuestoIVA0", Decimal(0)),
)
_RETENIDOS: Final = (
    ("CRP20201", "TotalRetencionesIVA", "002"),
    ("CRP20202", "TotalRetencionesISR", "001"),
    ("CRP20203", "TotalRetencionesIEPS", "003"),
)

_TRASLADOS_P: Final = f"{_P}ImpuestosP/{_P}TrasladosP/{_P}TrasladoP"
_RETENCIONES_P: Final = f"{_P}ImpuestosP/{_P}RetencionesP/{_P}RetencionP"

Hallados = Iterator[tuple[str, Hallazgo]]


def revisar(v: Vista) -> Hallados:
    """What the rules find; nothing where there is no complement."""
    complemento = v.complementos.get(NS_PAGOS)
    if complemento is None:
        return
    yield from _comprobante(v)
    yield from _concepto(v)
    pagos = complemento.findall(f"{_P}Pago")
    yield from _totales(complemento, pagos)
    for pago in pagos:
        for codigo, regla in _PAGO:
            if (hallado := regla(pago)) is not None:
                yield codigo, hallado
        for documento in pago.iterchildren(f"{_P}DoctoRelacionado"):
            for codigo, de_documento in _DOCUMENTO:
                if (hallado := de_documento(pago, documento)) is not None:
                    yield codigo, hallado


def _comprobante(v: Vista) -> Hallados:
    if v.tipo != "P":
        yield (
            "CRP20101",
            Hallazgo(
                v.raiz,
                "TipoDeComprobante",
                "El complemento Pagos va en un comprobante tipo P. Corrija el tipo.",
            ),
        )
    if clave(v.raiz, "Exportacion") != "01":
        yield "CRP20102", Hallazgo(v.raiz, "Exportacion", "Con el complemento Pagos debe ser 01. Corríjala.")
    if v.moneda != "XXX":
        yield "CRP20104", Hallazgo(v.raiz, "Moneda", "Con el complemento Pagos debe ser XXX. Corríjala.")
    for codigo, atributo in (("CRP20107", "CondicionesDePago"), ("CRP20108", "Descuento")):
        if v.raiz.get(atributo) is not None:
            yield codigo, Hallazgo(v.raiz, atributo, f"Con el complemento Pagos no va {atributo}. Quítelo.")


def _concepto(v: Vista) -> Hallados:
    concepto = v.conceptos[0].nodo
    if len(v.conceptos) > 1:
        yield (
            "CRP20111",
            Hallazgo(
                v.conceptos[1].nodo, None, "Con el complemento Pagos va un solo Concepto. Quite los demás."
            ),
        )
    for hijo in concepto.iterchildren(tag=etree.Element):
        if hijo.tag != _TERCERO:
            yield "CRP20112", Hallazgo(hijo, None, "El concepto de un pago no lleva este nodo. Quítelo.")
            break
    for codigo, atributo, esperado in _FIJOS:
        valor = numero(concepto, atributo) if isinstance(esperado, Decimal) else clave(concepto, atributo)
        if valor != esperado:
            que = f"debe ser «{esperado}»" if esperado is not None else "no va"
            yield codigo, Hallazgo(concepto, atributo, f"En un pago {atributo} {que}. Corríjalo.")


def _totales(complemento: etree._Element, pagos: list[etree._Element]) -> Hallados:
    """Sums of payments in pesos; with an exchange the margins are the PAC's to judge."""
    totales = complemento.find(f"{_P}Totales")
    if totales is None or any(clave(p, "MonedaP") != "MXN" for p in pagos):
        return
    for codigo, atributo, impuesto in _RETENIDOS:
        suma = sum((importe(r, "ImporteP") for r in _de(pagos, _RETENCIONES_P) if _es(r, impuesto)), CERO)
        yield from _cuadra(codigo, totales, atributo, suma)
    de_iva = [t for t in _de(pagos, _TRASLADOS_P) if _es(t, "002")]
    for codigo_base, codigo_importe, base, cuota, tasa in _TOTALES:
        estos = [t for t in de_iva if numero(t, "TasaOCuotaP") == tasa]
        yield from _cuadra(codigo_base, totales, base, sum((importe(t, "BaseP") for t in estos), CERO))
        yield from _cuadra(codigo_importe, totales, cuota, sum((importe(t, "ImporteP") for t in estos), CERO))
    exentos = sum((importe(t, "BaseP") for t in de_iva if clave(t, "TipoFactorP") == "Exento"), CERO)
    yield from _cuadra("CRP20210", totales, "TotalTrasladosBaseExento", exentos)
    yield from _cuadra(
        "CRP20211", totales, "MontoTotalPagos", sum((importe(p, "Monto") for p in pagos), CERO)
    )


def _cuadra(codigo: str, totales: etree._Element, atributo: str, suma: Decimal) -> Hallados:
    valor = numero(totales, atributo)
    if valor is not None and abs(valor - suma) >= _CENTAVO:
        yield (
            codigo,
            Hallazgo(totales, atributo, f"{atributo} es {valor} y los pagos suman {suma}. Corríjalo."),
        )


def _de(pagos: list[etree._Element], ruta: str) -> Iterator[etree._Element]:
    for pago in pagos:
        yield from pago.iterfind(ruta)


def _es(nodo: etree._Element, impuesto: str) -> bool:
    return clave(nodo, "ImpuestoP") == impuesto


def forma_por_definir(pago: etree._Element) -> Hallazgo | None:
    """A payment was made in some way: not 99."""
    if clave(pago, "FormaDePagoP") == "99":
        return Hallazgo(pago, "FormaDePagoP", "No puede ser 99. Ponga la forma en que se pagó.")
    return None


def moneda_del_pago(pago: etree._Element) -> Hallazgo | None:
    """And in some currency."""
    if clave(pago, "MonedaP") == "XXX":
        return Hallazgo(pago, "MonedaP", "No puede ser XXX. Ponga la moneda del pago.")
    return None


def cambio_ausente(pago: etree._Element) -> Hallazgo | None:
    """With its rate."""
    if clave(pago, "MonedaP") != "MXN" and pago.get("TipoCambioP") is None:
        return Hallazgo(pago, "TipoCambioP", "Con MonedaP distinta de MXN es obligatorio. Agréguelo.")
    return None


def cambio_del_peso(pago: etree._Element) -> Hallazgo | None:
    """Of the peso, 1."""
    if clave(pago, "MonedaP") == "MXN" and (numero(pago, "TipoCambioP") or 1) != 1:
        return Hallazgo(pago, "TipoCambioP", "Con MonedaP MXN debe ser 1. Corríjalo.")
    return None


def pagado_mayor(pago: etree._Element) -> Hallazgo | None:
    """What the documents got is at most the payment, all in one currency."""
    documentos = pago.findall(f"{_P}DoctoRelacionado")
    moneda = clave(pago, "MonedaP")
    if any(clave(d, "MonedaDR") != moneda for d in documentos):
        return None
    suma, monto = sum((importe(d, "ImpPagado") for d in documentos), CERO), importe(pago, "Monto")
    if suma <= monto:
        return None
    return Hallazgo(pago, "Monto", f"Monto es {monto} y los documentos recibieron {suma}. Corríjalo.")


def monto_cero(pago: etree._Element) -> Hallazgo | None:
    """A payment is more than nothing."""
    if importe(pago, "Monto") <= 0:
        return Hallazgo(pago, "Monto", "Debe ser mayor que 0. Corríjalo.")
    return None


def decimales_del_monto(pago: etree._Element) -> Hallazgo | None:
    """No more decimals than the currency has."""
    monto, moneda = importe(pago, "Monto"), clave(pago, "MonedaP") or ""
    if excede(monto, decimales_de(moneda)):
        return Hallazgo(pago, "Monto", f"Monto ({monto}) tiene más decimales que {moneda}. Redondéelo.")
    return None


def cadena_de_mas(pago: etree._Element) -> Hallazgo | None:
    """Only a transfer (03) has a payment chain."""
    if pago.get("TipoCadPago") is not None and clave(pago, "FormaDePagoP") != "03":
        return Hallazgo(pago, "TipoCadPago", "Solo va con FormaDePagoP 03. Quítelo.")
    return None


def moneda_del_documento(_: etree._Element, documento: etree._Element) -> Hallazgo | None:
    """The document has a currency."""
    if clave(documento, "MonedaDR") == "XXX":
        return Hallazgo(documento, "MonedaDR", "No puede ser XXX. Ponga la moneda del documento.")
    return None


def equivalencia_ausente(pago: etree._Element, documento: etree._Element) -> Hallazgo | None:
    """Another than the payment's, with its rate."""
    if clave(documento, "MonedaDR") != clave(pago, "MonedaP") and documento.get("EquivalenciaDR") is None:
        return Hallazgo(documento, "EquivalenciaDR", "Las monedas difieren. Agregue EquivalenciaDR.")
    return None


def equivalencia_igual(pago: etree._Element, documento: etree._Element) -> Hallazgo | None:
    """The same, 1."""
    equivalencia = numero(documento, "EquivalenciaDR")
    if clave(documento, "MonedaDR") == clave(pago, "MonedaP") and equivalencia not in (None, Decimal(1)):
        return Hallazgo(documento, "EquivalenciaDR", "Con la misma moneda debe ser 1. Corríjala.")
    return None


def saldo_anterior(_: etree._Element, documento: etree._Element) -> Hallazgo | None:
    """There was something to pay."""
    return _positivo(documento, "ImpSaldoAnt")


def pagado(_: etree._Element, documento: etree._Element) -> Hallazgo | None:
    """And some of it was paid."""
    return _positivo(documento, "ImpPagado")


def saldo_insoluto(_: etree._Element, documento: etree._Element) -> Hallazgo | None:
    """What is left is what there was less what was paid, and not below zero."""
    anterior, abono = importe(documento, "ImpSaldoAnt"), importe(documento, "ImpPagado")
    insoluto = importe(documento, "ImpSaldoInsoluto")
    if insoluto >= 0 and insoluto == anterior - abono:
        return None
    return Hallazgo(
        documento,
        "ImpSaldoInsoluto",
        f"Es {insoluto} y debe ser ImpSaldoAnt menos ImpPagado ({anterior - abono}), no menor que 0. Corríjalo.",
    )


def objeto_con_impuestos(_: etree._Element, documento: etree._Element) -> Hallazgo | None:
    """ObjetoImpDR 02 says its taxes."""
    if clave(documento, "ObjetoImpDR") == "02" and documento.find(f"{_P}ImpuestosDR") is None:
        return Hallazgo(documento, "ObjetoImpDR", "Con 02 debe existir el nodo ImpuestosDR. Agréguelo.")
    return None


def objeto_sin_impuestos(_: etree._Element, documento: etree._Element) -> Hallazgo | None:
    """ObjetoImpDR 01 and 03 say none."""
    objeto = clave(documento, "ObjetoImpDR")
    if objeto in ("01", "03") and documento.find(f"{_P}ImpuestosDR") is not None:
        return Hallazgo(documento, "ObjetoImpDR", f"Con {objeto} no va el nodo ImpuestosDR. Quítelo.")
    return None


_PAGO: Final[tuple[tuple[str, Callable[[etree._Element], Hallazgo | None]], ...]] = (
    ("CRP20212", forma_por_definir),
    ("CRP20213", moneda_del_pago),
    ("CRP20214", cambio_ausente),
    ("CRP20215", cambio_del_peso),
    ("CRP20217", pagado_mayor),
    ("CRP20218", monto_cero),
    ("CRP20219", decimales_del_monto),
    ("CRP20229", cadena_de_mas),
)
_DOCUMENTO: Final[tuple[tuple[str, Callable[[etree._Element, etree._Element], Hallazgo | None]], ...]] = (
    ("CRP20236", moneda_del_documento),
    ("CRP20237", equivalencia_ausente),
    ("CRP20238", equivalencia_igual),
    ("CRP20239", saldo_anterior),
    ("CRP20241", pagado),
    ("CRP20244", saldo_insoluto),
    ("CRP20246", objeto_con_impuestos),
    ("CRP20247", objeto_sin_impuestos),
)
"""Code and rule in the order of the matrix."""


def _positivo(documento: etree._Element, atributo: str) -> Hallazgo | None:
    if importe(documento, atributo) > 0:
        return None
    return Hallazgo(documento, atributo, f"{atributo} debe ser mayor que 0. Corríjalo.")
