"""Prodigia, PADE (REST; retentions by SOAP). Forms as in its public documentation and satcfdi.

The option REGRESAR_CON_ERROR_307_XML makes a repeat be answered with its first stamp. Cancellation needs the
issuer's CSD: Prodigia signs the request itself.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson
from lxml import etree

from services.timbrado.pac import soap
from services.timbrado.pac.http import Respuesta
from services.timbrado.pac.lectura import (
    Ilegible,
    acuse,
    arbol,
    de_cuenta,
    de_http,
    del_sat,
    es_retencion,
    rechazo,
    timbre_de,
)
from services.timbrado.pac.protocolo import (
    Desconocido,
    NoEnviado,
    Resultado,
    ResultadoDeCancelacion,
    Solicitud,
    SolicitudDeCancelacion,
    Timbrado,
)
from services.timbrado.pac.remoto import PacRemoto

_ESPACIO_RETENCIONES: Final = "timbradoRet.ws.pade.mx"
_EXITO: Final = "0"
_REPETIDO: Final = "307"
#: 1 user or password, 2 contract expired or without the service, 3 a parameter is wrong or lacks, 5 off-line for
#: maintenance, 20 our user has no default certificate. None of them looked at the document.
_NUESTROS: Final = frozenset({"1", "2", "3", "5", "20"})
_SIN_SAT: Final = "7"
_NO_EXISTE: Final = "205"


class Prodigia(PacRemoto):
    """`usuario`, `secreto` and `contrato` are those of PADE."""

    tipo = "prodigia"
    URLS = {  # noqa: RUF012 (of the class on purpose)
        "servicio": "https://timbrado.pade.mx/servicio/rest",
        "retenciones": "https://timbrado.pade.mx/PadeApp/TimbradoRetService",
    }

    def _timbrar_uno(self, s: Solicitud) -> Resultado:
        datos = self._retencion(s) if es_retencion(s.xml) else self._cfdi(s)
        if isinstance(datos, NoEnviado | Desconocido):
            return datos
        codigo, mensaje = _texto(datos.get("codigo")), _texto(datos.get("mensaje"))
        xml = _base64(datos.get("xmlBase64"))
        if xml is not None and (
            codigo == _REPETIDO or (_verdadero(datos.get("timbradoOk")) and codigo == _EXITO)
        ):
            return Timbrado(timbre_de(xml), repetido=codigo == _REPETIDO)
        if codigo == _REPETIDO:
            return Desconocido("Prodigia respondió 307 sin el timbre")
        if codigo in _NUESTROS or (not del_sat(codigo) and de_cuenta(mensaje)):
            return NoEnviado(f"Prodigia: {codigo} {mensaje[:120]}")
        if del_sat(codigo):
            return rechazo(codigo, mensaje)
        return Desconocido(f"Prodigia: código {codigo or 'sin código'}")

    def _cfdi(self, s: Solicitud) -> dict[str, Any] | NoEnviado | Desconocido:
        respuesta = self._pedir(
            "servicio", "POST", f"/timbrado40?{self._parametros()}", s.xml, self._cabeceras("application/xml")
        )
        return de_http(respuesta) or _leer(respuesta, "servicioTimbrado")

    def _retencion(self, s: Solicitud) -> dict[str, Any] | NoEnviado | Desconocido:
        campos = {
            "contrato": self.cuenta.contrato,
            "usuario": self.cuenta.usuario,
            "password": self.cuenta.secreto,
            "xml": s.xml.decode(),
            "opciones": "REGRESAR_CON_ERROR_307_XML",
            "prueba": "false",
        }
        cuerpo = soap.sobre(_ESPACIO_RETENCIONES, "timbradoRet", campos, calificados=False)
        respuesta = self._pedir("retenciones", "POST", "", cuerpo, soap.CABECERAS)
        malo = de_http(respuesta)
        if malo is not None:
            return malo
        # The return value is itself an XML document, as text.
        interior = soap.campo(soap.resultado(respuesta, "timbradoRetResponse"), "return")
        return {str(etree.QName(n).localname): n.text for n in arbol(interior.encode())}

    def _cancelar(self, s: SolicitudDeCancelacion) -> ResultadoDeCancelacion:
        if s.csd is None:
            return NoEnviado("Prodigia cancela solo con el CSD del emisor")
        folio = "|".join(
            (str(s.uuid).upper(), s.receptor, s.emisor, s.total, s.motivo, str(s.sustituye or "").upper())
        )
        cuerpo = orjson.dumps(
            {
                "certBase64": base64.b64encode(s.csd.certificado).decode(),
                "keyBase64": base64.b64encode(s.csd.llave).decode(),
                "keyPass": s.csd.contrasena,
            }
        )
        ruta = (
            f"/cancelacion/cancelar?{self._parametros()}&rfcEmisor={quote(s.emisor, safe='')}"
            f"&arregloUUID={quote(folio, safe='')}"
        )
        respuesta = self._pedir("servicio", "POST", ruta, cuerpo, self._cabeceras("application/json"))
        malo = de_http(respuesta)
        if malo is not None:
            return malo
        datos = _leer(respuesta, "servicioCancel")
        for c in _lista(datos.get("cancelaciones"), "cancelacion"):
            if str(c.get("uuid") or "").upper() == str(s.uuid).upper():
                codigo, mensaje = _texto(c.get("codigo")), _texto(c.get("mensaje"))
                if codigo == _SIN_SAT:
                    return Desconocido("el PAC no pudo comunicarse con el SAT")
                recibo = _base64(datos.get("acuseCancelBase64")) or b""
                return acuse(codigo, mensaje, recibo, en_proceso="proceso" in mensaje.lower())
        codigo = _texto(datos.get("codigo"))
        if codigo in _NUESTROS:
            return NoEnviado(f"Prodigia: código {codigo}")
        return Desconocido(f"Prodigia: respuesta de cancelación sin el UUID (código {codigo or 'ninguno'})")

    def _parametros(self) -> str:
        return urlencode(
            [
                ("contrato", self.cuenta.contrato),
                ("opciones", "RESPUESTA_JSON"),
                ("opciones", "REGRESAR_CON_ERROR_307_XML"),
            ]
        )

    def _cabeceras(self, tipo: str) -> dict[str, str]:
        credencial = base64.b64encode(f"{self.cuenta.usuario}:{self.cuenta.secreto}".encode()).decode()
        return {"Authorization": f"Basic {credencial}", "Content-Type": tipo}


def _leer(respuesta: Respuesta, nombre: str) -> dict[str, Any]:
    try:
        datos = orjson.loads(respuesta.cuerpo)
    except orjson.JSONDecodeError as error:
        raise Ilegible("respuesta ilegible") from error
    if isinstance(datos, dict) and isinstance(datos.get(nombre), dict):
        return dict(datos[nombre])
    raise Ilegible("respuesta ilegible")


def _lista(valor: Any, nombre: str) -> list[dict[str, Any]]:
    """A list that one element turns into an object, as XML turned JSON does."""
    if isinstance(valor, dict):
        valor = valor.get(nombre, valor)
    return [v for v in (valor if isinstance(valor, list) else [valor]) if isinstance(v, dict)]


def _texto(valor: object) -> str:
    """As text; the code of success is the number 0."""
    return "" if valor is None else str(valor).strip()


def _verdadero(valor: object) -> bool:
    return valor is True or str(valor).strip().lower() == "true"


def _base64(valor: object) -> bytes | None:
    if not isinstance(valor, str) or not valor.strip():
        return None
    try:
        return base64.b64decode("".join(valor.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Ilegible("base64 ilegible") from error
