"""What a cancellation is signed with: any form of a CSD in, one form out; signed requests read safely."""

from __future__ import annotations

import base64
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from services.gateway.dialects import csd, xml
from shared.errors import DomainError
from shared.testing.certificados import Autoridad, ParDePrueba
from tests.unit.gateway.dialectos_de_prueba import UUID_1, b64, sellado, timbrado

CLAVE = "12345678a"
NS = 'xmlns="http://cancelacfd.sat.gob.mx"'


@cache
def _par() -> ParDePrueba:
    return Autoridad.nueva().emitir("EKU9003173C9", "ESCUELA KEMPER")


def par_de_prueba() -> tuple[str, str, str]:
    """Certificate, key (as the SAT gives it: DER PKCS#8, encrypted) in base64, and the key's password."""
    par = _par()
    key = par.llave.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(CLAVE.encode()))
    return b64(par.der), b64(key), CLAVE


def solicitud(*folios: str, rfc: str = "EKU9003173C9") -> str:
    cuerpo = "".join(folios)
    return f'<Cancelacion {NS} RfcEmisor="{rfc}" Fecha="2026-11-24T10:00:00"><Folios>{cuerpo}</Folios></Cancelacion>'


@pytest.mark.parametrize(
    "forma", ["der", "der-claro", "pem", "pem-claro", "pem-tradicional", "pem-en-base64"]
)
def test_cualquier_forma_del_csd_sale_en_der_y_cifrada(forma: str) -> None:
    par = _par()
    cifra = BestAvailableEncryption(CLAVE.encode())
    pem = par.llave.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, cifra)
    cer_pem = par.cert.public_bytes(Encoding.PEM).decode()
    cer, key = {
        "der": par_de_prueba()[:2],
        "der-claro": (
            b64(par.der),
            b64(par.llave.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())),
        ),
        "pem": (cer_pem, pem.decode()),
        "pem-claro": (
            cer_pem,
            par.llave.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        ),
        "pem-tradicional": (
            cer_pem,
            par.llave.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, cifra).decode(),
        ),
        "pem-en-base64": (b64(cer_pem), b64(pem)),
    }[forma]
    firma = csd.firma_de(solicitud=None, certificado=cer, llave=key, contrasena=CLAVE, como="")
    assert firma["solicitud"] is None
    assert base64.b64decode(firma["certificado"] or "") == par.der
    assert firma["contrasena_llave"] not in (None, CLAVE)
    abierta = load_der_private_key(
        base64.b64decode(firma["llave"] or ""), (firma["contrasena_llave"] or "").encode()
    )
    assert abierta.public_key() == x509.load_der_x509_certificate(par.der).public_key()


@pytest.mark.parametrize(
    ("cambio", "campo"),
    [
        ({"contrasena": "otra"}, "llave"),
        ({"llave": "no es base64!!"}, "llave"),
        ({"certificado": b64("basura")}, "certificado"),
        ({"llave": None}, "certificado"),
        ({"certificado": None}, "certificado"),
    ],
)
def test_un_csd_malo_se_dice_y_no_se_repite(cambio: dict[str, str | None], campo: str) -> None:
    cer, key, clave = par_de_prueba()
    datos: dict[str, str | None] = {"certificado": cer, "llave": key, "contrasena": clave, **cambio}
    with pytest.raises(DomainError) as exc:
        csd.firma_de(solicitud=None, como="Envíelo.", **datos)
    assert campo in exc.value.errores
    assert clave not in exc.value.detail


def test_lee_la_solicitud_firmada_con_sus_folios() -> None:
    otro = "11111111-2222-3333-4444-555555555555"
    crudo = solicitud(
        f'<Folio UUID="{UUID_1}" Motivo="02" FolioSustitucion=""/>',
        f'<Folio UUID="{otro}" Motivo="01" FolioSustitucion="{UUID_1}"/>',
    ).encode()
    leida = csd.solicitud_de(crudo)
    assert leida.rfc == "EKU9003173C9"
    assert [(str(f.uuid), f.motivo, f.sustituye) for f in leida.folios] == [
        (str(UUID_1), "02", None),
        (otro, "01", UUID_1),
    ]
    assert base64.b64decode(leida.firma["solicitud"] or "") == crudo


@pytest.mark.parametrize(
    "malo",
    [
        "",
        "<roto",
        "<otra/>",
        solicitud(),
        solicitud('<Folio UUID="x" Motivo="02"/>'),
        solicitud(f'<Folio UUID="{UUID_1}"/>'),
        solicitud(*[f'<Folio UUID="{UUID_1}" Motivo="02"/>'] * 11),
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Cancelacion>&x;</Cancelacion>',
    ],
)
def test_una_solicitud_mala_se_rechaza_con_palabras(malo: str) -> None:
    with pytest.raises(DomainError) as exc:
        csd.solicitud_de(malo.encode())
    assert len(exc.value.detail) > 20


@pytest.mark.parametrize(
    "hostil",
    [
        b'<!DOCTYPE a [<!ENTITY a "x">]><a>&a;</a>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"),
        b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xf1</a>",
        b"<a>" * 300 + b"</a>" * 300,
        b"<a b='1' b='2'/>",
        b"<a><b></a>",
        b"   ",
    ],
)
def test_el_lector_de_xml_no_hace_nada_mas_que_leer(hostil: bytes) -> None:
    with pytest.raises(xml.XmlIlegible):
        xml.leer(hostil)


def test_un_texto_con_caracteres_de_control_no_rompe_el_sobre() -> None:
    assert (
        xml.leer(f"<a>{xml.texto('a' + chr(0) + '<&>' + chr(0xD800) + chr(0xFFFF))}</a>".encode()).text
        == "a<&>"
    )


def test_cuenta_lo_que_dice_un_documento_timbrado() -> None:
    t = xml.timbre_de(timbrado(sellado()))
    assert t.cadena == (
        f"||1.1|{str(UUID_1).upper()}|2026-11-24T12:00:00|PRU010101XX0|c2VsbG9DRkQ=ABCDEFGH|99999000000000000001||"
    )
    assert t.verificacion.endswith("&re=EKU9003173C9&rr=URE180429TM6&tt=116.0&fe=ABCDEFGH")
    assert xml.leer(t.tfd.encode()).get("UUID") == str(UUID_1).upper()
    assert "cfdi" not in t.tfd
    assert (t.raiz, t.no_certificado) == ("Comprobante", "30001000000500003416")
