"""SW's REST services: `user` is the CTI's id, `password` its password or key.

A repeated stamping is an error for SW's clients, "307. El comprobante contiene un timbre previo.", whose
`data` is the same as the first time and whose `messageDetail` is the stamped CFDI as text, in base64 routes
too: Odoo takes it from there. Nothing is charged. Paths are read leniently, because SW's own clients write
`//security/authenticate` and `/cfdi33/stamp/v1//b64`. `customid` is the caller's idd.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

import orjson

from services.gateway.batcher import Batcher
from services.gateway.dialects import csd, xml
from services.gateway.dialects.protocolo import (
    Dialecto,
    Peticion,
    Respuesta,
    credencial,
    sin_csd,
    texto_xml,
    timbrar,
)
from services.gateway.dialects.sw_respuestas import (
    cancelados,
    documento,
    en_json,
    exito,
    guid,
    mensaje,
    vence,
)
from services.gateway.dialects.sw_token import TokenInvalido, Tokens
from services.gateway.errors import REINTENTAR, estado
from shared.contracts.timbrado import (
    CONSULTAR_SALDO_CTI,
    CONSULTAR_TIMBRADO,
    Cancelacion,
    ConsultarSaldoCti,
    ConsultarTimbrado,
    SaldoCti,
    SolicitudDeTimbrado,
)
from shared.errors import Codigo, DomainError, campo_invalido, cfdi_invalido
from shared.messaging.rpc_client import RpcClient

REPETIDO = "307. El comprobante contiene un timbre previo."
CUSTOMID_MAXIMO = 100

#: Refusals of the document or of the request are 400 there; the rest is our own table.
_ESTADOS = {Codigo.CFDI_INVALIDO: 400, Codigo.PAC_RECHAZO: 400, Codigo.DATOS_INVALIDOS: 400}
Accion = Callable[..., Respuesta]


class Sw(Dialecto):
    """All of SW's services that have a counterpart here; what has none says so in its form."""

    def __init__(self, batcher: Batcher, cliente: RpcClient, tokens: Tokens) -> None:
        self._batcher = batcher
        self._cliente = cliente
        self._tokens = tokens
        clase = r"(?:cfdi33|cfdi40|cfdi|retencion|retenciones)"
        self._rutas: list[tuple[str, re.Pattern[str], Accion]] = [
            (metodo, re.compile(patron, re.IGNORECASE), accion)
            for metodo, patron, accion in (
                ("POST", rf"/(?:v4/)?{clase}/stamp(?:/v(?P<v>[1-4]))?(?P<b64>/b64)?", self._timbrar),
                ("POST", r"/(?:v2/)?security/authenticate", self._autenticar),
                ("GET", r"/account/balance", self._saldo),
                ("GET", r"/management/v2/api/users/balance", self._saldo_v2),
                ("POST", rf"/{clase}/cancel/csd", self._cancelar_csd),
                ("POST", rf"/{clase}/cancel/xml", self._cancelar_xml),
                ("POST", rf"/{clase}/cancel/pfx", self._sin_pfx),
                ("POST", rf"/{clase}/cancel/[^/]+/[^/]+(?:/[^/]+){{0,2}}", self._sin_csd_guardado),
                ("POST", rf"/(?:v[34]/)?{clase}/issue(?:/.*)?", self._sin_sellado),
                ("GET", r"/datawarehouse/v1/live/(?P<uuid>[^/]+)", self._buscar),
                ("GET", r"/datawarehouse/v1/xml/(?P<enlace>[^/]+)", self._descargar),
            )
        ]

    def atender(self, peticion: Peticion) -> Respuesta:
        """Serve one of the paths above."""
        ruta = re.sub(r"/{2,}", "/", peticion.ruta).rstrip("/")
        for metodo, patron, accion in self._rutas:
            hallado = patron.fullmatch(ruta) if metodo == peticion.metodo else None
            if hallado is not None:
                return accion(peticion, **hallado.groupdict())
        raise DomainError(
            Codigo.NO_ENCONTRADO,
            "Cuenta Maestra no ofrece este servicio de SW. Consulte en /docs los que sí: autenticación, timbrado, "
            "recuperación, saldo y cancelación con CSD o con la solicitud firmada.",
        )

    def fallo(self, error: DomainError) -> Respuesta:
        """`{message, messageDetail, data, status: error}`."""
        espera = error.datos.get("reintentar_en", REINTENTAR.get(error.code))
        headers = (("Retry-After", str(espera)),) if isinstance(espera, int) else ()
        return en_json(
            {
                "message": mensaje(error),
                "messageDetail": str(error.datos.get("nodo") or error.detail),
                "data": None,
                "status": "error",
            },
            _ESTADOS.get(error.code) or estado(error),
            headers,
        )

    # -- account -------------------------------------------------------------------------------------

    def _autenticar(self, p: Peticion) -> Respuesta:
        datos = _objeto(p) if p.tipo.lower().startswith("application/json") and p.cuerpo.strip() else {}
        cti, contrasena = credencial(
            p.cabecera("user") or _texto(datos, "user"), p.cabecera("password") or _texto(datos, "password")
        )
        self._cliente.llamar(CONSULTAR_SALDO_CTI, ConsultarSaldoCti(cti=cti, contrasena=contrasena, ip=p.ip))
        token, hasta = self._tokens.emitir(cti, contrasena)
        return exito({"token": token, "expires_in": hasta, "tokeninfo": None})

    def _saldo(self, p: Peticion) -> Respuesta:
        saldo = self._saldo_de(p)
        return exito(
            {
                "idSaldoCliente": guid(saldo),
                "idClienteUsuario": guid(saldo),
                "saldoTimbres": saldo.saldo,
                "timbresUtilizados": saldo.utilizados,
                "fechaExpiracion": vence(saldo),
                "unlimited": saldo.tipo == "ilimitada",
                "timbresAsignados": saldo.saldo + saldo.utilizados,
            }
        )

    def _saldo_v2(self, p: Peticion) -> Respuesta:
        saldo = self._saldo_de(p)
        return exito(
            {
                "idUserBalance": guid(saldo),
                "idUser": guid(saldo),
                "stampsBalance": saldo.saldo,
                "stampsUsed": saldo.utilizados,
                "stampsAssigned": saldo.saldo + saldo.utilizados,
                "isUnlimited": saldo.tipo == "ilimitada",
                "unlimited": saldo.tipo == "ilimitada",
                "expirationDate": vence(saldo),
                "lastTransaction": None,
            }
        )

    def _saldo_de(self, p: Peticion) -> SaldoCti:
        cti, contrasena = self._quien(p)
        return self._cliente.llamar(
            CONSULTAR_SALDO_CTI, ConsultarSaldoCti(cti=cti, contrasena=contrasena, ip=p.ip)
        )

    # -- stamping ------------------------------------------------------------------------------------

    def _timbrar(self, p: Peticion, v: str | None, b64: str | None) -> Respuesta:
        cti, contrasena = self._quien(p)
        idd = p.cabecera("customid") or None
        if idd is not None and len(idd) > CUSTOMID_MAXIMO:
            raise campo_invalido("customid", f"customid admite hasta {CUSTOMID_MAXIMO} caracteres.")
        crudo = p.archivo("xml")
        resultado = timbrar(
            self._batcher,
            self._cliente,
            SolicitudDeTimbrado(
                cti=cti,
                contrasena=contrasena,
                xml=texto_xml(_base64(crudo, "xml") if b64 else crudo),
                idd=idd,
                ip=p.ip,
                aplicacion=p.aplicacion,
            ),
        )
        data = documento(resultado.xml or "", v or "1", en_base64=b64 is not None)
        if not resultado.repetido:
            return exito(data)
        return en_json(
            {
                "message": REPETIDO,
                "messageDetail": resultado.xml,
                "data": data,
                "status": "error",
            },
            400,
        )

    def _sin_sellado(self, p: Peticion) -> Respuesta:
        self._quien(p)
        raise sin_csd("Selle el comprobante en su sistema y envíelo a /cfdi33/stamp/v4.")

    # -- recovery ------------------------------------------------------------------------------------

    def _buscar(self, p: Peticion, uuid: str) -> Respuesta:
        cti, contrasena = self._quien(p)
        pedido = csd.uuid_de(uuid)
        hallado = self._cliente.llamar(
            CONSULTAR_TIMBRADO, ConsultarTimbrado(cti=cti, contrasena=contrasena, uuid_o_idd=str(pedido))
        )
        timbre = xml.timbre_de(hallado.xml or "")
        enlace = self._tokens.enlace(cti, contrasena, str(pedido))
        registro = {
            "uuid": timbre.uuid,
            "urlXml": f"{p.base()}/datawarehouse/v1/xml/{enlace}",
            "urlPdf": None,
            "urlAckCfdi": None,
            "fechaTimbrado": timbre.fecha,
            "emisorRfc": timbre.emisor,
            "receptorRfc": timbre.receptor,
        }
        return exito({"metadata": {"totalRecords": 1}, "records": [registro]})

    def _descargar(self, _p: Peticion, enlace: str) -> Respuesta:
        try:
            cti, contrasena, uuid = self._tokens.leer_enlace(enlace)
        except TokenInvalido:
            raise DomainError(
                Codigo.NO_ENCONTRADO,
                "Este enlace ya venció. Consulte de nuevo el comprobante para obtener otro.",
            ) from None
        hallado = self._cliente.llamar(
            CONSULTAR_TIMBRADO, ConsultarTimbrado(cti=cti, contrasena=contrasena, uuid_o_idd=uuid)
        )
        return Respuesta((hallado.xml or "").encode(), "application/xml; charset=utf-8")

    # -- cancellation ----------------------------------------------------------------------------------

    def _cancelar_csd(self, p: Peticion) -> Respuesta:
        quien = self._quien(p)
        datos = _objeto(p)
        sustituye = _texto(datos, "folioSustitucion")
        folio = csd.Folio(
            csd.uuid_de(datos.get("uuid")),
            csd.motivo_de(datos.get("motivo")),
            csd.uuid_de(sustituye) if sustituye else None,
        )
        firma = csd.firma_de(
            solicitud=None,
            certificado=_texto(datos, "b64Cer"),
            llave=_texto(datos, "b64Key"),
            contrasena=_texto(datos, "password"),
            como="Envíe b64Cer, b64Key y password.",
        )
        return cancelados([self._cancelar(quien, folio, firma, p)])

    def _cancelar_xml(self, p: Peticion) -> Respuesta:
        quien = self._quien(p)
        solicitud = csd.solicitud_de(p.archivo("xml"))
        return cancelados([self._cancelar(quien, f, solicitud.firma, p) for f in solicitud.folios])

    def _cancelar(
        self, quien: tuple[str, str], folio: csd.Folio, firma: csd.Firma, p: Peticion
    ) -> Cancelacion:
        return csd.cancelar(self._cliente, quien, folio.uuid, folio.motivo, folio.sustituye, firma, p.ip)

    def _sin_pfx(self, p: Peticion) -> Respuesta:
        self._quien(p)
        raise campo_invalido(
            "b64Pfx", "Cancele con /cfdi33/cancel/csd (b64Cer y b64Key) o con /cfdi33/cancel/xml."
        )

    def _sin_csd_guardado(self, p: Peticion) -> Respuesta:
        self._quien(p)
        raise sin_csd("Cancele con /cfdi33/cancel/csd o con /cfdi33/cancel/xml.")

    def _quien(self, p: Peticion) -> tuple[str, str]:
        esquema, _, token = (p.cabecera("Authorization") or "").strip().partition(" ")
        if esquema.lower() != "bearer" or not token.strip():
            raise DomainError(
                Codigo.NO_AUTENTICADO, "El token proporcionado viene vacío. Autentíquese para obtener uno."
            )
        try:
            return credencial(*self._tokens.leer(token.strip()))
        except TokenInvalido:
            raise DomainError(
                Codigo.NO_AUTENTICADO,
                "No fue posible validar el token. Autentíquese de nuevo para obtener otro.",
                datos={"codigo_sw": "AU4000"},
            ) from None


