"""LCO, the SAT's daily list of the taxpayers and CSDs that may invoice (codes 304 and 402)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from lxml import etree

# The SAT's own namespace, with its missing slash.
_NS: Final = "{http:/www.sat.gob.mx/cfd/LCO}"


@dataclass(frozen=True, slots=True)
class EstadoLco:
    """One certificate's line in the list."""

    estado: str
    """`A` active, `C` expired, `R` revoked."""
    obligaciones_validas: bool


class Lco(Protocol):
    """Where the list is looked up: asked once per stamping, so a cache in memory."""

    def buscar(self, rfc: str, numero: str) -> EstadoLco | None:
        """State of a certificate, or None if the pair is not in the list."""


class LcoEnMemoria:
    """A list small enough to be kept whole, as the SAT's test one (thousands of lines, not millions)."""

    def __init__(self, lineas: dict[tuple[str, str], EstadoLco]) -> None:
        self._lineas = lineas

    @classmethod
    def de_archivo(cls, ruta: Path) -> LcoEnMemoria:
        """Read the SAT's XML. ValidezObligaciones: 0 none, 1 valid (2–4: valid with restrictions)."""
        lineas: dict[tuple[str, str], EstadoLco] = {}
        lectura = etree.iterparse(ruta, tag=f"{_NS}Contribuyente", no_network=True, resolve_entities=False)
        for _, contribuyente in lectura:
            rfc = contribuyente.get("RFC", "")
            for certificado in contribuyente.iterchildren(f"{_NS}Certificado"):
                lineas[rfc, certificado.get("noCertificado", "")] = EstadoLco(
                    estado=certificado.get("EstatusCertificado", ""),
                    obligaciones_validas=certificado.get("ValidezObligaciones", "0") != "0",
                )
            contribuyente.clear()
        return cls(lineas)

    def __len__(self) -> int:
        return len(self._lineas)

    def buscar(self, rfc: str, numero: str) -> EstadoLco | None:
        return self._lineas.get((rfc, numero))
