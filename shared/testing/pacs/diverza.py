"""Diverza, locally: stamp and cancel by REST, retentions at the older service; one stamp per RefID."""

from __future__ import annotations

import base64
import re
from typing import Any

import orjson

from shared.testing.pacs.cable import Peticion, Salida
from shared.testing.pacs.servidor import SECRETO, USUARIO, Falla, ServidorPac, acuse, es_retencion, grabadas

_SELLO = "/api/v2/documents/stamp"
_RETENCION = "/api/v1/timbrar"


class ServidorDiverza(ServidorPac):
    """As the real one, it makes a second UUID for a document that comes without RefID."""

    nombre = "diverza"
    rfc = "SNF171020F3A"
    razon = "DIVERZA DE PRUEBA"

    @property
    def urls(self) -> dict[str, str]:
        return dict.fromkeys(("documentos", "retenciones"), self.url)

    def es_timbrado(self, p: Peticion) -> bool:
        return p.ruta in (_SELLO, _RETENCION)

    def atender(self, p: Peticion, falla: Falla | None) -> Salida:
        if p.metodo == "GET":
            return Salida(b"ok", tipo="text/plain")
        if p.ruta == _RETENCION:
            return self._retencion(p, falla)
        datos = orjson.loads(p.cuerpo)
        if datos.get("credentials") != {"id": USUARIO, "token": SECRETO} or falla is Falla.CREDENCIALES:
            return _grabada("credenciales", 401)
        if p.ruta == _SELLO:
            return self._sello(datos["document"], falla)
        ruta = re.fullmatch(r"/api/v2/documents/([0-9a-fA-F-]{36})/(cancel|sat_cfdi_enquiry)", p.ruta)
        if ruta is None or p.metodo != "PUT":
            return Salida(b'{"message":"Not Found"}', 404)
        if ruta[2] == "sat_cfdi_enquiry":
            return _json({"estado": self.estado(ruta[1]), "es_cancelable": "Cancelable sin aceptación",
                          "estatus_cancelacion": ""})  # fmt: skip
        codigo = self.cancelar(ruta[1], datos["issuer"]["rfc"])
        if codigo not in ("201", "202"):
            return _json({"message": f"{codigo} - El UUID no existe"}, 400)
        recibo = acuse(ruta[1], codigo, datos["issuer"]["rfc"])
        return _json({"status": "canceled", "code": codigo, "acuse": recibo})

    def _sello(self, documento: dict[str, Any], falla: Falla | None) -> Salida:
        if falla in (Falla.RECHAZAR, Falla.SIN_SALDO):
            return _grabada(falla.value, 400)
        xml = base64.b64decode(documento["content"])
        if es_retencion(xml) or not documento["type"].startswith("application/vnd.diverza.cfdi_4.0"):
            return _json({"message": "301 - El documento no es un CFDI"}, 400)
        timbre, _ = self.timbrar(xml, falla, self._ref(documento.get("ref-id")))
        if falla is Falla.REPETIDO_SIN_XML:
            return _json({"uuid": str(timbre.uuid)})
        return _json({"uuid": str(timbre.uuid), "content": base64.b64encode(timbre.documento).decode()})

    def _retencion(self, p: Peticion, falla: Falla | None) -> Salida:
        if p.cabeceras.get("x-auth-token") != SECRETO or falla is Falla.CREDENCIALES:
            return _grabada("credenciales", 401)
        if falla in (Falla.RECHAZAR, Falla.SIN_SALDO):
            return _grabada(falla.value, 400)
        if not es_retencion(p.cuerpo) or "retencion" not in p.cabeceras["content-type"]:
            return _json({"message": "301 - El documento no es de retenciones"}, 400)
        timbre, _ = self.timbrar(p.cuerpo, falla, self._ref(p.cabeceras.get("x-refid")))
        return Salida(timbre.tfd.encode(), tipo="text/xml; charset=utf-8")

    def _ref(self, ref: str | None) -> str:
        return ref or f"sin RefID {len(self.peticiones)}"


def _grabada(nombre: str, estado: int) -> Salida:
    return Salida(grabadas("diverza")[nombre]["cuerpo"].encode(), estado)


def _json(datos: dict[str, Any], estado: int = 200) -> Salida:
    return Salida(orjson.dumps(datos), estado)
