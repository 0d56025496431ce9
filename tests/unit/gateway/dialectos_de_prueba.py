"""The dialects behind the real front, with an engine by hand: what it is asked, and what it answers, is data."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet
from werkzeug.test import Client

from services.gateway.dialects import finkok, induxsoft, sw
from services.gateway.dialects.sw_token import Tokens
from services.gateway.server import Frente
from shared.contracts import timbrado as c
from shared.errors import Codigo, DomainError, cfdi_invalido

CTI, CONTRASENA = "CTI0001001", "secreta123"
UUID_1 = UUID("5803eb8d-81cd-4557-8719-26632d2fa434")
MAXIMO = 200_000
_TFD = (
    '<tfd:TimbreFiscalDigital xmlns:tfd="http://www.sat.gob.mx/TimbreFiscalDigital" Version="1.1" UUID="{uuid}"'
    ' FechaTimbrado="2026-11-24T12:00:00" RfcProvCertif="PRU010101XX0" SelloCFD="c2VsbG9DRkQ=ABCDEFGH"'
    ' NoCertificadoSAT="99999000000000000001" SelloSAT="c2VsbG9TQVQ="/>'
)


def sellado(nombre: str = "SERVICIOS &amp; PRUEBAS", raiz: str = "Comprobante") -> str:
    """A document to stamp; `raiz` Retenciones for a CR."""
    ns = (
        "http://www.sat.gob.mx/cfd/4"
        if raiz == "Comprobante"
        else "http://www.sat.gob.mx/esquemas/retencionpago/2"
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><cfdi:{raiz} xmlns:cfdi="{ns}" NoCertificado="30001000000500003416"'
        f' Total="116.00" Sello="x"><cfdi:Emisor Rfc="EKU9003173C9" Nombre="{nombre}"/>'
        f'<cfdi:Receptor Rfc="URE180429TM6" Nombre="ÑANDÚ"/></cfdi:{raiz}>'
    )


def timbrado(xml: str, uuid: UUID = UUID_1) -> str:
    """The same with a TFD, as the engine gives it."""
    fin = xml.rindex("</cfdi:")
    return f"{xml[:fin]}<cfdi:Complemento>{_TFD.format(uuid=str(uuid).upper())}</cfdi:Complemento>{xml[fin:]}"


def cancelacion(estado: str = "cancelada", codigo: str | None = "201", **datos: Any) -> c.Cancelacion:
    return c.Cancelacion(
        uuid=UUID_1,
        estado=estado,
        motivo="02",
        codigo=codigo,
        acuse="<Acuse>&amp;</Acuse>" if estado in ("cancelada", "en_proceso") else None,
        solicitada_en=datetime(2026, 11, 24, tzinfo=UTC),
        **datos,
    )


#: Every way in which a stamping is refused: what the engine says.
RECHAZOS = {
    "contrasena": DomainError(Codigo.CREDENCIALES_INVALIDAS, "La CTI o su contraseña no son correctas."),
    "saldo": DomainError(Codigo.SALDO_INSUFICIENTE, "La CTI no tiene timbres. Compre más."),
    "bloqueada": DomainError(Codigo.CUENTA_BLOQUEADA, "La cuenta de timbrado está bloqueada."),
    "cfdi": cfdi_invalido("CFDI40102", "El sello no corresponde.", nodo="Comprobante/@Sello"),
    "pendiente": DomainError(Codigo.PENDIENTE, "El PAC no ha respondido."),
    "sin_bus": DomainError(Codigo.NO_DISPONIBLE, "El servicio timbrado no respondió."),
    "interno": RuntimeError("contraseña=secreta"),
}


@dataclass
class Motor:
    """Stands for the batcher and for the RPC client."""

    vistas: list[Any] = field(default_factory=list)
    hechos: dict[str, c.ResultadoDeTimbrado] = field(default_factory=dict)
    error: Exception | None = None
    cancelaciones: list[c.Cancelacion] = field(default_factory=lambda: [cancelacion()])

    def timbrar(self, s: c.SolicitudDeTimbrado) -> c.ResultadoDeTimbrado:
        self._ver(s)
        if "TimbreFiscalDigital" in s.xml:
            raise cfdi_invalido("307", "El comprobante ya contiene un TimbreFiscalDigital.")
        antes = self.hechos.get(s.xml)
        if antes is not None:
            return c.ResultadoDeTimbrado(uuid=antes.uuid, xml=antes.xml, idd=antes.idd, repetido=True)
        hecho = c.ResultadoDeTimbrado(uuid=UUID_1, xml=timbrado(s.xml), idd=s.idd or str(UUID_1).upper())
        self.hechos[s.xml] = hecho
        return hecho

    def llamar(self, contrato: Any, peticion: Any, plazo: float | None = None) -> Any:
        self._ver(peticion)
        match contrato:
            case c.CANCELAR_TIMBRADO:
                return self.cancelaciones.pop(0)
            case c.CONSULTAR_ESTADO:
                return c.EstadoDeTimbrado(
                    uuid=peticion.uuid,
                    estado="Cancelado",
                    es_cancelable="Cancelable sin aceptación",
                    cancelacion=cancelacion(),
                )
            case c.CONSULTAR_SALDO_CTI:
                return c.SaldoCti(cti=peticion.cti, tipo="estandar", saldo=7, utilizados=3)
            case c.CONSULTAR_TIMBRADO:
                hechos = (
                    h for h in self.hechos.values() if peticion.uuid_o_idd.lower() in (str(h.uuid), h.idd)
                )
                hallado = next(hechos, None)
            case c.RECUPERAR_TIMBRADO:
                hallado = next((h for x, h in self.hechos.items() if peticion.xml in (x, h.xml)), None)
                if hallado is not None:
                    hallado = replace(hallado, repetido=True)
            case _:
                raise AssertionError(contrato.nombre)
        if hallado is None:
            raise DomainError(Codigo.NO_ENCONTRADO, "No existe un timbre previo de este comprobante.")
        return hallado

    def _ver(self, peticion: Any) -> None:
        self.vistas.append(peticion)
        if self.error is not None:
            raise self.error
        if (peticion.cti, peticion.contrasena) != (CTI, CONTRASENA):
            raise RECHAZOS["contrasena"]


def _nada(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b""]


@dataclass
class Mundo:
    """A motor and an HTTP client of the front that stands before it."""

    motor: Motor
    http: Any
    """werkzeug's test client; its answers' JSON is whatever it is."""
    tokens: Tokens


def mundo() -> Mundo:
    motor, tokens = Motor(), Tokens([Fernet.generate_key()])
    m: Any = motor
    rutas: dict[tuple[str, str], Any] = {
        **induxsoft.rutas(m, m),
        **finkok.rutas(m, m),
        **sw.rutas(m, m, tokens),
    }
    frente = Frente(_nada, rutas, MAXIMO)

    def desde_una_direccion(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return frente({**environ, "REMOTE_ADDR": "203.0.113.7"}, start_response)

    return Mundo(motor, Client(desde_una_direccion), tokens)


def b64(texto: str | bytes) -> str:
    return base64.b64encode(texto.encode() if isinstance(texto, str) else texto).decode()
