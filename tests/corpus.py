"""The shared corpus, where it is beside this checkout, and our verdict on each of its files.

`corpus_veredictos.csv` has one row per file: the code as it is, the code once re-dated and re-sealed with a
CSD of `corpus/csd` (`ok`: it is stamped), and the reason for what differs from the manifest's independent
check. The moment is fixed, so that the CSDs of today stay valid in the table for good.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from services.timbrado.cfdi.certificados import Certificado, Confianza, leer_archivo
from services.timbrado.cfdi.validacion import Validador
from services.timbrado.cfdi.zonas import zona
from shared.errors import DomainError
from shared.testing import cfdi

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
CUANDO = datetime(2026, 11, 24, 18, tzinfo=UTC)
CSD = "EKU9003173C9-csd-30001000000500003416"
CLAVE = b"12345678a"
con_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus is not beside this checkout")


@dataclass(frozen=True)
class Veredicto:
    """A row of the table."""

    archivo: str
    original: str
    resellado: str
    motivo: str


@cache
def veredictos() -> dict[str, Veredicto]:
    """By file name."""
    with Path(__file__).with_name("corpus_veredictos.csv").open(encoding="utf-8") as tabla:
        return {fila["archivo"]: Veredicto(**fila) for fila in csv.DictReader(tabla)}


@cache
def manifiesto() -> dict[str, dict[str, str]]:
    """What an independent check said, by file name; empty without the corpus."""
    if not CORPUS.is_dir():
        return {}
    with (CORPUS / "manifest.csv").open(encoding="utf-8") as tabla:
        return {fila["file"]: fila for fila in csv.DictReader(tabla)}


def leer(archivo: str) -> bytes:
    """A document as it is."""
    return (CORPUS / "cfdi" / archivo).read_bytes()


@cache
def csds() -> list[Certificado]:
    """The test certificates, of which the authority is not published: trusted one by one."""
    return [c for ruta in sorted((CORPUS / "csd").glob("*.cer")) for c in leer_archivo(ruta)]


@cache
def validador() -> Validador:
    """A validator that trusts them."""
    return Validador(Confianza(csds()))


def resellar(archivo: str, csd: str = CSD, *, cuando: datetime = CUANDO, quitar_timbre: bool = True) -> bytes:
    """A document dated `cuando`, in the zone of its LugarExpedicion, and sealed with a CSD of the corpus."""
    cer, key = (CORPUS / "csd" / f"{csd}.{extension}" for extension in ("cer", "key"))
    xml = leer(archivo)
    lugar = etree.fromstring(xml).get("LugarExpedicion", "06000")
    fecha = cuando.astimezone(zona(lugar)).replace(tzinfo=None)
    return cfdi.redatar_y_sellar(
        xml, cer.read_bytes(), key.read_bytes(), CLAVE, fecha, quitar_timbre=quitar_timbre
    )


def codigo(xml: bytes, cuando: datetime = CUANDO) -> str:
    """SAT code of our verdict, or `ok`."""
    try:
        validador().validar(xml, cuando)
    except DomainError as error:
        return str(error.datos["codigo_sat"])
    return "ok"
