"""The signed request of a cancellation: the caller's own once it was checked, or made here with its CSD."""

from __future__ import annotations

from datetime import datetime

from services.timbrado.cfdi import cancelacion as solicitudes
from services.timbrado.cfdi.certificados import Confianza
from services.timbrado.domain.cancelacion import TimbradoPorCancelar
from services.timbrado.pac.protocolo import Csd
from shared.contracts import timbrado as c
from shared.errors import campo_invalido


def firmada(
    p: c.CancelarTimbrado, d: TimbradoPorCancelar, csd: Csd | None, confianza: Confianza, ahora: datetime
) -> bytes:
    """The signed XML of this very cancellation; some milliseconds of CPU. Raises `datos_invalidos`."""
    pedido = solicitudes.Folio(p.uuid, p.motivo, p.sustituye, d.emisor, d.retencion)
    if csd is not None:
        return _firmar(csd, pedido, confianza, ahora)
    xml = solicitudes.de_base64("solicitud", p.solicitud or "")
    _comprobar(xml, pedido, confianza, ahora)
    return xml


def csd_de(p: c.CancelarTimbrado) -> Csd | None:
    """The CSD of the request, or None when it is signed already. One of both, whole. Raises `datos_invalidos`."""
    partes = {"certificado": p.certificado, "llave": p.llave, "contrasena_llave": p.contrasena_llave}
    faltan = [nombre for nombre, valor in partes.items() if not valor]
    if p.solicitud:
        if len(faltan) < len(partes):
            raise campo_invalido(
                "solicitud",
                "Envíe la solicitud firmada o el CSD para firmarla, no ambos. Quite uno de los dos.",
            )
        return None
    if faltan:
        raise campo_invalido(
            faltan[0],
            "Para cancelar envíe el CSD del emisor (certificado, llave y contrasena_llave; los archivos en base64), "
            "o bien «solicitud», la Cancelacion del SAT firmada por usted.",
        )
    return Csd(
        solicitudes.de_base64("certificado", p.certificado or ""),
        solicitudes.de_base64("llave", p.llave or ""),
        p.contrasena_llave or "",
    )


def _firmar(csd: Csd, pedido: solicitudes.Folio, confianza: Confianza, ahora: datetime) -> bytes:
    firmante = solicitudes.abrir(csd.certificado, csd.llave, csd.contrasena)
    solicitudes.comprobar_firmante("certificado", firmante.certificado, pedido.emisor, confianza, ahora)
    return solicitudes.construir(firmante, pedido, ahora)


def _comprobar(xml: bytes, pedido: solicitudes.Folio, confianza: Confianza, ahora: datetime) -> None:
    """The caller's request is of this document, this motive and this issuer, and signed by it."""
    folio, certificado = solicitudes.leer(xml)
    if folio != pedido:
        raise solicitudes.invalida(
            "solicitud",
            "La solicitud firmada no es de este comprobante: deben coincidir el UUID, el motivo, el folio que "
            "sustituye, el RFC del emisor y el espacio de nombres (CFDI o retenciones).",
            "203",
        )
    solicitudes.comprobar_firmante("solicitud", certificado, pedido.emisor, confianza, ahora)
