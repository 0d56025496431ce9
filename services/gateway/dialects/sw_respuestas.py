"""The bodies of SW's answers: success, each version's fields, balances, errors."""

from __future__ import annotations

import base64
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import orjson

from services.gateway.dialects import csd, qr, xml
from services.gateway.dialects.protocolo import REPETIBLES, Respuesta
from shared.contracts.timbrado import Cancelacion, SaldoCti
from shared.errors import Codigo, DomainError
from shared.messaging.cpu import offload

_JSON = "application/json; charset=utf-8"
#: What SW says where a date lacks: .NET's first.
_SIN_FECHA = "0001-01-01T00:00:00"
_PREFIJOS = {
    Codigo.CREDENCIALES_INVALIDAS: "AU2000 - ",
    Codigo.NO_AUTENTICADO: "AU4101 - ",
}


def guid(saldo: SaldoCti) -> str:
    """Ids are GUIDs there, and its .NET client reads them as such."""
    return str(uuid5(NAMESPACE_OID, f"cti:{saldo.cti}"))


def vence(saldo: SaldoCti) -> str:
    """End of an ilimitada's year; the .NET client wants a date in any case."""
    return f"{saldo.vence_en:%Y-%m-%d}T00:00:00" if saldo.vence_en else _SIN_FECHA


def documento(cfdi: str, version: str, *, en_base64: bool) -> dict[str, Any]:
    """What each version of the answer holds of the stamped document."""
    timbre = xml.timbre_de(cfdi)

    def forma(texto: str) -> str:
        return base64.b64encode(texto.encode()).decode() if en_base64 else texto

    match version:
        case "1":
            return {"tfd": forma(timbre.tfd)}
        case "2":
            return {"tfd": forma(timbre.tfd), "cfdi": forma(cfdi)}
        case "3":
            return {"cfdi": forma(cfdi)}
    return {
        "cadenaOriginalSAT": timbre.cadena,
        "noCertificadoSAT": timbre.no_certificado_sat,
        "noCertificadoCFDI": timbre.no_certificado,
        "uuid": timbre.uuid,
        "selloSAT": timbre.sello_sat,
        "selloCFDI": timbre.sello_cfd,
        "fechaTimbrado": timbre.fecha,
        "qrCode": base64.b64encode(offload(qr.png, timbre.verificacion)).decode(),
        "cfdi": forma(cfdi),
    }


def cancelados(hechas: list[Cancelacion]) -> Respuesta:
    """The receipt, and each document's code; an error when one was refused or is not known yet."""
    data = {
        "acuse": next((h.acuse for h in hechas if h.acuse), None),
        "uuid": {str(h.uuid).upper(): h.codigo or _codigo(h) for h in hechas},
    }
    if any(h.estado == "solicitada" for h in hechas):
        raise csd.en_camino()
    rechazada = next((h for h in hechas if h.estado == "rechazada"), None)
    if rechazada is not None:
        message = csd.por_que(rechazada)
        return en_json({"message": message, "messageDetail": message, "data": data, "status": "error"}, 400)
    return exito(data)


def _codigo(h: Cancelacion) -> str:
    return "201" if h.estado in ("cancelada", "en_proceso") else "no_cancelable"


def mensaje(error: DomainError) -> str:
    """`código - texto`, with SW's own codes where its clients look for them."""
    codigo = error.datos.get("codigo_sat") or error.datos.get("codigo_sw")
    if codigo:
        return f"{codigo} - {error.detail.removeprefix(f'{codigo}: ')}"
    detalle = error.detail
    if error.code in REPETIBLES:
        detalle += " No genere otro comprobante: al enviar el mismo no se cobra de nuevo."
    return f"{_PREFIJOS.get(error.code, '')}{detalle}"


def exito(data: object) -> Respuesta:
    """`{data, status: success}`."""
    return en_json({"data": data, "status": "success"})


def en_json(cuerpo: object, http: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Respuesta:
    """An answer with a JSON body."""
    return Respuesta(orjson.dumps(cuerpo), _JSON, http, headers)
