"""The SAT's signed cancellation request: made as satcfdi makes it, and nothing but the whole signed document passes."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from lxml import etree

from services.timbrado.cfdi import cancelacion as k
from services.timbrado.cfdi import firma
from services.timbrado.cfdi.certificados import Confianza, leer_certificado
from services.timbrado.domain import cancelacion as reglas
from services.timbrado.domain.cancelacion import EstadoDeCancelacion
from services.timbrado.pac.sandbox_sat import dias_habiles
from shared.errors import DomainError
from shared.testing.certificados import Autoridad, ParDePrueba

RFC = "EKU9003173C9"
UNO, DOS = UUID("AAAAAAAA-0000-4000-8000-00000000000A"), UUID("BBBBBBBB-0000-4000-8000-00000000000B")
AHORA = datetime(2026, 3, 5, 18, 30, tzinfo=UTC)
CLAVE = "12345678a"


@cache
def autoridad() -> Autoridad:
    return Autoridad.nueva()


@cache
def par() -> ParDePrueba:
    return autoridad().emitir(RFC, "ESCUELA KEMPER URGATE")


def llave_der(cifrado: Any = None) -> bytes:
    return par().llave.private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, cifrado or BestAvailableEncryption(CLAVE.encode())
    )


def pedido(**cambios: Any) -> k.Folio:
    campos: dict[str, Any] = {
        "uuid": UNO,
        "motivo": "01",
        "sustituye": DOS,
        "emisor": RFC,
        "retencion": False,
    }
    return k.Folio(**(campos | cambios))


def firmada(**cambios: Any) -> bytes:
    return k.construir(k.abrir(par().der, llave_der(), CLAVE), pedido(**cambios), AHORA)


@pytest.mark.parametrize("retencion", [False, True])
@pytest.mark.parametrize("sustituye", [None, DOS])
def test_ours_is_byte_for_byte_the_reference_implementations(retencion: bool, sustituye: UUID | None) -> None:
    from satcfdi.create.cancela import cancelacion, cancelacionretencion
    from satcfdi.models import Signer

    modulo = cancelacionretencion if retencion else cancelacion
    firmante = Signer.load(certificate=par().der, key=llave_der(), password=CLAVE)
    folio = modulo.Folio(str(UNO).upper(), "01" if sustituye else "02", sustituye and str(sustituye).upper())
    suya = modulo.Cancelacion(emisor=firmante, folios=folio, fecha=datetime(2026, 3, 5, 12, 30)).xml_bytes()
    propia = firmada(motivo="01" if sustituye else "02", sustituye=sustituye, retencion=retencion)
    assert propia == suya
    leido, certificado = k.leer(suya)
    assert leido == pedido(motivo="01" if sustituye else "02", sustituye=sustituye, retencion=retencion)
    assert certificado.rfc == RFC


def test_a_request_written_with_prefixes_and_blanks_is_read_too() -> None:
    raiz = etree.fromstring(
        f'<c:Cancelacion xmlns:c="{k.NS_CFDI}" RfcEmisor="{RFC}" Fecha="2026-03-05T12:30:00">\n  <c:Folios>\n'
        f'    <c:Folio UUID="{str(UNO).lower()}" Motivo="02" FolioSustitucion=""/>\n  </c:Folios>\n</c:Cancelacion>'
    )
    k.abrir(par().der, llave_der(), CLAVE).firmar(raiz)
    folio, _ = k.leer(etree.tostring(raiz))
    assert folio == pedido(motivo="02", sustituye=None)


@pytest.mark.parametrize(
    ("antes", "despues", "codigo"),
    [
        (b'Motivo="01"', b'Motivo="02"', "302"),
        (RFC.encode(), b"EMP010101AA1", "302"),
        (b"<Folios>", b"<Folios> ", "302"),
        (b"<DigestValue>", b"<DigestValue>AAAA", "302"),
        (b"<SignatureValue>", b"<SignatureValue>AAAA", "302"),
        (b'URI=""', b'URI="#x"', "302"),
        (b"enveloped-signature", b"otra", "302"),
        (b"rsa-sha1", b"hmac-sha1", "302"),
        (b"<X509Certificate>", b"<X509Certificate>AAAA", "302"),
        (b"http://cancelacfd.sat.gob.mx", b"http://otro.example", "301"),
        (b"<?xml", b"<!DOCTYPE a><?xml", "301"),
    ],
)
def test_what_changed_after_it_was_signed_is_refused(antes: bytes, despues: bytes, codigo: str) -> None:
    xml = firmada()
    assert antes in xml
    with pytest.raises(DomainError) as exc:
        k.leer(xml.replace(antes, despues))
    assert exc.value.datos["codigo_sat"] == codigo
    assert list(exc.value.errores) == ["solicitud"]


def test_a_signed_document_inside_another_is_not_a_signature_of_the_other() -> None:
    buena = etree.fromstring(firmada())
    mala = etree.fromstring(firmada(uuid=DOS, sustituye=UNO))
    propia = mala.find(firma.SIGNATURE)
    assert propia is not None
    mala.remove(propia)
    mala.append(buena)
    with pytest.raises(firma.FirmaInvalida):
        firma.verificar(mala)
    # Nor two signatures, nor a second folio beside the signed one.
    doble = etree.fromstring(firmada())
    doble.append(etree.fromstring(etree.tostring(doble.find(firma.SIGNATURE))))  # type: ignore[arg-type]
    with pytest.raises(firma.FirmaInvalida):
        firma.verificar(doble)
    xml = firmada()
    inicio, fin = xml.index(b"<Folio "), xml.index(b"</Folios>")
    with pytest.raises(DomainError) as exc:
        k.leer(xml[:fin] + xml[inicio:fin] + xml[fin:])
    assert "2 folios" in exc.value.detail


def test_who_may_sign() -> None:
    confianza = Confianza([leer_certificado(autoridad().par.der)])
    ajena = Autoridad.nueva()
    casos = [
        (par(), RFC, None),
        (par(), "EMP010101AA1", "303"),
        (autoridad().emitir(RFC, "X", fiel=True), RFC, "310"),
        (autoridad().emitir(RFC, "X", hasta=datetime.now(UTC) - timedelta(days=1)), RFC, "304"),
        (ajena.emitir(RFC, "X"), RFC, "305"),
    ]
    for cual, emisor, codigo in casos:
        certificado = leer_certificado(cual.der)
        if codigo is None:
            k.comprobar_firmante("certificado", certificado, emisor, confianza, datetime.now(UTC))
            continue
        with pytest.raises(DomainError) as exc:
            k.comprobar_firmante("certificado", certificado, emisor, confianza, datetime.now(UTC))
        assert exc.value.datos["codigo_sat"] == codigo


@pytest.mark.parametrize(
    ("certificado", "llave", "contrasena", "campo"),
    [
        ("otro", "propia", CLAVE, "llave"),
        ("basura", "propia", CLAVE, "certificado"),
        ("propio", "basura", CLAVE, "contrasena_llave"),
        ("propio", "propia", "no es esa", "contrasena_llave"),
        ("propio", "sin cifrar", CLAVE, "llave"),
        ("propio", "enorme", CLAVE, "llave"),
    ],
)
def test_a_csd_that_does_not_open_says_which_part(
    certificado: str, llave: str, contrasena: str, campo: str
) -> None:
    certificados = {
        "propio": par().der, "otro": autoridad().par.der, "basura": b"\x30\x03\x02\x01\x00"
    }  # fmt: skip
    llaves = {
        "propia": llave_der(),
        "sin cifrar": llave_der(NoEncryption()),
        "basura": b"\x00" * 40,
        "enorme": b"\x00" * 20_000,
    }
    with pytest.raises(DomainError) as exc:
        k.abrir(certificados[certificado], llaves[llave], contrasena)
    assert list(exc.value.errores) == [campo]
    assert contrasena not in exc.value.detail


def test_base64_of_a_field() -> None:
    assert k.de_base64("llave", base64.encodebytes(b"x" * 100).decode()) == b"x" * 100
    with pytest.raises(DomainError):
        k.de_base64("llave", "ñ")


@pytest.mark.parametrize(
    ("actual", "estado", "estatus", "nuevo"),
    [
        ("solicitada", "Cancelado", "Cancelado sin aceptación", "cancelada"),
        ("solicitada", "Vigente", "En proceso", "en_proceso"),
        ("solicitada", "Vigente", "", None),
        ("solicitada", "Vigente", "Solicitud rechazada", None),  # an earlier request's
        ("solicitada", "No Encontrado", "", None),
        ("en_proceso", "Vigente", "En proceso", None),
        ("en_proceso", "Vigente", "Solicitud rechazada", "rechazada"),
        ("en_proceso", "Cancelado", "Plazo vencido", "cancelada"),
        ("en_proceso", "Vigente", "", None),
    ],
)
def test_what_the_sat_says_moves_a_request_only_when_it_is_about_it(
    actual: str, estado: str, estatus: str, nuevo: str | None
) -> None:
    desenlace = reglas.segun_el_sat(EstadoDeCancelacion(actual), estado, estatus)
    assert (desenlace.estado if desenlace else None) == nuevo


def test_it_is_asked_again_slower_and_slower_until_it_is_over() -> None:
    for estado in (EstadoDeCancelacion.SOLICITADA, EstadoDeCancelacion.EN_PROCESO):
        esperas = [reglas.espera(estado, i) for i in range(12)]
        assert esperas == sorted(esperas, key=lambda e: e or 0)
        assert esperas[0] != esperas[-1]
        assert None not in esperas
    assert reglas.espera(EstadoDeCancelacion.CANCELADA, 0) is None
    assert reglas.espera(EstadoDeCancelacion.RECHAZADA, 0) is None


def test_the_sats_codes_are_explained_those_of_retenciones_too() -> None:
    assert reglas.explicar("204") == reglas.explicar("1204")
    assert "espere" in reglas.explicar("205")
    assert reglas.explicar("X1", "El PAC dice que no.") == "El PAC dice que no."
    assert "999" in reglas.explicar("999")


def test_three_business_days() -> None:
    viernes = datetime(2026, 11, 20, 20, tzinfo=UTC)
    dias = [dias_habiles(viernes, viernes.replace(day=20 + d)) for d in range(6)]
    assert dias == [0, 0, 0, 1, 2, 3]
    # It is still Friday in Mexico when UTC says Saturday.
    assert dias_habiles(datetime(2026, 11, 21, 3, tzinfo=UTC), datetime(2026, 11, 23, 3, tzinfo=UTC)) == 0
