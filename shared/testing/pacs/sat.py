"""The SAT's ConsultaCFDIService, locally: it says what it was told of each UUID."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape, unescape

from lxml import etree

from shared.testing.pacs.cable import Peticion, Salida
from shared.testing.pacs.servidor import Falla, ServidorPac


class ServidorSat(ServidorPac):
    """`estados`: UUID in upper case → (Estado, EsCancelable, EstatusCancelacion)."""

    nombre = "sat"
    rfc = "SAT970701NN3"
    razon = "SAT DE PRUEBA"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.estados: dict[str, tuple[str, str, str]] = {}

    @property
    def urls(self) -> dict[str, str]:
        return {"sat": self.url}

    def poner(self, uuid: str, estado: str, cancelable: str = "", estatus: str = "") -> None:
        """What it says of a document from now on."""
        self.estados[uuid.upper()] = (estado, cancelable, estatus)

    def es_timbrado(self, p: Peticion) -> bool:
        """Every question may fail."""
        return p.metodo == "POST"

    def atender(self, p: Peticion, falla: Falla | None) -> Salida:  # noqa: ARG002
        if p.ruta != "/ConsultaCFDIService.svc":
            return Salida(b"", 404)
        expresion = etree.fromstring(p.cuerpo).findtext(".//{*}expresionImpresa") or ""
        partes = parse_qs(expresion.lstrip("?").replace("&amp;", "%26"))
        uuid = unescape(partes.get("id", [""])[0]).upper()
        estado, cancelable, estatus = self.estados.get(uuid, ("No Encontrado", "", ""))
        codigo = (
            "N - 602: Comprobante no encontrado."
            if estado == "No Encontrado"
            else "S - Comprobante obtenido satisfactoriamente."
        )
        xml = (
            '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
            '<ConsultaResponse xmlns="http://tempuri.org/"><ConsultaResult '
            'xmlns:a="http://schemas.datacontract.org/2004/07/Sat.Cfdi.Negocio.ConsultaCfdi.Servicio">'
            f"<a:CodigoEstatus>{codigo}</a:CodigoEstatus><a:EsCancelable>{escape(cancelable)}</a:EsCancelable>"
            f"<a:Estado>{escape(estado)}</a:Estado><a:EstatusCancelacion>{escape(estatus)}</a:EstatusCancelacion>"
            "</ConsultaResult></ConsultaResponse></s:Body></s:Envelope>"
        )
        return Salida(xml.encode(), tipo="text/xml; charset=utf-8")
