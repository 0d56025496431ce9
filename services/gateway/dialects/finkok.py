"""Finkok's SOAP services: `username` is the CTI's id, `password` its password or key.

A repeated stamping gets the same success body as the first, with `CodEstatus` "Comprobante timbrado
previamente": its clients take the XML from there, and loop or fail on a 307 among the Incidencias.
`<Incidencias/>` is always there. What has not failed for good (pendiente, no_disponible) is an Incidencia
708, Finkok's "no se pudo conectar al SAT", after which its clients send the same document again.
A message that is not SOAP, or asks for what we don't serve, gets a soap:Fault.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from uuid import UUID

from lxml import etree

from services.gateway.batcher import Batcher
from services.gateway.dialects import csd, soap, xml
from services.gateway.dialects.finkok_respuestas import SATISFACTORIO, acuse, ahora, cancelaciones, intentar
from services.gateway.dialects.finkok_wsdl import SERVICIOS, wsdl
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
    CONSULTAR_SALDO_CTI,
    CONSULTAR_TIMBRADO,
    RECUPERAR_TIMBRADO,
    Cancelacion,
    ConsultarEstado,
    ConsultarSaldoCti,
    ConsultarTimbrado,
    EstadoDeTimbrado,
    ResultadoDeTimbrado,
    SolicitudDeTimbrado,
)
from shared.errors import Codigo, DomainError, campo_invalido, cfdi_invalido
from shared.messaging.rpc_client import RpcClient

_XML = "text/xml; charset=utf-8"
Operacion = Callable[[soap.Llamada, Peticion], str]


class Finkok(Dialecto):
    """One of its services: GET gives the WSDL, POST serves its operations."""

    def __init__(self, servicio: str, batcher: Batcher, cliente: RpcClient) -> None:
        self._ruta = servicio
        self._servicio = SERVICIOS[servicio]
        self._batcher = batcher
        self._cliente = cliente
        self._operaciones: dict[str, Operacion] = {
            "stamp": self._timbrar,
            "quick_stamp": self._timbrar,
            "stamped": self._recuperar,
            "sign_stamp": self._sellar,
            "query_pending": self._pendiente,
            "cancel": self._cancelar,
            "cancel_signature": self._cancelar_firmada,
            "sign_cancel": self._cancelar_con_csd_guardado,
            "get_receipt": self._acuse,
            "get_sat_status": self._estado,
            "datetime": self._fecha,
            "get_xml": self._xml,
        }

    def atender(self, peticion: Peticion) -> Respuesta:
        """The WSDL, or one operation."""
        if peticion.metodo == "GET":
            return Respuesta(wsdl(self._ruta, peticion.base()), _XML)
        try:
            llamada = soap.abrir(peticion.cuerpo)
        except soap.SobreInvalido as exc:
            return Respuesta(soap.falla("Client", f"{exc} Consulte el WSDL de este servicio."), _XML, 500)
        if llamada.operacion not in self._servicio.operaciones:
            detalle = (
                f"Este servicio no ofrece la operación {llamada.operacion[:60]}."
                f" Ofrece: {', '.join(self._servicio.operaciones)}."
            )
            return Respuesta(soap.falla("Client", detalle), _XML, 500)
        resultado = self._operaciones[llamada.operacion](llamada, peticion)
        return Respuesta(soap.sobre(llamada.operacion, self._servicio.ns, resultado), _XML)

    def fallo(self, error: DomainError) -> Respuesta:
        """What no operation's result has room for."""
        quien = "Server" if error.code in (*REPETIBLES, Codigo.ERROR_INTERNO) else "Client"
        return Respuesta(soap.falla(quien, error.detail), _XML, 500)

    # -- stamping ------------------------------------------------------------------------------------

    def _timbrar(self, ll: soap.Llamada, p: Peticion) -> str:
        return acuse(lambda: timbrar(self._batcher, self._cliente, _solicitud(ll, p)))

    def _recuperar(self, ll: soap.Llamada, p: Peticion) -> str:
        return acuse(lambda: self._cliente.llamar(RECUPERAR_TIMBRADO, _solicitud(ll, p)), SATISFACTORIO)

    def _sellar(self, _ll: soap.Llamada, _p: Peticion) -> str:
        def negar() -> ResultadoDeTimbrado:
            raise sin_csd("Selle el comprobante en su sistema y use stamp.")

        return acuse(negar)

    def _pendiente(self, ll: soap.Llamada, _p: Peticion) -> str:
        """Everything that we stamped has been sent to the SAT by the PAC that stamped it: status F, finished."""
        uuid = ll.campos.get("uuid", "")
        hallado, error = intentar(lambda: self._consultar(ll, uuid))
        e = soap.elemento
        if hallado is None:
            return e("status", "") + e("uuid", uuid) + e("error", error) + e("date", ahora())
        timbre = xml.timbre_de(hallado.xml or "")
        return (
            e("status", "F") + e("xml", hallado.xml) + e("uuid", timbre.uuid) + e("uuid_status", "S")
            + e("attempts", "1") + e("error", "") + e("date", timbre.fecha)
        )  # fmt: skip

    # -- cancellation ----------------------------------------------------------------------------------

    def _cancelar(self, ll: soap.Llamada, p: Peticion) -> str:
        def hacer() -> list[Cancelacion]:
            quien = _quien(ll)
            folios = _folios(ll.nodos.get("UUIDS"))
            firma = csd.firma_de(
                solicitud=None,
                certificado=ll.campos.get("cer"),
                llave=ll.campos.get("key"),
                # Finkok has the key encrypted anew with the account's password.
                contrasena=quien[1],
                como="Envíe cer y key, o use cancel_signature con la solicitud firmada.",
            )
            return [self._cancelar_uno(quien, f, firma, p) for f in folios]

        return cancelaciones(hacer, ll.campos.get("taxpayer_id", ""))

    def _cancelar_firmada(self, ll: soap.Llamada, p: Peticion) -> str:
        rfc: list[str] = [""]

        def hacer() -> list[Cancelacion]:
            quien = _quien(ll)
            solicitud = csd.solicitud_de(_base64(ll, "xml"))
            rfc[0] = solicitud.rfc
            return [self._cancelar_uno(quien, f, solicitud.firma, p) for f in solicitud.folios]

        return cancelaciones(hacer, rfc)

    def _cancelar_con_csd_guardado(self, ll: soap.Llamada, _p: Peticion) -> str:
        def negar() -> list[Cancelacion]:
            raise sin_csd("Use cancel con cer y key, o cancel_signature con la solicitud firmada.")

        return cancelaciones(negar, ll.campos.get("taxpayer_id", ""))

    def _cancelar_uno(
        self, quien: tuple[str, str], folio: csd.Folio, firma: csd.Firma, p: Peticion
    ) -> Cancelacion:
        return csd.cancelar(self._cliente, quien, folio.uuid, folio.motivo, folio.sustituye, firma, p.ip)

    def _acuse(self, ll: soap.Llamada, p: Peticion) -> str:
        def buscar() -> str:
            cancelacion = self._consultar_estado(ll, p).cancelacion
            if cancelacion is None or not cancelacion.acuse:
                raise DomainError(
                    Codigo.NO_ENCONTRADO, "Ese comprobante no tiene acuse de cancelación todavía."
                )
            return cancelacion.acuse

        recibo, error = intentar(buscar)
        e = soap.elemento
        return (
            e("uuid", ll.campos.get("uuid")) + e("success", "true" if recibo else "false") + e("receipt", recibo)
            + e("taxpayer_id", ll.campos.get("taxpayer_id")) + e("error", error) + e("date", ahora())
        )  # fmt: skip

    def _estado(self, ll: soap.Llamada, p: Peticion) -> str:
        estado, error = intentar(lambda: self._consultar_estado(ll, p))
        e = soap.elemento
        if estado is None:
            return e("error", error)
        codigo = estado.codigo or (
            "N - 602: Comprobante no encontrado."
            if estado.estado == "No Encontrado"
            else "S - Comprobante obtenido satisfactoriamente."
        )
        sat = (
            e("EsCancelable", estado.es_cancelable) + e("CodigoEstatus", codigo) + e("Estado", estado.estado)
            + e("EstatusCancelacion", estado.estatus_cancelacion)
        )  # fmt: skip
        return f"{e('error', '')}<s0:sat>{sat}</s0:sat>"

    # -- utilities -----------------------------------------------------------------------------------

    def _fecha(self, ll: soap.Llamada, p: Peticion) -> str:
        def preguntar() -> str:
            cti, contrasena = _quien(ll)
            self._cliente.llamar(
                CONSULTAR_SALDO_CTI, ConsultarSaldoCti(cti=cti, contrasena=contrasena, ip=p.ip)
            )
            return ahora()

        momento, error = intentar(preguntar)
        return soap.elemento("datetime", momento) + soap.elemento("error", error)

    def _xml(self, ll: soap.Llamada, _p: Peticion) -> str:
        hallado, error = intentar(lambda: self._consultar(ll, ll.campos.get("uuid", "")))
        return soap.elemento("xml", hallado.xml if hallado else "") + soap.elemento("error", error)

    # -- steps ---------------------------------------------------------------------------------------

    def _consultar(self, ll: soap.Llamada, uuid: str) -> ResultadoDeTimbrado:
        cti, contrasena = _quien(ll)
        return self._cliente.llamar(
            CONSULTAR_TIMBRADO,
            ConsultarTimbrado(cti=cti, contrasena=contrasena, uuid_o_idd=str(csd.uuid_de(uuid))),
        )

    def _consultar_estado(self, ll: soap.Llamada, p: Peticion) -> EstadoDeTimbrado:
        cti, contrasena = _quien(ll)
        uuid = csd.uuid_de(ll.campos.get("uuid"))
        return self._cliente.llamar(
            CONSULTAR_ESTADO, ConsultarEstado(cti=cti, contrasena=contrasena, uuid=uuid, ip=p.ip)
        )


