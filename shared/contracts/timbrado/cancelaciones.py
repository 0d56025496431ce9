"""Cancellation of stamped documents, and what the SAT says of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from marshmallow import validate

from shared.contracts.base import PeticionConClave, Rpc

MOTIVO = validate.OneOf(("01", "02", "03", "04"), error="El motivo debe ser 01, 02, 03 o 04.")


@dataclass(frozen=True, kw_only=True)
class CancelarTimbrado(PeticionConClave):
    """Cancel a document that this CTI stamped.

    Signed either by the caller (`solicitud`, the SAT's signed Cancelacion, base64) or by us with the issuer's
    CSD (`certificado` and `llave` in base64 DER, `contrasena_llave`), which lives in memory for this call only.
    """

    # Secrets stay out of the stored hash of the request; what is cancelled, and why, is in it.
    NO_HASH: ClassVar[frozenset[str]] = PeticionConClave.NO_HASH | {
        "contrasena", "certificado", "llave", "contrasena_llave", "solicitud", "ip"
    }  # fmt: skip

    cti: str
    contrasena: str = field(repr=False)
    uuid: UUID
    motivo: str = field(metadata={"validate": MOTIVO})
    sustituye: UUID | None = None
    certificado: str | None = field(default=None, repr=False)
    llave: str | None = field(default=None, repr=False)
    contrasena_llave: str | None = field(default=None, repr=False)
    solicitud: str | None = field(default=None, repr=False)
    ip: str | None = None


@dataclass(frozen=True, kw_only=True)
class Cancelacion:
    """`estado`: solicitada (the PAC has not answered yet), en_proceso (the receiver has to accept), cancelada
    or rechazada. `codigo` is the SAT's (201, 202, …). `acuse` is its XML."""

    uuid: UUID
    estado: str
    motivo: str
    sustituye: UUID | None = None
    codigo: str | None = None
    detalle: str | None = None
    acuse: str | None = None
    solicitada_en: datetime
    terminada_en: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ConsultarEstado:
    """What the SAT says of a document that this CTI stamped."""

    cti: str
    contrasena: str = field(repr=False)
    uuid: UUID
    ip: str | None = None


@dataclass(frozen=True, kw_only=True)
class EstadoDeTimbrado:
    """`estado`: Vigente, Cancelado or No Encontrado, with the SAT's own words beside; `cancelacion`: ours, if asked."""

    uuid: UUID
    estado: str
    es_cancelable: str = ""
    estatus_cancelacion: str = ""
    codigo: str = ""
    cancelacion: Cancelacion | None = None


CANCELAR_TIMBRADO = Rpc(
    "timbrado",
    "cancelar_timbrado_v1",
    CancelarTimbrado,
    Cancelacion,
    cambia=True,
    plazo=14.0,
    sin_auditar="an application's own call, which moves no balance; `cancelaciones` keeps each with its acuse",
)
CONSULTAR_ESTADO = Rpc("timbrado", "consultar_estado_v1", ConsultarEstado, EstadoDeTimbrado, plazo=14.0)
