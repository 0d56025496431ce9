"""Finkok (SOAP). Forms as in its public clients (satcfdi, phpcfdi/finkok); codes as in its guide of errors.

Services: stamp (`stamp`, `stamped`), retentions, cancel (`cancel_signature`, `get_sat_status`), registration
(`customers`) and utilities (`report_uuid`, one issuer a call).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from lxml import etree

from services.timbrado.pac import soap
from services.timbrado.pac.lectura import (
    Ilegible,
    acuse,
    de_http,
    del_sat,
    es_retencion,
    folio,
    local,
    momento,
    rechazo,
    timbre_de,
)
from services.timbrado.pac.protocolo import (
    Desconocido,
    EstadoSat,
    NoEncontrado,
    NoEnviado,
    Resultado,
    ResultadoDeCancelacion,
    Solicitud,
    SolicitudDeCancelacion,
    Timbrado,
    TimbreDelPac,
)
from services.timbrado.pac.remoto import PacRemoto

_ESPACIO: Final = "http://facturacion.finkok.com/{}"
#: Ours, not the document's: 300 credentials; 701, 702 the issuer is not (or no more) among our clients there;
#: 703 account suspended; 706 partner invalid; 718 stamps spent. Another PAC may take the document.
_NUESTROS: Final = frozenset({"300", "701", "702", "703", "706", "718"})
#: Of these, what says nothing of Finkok: with one such issuer the others' invoices must not go elsewhere.
_DEL_EMISOR: Final = frozenset({"701", "702"})
#: 705 structure (301), 707 the document brings a TFD (307 in our validation), 712 and 719 certificate's number.
_EQUIVALENTES: Final = {"705": "301", "712": "303", "719": "303"}
_SIN_TIMBRE_PREVIO: Final = "603"
_REPETIDO: Final = "307"
_TIPOS: Final = ("I", "R")
"""Of a report: invoices, retentions."""
_REPORTES: Final = 4
"""Reports asked for at once."""


class Finkok(PacRemoto):
    """`usuario` and `secreto` are those of the panel."""

    tipo = "finkok"
    URLS = {  # noqa: RUF012 (of the class on purpose)
        "timbrado": "https://facturacion.finkok.com/servicios/soap",
        "cancelacion": "https://facturacion.finkok.com/servicios/soap",
        "utilerias": "https://facturacion.finkok.com/servicios/soap",
    }
    lista = True

    def _timbrar_uno(self, s: Solicitud) -> Resultado:
        respuesta = self._sello(s, "stamp")
        if isinstance(respuesta, Desconocido) and respuesta.motivo == _REPETIDO:
            # Finkok says that it stamped before and for some seconds can't say what (its ticket 17287).
            respuesta = self._sello(s, "stamped")
            if not isinstance(respuesta, Timbrado):
                return Desconocido("Finkok respondió 307 y aún no entrega el timbre")
        return respuesta if not isinstance(respuesta, NoEncontrado) else Desconocido("603 al timbrar")

    def _consultar_uno(self, s: Solicitud) -> Resultado:
        respuesta = self._sello(s, "stamped")
        # Only 603 tells; a refusal of the question says nothing of the document.
        match respuesta:
            case Timbrado(tfd, _):
                return Timbrado(tfd, repetido=True)
            case NoEncontrado() | Desconocido():
                return respuesta
            case NoEnviado(motivo):
                return Desconocido(motivo)
            case _:
                return Desconocido("Finkok no respondió por el timbre previo")

    def _sello(self, s: Solicitud, metodo: str) -> Resultado:
        servicio = "retentions" if es_retencion(s.xml) else "stamp"
        nodo = self._llamar(
            "timbrado", servicio, metodo, {"xml": base64.b64encode(s.xml).decode(), **self._credenciales()}
        )
        if not isinstance(nodo, etree._Element):
            return nodo
        codigos = [
            (soap.campo(i, "CodigoError"), soap.campo(i, "MensajeIncidencia")) for i in _incidencias(nodo)
        ]
        xml = soap.campo(nodo, "xml")
        if xml:
            repetido = metodo == "stamped" or any(c == _REPETIDO for c, _ in codigos)
            return Timbrado(timbre_de(xml.encode()), repetido=repetido)
        return _leer_incidencia(codigos[0]) if codigos else Desconocido("respuesta sin timbre ni incidencia")

    def _cancelar(self, s: SolicitudDeCancelacion) -> ResultadoDeCancelacion:
        servicio = "retentions" if s.retencion else "cancel"
        nodo = self._llamar(
            "cancelacion",
            servicio,
            "cancel_signature",
            {"xml": base64.b64encode(s.xml).decode(), **self._credenciales(), "store_pending": "false"},
        )
        if not isinstance(nodo, etree._Element):
            return nodo
        recibo = soap.campo(nodo, "Acuse").encode()
        for f in nodo.iter("{*}Folio"):
            if soap.campo(f, "UUID").upper() != str(s.uuid).upper():
                continue
            estatus, texto = soap.campo(f, "EstatusUUID"), soap.campo(f, "EstatusCancelacion")
            if estatus == "708":  # Finkok could not reach the SAT
                return Desconocido("el PAC no pudo comunicarse con el SAT")
            if estatus:
                return acuse(estatus, texto, recibo, en_proceso="proceso" in texto.lower())
        estado = soap.campo(nodo, "CodEstatus") or soap.campo(nodo, "error")
        if estado in _NUESTROS or "300" in estado[:12]:
            return NoEnviado(f"Finkok no acepta nuestra cuenta ({estado[:60]})")
        codigo = estado.split(" ")[0].rstrip(".:-")
        if codigo in ("301", "302", "303", "304", "305", "310"):
            return acuse(codigo, estado, recibo)
        return Desconocido("respuesta de cancelación sin el UUID")

    def _estado(self, s: SolicitudDeCancelacion) -> EstadoSat | Desconocido:
        if self._sat is not None:
            return super()._estado(s)
        campos = {"taxpayer_id": s.emisor, "rtaxpayer_id": s.receptor, "uuid": str(s.uuid), "total": s.total}
        nodo = self._llamar("cancelacion", "cancel", "get_sat_status", {**self._credenciales(), **campos})
        if not isinstance(nodo, etree._Element):
            return Desconocido(nodo.motivo)
        sat = nodo.find("{*}sat")
        if sat is None or not soap.campo(sat, "Estado"):
            return Desconocido("respuesta de estado ilegible")
        return EstadoSat(
            soap.campo(sat, "Estado"),
            soap.campo(sat, "EsCancelable"),
            soap.campo(sat, "EstatusCancelacion"),
            soap.campo(sat, "CodigoEstatus"),
        )

    def _listar(self, desde: datetime, hasta: datetime) -> list[TimbreDelPac] | Desconocido:
        # One call per issuer and kind; threads of their own, because the lots' must not queue behind a report.
        preguntas = [(rfc, tipo) for rfc in self._clientes() for tipo in _TIPOS]
        lineas: list[TimbreDelPac] = []
        with ThreadPoolExecutor(_REPORTES) as obreros:
            for parte in obreros.map(lambda p: self._reporte(p[0], p[1], desde, hasta), preguntas):
                if isinstance(parte, Desconocido):
                    obreros.shutdown(wait=False, cancel_futures=True)
                    return parte
                lineas += parte
        return lineas

    def _reporte(
        self, rfc: str, tipo: str, desde: datetime, hasta: datetime
    ) -> list[TimbreDelPac] | Desconocido:
        campos = {
            "taxpayer_id": rfc,
            "date_from": local(desde),
            "date_to": local(hasta),
            "invoice_type": tipo,
        }
        nodo = self._llamar("utilerias", "utilities", "report_uuid", {**self._credenciales(), **campos})
        if not isinstance(nodo, etree._Element):
            return Desconocido(nodo.motivo)
        if soap.campo(nodo, "error"):
            return Desconocido(soap.campo(nodo, "error")[:200])
        return [
            TimbreDelPac(folio(soap.campo(r, "uuid")), rfc, momento(soap.campo(r, "date")))
            for r in nodo.iter("{*}ReportUUID")
        ]

    def _clientes(self) -> Iterator[str]:
        """RFC of the issuers registered under our account, page by page."""
        pagina = 1
        while True:
            nodo = self._llamar(
                "utilerias", "registration", "customers", {**self._credenciales(), "page": str(pagina)}
            )
            if not isinstance(nodo, etree._Element):
                raise Ilegible(nodo.motivo)
            rfcs = [soap.campo(u, "taxpayer_id") for u in nodo.iter("{*}ResellerUser")]
            yield from rfcs
            if not rfcs or _es_la_ultima(soap.campo(nodo, "message")):
                return
            pagina += 1

    def _llamar(
        self, destino: str, servicio: str, metodo: str, campos: dict[str, str]
    ) -> etree._Element | NoEnviado | Desconocido:
        respuesta = self._pedir(
            destino,
            "POST",
            f"/{servicio}.wsdl",
            soap.sobre(_ESPACIO.format(servicio), metodo, campos),
            {**soap.CABECERAS, "SOAPAction": metodo},
        )
        return de_http(respuesta) or soap.resultado(respuesta, f"{metodo}Result")

    def _credenciales(self) -> dict[str, str]:
        return {"username": self.cuenta.usuario, "password": self.cuenta.secreto}


def _incidencias(nodo: etree._Element) -> Iterator[etree._Element]:
    return nodo.iter("{*}Incidencia")


def _leer_incidencia(incidencia: tuple[str, str]) -> Resultado:
    codigo, mensaje = incidencia
    if codigo == _REPETIDO:
        return Desconocido(_REPETIDO)
    if codigo == _SIN_TIMBRE_PREVIO:
        return NoEncontrado()
    if codigo in _NUESTROS:
        return NoEnviado(f"Finkok: {codigo} {mensaje[:120]}", del_pac=codigo not in _DEL_EMISOR)
    codigo_sat = _EQUIVALENTES.get(codigo, codigo)
    if del_sat(codigo_sat):
        return rechazo(codigo_sat, mensaje)
    return Desconocido(f"Finkok: incidencia {codigo or 'sin código'}")


def _es_la_ultima(mensaje: str) -> bool:
    """`Showing 1 to 50 of 163 entries`: the last page ends where all end."""
    numeros = [int(p) for p in mensaje.split() if p.isdigit()]
    return len(numeros) < 3 or numeros[1] >= numeros[2]
