"""Stamped documents as their owners look them up: one with its XML, and lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import Rpc, Vacio
from shared.contracts.timbrado.cancelaciones import Cancelacion, EstadoDeTimbrado

ESTADOS = ("pendiente", "timbrado", "rechazado", "cancelado")


@dataclass(frozen=True, kw_only=True)
class ConsultarComprobante:
    """A document that this CTI stamped, by its UUID or by the caller's idd."""

    cti: str
    contrasena: str = field(repr=False)
    uuid_o_idd: str
    ip: str | None = None


@dataclass(frozen=True, kw_only=True)
class ObtenerComprobante:
    """A document stamped by a CTI of this CM."""

    cuenta_id: UUID
    uuid: UUID


@dataclass(frozen=True, kw_only=True)
class Comprobante:
    """A stamped document. `xml` has its TFD. `cancelacion`: its latest request, whatever became of it."""

    uuid: UUID
    idd: str
    tipo: str
    emisor: str
    receptor: str
    total: Decimal
    pac: str
    timbrado_en: datetime
    xml: str = field(repr=False)
    cancelacion: Cancelacion | None = None


@dataclass(frozen=True, kw_only=True)
class ListarTimbrados:
    """A CTI's documents, newest first. `desde` and `hasta` (excluded) are of when they were sent to stamp."""

    cuenta_id: UUID
    cti: str
    desde: datetime | None = None
    hasta: datetime | None = None
    emisor: str | None = None
    receptor: str | None = None
    estado: str | None = field(
        default=None,
        metadata={"validate": validate.OneOf(ESTADOS, error=f"Use uno de: {', '.join(ESTADOS)}.")},
    )
    uuid: UUID | None = None
    idd: str | None = None
    limite: int = field(default=50, metadata={"validate": validate.Range(min=1, max=200)})
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class TimbradoEnLista:
    """One line. `estado` as `ListarTimbrados.estado`; `cancelacion`: state of its live request, if any."""

    id: UUID
    uuid: UUID | None = None
    idd: str | None = None
    estado: str
    cancelacion: str | None = None
    emisor: str
    receptor: str
    tipo: str
    total: Decimal
    pac: str
    rechazo: str | None = None
    creado_en: datetime
    terminado_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class PaginaTimbrados:
    datos: list[TimbradoEnLista]
    siguiente: str | None = None


@dataclass(frozen=True, kw_only=True)
class ResponderCancelacion:
    """Play the receiver at the sandbox's SAT: accept or refuse a cancellation under way."""

    uuid: UUID
    aceptada: bool


CONSULTAR_COMPROBANTE = Rpc("timbrado", "consultar_comprobante_v1", ConsultarComprobante, Comprobante)
OBTENER_COMPROBANTE = Rpc("timbrado", "obtener_comprobante_v1", ObtenerComprobante, Comprobante)
OBTENER_ESTADO = Rpc("timbrado", "obtener_estado_v1", ObtenerComprobante, EstadoDeTimbrado, plazo=14.0)
LISTAR_TIMBRADOS = Rpc("timbrado", "listar_timbrados_v1", ListarTimbrados, PaginaTimbrados)
RESPONDER_CANCELACION = Rpc("timbrado", "responder_cancelacion_v1", ResponderCancelacion, Vacio)
