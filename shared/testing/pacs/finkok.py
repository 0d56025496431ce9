"""Finkok's SOAP, locally: stamp, stamped, retentions, cancel_signature, get_sat_status, customers, report_uuid."""

from __future__ import annotations

import base64
from xml.sax.saxutils import escape

from lxml import etree

from shared.testing.pacs.cable import Peticion, Salida
from shared.testing.pacs.servidor import (
    SECRETO,
    USUARIO,
    Falla,
    ServidorPac,
    Timbre,
    acuse,
    es_retencion,
    grabadas,
    uuid_de_cancelacion,
)

_RESULTADO = "apps.services.soap.core.views"
_SELLADO = "Comprobante timbrado satisfactoriamente"


class ServidorFinkok(ServidorPac):
    """At `/{stamp,retentions,cancel,utilities,registration}.wsdl`; GET gives a stub of the WSDL."""

    nombre = "finkok"
    rfc = "FIN1203015JA"
    razon = "FINKOK DE PRUEBA"

    @property
    def urls(self) -> dict[str, str]:
        return dict.fromkeys(("timbrado", "cancelacion", "utilerias"), self.url)

    def es_timbrado(self, p: Peticion) -> bool:
        return p.metodo == "POST" and b":stamp>" in p.cuerpo

    def atender(self, p: Peticion, falla: Falla | None) -> Salida:
        if p.metodo == "GET":
            return Salida(b"<definitions/>", tipo="text/xml")
        metodo = next(iter(etree.fromstring(p.cuerpo).iterfind("{*}Body/*")))
        nombre = str(etree.QName(metodo).localname)
        campos = {str(etree.QName(n).localname): n.text or "" for n in metodo}
        servicio = p.ruta.strip("/").removesuffix(".wsdl")
        if etree.QName(metodo).namespace != f"http://facturacion.finkok.com/{servicio}":
            return _fallo(f"{nombre} is not of {servicio}")
        if nombre in ("stamp", "stamped"):
            return _sobre(nombre, self._sello(nombre, servicio, campos, falla))
        if (campos.get("username"), campos.get("password")) != (USUARIO, SECRETO):
            return _sobre(nombre, "<s0:error>Invalid username or password</s0:error>")
        match nombre:
            case "cancel_signature":
                return _sobre(nombre, self._cancelacion(base64.b64decode(campos["xml"])))
            case "get_sat_status":
                return _sobre(nombre, self._estado(campos["uuid"]))
            case "customers":
                return _sobre(nombre, self._clientes(int(campos["page"])))
            case "report_uuid":
                return _sobre(nombre, self._reporte(campos))
        return _fallo(f"unknown method {nombre}")

    def _sello(self, metodo: str, servicio: str, campos: dict[str, str], falla: Falla | None) -> str:
        if falla is Falla.CREDENCIALES or (campos.get("username"), campos.get("password")) != (
            USUARIO,
            SECRETO,
        ):
            return _incidencia("credenciales")
        if falla in (Falla.SIN_SALDO, Falla.RECHAZAR):
            return _incidencia(falla.value)
        xml = base64.b64decode(campos["xml"])
        if es_retencion(xml) != (servicio == "retentions"):
            return _incidencia("estructura")
        if metodo == "stamped":
            previo = self.timbres.get(etree.fromstring(xml).get("Sello", ""))
            return _timbrado(previo) if previo else _incidencia("sin_timbre_previo")
        timbre, repetido = self.timbrar(xml, falla)
        if falla is Falla.REPETIDO_SIN_XML:
            return _incidencia("repetido")
        return _timbrado(timbre, "repetido" if repetido else None)

    def _cancelacion(self, xml: bytes) -> str:
        uuid, rfc = uuid_de_cancelacion(xml)
        codigo = self.cancelar(uuid, rfc)
        return (
            f"<s0:Folios><s0:Folio><s0:UUID>{uuid}</s0:UUID><s0:EstatusUUID>{codigo}</s0:EstatusUUID>"
            "<s0:EstatusCancelacion>Cancelado sin aceptación</s0:EstatusCancelacion></s0:Folio></s0:Folios>"
            f"<s0:Acuse>{escape(acuse(uuid, codigo, rfc))}</s0:Acuse><s0:RfcEmisor>{escape(rfc)}</s0:RfcEmisor>"
        )

    def _estado(self, uuid: str) -> str:
        return (
            "<s0:sat><s0:CodigoEstatus>S - Comprobante obtenido satisfactoriamente.</s0:CodigoEstatus>"
            f"<s0:Estado>{self.estado(uuid)}</s0:Estado><s0:EsCancelable>Cancelable sin aceptación</s0:EsCancelable>"
            "<s0:EstatusCancelacion></s0:EstatusCancelacion></s0:sat>"
        )

    def _clientes(self, pagina: int) -> str:
        rfcs = sorted({t.emisor for t in self.timbres.values()})
        de, hasta = (pagina - 1) * 2, pagina * 2  # pages of two, so that a test turns them
        usuarios = "".join(
            f"<s0:ResellerUser><s0:status>A</s0:status><s0:taxpayer_id>{escape(r)}</s0:taxpayer_id></s0:ResellerUser>"
            for r in rfcs[de:hasta]
        )
        mensaje = f"Showing {de + 1} to {hasta} of {len(rfcs)} entries"
        return f"<s0:message>{mensaje}</s0:message><s0:users>{usuarios}</s0:users>"

    def _reporte(self, campos: dict[str, str]) -> str:
        filas = "".join(
            f"<s0:ReportUUID><s0:date>{t.en:%Y-%m-%dT%H:%M:%S}</s0:date><s0:uuid>{t.uuid}</s0:uuid></s0:ReportUUID>"
            for t in list(self.timbres.values())
            if t.emisor == campos["taxpayer_id"]
            and campos["date_from"] <= f"{t.en:%Y-%m-%dT%H:%M:%S}" <= campos["date_to"]
            and es_retencion(t.documento) == (campos["invoice_type"] == "R")
        )
        return f"<s0:invoices>{filas}</s0:invoices>"


