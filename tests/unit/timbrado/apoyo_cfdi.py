"""What the CFDI tests share: one authority, its taxpayers, and a validator that trusts it.

Keys are expensive, so everything is made once per run. Time is fixed to `AHORA`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from services.timbrado.cfdi.certificados import Confianza, leer_certificado
from services.timbrado.cfdi.lco import Lco
from services.timbrado.cfdi.validacion import CfdiValido, Validador
from shared.errors import Codigo, DomainError
from shared.testing import cfdi
from shared.testing.certificados import Autoridad, ParDePrueba

AHORA = datetime.now(UTC).replace(microsecond=0)
CORPUS = Path(__file__).parents[4] / "shared" / "corpus"
con_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="no shared corpus here")


def hora_local(momento: datetime = AHORA, zona: str = "America/Mexico_City") -> datetime:
    """`momento` as a Fecha: naive local time."""
    return momento.astimezone(ZoneInfo(zona)).replace(tzinfo=None)


@cache
def autoridad() -> Autoridad:
    return Autoridad.nueva()


@cache
def otra_autoridad() -> Autoridad:
    """Same name, other key: what a forger makes."""
    return Autoridad.nueva()


@cache
def emisor(rfc: str = "EMP010101AA1", *, ajeno: bool = False) -> cfdi.Emisor:
    """A taxpayer whose CSD covers years around `AHORA`; `ajeno` is not of the trusted authority."""
    nombre = cfdi.EMISORES.get(rfc, "EMISOR DE PRUEBA")
    quien = otra_autoridad() if ajeno else autoridad()
    return cfdi.Emisor(rfc, nombre, csd(rfc, nombre, quien))


def csd(
    rfc: str, nombre: str = "EMISOR DE PRUEBA", quien: Autoridad | None = None, *, fiel: bool = False
) -> ParDePrueba:
    return (quien or autoridad()).emitir(
        rfc, nombre, desde=AHORA - timedelta(days=800), hasta=AHORA + timedelta(days=800), fiel=fiel
    )


@cache
def confianza() -> Confianza:
    return Confianza([leer_certificado(autoridad().par.der)])


def validador(lco: Lco | None = None) -> Validador:
    return Validador(confianza(), lco)


def validar(xml: bytes, ahora: datetime = AHORA) -> CfdiValido:
    return validador().validar(xml, ahora)


def rechazo(xml: bytes, ahora: datetime = AHORA, *, con: Validador | None = None) -> DomainError:
    """The refusal of a document; its message must be fit for a person."""
    with pytest.raises(DomainError) as captura:
        (con or validador()).validar(xml, ahora)
    error = captura.value
    assert error.code is Codigo.CFDI_INVALIDO
    assert len(error.detail) < 600
    assert error.detail.startswith(f"{error.datos['codigo_sat']}: ")
    assert error.detail.endswith(".")
    return error


def codigo(xml: bytes, ahora: datetime = AHORA, *, con: Validador | None = None) -> object:
    """SAT code of the refusal."""
    return rechazo(xml, ahora, con=con).datos["codigo_sat"]


def cambiar(xml: bytes, viejo: str, nuevo: str, veces: int = 1) -> bytes:
    """Replace text that must be there."""
    assert viejo.encode() in xml, viejo
    return xml.replace(viejo.encode(), nuevo.encode(), veces)


def atributo(xml: bytes, nombre: str) -> str:
    """First attribute of that name in the document."""
    hallado = re.search(rf'\s{nombre}="([^"]*)"'.encode(), xml)
    assert hallado is not None
    return hallado[1].decode()


def resellar(xml: bytes, quien: cfdi.Emisor | None = None) -> bytes:
    """The document, changed, with a good seal again: what remains wrong is the change."""
    return (quien or emisor()).sellar(xml)


def factura(**opciones: object) -> bytes:
    """A valid invoice of the default taxpayer, dated `AHORA`."""
    return cfdi.factura(emisor(), 7, **{"fecha": hora_local(), "lineas": 2, **opciones})  # type: ignore[arg-type]
