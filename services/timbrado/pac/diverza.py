"""Diverza, Timbre Fiscal (REST). Forms as in its public documentation and satcfdi.

Without RefID, Diverza makes a second UUID for the same document; with it, "por cada RefID único obtendrás el
mismo complemento de timbre" (its page on RefID). Ours is the huella, so a repeat can't cost a second stamp. It
does not tell a repeat from a first time: every stamp is `repetido=False` there.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

import orjson
from lxml import etree

from services.timbrado.cfdi import documento
from services.timbrado.cfdi.certificados import CertificadoIlegible, leer_certificado
from services.timbrado.pac.http import Respuesta, cabecera
from services.timbrado.pac.lectura import (
    Ilegible,
    acuse,
    codigo_en,
    de_cuenta,
    de_http,
    del_sat,
    es_retencion,
    no_cancelado,
    rechazo,
    timbre_de,
)
from services.timbrado.pac.protocolo import (
    Desconocido,
    EstadoSat,
    NoEnviado,
    Resultado,
    ResultadoDeCancelacion,
    Solicitud,
    SolicitudDeCancelacion,
    Timbrado,
)
from services.timbrado.pac.remoto import PacRemoto

_TIPO: Final = "application/vnd.diverza.cfdi_4.0{}+xml"
_TIPO_RETENCION: Final = "application/vnd.sat.retencion+xml; charset=UTF-8"
_MENSAJES: Final = ("message", "error", "error_details", "detail", "mensaje")


class Diverza(PacRemoto):
    """`usuario` is the id that Diverza assigned, `secreto` its token.

    Retentions have another service, whose production address Diverza gives with the account: without
    `urls.retenciones` in the configuration they go to another PAC.
    """

    tipo = "diverza"
    URLS = {  # noqa: RUF012 (of the class on purpose)
        "documentos": "https://servicios.diverza.com",
        "retenciones": "https://servicios.diverza.com",
    }

    def _timbrar_uno(self, s: Solicitud) -> Resultado:
        if es_retencion(s.xml):
            return self._retencion(s)
        respuesta = self._enviar(
            "POST",
            "/api/v2/documents/stamp",
            {
                "issuer": {"rfc": s.emisor},
                "receiver": {"emails": []},
                "document": {
                    "certificate-number": s.no_certificado,
                    "ref-id": s.huella.hex(),
                    "section": "all",
                    "format": "xml",
                    "template": "letter",
                    "type": _TIPO.format(_complemento(s.xml)),
                    "content": base64.b64encode(s.xml).decode(),
                },
            },
        )
        malo = de_http(respuesta)
        if malo is not None:
            return malo
        datos = _json(respuesta)
        if respuesta.estado < 300 and isinstance(datos.get("content"), str):
            try:
                xml = base64.b64decode(datos["content"], validate=True)
            except (binascii.Error, ValueError) as error:
                raise Ilegible("base64 ilegible") from error
            return Timbrado(timbre_de(xml), repetido=False)
        return _no_timbrado(datos)

    def _retencion(self, s: Solicitud) -> Resultado:
        if "retenciones" not in self.cuenta.urls:
            return NoEnviado("Diverza no tiene configurada la dirección de retenciones")
        respuesta = self._pedir(
            "retenciones",
            "POST",
            "/api/v1/timbrar",
            s.xml,
            {
                "x-auth-token": cabecera(self.cuenta.secreto),
                "x-refid": s.huella.hex(),
                "Content-Type": _TIPO_RETENCION,
            },
        )
        malo = de_http(respuesta)
        if malo is not None:
            return malo
        if respuesta.estado < 300:
            return Timbrado(timbre_de(respuesta.cuerpo), repetido=False)
        try:
            return _no_timbrado(_json(respuesta))
        except Ilegible:
            return _no_timbrado({"message": respuesta.texto()[:500]})

    def _cancelar(self, s: SolicitudDeCancelacion) -> ResultadoDeCancelacion:
        respuesta = self._enviar("PUT", f"/api/v2/documents/{s.uuid}/cancel", self._sobre(s))
        malo = de_http(respuesta)
        if malo is not None:
            return malo
        datos = _json(respuesta)
        estado = str(datos.get("status") or "").lower()
        if respuesta.estado < 300 and estado in ("canceled", "cancelled", "in_process", "pending"):
            codigo = str(datos.get("code") or "201")
            recibo = str(datos.get("acuse") or datos.get("content") or "").encode()
            return acuse(codigo, "", recibo, en_proceso=estado in ("in_process", "pending"))
        texto = _mensaje(datos)
        return no_cancelado("Diverza", codigo_en(texto), texto)

    def _estado(self, s: SolicitudDeCancelacion) -> EstadoSat | Desconocido:
        if self._sat is not None:
            return super()._estado(s)
        respuesta = self._enviar("PUT", f"/api/v2/documents/{s.uuid}/sat_cfdi_enquiry", self._sobre(s))
        malo = de_http(respuesta)
        if malo is not None:
            return Desconocido(malo.motivo)
        datos = _json(respuesta)
        if not datos.get("estado"):
            return Desconocido("respuesta de estado ilegible")
        return EstadoSat(
            str(datos["estado"]),
            str(datos.get("es_cancelable") or ""),
            str(datos.get("estatus_cancelacion") or ""),
            str(datos.get("codigo_estatus") or ""),
        )

    def _sobre(self, s: SolicitudDeCancelacion) -> dict[str, Any]:
        return {
            "issuer": {"rfc": s.emisor},
            "document": {
                "certificate-number": _numero(s),
                "rfc_receptor": s.receptor,
                "total_cfdi": s.total,
                "motive": str(s.motivo),
                "replacement-folio": str(s.sustituye or ""),
            },
        }

    def _enviar(self, metodo: str, ruta: str, cuerpo: dict[str, Any]) -> Respuesta:
        credenciales = {"credentials": {"id": self.cuenta.usuario, "token": self.cuenta.secreto}}
        return self._pedir(
            "documentos",
            metodo,
            ruta,
            orjson.dumps({**credenciales, **cuerpo}),
            {"Content-Type": "application/json"},
        )


def _no_timbrado(datos: dict[str, Any]) -> Resultado:
    texto = _mensaje(datos)
    codigo = codigo_en(str(datos.get("code") or "")) or codigo_en(texto)
    if del_sat(codigo):
        return rechazo(codigo, texto)
    if de_cuenta(texto):
        return NoEnviado(f"Diverza: {texto[:120]}")
    return Desconocido(f"Diverza: {texto[:120] or 'error sin mensaje'}")


def _mensaje(datos: dict[str, Any]) -> str:
    """The most specific message: the one with a code, else the first that there is."""
    textos = [str(datos[n]) for n in _MENSAJES if datos.get(n)]
    return next((t for t in textos if codigo_en(t)), textos[0] if textos else "")


def _complemento(xml: bytes) -> str:
    """How Diverza names the type of a document with a complement; payroll has its own."""
    raiz = documento.analizar_xml(xml)
    nombres = {str(etree.QName(n).localname) for c in raiz.iterchildren("{*}Complemento") for n in c}
    if "Nomina" in nombres:
        return "_complemento_nomina"
    return "_complemento" if nombres else ""


def _numero(s: SolicitudDeCancelacion) -> str:
    """Number of the certificate with which it is cancelled, where the caller gave one."""
    if s.csd is None:
        return ""
    try:
        return leer_certificado(s.csd.certificado).numero
    except CertificadoIlegible:
        return ""


def _json(respuesta: Respuesta) -> dict[str, Any]:
    try:
        datos = orjson.loads(respuesta.cuerpo)
    except orjson.JSONDecodeError as error:
        raise Ilegible("respuesta ilegible") from error
    if not isinstance(datos, dict):
        raise Ilegible("respuesta ilegible")
    return datos
