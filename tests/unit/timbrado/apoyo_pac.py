"""What the PAC tests share: each adapter against its local server, and documents to stamp."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from uuid import UUID, uuid4

from services.timbrado.cfdi.certificados import Confianza, leer_certificado
from services.timbrado.pac.configuracion import ConfiguracionPac, cargar, construir
from services.timbrado.pac.protocolo import Csd, Motivo, PacCompleto, Solicitud, SolicitudDeCancelacion
from shared.testing import cfdi
from shared.testing.pacs.__main__ import SERVIDORES, escribir_configuracion
from shared.testing.pacs.sat import ServidorSat
from shared.testing.pacs.servidor import ServidorPac
from tests.unit.timbrado.apoyo_cfdi import autoridad, emisor, hora_local, validar

REMOTOS = ("finkok", "sw", "prodigia", "diverza", "comercio_digital")
CON_LISTA = ("finkok", "sw")


def servidor(nombre: str) -> ServidorPac:
    """A local PAC, not started."""
    return SERVIDORES[nombre](autoridad())


def configurar(carpeta: Path, *servidores: ServidorPac) -> list[ConfiguracionPac]:
    """The configuration of these servers, through the file that an installation would have."""
    return cargar(escribir_configuracion(carpeta, list(servidores)))


def adaptador(carpeta: Path, s: ServidorPac, sat: ServidorSat | None = None) -> PacCompleto:
    """The adapter of a server, with everything read from its PACS_FILE."""
    [config] = configurar(carpeta, s, *([sat] if sat else []))
    return construir(config, Confianza([leer_certificado(autoridad().par.der)]))


@cache
def solicitud(folio: int = 1, rfc: str = "EMP010101AA1") -> Solicitud:
    """A CFDI that is valid now."""
    v = validar(cfdi.factura(emisor(rfc), folio, fecha=hora_local(), lineas=1))
    return Solicitud(v.huella, v.xml, v.sello, v.emisor, v.no_certificado, v.receptor, str(v.total))


@cache
def retencion(folio: int = 1) -> Solicitud:
    """A retention receipt, sealed; not validated here."""
    xml = cfdi.retencion(emisor(), folio, fecha=hora_local())
    sello = xml.partition(b'Sello="')[2].partition(b'"')[0].decode()
    return Solicitud(uuid4().bytes * 2, xml, sello, emisor().rfc, emisor().numero)


def cancelacion(uuid: UUID, rfc: str = "EMP010101AA1", *, con_csd: bool = True) -> SolicitudDeCancelacion:
    """A request to cancel; its XML has the SAT's form, its signature is of no matter to the local servers."""
    xml = (
        f'<Cancelacion xmlns="http://cancelacfd.sat.gob.mx" RfcEmisor="{rfc}" Fecha="2026-01-01T00:00:00">'
        f'<Folios><Folio UUID="{uuid}" Motivo="02"/></Folios></Cancelacion>'
    ).encode()
    csd = Csd(emisor().par.der, b"llave", "secreta") if con_csd else None
    return SolicitudDeCancelacion(
        uuid, rfc, "XAXX010101000", "116.00", "x" * 340, Motivo.SIN_RELACION, None, False, xml, csd, "I"
    )