def rutas(batcher: Batcher, cliente: RpcClient, tokens: Tokens) -> dict[tuple[str, str], Sw]:
    """Beginnings of its paths; `*` is whatever follows (`server.py`)."""
    sw = Sw(batcher, cliente, tokens)
    raices = ("security", "v2/security", "v3", "v4", "cfdi33", "cfdi40", "cfdi", "retencion", "retenciones",
              "account", "management", "datawarehouse", "pendings", "relations", "validate", "acceptreject")  # fmt: skip
    # The empty one is `//…`, which some of its clients write.
    return {(metodo, f"/{raiz}/*"): sw for metodo in ("GET", "POST") for raiz in (*raices, "")}


def _objeto(p: Peticion) -> dict[str, Any]:
    try:
        datos = orjson.loads(p.cuerpo)
    except orjson.JSONDecodeError:
        datos = None
    if not isinstance(datos, dict):
        raise DomainError(
            Codigo.DATOS_INVALIDOS, "El cuerpo no es un objeto JSON válido. Revíselo y envíelo de nuevo."
        )
    return datos


def _texto(datos: dict[str, Any], campo: str) -> str | None:
    valor = datos.get(campo)
    return valor if isinstance(valor, str) and valor else None


def _base64(crudo: bytes, campo: str) -> bytes:
    try:
        return base64.b64decode(b"".join(crudo.split()), validate=True)
    except (binascii.Error, ValueError):
        raise cfdi_invalido(
            "301", f"El campo {campo} no es base64. Codifique el XML y envíelo de nuevo."
        ) from None
