"""Comercio Digital (HTTP with its answer in headers). Forms as in its public PHP connector and satcfdi.

Header `codigo` 000 is success, with the stamped document as body; otherwise `errmsg` says why. A repeat is
answered with code 307 and the document.
"""

from __future__ import annotations

from typing import Final

from services.timbrado.pac.http import Respuesta, cabecera
from services.timbrado.pac.lectura import (
    Ilegible,
    acuse,
    codigo_en,
    de_cuenta,
    de_http,
    del_sat,
    en_acuse,
    es_retencion,
    no_cancelado,
    rechazo,
    repetido,
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

_DECLARACION: Final = b'<?xml version="1.0" encoding="utf-8"?>'
_EXITO: Final = "000"
_REPETIDO: Final = "307"


class ComercioDigital(PacRemoto):
    """`usuario` is the RFC of the account (Ñ is sent as @, as its service wants).

    It gives the address of its retentions' service with the account: without `urls.retenciones` in the
    configuration they go to another PAC.
    """

    tipo = "comercio_digital"
    URLS = {  # noqa: RUF012 (of the class on purpose)
        "timbrado": "https://ws.comercio-digital.mx",
        "cancelacion": "https://cancela.comercio-digital.mx",
        "retenciones": "https://ws.comercio-digital.mx",
    }

    def _timbrar_uno(self, s: Solicitud) -> Resultado:
        if es_retencion(s.xml):
            if "retenciones" not in self.cuenta.urls:
                return NoEnviado("Comercio Digital no tiene configurada la dirección de retenciones")
            servicio, ruta = "retenciones", ""
        else:
            servicio, ruta = "timbrado", "/timbre4/timbrarV5"
        cuerpo = s.xml if s.xml.lstrip(b"\xef\xbb\xbf").startswith(b"<?xml") else _DECLARACION + s.xml
        respuesta = self._pedir(servicio, "POST", ruta, cuerpo, self._cabeceras(tipo="XML"))
        malo = de_http(respuesta)
        if malo is not None:
            return malo
        codigo, mensaje = _codigo(respuesta)
        if codigo == _EXITO and "errmsg" not in respuesta.cabeceras:
            return Timbrado(timbre_de(respuesta.cuerpo), repetido=False)
        if codigo == _REPETIDO:
            if b"TimbreFiscalDigital" in respuesta.cuerpo:
                return repetido(respuesta.cuerpo)
            return Desconocido("Comercio Digital respondió 307 sin el timbre")
        if del_sat(codigo):
            return rechazo(codigo, mensaje)
        if de_cuenta(mensaje):
            return NoEnviado(f"Comercio Digital: {codigo} {mensaje[:120]}")
        return Desconocido(f"Comercio Digital: código {codigo or 'sin código'}")

    def _cancelar(self, s: SolicitudDeCancelacion) -> ResultadoDeCancelacion:
        cabeceras = self._cabeceras(tipo="reten2.0" if s.retencion else "cfdi4.0")
        cabeceras |= {"rfcr": cabecera(s.receptor), "total": cabecera(s.total)}
        if s.tipo:
            cabeceras["tipoc"] = cabecera(s.tipo)
        respuesta = self._pedir("cancelacion", "POST", "/cancela4/cancelarXml", s.xml, cabeceras)
        malo = de_http(respuesta)
        if malo is not None:
            return malo
        codigo, mensaje = _codigo(respuesta)
        if codigo == _EXITO:
            estatus = en_acuse(respuesta.cuerpo, s.uuid)
            if estatus is None:
                return Desconocido("el acuse no trae el UUID")
            return acuse(estatus, "", respuesta.cuerpo)
        return no_cancelado("Comercio Digital", codigo, mensaje)

    def _cabeceras(self, *, tipo: str) -> dict[str, str]:
        return {
            "Content-Type": "text/plain",
            "usrws": cabecera(self.cuenta.usuario.replace("Ñ", "@")),
            "pwdws": cabecera(self.cuenta.secreto),
            "tipo": tipo,
        }


def _codigo(respuesta: Respuesta) -> tuple[str, str]:
    """Code and message of the headers; the code of the matrix is in the message, where it has one."""
    if "codigo" not in respuesta.cabeceras:
        raise Ilegible("respuesta sin código")
    codigo = respuesta.cabeceras["codigo"].split("|")[0].strip()
    mensaje = respuesta.cabeceras.get("errmsg", "").encode("latin-1", "replace").decode("utf-8", "replace")
    propio = codigo_en(mensaje)
    return (propio if propio.startswith("CFDI") else codigo), mensaje