def _timbrado(t: Timbre, incidencia: str | None = None) -> str:
    tfd = etree.fromstring(t.tfd)
    lista = _una(incidencia) if incidencia else ""
    return (
        f"<s0:xml>{escape(t.documento.decode())}</s0:xml><s0:UUID>{str(t.uuid).upper()}</s0:UUID>"
        f"<s0:Fecha>{tfd.get('FechaTimbrado')}</s0:Fecha><s0:CodEstatus>{_SELLADO}</s0:CodEstatus>"
        f"<s0:SatSeal>{tfd.get('SelloSAT')}</s0:SatSeal><s0:Incidencias>{lista}</s0:Incidencias>"
        f"<s0:NoCertificadoSAT>{tfd.get('NoCertificadoSAT')}</s0:NoCertificadoSAT>"
    )


def _incidencia(nombre: str) -> str:
    return f"<s0:xml></s0:xml><s0:UUID></s0:UUID><s0:Incidencias>{_una(nombre)}</s0:Incidencias>"


def _una(nombre: str) -> str:
    grabada = grabadas("finkok")[nombre]
    return (
        "<s0:Incidencia><s0:IdIncidencia>1</s0:IdIncidencia><s0:Uuid></s0:Uuid>"
        f"<s0:CodigoError>{grabada['codigo']}</s0:CodigoError>"
        f"<s0:MensajeIncidencia>{escape(grabada['mensaje'])}</s0:MensajeIncidencia></s0:Incidencia>"
    )


def _sobre(metodo: str, dentro: str) -> Salida:
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><senv:Envelope xmlns:senv="http://schemas.xmlsoap.org/soap/envelope/"'
        f' xmlns:s0="{_RESULTADO}" xmlns:tns="http://facturacion.finkok.com/stamp"><senv:Body>'
        f"<tns:{metodo}Response><tns:{metodo}Result>{dentro}</tns:{metodo}Result></tns:{metodo}Response>"
        "</senv:Body></senv:Envelope>"
    )
    return Salida(xml.encode(), tipo="text/xml; charset=utf-8")


def _fallo(mensaje: str) -> Salida:
    xml = (
        '<senv:Envelope xmlns:senv="http://schemas.xmlsoap.org/soap/envelope/"><senv:Body><senv:Fault>'
        f"<faultcode>senv:Client</faultcode><faultstring>{escape(mensaje)}</faultstring></senv:Fault></senv:Body>"
        "</senv:Envelope>"
    )
    return Salida(xml.encode(), 500, "text/xml; charset=utf-8")
