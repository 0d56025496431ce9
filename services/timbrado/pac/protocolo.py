"""What the pipeline asks of a PAC, whoever it is, and how far each answer can be believed.

An adapter turns a provider's protocol into one of four results per document. The distinction that matters
is whether somebody *knows*: a refusal releases the hold, an unknown outcome keeps it until `consultar` tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

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


Resultado = Timbrado | Rechazado | Desconocido | NoEncontrado


class Pac(Protocol):
    """A provider. Neither method raises for one item: that is its `Desconocido`."""

    nombre: str

    def timbrar(self, lote: Sequence[Solicitud]) -> list[Resultado]:
        """Stamp: one result per request, in the same order. Never `NoEncontrado`."""

    def consultar(self, lote: Sequence[Solicitud]) -> list[Resultado]:
        """What became of earlier requests: one result per request, in the same order. Spends nothing."""


class TfdAjeno(ValueError):
    """A PAC's answer that is not a stamp of the document it was asked for. The message is for the log."""


def verificar_tfd(solicitud: Solicitud, tfd: bytes, certificado_pac: Certificado) -> timbre.Tfd:
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
    if not leido.firmado_por(certificado_pac):
        raise TfdAjeno(f"SelloSAT of {leido.uuid} does not verify with certificate {certificado_pac.numero}")
    return leido
