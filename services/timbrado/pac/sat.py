"""The SAT's public query service (`ConsultaCFDIService`): whether a CFDI is in force, by issuer, receiver and total.

Service of the SAT "Consulta de CFDI", version 1.4: SOAP operation `Consulta` with the printed expression
`?re=…&rr=…&tt=…&id=…&fe=…` (re, rr: RFC; tt: total; fe: last eight characters of the seal).
"""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

from services.timbrado.cfdi import documento
from services.timbrado.pac.http import NoConectado, SinRespuesta, Transporte
from services.timbrado.pac.protocolo import Desconocido, EstadoSat, SolicitudDeCancelacion
from shared.errors import DomainError

URL: Final = "https://consultaqr.facturaelectronica.sat.gob.mx"
_ACCION: Final = "http://tempuri.org/IConsultaCFDIService/Consulta"
_SOBRE: Final = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:tem="http://tempuri.org/"><soapenv:Body><tem:Consulta><tem:expresionImpresa>{}'
    "</tem:expresionImpresa></tem:Consulta></soapenv:Body></soapenv:Envelope>"
)


class ConsultaSat:
    """The service at one address. Free, and open to anybody."""

    def __init__(
        self, url: str = URL, *, conectar: float = 3.0, plazo: float = 8.0, autoridades: str | None = None
    ) -> None:
        self._transporte = Transporte(url, conectar=conectar, plazo=plazo, autoridades=autoridades)

    def consultar(self, s: SolicitudDeCancelacion) -> EstadoSat | Desconocido:
        """What the SAT says now. A retention receipt is not in this service: that is `Desconocido`."""
        if s.retencion:
            return Desconocido("el SAT no publica un servicio para consultar retenciones")
        # An RFC may hold an ampersand, which the expression itself wants escaped, before XML escapes all.
        emisor, receptor = escape(s.emisor), escape(s.receptor)
        expresion = f"?re={emisor}&rr={receptor}&tt={s.total}&id={s.uuid}&fe={s.sello[-8:]}"
        cuerpo = _SOBRE.format(escape(expresion)).encode()
        try:
            respuesta = self._transporte.pedir(
                "POST",
                "/ConsultaCFDIService.svc",
                cuerpo,
                {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": _ACCION},
            )
        except (NoConectado, SinRespuesta) as error:
            return Desconocido(str(error))
        if respuesta.estado != 200:
            return Desconocido(f"HTTP {respuesta.estado}")
        return _leer(respuesta.cuerpo)

    def cerrar(self) -> None:
        """Close idle connections."""
        self._transporte.cerrar()


def _leer(cuerpo: bytes) -> EstadoSat | Desconocido:
    try:
        raiz = documento.analizar_xml(cuerpo)
    except DomainError:
        return Desconocido("respuesta ilegible del SAT")
    resultado = raiz.find("{*}Body/{*}ConsultaResponse/{*}ConsultaResult")
    if resultado is None:
        return Desconocido("respuesta ilegible del SAT")

    def campo(nombre: str) -> str:
        return " ".join((resultado.findtext(f"{{*}}{nombre}") or "").split())

    estado = campo("Estado")
    if not estado:
        return Desconocido("respuesta ilegible del SAT")
    return EstadoSat(estado, campo("EsCancelable"), campo("EstatusCancelacion"), campo("CodigoEstatus"))
