"""What a CTI does with its stamped documents, with its credentials (HTTP Basic): download, print, ask the SAT, cancel.

GET  /v1/timbrado/{uuid_o_idd}          JSON, or by Accept the XML or its printed representation (PDF)
GET  /v1/timbrado/{uuid}/estado         what the SAT says of it
GET  /v1/timbrado/{uuid}/acuse          the SAT's acknowledgement of its cancellation (XML)
POST /v1/timbrado/{uuid}/cancelacion    200 cancelled, 202 under way, 422 `pac_rechazo` refused
"""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import marshmallow as ma
import orjson
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from services.gateway.contexto import CLAVE
from services.gateway.errors import INVALIDOS
from services.gateway.impresion.taller import taller
from services.gateway.llamante import direccion
from services.gateway.schemas import esquema_de
from services.gateway.timbrado import App, Environ, Respuesta, credenciales, leer_json, protegida
from shared.contracts import timbrado as c
from shared.contracts.base import dump, flatten
from shared.errors import Codigo, DomainError, campo_invalido, no_encontrado
from shared.messaging.rpc_client import RpcClient

JSON, XML, PDF = "application/json", "application/xml", "application/pdf"
PREFIJO = "/v1/timbrado/"
_CLAVE = re.compile(r"[\x21-\x7e]{1,200}")
_Entrada = esquema_de(c.CancelarTimbrado, "cti", "contrasena", "uuid", "ip", nombre="CancelacionEntrada")


def rutas(cliente: RpcClient) -> dict[tuple[str, str], App]:
    """`(method, beginning of the path)` → application, for the front dispatcher."""
    documentos = Documentos(cliente)
    return {("GET", PREFIJO): protegida(documentos.get), ("POST", PREFIJO): protegida(documentos.post)}


class Documentos:
    """The routes of a CTI's documents."""

    def __init__(self, cliente: RpcClient) -> None:
        self._cliente = cliente

    def get(self, environ: Environ) -> Respuesta:
        cti, contrasena = credenciales(environ)
        ruta = _ruta(environ)
        clave, _, recurso = ruta.rpartition("/")
        uuid = _uuid(clave) if recurso in ("estado", "acuse") else None
        if uuid is not None and recurso == "estado":
            return self._estado(environ, cti, contrasena, uuid)
        hallado = self._cliente.llamar(
            c.CONSULTAR_COMPROBANTE,
            c.ConsultarComprobante(
                cti=cti,
                contrasena=contrasena,
                uuid_o_idd=ruta if uuid is None else str(uuid),
                ip=direccion(environ),
            ),
        )
        return acuse(hallado) if uuid is not None else comprobante(environ, hallado)

    def _estado(self, environ: Environ, cti: str, contrasena: str, uuid: UUID) -> Respuesta:
        visto = self._cliente.llamar(
            c.CONSULTAR_ESTADO,
            c.ConsultarEstado(cti=cti, contrasena=contrasena, uuid=uuid, ip=direccion(environ)),
        )
        return Respuesta(JSON, orjson.dumps(estado_en_json(visto)))

    def post(self, environ: Environ) -> Respuesta:
        clave, _, recurso = _ruta(environ).rpartition("/")
        uuid = _uuid(clave)
        if recurso != "cancelacion" or uuid is None:
            raise no_encontrado("esa ruta, o el UUID no tiene la forma correcta")
        cti, contrasena = credenciales(environ)
        datos = self._entrada(environ)
        propia = environ.get("HTTP_IDEMPOTENCY_KEY")
        if propia is not None and not _CLAVE.fullmatch(propia):
            raise campo_invalido(CLAVE, "La clave lleva de 1 a 200 caracteres visibles, sin espacios.")
        # The document is its own key: without a header the same request is the same operation.
        clave = propia or f"{uuid}:{datos['motivo']}:{datos.get('sustituye') or ''}"
        hecha = self._cliente.llamar(
            c.CANCELAR_TIMBRADO,
            c.CancelarTimbrado(
                clave=f"{cti}:{clave}",
                cti=cti,
                contrasena=contrasena,
                uuid=uuid,
                ip=direccion(environ),
                **datos,
            ),
        )
        return _cancelada(hecha)

    def _entrada(self, environ: Environ) -> dict[str, Any]:
        crudo = leer_json(environ["wsgi.input"].read())
        try:
            datos: dict[str, Any] = _Entrada().load(crudo)
        except ma.ValidationError as exc:
            raise DomainError(Codigo.DATOS_INVALIDOS, INVALIDOS, errores=flatten(exc.messages)) from None
        return datos