def rutas(batcher: Batcher, cliente: RpcClient) -> dict[tuple[str, str], Finkok]:
    """Each service under its WSDL's address and without `.wsdl`, where its SOAP address points."""
    todas = {}
    for nombre in SERVICIOS:
        servicio = Finkok(nombre, batcher, cliente)
        for final in (".wsdl", ""):
            for metodo in ("GET", "POST"):
                todas[metodo, f"/servicios/soap/{nombre}{final}"] = servicio
    return todas


def _folios(nodo: etree._Element | None) -> list[csd.Folio]:
    """`<UUID UUID= Motivo= FolioSustitucion=/>`; the form without reason of before 2022 is refused for lacking it."""
    folios: list[csd.Folio] = []
    for n in nodo.iter() if nodo is not None else ():
        if xml.local(n) == "UUID" and n.get("UUID"):
            sustituye: UUID | None = (
                csd.uuid_de(n.get("FolioSustitucion")) if n.get("FolioSustitucion") else None
            )
            folios.append(csd.Folio(csd.uuid_de(n.get("UUID")), csd.motivo_de(n.get("Motivo")), sustituye))
        elif xml.local(n) == "string" and (n.text or "").strip():
            csd.motivo_de(None)
    if not 0 < len(folios) <= csd.FOLIOS_MAXIMO:
        raise campo_invalido(
            "UUIDS",
            f"Indique en UUIDS de 1 a {csd.FOLIOS_MAXIMO} elementos UUID con sus atributos UUID y Motivo.",
        )
    return folios


def _quien(ll: soap.Llamada) -> tuple[str, str]:
    return credencial(ll.campos.get("username"), ll.campos.get("password"))


def _solicitud(ll: soap.Llamada, p: Peticion) -> SolicitudDeTimbrado:
    cti, contrasena = _quien(ll)
    return SolicitudDeTimbrado(
        cti=cti,
        contrasena=contrasena,
        xml=texto_xml(_base64(ll, "xml")),
        ip=p.ip,
        aplicacion=p.aplicacion,
    )


def _base64(ll: soap.Llamada, campo: str) -> bytes:
    try:
        return base64.b64decode("".join(ll.campos.get(campo, "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise cfdi_invalido(
            "301", f"El campo {campo} no es base64. Codifique el XML y envíelo de nuevo."
        ) from None
