"""Induxsoft's JSON dialect, to the letter of its published documentation (github.com/Induxsoft/ws-api-doc).

`POST /comprobantes/timbrar/` with `{cti, pwd, xml, idd?, nb64?}` always answers HTTP 200 with
`{success: true, data: {uuid, xml, idd, tpo}}` or `{success: false, message}`. With `nb64` true the XML is
a JSON string both ways; otherwise it is base64 of UTF-8, and the answer carries a BOM. Bodies may also be
form-encoded, as its PHP examples send them. Its client reads messages of the form
`…|token|action|message`: `continue` = wait 3 s and send again with the token, `break` = stop. A stamping
repeats for free, so the token is only given back, never kept.

Its users sign in with a perfil to download and to cancel; here the CTI's id and password do (`cti` or `uid`,
and `pwd`). It cancels with a CSD that it keeps; we keep none, so the request brings its own: `cer`, `key`
(base64) and `kpw`, or `sol`, a Cancelacion that the issuer signed.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

import orjson

from services.gateway.batcher import Batcher
from services.gateway.dialects import csd, xml
from services.gateway.dialects.protocolo import (
    REPETIBLES,
    Dialecto,
    Peticion,
    Respuesta,
    credencial,
    sin_csd,
    texto_xml,
    timbrar,
)
from shared.contracts.timbrado import (
    CONSULTAR_ESTADO,
    CONSULTAR_TIMBRADO,
    ConsultarEstado,
    ConsultarTimbrado,
    ResultadoDeTimbrado,
    SolicitudDeTimbrado,
)
from shared.errors import Codigo, DomainError, campo_invalido, cfdi_invalido
from shared.messaging.rpc_client import RpcClient

Datos = dict[str, Any]

BOM = b"\xef\xbb\xbf"
_JSON = "application/json; charset=utf-8"
#: Receipts that one call may ask for: each is a question to timbrado.
ACUSES_MAXIMO = 20


class Induxsoft(Dialecto):
    """One call of the dialect: reads the body, answers always 200."""

    def __init__(self, accion: Callable[[Datos, Peticion], Respuesta]) -> None:
        self._accion = accion

    def atender(self, peticion: Peticion) -> Respuesta:
        """Do what this path is for."""
        datos = _leer(peticion)
        try:
            return self._accion(datos, peticion)
        except DomainError as exc:
            return _fracaso(mensaje(exc, datos.get("token")))

    def fallo(self, error: DomainError) -> Respuesta:
        """An error before the body could be understood."""
        return _fracaso(mensaje(error, None))


def rutas(batcher: Batcher, cliente: RpcClient) -> dict[tuple[str, str], Induxsoft]:
    """Every path of the dialect, with and without its last slash."""
    acciones = _Acciones(batcher, cliente)
    caminos: dict[str, Callable[[Datos, Peticion], Respuesta]] = {
        "/comprobantes/timbrar": acciones.timbrar,
        "/cfdi/timbrado": acciones.timbrar,
        "/cr/timbrado": acciones.timbrar,
        "/comprobantes/sellar-timbrar": acciones.sellar,
        "/comprobantes/sellar-y-timbrar": acciones.sellar,
        "/cfdi/sellado": acciones.sellar,
        "/cr/sellado": acciones.sellar,
        "/comprobantes/descargar": acciones.descargar,
        "/cfdi/descargar": acciones.descargar,
        "/cr/descargar": acciones.descargar,
        "/comprobantes/cancelaciones/solicitar": acciones.cancelar,
        "/cfdi/cancelacion": acciones.cancelar,
        "/cfdi/cancelacion/4.0": acciones.cancelar,
        "/cr/cancelacion": acciones.cancelar,
        "/comprobantes/cancelaciones/acuses": acciones.acuses,
    }
    return {
        ("POST", camino + final): Induxsoft(accion)
        for camino, accion in caminos.items()
        for final in ("", "/")
    }


class _Acciones:
    def __init__(self, batcher: Batcher, cliente: RpcClient) -> None:
        self._batcher = batcher
        self._cliente = cliente

    def timbrar(self, datos: Datos, peticion: Peticion) -> Respuesta:
        """Stamp."""
        if _si(datos.get("just-seal")):
            raise sin_csd("Envíe el comprobante ya sellado, sin just-seal.")
        plano = _si(datos.get("nb64"))
        cti, contrasena = _credencial(datos)
        idd = datos.get("idd")
        resultado = timbrar(
            self._batcher,
            self._cliente,
            SolicitudDeTimbrado(
                cti=cti,
                contrasena=contrasena,
                xml=_xml_de(_texto(datos, "xml"), plano),
                idd=None if idd in (None, "") else str(idd),
                ip=peticion.ip,
                aplicacion=_opcional(datos, "aplicacion") or peticion.aplicacion,
            ),
        )
        return _exito(_documento(resultado, plano))

    def sellar(self, _datos: Datos, _peticion: Peticion) -> Respuesta:
        """Seal and stamp: needs a CSD of the issuer that we would have to keep."""
        raise sin_csd("Selle el comprobante en su sistema y envíelo a /comprobantes/timbrar/.")

    def descargar(self, datos: Datos, _peticion: Peticion) -> Respuesta:
        """A CFDI stamped before, by its UUID or idd, in the form that `res` asks for."""
        forma = str(datos.get("res") or ("xmljsn" if _si(datos.get("nb64")) else "xmlb64")).lower()
        crudo = forma in ("xmltxt", "xmlraw")
        if not crudo and forma not in ("xmljsn", "xmlb64"):
            raise campo_invalido(
                "res", "Este servicio entrega el XML: use xmlb64, xmljsn, xmltxt o xmlraw en el campo res."
            )
        try:
            hallado = self._buscar(datos)
        except DomainError as exc:
            if not crudo:
                raise
            pagina = (
                f"<!doctype html><html lang='es'><meta charset='utf-8'><p>{xml.texto(exc.detail)}</p></html>"
            )
            return Respuesta(pagina.encode(), "text/html; charset=utf-8")
        if crudo:
            tipo = "text/xml; charset=utf-8" if forma == "xmltxt" else "application/octet-stream"
            return Respuesta((hallado.xml or "").encode(), tipo)
        documento = _documento(hallado, forma == "xmljsn")
        return _exito({"content": documento["xml"], **documento})

    def cancelar(self, datos: Datos, peticion: Peticion) -> Respuesta:
        """Cancel. `data` is null, as documented; whether the receiver has still to accept is told by the state."""
        cti, contrasena = _credencial(datos)
        uuid, motivo = _uuid(datos, "uuid"), str(datos.get("motivo") or "")
        sustituye = _uuid(datos, "frel") if datos.get("frel") else None
        firma = csd.firma_de(
            solicitud=_opcional(datos, "sol"),
            certificado=_opcional(datos, "cer"),
            llave=_opcional(datos, "key"),
            contrasena=_opcional(datos, "kpw"),
            como="Agregue cer, key y kpw (su CSD en base64 y la contraseña de la llave), o sol (la solicitud firmada).",
        )
        hecha = csd.cancelar(
            self._cliente, (cti, contrasena), uuid, csd.motivo_de(motivo), sustituye, firma, peticion.ip
        )
        if hecha.estado == "rechazada":
            raise DomainError(Codigo.PAC_RECHAZO, csd.por_que(hecha))
        if hecha.estado == "solicitada":
            raise csd.en_camino()
        return _exito(None)

    def acuses(self, datos: Datos, peticion: Peticion) -> Respuesta:
        """Receipts of cancellation of one or more UUIDs, by commas."""
        cti, contrasena = _credencial(datos)
        pedidos = [u.strip() for u in str(datos.get("uuid") or "").split(",") if u.strip()]
        if not 0 < len(pedidos) <= ACUSES_MAXIMO:
            raise campo_invalido("uuid", f"Indique de 1 a {ACUSES_MAXIMO} UUID separados por comas.")
        acuses = []
        for pedido in pedidos:
            uuid = _uuid({"uuid": pedido}, "uuid")
            estado = self._cliente.llamar(
                CONSULTAR_ESTADO, ConsultarEstado(cti=cti, contrasena=contrasena, uuid=uuid, ip=peticion.ip)
            )
            acuse = estado.cancelacion.acuse if estado.cancelacion is not None else None
            if not acuse:
                raise DomainError(
                    Codigo.NO_ENCONTRADO, f"El comprobante {pedido} no tiene acuse de cancelación todavía."
                )
            acuses.append({pedido: acuse})
        return _exito(acuses)

    def _buscar(self, datos: Datos) -> ResultadoDeTimbrado:
        cti, contrasena = _credencial(datos)
        clave = next((v for c in ("uuid", "doc", "idd") if isinstance(v := datos.get(c), str) and v), None)
        if clave is None:
            raise campo_invalido("uuid", "Indique el uuid o el idd del comprobante.")
        return self._cliente.llamar(
            CONSULTAR_TIMBRADO, ConsultarTimbrado(cti=cti, contrasena=contrasena, uuid_o_idd=clave)
        )


def mensaje(exc: DomainError, token: object) -> str:
    """An error as its client reads it: plain, or with what to do where that is not to stop."""
    propio = token if isinstance(token, str) and token and "|" not in token and len(token) <= 200 else None
    detalle = exc.detail.replace("|", "/")
    if exc.code in REPETIBLES:
        return f"|{propio or uuid4()}|continue|{detalle}"
    return f"|{propio}|break|{detalle}" if propio else detalle


def _exito(data: object) -> Respuesta:
    return Respuesta(orjson.dumps({"success": True, "data": data}), _JSON)


def _fracaso(message: str) -> Respuesta:
    return Respuesta(orjson.dumps({"success": False, "message": message}), _JSON)


def _documento(r: ResultadoDeTimbrado, plano: bool) -> dict[str, Any]:
    crudo = (r.xml or "").encode().removeprefix(BOM)
    return {
        "uuid": str(r.uuid).upper(),
        "xml": crudo.decode() if plano else base64.b64encode(BOM + crudo).decode(),
        "idd": r.idd or str(r.uuid).upper(),
        "tpo": "cr" if xml.raiz_de(crudo[:4096].decode(errors="ignore")) == "Retenciones" else "cfdi",
    }


def _xml_de(valor: str, plano: bool) -> str:
    if plano:
        return valor.removeprefix("\ufeff")
    try:
        return texto_xml(base64.b64decode(valor, validate=True))
    except ValueError:  # also of text that is not ASCII
        raise cfdi_invalido(
            "301", "El campo xml no es base64 de un documento UTF-8. Revise la codificación o use nb64."
        ) from None


def _leer(peticion: Peticion) -> Datos:
    if peticion.tipo.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
        return dict(parse_qsl(peticion.cuerpo.decode(errors="replace"), keep_blank_values=True))
    try:
        datos = orjson.loads(peticion.cuerpo.removeprefix(BOM))
    except orjson.JSONDecodeError:
        datos = None
    if not isinstance(datos, dict):
        raise DomainError(Codigo.DATOS_INVALIDOS, "La petición no es un objeto JSON válido.")
    return datos


def _credencial(datos: Datos) -> tuple[str, str]:
    cti = datos.get("cti") or datos.get("uid")
    for campo, valor in (("cti", cti), ("pwd", datos.get("pwd"))):
        if not isinstance(valor, str) or not valor:
            raise campo_invalido(campo, f"Falta el campo {campo}.")
    return credencial(str(cti), str(datos["pwd"]))


def _texto(datos: Datos, campo: str) -> str:
    valor = datos.get(campo)
    if not isinstance(valor, str) or not valor:
        raise campo_invalido(campo, f"Falta el campo {campo}.")
    return valor


def _opcional(datos: Datos, campo: str) -> str | None:
    valor = datos.get(campo)
    return valor if isinstance(valor, str) and valor else None


def _uuid(datos: Datos, campo: str) -> UUID:
    try:
        return UUID(str(datos.get(campo)))
    except ValueError:
        raise campo_invalido(campo, f"El campo {campo} debe ser el UUID de un comprobante.") from None


def _si(valor: object) -> bool:
    return valor is True or (isinstance(valor, str | int) and str(valor).lower() in ("true", "1"))
