"""Comercio Digital, locally: its answers are in the headers `codigo` and `errmsg`."""

from __future__ import annotations

from shared.testing.pacs.cable import Peticion, Salida
from shared.testing.pacs.servidor import (
    SECRETO,
    USUARIO,
    Falla,
    ServidorPac,
    acuse,
    es_retencion,
    grabadas,
    uuid_de_cancelacion,
)

_SELLO = "/timbre4/timbrarV5"
_RETENCION = "/reten/timbrar"
_CANCELACION = "/cancela4/cancelarXml"


class ServidorComercioDigital(ServidorPac):
    """Its retentions' path is ours: the company gives the real one with the account."""

    nombre = "comercio_digital"
    rfc = "SCD110105654"
    razon = "COMERCIO DIGITAL DE PRUEBA"

    @property
    def urls(self) -> dict[str, str]:
        return {"timbrado": self.url, "cancelacion": self.url, "retenciones": f"{self.url}{_RETENCION}"}

    def es_timbrado(self, p: Peticion) -> bool:
        return p.ruta in (_SELLO, _RETENCION)

    def atender(self, p: Peticion, falla: Falla | None) -> Salida:
        if p.metodo == "GET":
            return Salida(b"ok", tipo="text/plain")
        if falla is Falla.CREDENCIALES or (p.cabeceras.get("usrws"), p.cabeceras.get("pwdws")) != (
            USUARIO,
            SECRETO,
        ):
            return _codigo("credenciales")
        if p.ruta == _CANCELACION:
            uuid, rfc = uuid_de_cancelacion(p.cuerpo)
            return _salida("000", acuse(uuid, self.cancelar(uuid, rfc), rfc).encode())
        if p.ruta not in (_SELLO, _RETENCION):
            return Salida(b"", 404)
        if falla in (Falla.RECHAZAR, Falla.SIN_SALDO):
            return _codigo(falla.value)
        if not p.cuerpo.lstrip(b"\xef\xbb\xbf").startswith(b"<?xml") or p.cabeceras.get("tipo") != "XML":
            return _salida("301", mensaje="XML mal formado")
        if es_retencion(p.cuerpo) != (p.ruta == _RETENCION):
            return _salida("301", mensaje="XML mal formado")
        timbre, repetido = self.timbrar(p.cuerpo, falla)
        if falla is Falla.REPETIDO_SIN_XML:
            return _codigo("repetido")
        if repetido:
            return _codigo("repetido", timbre.documento)
        return Salida(
            timbre.documento, tipo="text/xml", cabeceras={"codigo": "000", "uuid": str(timbre.uuid)}
        )


def _codigo(nombre: str, cuerpo: bytes = b"") -> Salida:
    grabada = grabadas("comercio_digital")[nombre]
    return _salida(grabada["codigo"], cuerpo, grabada["mensaje"])


def _salida(codigo: str, cuerpo: bytes = b"", mensaje: str = "") -> Salida:
    cabeceras = {"codigo": codigo, **({"errmsg": mensaje} if mensaje else {})}
    return Salida(cuerpo, tipo="text/xml", cabeceras=cabeceras)
