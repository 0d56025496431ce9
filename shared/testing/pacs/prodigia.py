"""PADE (Prodigia), locally: timbrado40 and cancelacion by REST, retentions by SOAP."""

from __future__ import annotations

import base64
from typing import Any
from xml.sax.saxutils import escape

import orjson
from lxml import etree

from shared.testing.pacs.cable import Peticion, Salida
from shared.testing.pacs.servidor import (
    CONTRATO,
    SECRETO,
    USUARIO,
    Falla,
    ServidorPac,
    acuse,
    es_retencion,
    grabadas,
)

_BASICA = "Basic " + base64.b64encode(f"{USUARIO}:{SECRETO}".encode()).decode()


class ServidorProdigia(ServidorPac):
    """REST at `/`, SOAP at `/ret`."""

    nombre = "prodigia"
    rfc = "PPD101129EA3"
    razon = "PRODIGIA DE PRUEBA"

    @property
    def urls(self) -> dict[str, str]:
        return {"servicio": self.url, "retenciones": f"{self.url}/ret"}

    def es_timbrado(self, p: Peticion) -> bool:
        return p.metodo == "POST" and p.ruta in ("/timbrado40", "/ret")

    def atender(self, p: Peticion, falla: Falla | None) -> Salida:
        if p.metodo == "GET":
            return Salida(b"PADE", tipo="text/plain")
        if p.ruta == "/ret":
            return self._retencion(p, falla)
        if p.ruta == "/timbrado40":
            permitido = self._permitido(p)
            datos = self._sello(p.cuerpo, permitido, falla, retencion=False)
            return _json({"servicioTimbrado": datos})
        if p.ruta == "/cancelacion/cancelar":
            return self._cancelacion(p)
        return Salida(b"{}", 404)

    def _permitido(self, p: Peticion) -> bool:
        return p.cabeceras.get("authorization") == _BASICA and p.argumento("contrato") == CONTRATO

    def _sello(self, xml: bytes, permitido: bool, falla: Falla | None, *, retencion: bool) -> dict[str, Any]:
        if falla is Falla.CREDENCIALES or not permitido:
            return _codigo("credenciales")
        if falla in (Falla.RECHAZAR, Falla.SIN_SALDO):
            return _codigo(falla.value)
        if es_retencion(xml) != retencion:
            return {"timbradoOk": False, "codigo": "301", "mensaje": "XML mal formado."}
        timbre, repetido = self.timbrar(xml, falla)
        if falla is Falla.REPETIDO_SIN_XML:
            return _codigo("repetido")
        datos = _codigo("repetido") if repetido else {"timbradoOk": True, "codigo": 0, "mensaje": ""}
        return {
            **datos,
            "UUID": str(timbre.uuid).upper(),
            "xmlBase64": base64.b64encode(timbre.documento).decode(),
        }

    def _retencion(self, p: Peticion, falla: Falla | None) -> Salida:
        metodo = next(iter(etree.fromstring(p.cuerpo).iterfind("{*}Body/*")))
        campos = {str(etree.QName(n).localname): n.text or "" for n in metodo}
        permitido = (campos["usuario"], campos["password"], campos["contrato"]) == (
            USUARIO,
            SECRETO,
            CONTRATO,
        )
        datos = self._sello(campos["xml"].encode(), permitido, falla, retencion=True)
        interior = "".join(f"<{k}>{escape(str(v))}</{k}>" for k, v in datos.items())
        interior = f'<?xml version="1.0" encoding="UTF-8"?><servicioTimbrado>{interior}</servicioTimbrado>'
        xml = (
            "<?xml version='1.0' encoding='UTF-8'?>"
            '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><ns2:timbradoRetResponse '
            f'xmlns:ns2="timbradoRet.ws.pade.mx"><return>{escape(interior)}</return></ns2:timbradoRetResponse>'
            "</S:Body></S:Envelope>"
        )
        return Salida(xml.encode(), tipo="text/xml; charset=utf-8")

    def _cancelacion(self, p: Peticion) -> Salida:
        if not self._permitido(p):
            return _json({"servicioCancel": {"statusOk": False, **_codigo("credenciales")}})
        cuerpo = orjson.loads(p.cuerpo)
        assert cuerpo["certBase64"]
        assert cuerpo["keyBase64"]
        uuid, _receptor, emisor, *_ = p.argumento("arregloUUID").split("|")
        codigo = self.cancelar(uuid, emisor)
        recibo = base64.b64encode(acuse(uuid, codigo, emisor).encode()).decode()
        detalle = [{"uuid": uuid, "codigo": codigo, "mensaje": "Comprobante cancelado exitosamente."}]
        datos = {"statusOk": True, "codigo": 0, "cancelaciones": detalle, "acuseCancelBase64": recibo}
        return _json({"servicioCancel": datos})


def _codigo(nombre: str) -> dict[str, Any]:
    grabada = grabadas("prodigia")[nombre]
    return {"timbradoOk": False, "codigo": int(grabada["codigo"]), "mensaje": grabada["mensaje"]}


def _json(datos: dict[str, Any]) -> Salida:
    return Salida(orjson.dumps(datos))
