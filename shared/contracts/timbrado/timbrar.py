"""Stampings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.contracts.base import Rpc


@dataclass(frozen=True, kw_only=True)
class SolicitudDeTimbrado:
    """One CFDI or retention receipt to stamp with a CTI's credentials. `idd`: the caller's own id of it.

    `ip`: address of the application, as the gateway saw it. `aplicacion`: the proof of a registered
    application (domain: Stamping, 6), as it sent it.
    """

    cti: str
    contrasena: str = field(repr=False)
    xml: str = field(repr=False)
    idd: str | None = None
    ip: str | None = None
    aplicacion: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class LoteDeTimbrado:
    """Stampings that arrived together: one message, one transaction."""

    solicitudes: list[SolicitudDeTimbrado]


@dataclass(frozen=True, kw_only=True)
class ResultadoDeTimbrado:
    """Either `uuid` and `xml` (with its TFD), or `error` with detail and facts. `repetido`: stamped before, free."""

    uuid: UUID | None = None
    xml: str | None = None
    idd: str | None = None
    repetido: bool = False
    error: str | None = None
    detail: str | None = None
    datos: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ResultadosDeTimbrado:
    """One result per request, in the same order."""

    resultados: list[ResultadoDeTimbrado]


@dataclass(frozen=True, kw_only=True)
class ConsultarTimbrado:
    """A CFDI stamped by this CTI, by its UUID or by the caller's idd."""

    cti: str
    contrasena: str = field(repr=False)
    uuid_o_idd: str


@dataclass(frozen=True, kw_only=True)
class ConsultarSaldoCti:
    """What a CTI has left, for whoever knows its credentials; also how a dialect checks them."""

    cti: str
    contrasena: str = field(repr=False)
    ip: str | None = None


@dataclass(frozen=True, kw_only=True)
class SaldoCti:
    """Timbres that can be spent now, and those spent so far (some seconds behind). An ilimitada's `saldo` is 0.

    `vence_en`: end of an ilimitada's paid year.
    """

    cti: str
    tipo: str
    saldo: int
    utilizados: int
    vence_en: datetime | None = None


TIMBRAR_LOTE = Rpc(
    "timbrado", "timbrar_lote_v1", LoteDeTimbrado, ResultadosDeTimbrado, plazo=12.0, ocioso=True
)
CONSULTAR_TIMBRADO = Rpc("timbrado", "consultar_timbrado_v1", ConsultarTimbrado, ResultadoDeTimbrado)
VALIDAR_CFDI = Rpc("timbrado", "validar_cfdi_v1", SolicitudDeTimbrado, ResultadoDeTimbrado)
#: The earlier stamp of this very document, free; `no_encontrado` if there is none. Never stamps.
RECUPERAR_TIMBRADO = Rpc("timbrado", "recuperar_timbrado_v1", SolicitudDeTimbrado, ResultadoDeTimbrado)
CONSULTAR_SALDO_CTI = Rpc("timbrado", "consultar_saldo_cti_v1", ConsultarSaldoCti, SaldoCti)
