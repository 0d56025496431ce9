"""What the pipeline asks of a PAC, whoever it is, and how far each answer can be believed.

An adapter turns a provider's protocol into one of these results per document. The distinction that matters
is whether somebody *knows*: a refusal releases the hold, what was surely never sent may go to another PAC, an
unknown outcome keeps its hold and its PAC until `consultar` tells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from services.timbrado.cfdi import tfd as timbre
from services.timbrado.cfdi.certificados import Certificado


@dataclass(frozen=True, slots=True)
class Solicitud:
    """One document to stamp, already validated."""

    huella: bytes
    """Identity of the invoice (`CfdiValido.huella`)."""
    xml: bytes = field(repr=False)
    sello: str = field(repr=False)
    emisor: str
    no_certificado: str
    receptor: str = ""
    total: str = ""


@dataclass(frozen=True, slots=True)
class Timbrado:
    """The PAC stamped it. `repetido`: it had done so before, and this is that first stamp."""

    tfd: bytes = field(repr=False)
    repetido: bool


@dataclass(frozen=True, slots=True)
class Rechazado:
    """The PAC refused it for certain: no stamp exists. `mensaje` is Spanish, for the caller."""

    codigo: str
    mensaje: str


@dataclass(frozen=True, slots=True)
class Desconocido:
    """Timeout, cut or garbage: a stamp may exist. Ask `consultar` before anything else."""

    motivo: str


@dataclass(frozen=True, slots=True)
class NoEncontrado:
    """Only from `consultar`: the PAC knows of no stamp for this document."""


@dataclass(frozen=True, slots=True)
class NoEnviado:
    """Surely no stamp, and not the document's fault: no connection was made, or the PAC refuses our account.

    The only result after which another PAC may be asked at once.
    """

    motivo: str
    del_pac: bool = True
    """It speaks of the PAC or of our account there; False: only of this issuer, who is not registered with it."""


Resultado = Timbrado | Rechazado | Desconocido | NoEncontrado | NoEnviado


class Motivo(StrEnum):
    """Why a CFDI is cancelled (RMF 2.7.1.34, Annex 20 "Estándar del servicio de cancelación")."""

    CON_RELACION = "01"
    SIN_RELACION = "02"
    NO_SE_LLEVO_A_CABO = "03"
    NOMINATIVA_EN_GLOBAL = "04"


@dataclass(frozen=True, slots=True)
class Csd:
    """The issuer's seal, in memory for one request: never stored, never logged."""

    certificado: bytes = field(repr=False)
    """DER."""
    llave: bytes = field(repr=False)
    """PKCS#8 DER, encrypted, as the SAT gives it."""
    contrasena: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SolicitudDeCancelacion:
    """One stamped document to cancel. `xml` is the SAT's Cancelacion request, signed by the issuer."""

    uuid: UUID
    emisor: str
    receptor: str
    total: str
    sello: str = field(repr=False)
    motivo: Motivo
    sustituye: UUID | None
    """UUID of the CFDI that replaces it; with motive 01 and only with it."""
    retencion: bool
    xml: bytes = field(repr=False)
    csd: Csd | None = field(default=None, repr=False)
    """For providers that do not take a signed request."""
    tipo: str = ""
    """TipoDeComprobante, or R for a retention receipt."""


@dataclass(frozen=True, slots=True)
class CancelacionAceptada:
    """The SAT took the request. `en_proceso`: the receiver has yet to accept (RMF 2.7.1.34, three days)."""

    codigo: str
    """201 cancelled, 202 cancelled before."""
    acuse: bytes = field(repr=False)
    en_proceso: bool = False


@dataclass(frozen=True, slots=True)
class EstadoSat:
    """What the SAT's query service says of a document."""

    estado: str
    """`Vigente`, `Cancelado` or `No Encontrado`."""
    es_cancelable: str
    """`Cancelable sin aceptación`, `Cancelable con aceptación`, `No cancelable` or empty."""
    estatus_cancelacion: str
    """`En proceso`, `Cancelado sin aceptación`, `Plazo vencido`, … or empty."""
    codigo: str


ResultadoDeCancelacion = CancelacionAceptada | Rechazado | Desconocido | NoEnviado


@dataclass(frozen=True, slots=True)
class TimbreDelPac:
    """One line of a PAC's own list of what it stamped for us."""

    uuid: UUID
    emisor: str
    en: datetime
    """Aware."""


class Pac(Protocol):
    """A provider, as the stamping pipeline needs it.

    No method raises for one item: that is its `Desconocido`. Every call has a time-out.
    """

    nombre: str

    def timbrar(self, lote: Sequence[Solicitud]) -> list[Resultado]:
        """Stamp: one result per request, in the same order. Never `NoEncontrado`."""

    def consultar(self, lote: Sequence[Solicitud]) -> list[Resultado]:
        """What became of earlier requests: one result per request, in the same order. Spends nothing."""

    def certificado_de(self, numero: str) -> Certificado | None:
        """The PAC's certificate with that number, to verify its stamps; None if it is not one of its own."""


class PacCompleto(Pac, Protocol):
    """A provider with the services around the stamp."""

    def cancelar(self, s: SolicitudDeCancelacion) -> ResultadoDeCancelacion:
        """Ask the SAT, through the PAC, to cancel. Asking again is harmless (202)."""

    def estado(self, s: SolicitudDeCancelacion) -> EstadoSat | Desconocido:
        """What the SAT says of the document; needs no `xml` nor `csd`."""

    def listar(self, desde: datetime, hasta: datetime) -> list[TimbreDelPac] | Desconocido:
        """What the PAC stamped for us in [desde, hasta), for the daily reconciliation."""


class TfdAjeno(ValueError):
    """A PAC's answer that is not a stamp of the document it was asked for. The message is for the log."""


def verificar_tfd(
    solicitud: Solicitud, tfd: bytes, certificado_de: Callable[[str], Certificado | None]
) -> timbre.Tfd:
    """The stamp's fields, once it is known to be one of this document by this PAC.

    Valid by its XSD, SelloCFD equal to the document's Sello, SelloSAT verified. Raises `TfdAjeno`: the
    outcome is then unknown, never a success.
    """
    try:
        leido = timbre.leer(tfd)
    except timbre.TfdInvalido as error:
        raise TfdAjeno(f"unreadable TFD: {error}") from None
    if "".join(leido.sello_cfd.split()) != "".join(solicitud.sello.split()):
        raise TfdAjeno(f"SelloCFD of {leido.uuid} is not the document's Sello")
    certificado = certificado_de(leido.no_certificado_sat)
    if certificado is None:
        raise TfdAjeno(f"{leido.uuid} is signed with certificate {leido.no_certificado_sat}, not of this PAC")
    if not leido.firmado_por(certificado):
        raise TfdAjeno(f"SelloSAT of {leido.uuid} does not verify with certificate {certificado.numero}")
    return leido
