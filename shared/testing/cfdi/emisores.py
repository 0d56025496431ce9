"""The taxpayers that seal, and the authority and PAC that tests trust."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.testing.certificados import PREFIJO_PAC, Autoridad, ParDePrueba, candado, numero_nuevo
from shared.testing.cfdi.sellado import regimen_general, sellar

EMISORES: Final = {
    "EMP010101AA1": "EMPRESA DE PRUEBA UNO",
    "ÑAN010101AB2": "ÑANDÚ Y CIGÜEÑA",
    "S&P010101AC3": "SERVICIOS & PRUEBAS",
    "PEGJ800101AA0": "JUAN PÉREZ GÓMEZ",
}
"""Taxpayers of the test authority; Ñ and & are there because real RFCs have them."""


@dataclass(frozen=True, slots=True)
class Emisor:
    """A taxpayer that can seal: its CSD, and what its documents say of it."""

    rfc: str
    nombre: str
    par: ParDePrueba
    regimen: str = ""
    """c_RegimenFiscal; empty: the general one of its kind of person."""

    @property
    def numero(self) -> str:
        return self.par.numero

    @property
    def regimen_fiscal(self) -> str:
        """What its documents say."""
        return self.regimen or regimen_general(self.rfc)

    @classmethod
    def nuevo(cls, autoridad: Autoridad, rfc: str, nombre: str | None = None) -> Emisor:
        """With a fresh CSD of `autoridad`."""
        nombre = nombre or EMISORES.get(rfc, "EMISOR DE PRUEBA")
        return cls(rfc, nombre, autoridad.emitir(rfc, nombre))

    def sellar(self, xml_sin_sello: bytes) -> bytes:
        """The document with NoCertificado, Certificado and Sello set to this CSD's (re-serialised)."""
        return sellar(xml_sin_sello, self.par.cert, self.par.llave)


@dataclass(frozen=True, slots=True)
class Material:
    """What `preparar` left in a folder: `autoridades/` and `pac/` are what the settings point to."""

    autoridad: Autoridad
    carpeta: Path

    @property
    def autoridades(self) -> Path:
        return self.carpeta / "autoridades"

    @property
    def pac(self) -> Path:
        return self.carpeta / "pac"

    def emisor(self, rfc: str = "EMP010101AA1", nombre: str | None = None) -> Emisor:
        """The taxpayer `rfc` with a CSD that is kept in `emisores/` and the same for every process."""
        nombre = nombre or EMISORES.get(rfc, "EMISOR DE PRUEBA")
        cer, key = (self.carpeta / "emisores" / f"{rfc}.{extension}" for extension in ("cer", "key"))
        with candado(self.carpeta):
            par = ParDePrueba.cargar(cer, key)
            if par is None:
                par = self.autoridad.emitir(rfc, nombre)
                par.guardar(cer, key)
        return Emisor(rfc, nombre, par)


def preparar(carpeta: Path) -> Material:
    """Make (once) a test authority and the sandbox PAC's key: `autoridades/`, `pac/`, `llaves/` to sign with.

    Calling again, also from another process, finds the same ones. The authority's key is in `llaves/`.
    """
    with candado(carpeta):
        cer, key = carpeta / "autoridades" / "autoridad-de-prueba.cer", carpeta / "llaves" / "autoridad.key"
        par = ParDePrueba.cargar(cer, key)
        if par is None:
            par = Autoridad.nueva().par
            par.guardar(cer, key)
            for viejo in (carpeta / "emisores").glob("*"):  # of an authority that is gone
                viejo.unlink()
        autoridad = Autoridad(par)
        cer, key = carpeta / "pac" / "sello.cer", carpeta / "pac" / "sello.key"
        if ParDePrueba.cargar(cer, key) is None:
            numero = numero_nuevo(PREFIJO_PAC)
            autoridad.emitir("PRU010101XX0", "PAC DE PRUEBA SIN VALIDEZ FISCAL", numero=numero).guardar(
                cer, key
            )
    return Material(autoridad, carpeta)