def comprobante(environ: Environ, hallado: c.Comprobante) -> Respuesta:
    """A document as the caller's Accept prefers it: JSON, XML, or its printed representation."""
    aceptado = parse_accept_header(environ.get("HTTP_ACCEPT", ""), MIMEAccept)
    tipo = aceptado.best_match([JSON, XML, PDF]) or JSON
    nombre = str(hallado.uuid).upper()
    if tipo == PDF:
        pdf = taller().pdf(hallado.xml, cancelado=cancelado(hallado))
        return Respuesta(PDF, pdf, cabeceras=(_archivo(f"{nombre}.pdf"), ("Vary", "Accept")))
    if tipo == XML:
        xml = hallado.xml.encode()
        return Respuesta(
            f"{XML}; charset=utf-8", xml, cabeceras=(_archivo(f"{nombre}.xml"), ("Vary", "Accept"))
        )
    return Respuesta(
        f"{JSON}; charset=utf-8",
        orjson.dumps(
            {
                "uuid": nombre,
                "idd": hallado.idd,
                "repetido": True,
                "xml": hallado.xml,
                "cancelacion": cancelacion_en_json(hallado.cancelacion),
            }
        ),
        cabeceras=(("Vary", "Accept"),),
    )


def acuse(hallado: c.Comprobante) -> Respuesta:
    """The acknowledgement of a document's cancellation, or 404."""
    if hallado.cancelacion is None or not hallado.cancelacion.acuse:
        raise DomainError(
            Codigo.NO_ENCONTRADO,
            "El comprobante no tiene acuse de cancelación. Pida su cancelación, o espere a que el SAT responda.",
        )
    nombre = f"acuse-{str(hallado.uuid).upper()}.xml"
    return Respuesta(
        f"{XML}; charset=utf-8", hallado.cancelacion.acuse.encode(), cabeceras=(_archivo(nombre),)
    )


def cancelado(hallado: c.Comprobante) -> bool:
    """Whether the document counts no more."""
    return hallado.cancelacion is not None and hallado.cancelacion.estado == "cancelada"


def cancelacion_en_json(hecha: c.Cancelacion | None) -> dict[str, Any] | None:
    """A cancellation as the API shows it: folios in upper case."""
    if hecha is None:
        return None
    datos = dump(hecha)
    return {
        **datos,
        **{campo: datos[campo].upper() for campo in ("uuid", "sustituye") if datos[campo] is not None},
    }


def estado_en_json(visto: c.EstadoDeTimbrado) -> dict[str, Any]:
    """What the SAT says, with our own request beside it."""
    return {
        **dump(visto),
        "uuid": str(visto.uuid).upper(),
        "cancelacion": cancelacion_en_json(visto.cancelacion),
    }


def _cancelada(hecha: c.Cancelacion) -> Respuesta:
    datos = cancelacion_en_json(hecha)
    if hecha.estado == "rechazada":
        raise DomainError(
            Codigo.PAC_RECHAZO,
            f"{hecha.codigo}: {hecha.detalle}" if hecha.codigo else str(hecha.detalle),
            datos={"codigo_sat": hecha.codigo, "cancelacion": datos},
        )
    tipo = f"{JSON}; charset=utf-8"
    if hecha.estado == "cancelada":
        return Respuesta(tipo, orjson.dumps(datos))
    # The PAC has not answered yet, or the receiver has three business days.
    espera = "5" if hecha.estado == "solicitada" else "3600"
    return Respuesta(tipo, orjson.dumps(datos), "202 Accepted", (("Retry-After", espera),))


def _ruta(environ: Environ) -> str:
    # WSGI hands the path over as latin-1 (PEP 3333).
    ruta: str = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
    return ruta.removeprefix(PREFIJO)


def _uuid(texto: str) -> UUID | None:
    try:
        return UUID(texto)
    except ValueError:
        return None


def _archivo(nombre: str) -> tuple[str, str]:
    return "Content-Disposition", f'inline; filename="{nombre}"'
