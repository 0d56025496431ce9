"""Reading certificates of any make, and deciding whom to trust."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from services.timbrado.cfdi import certificados
from services.timbrado.cfdi.certificados import CertificadoIlegible, Confianza, leer_archivo, leer_certificado
from shared.testing.certificados import PREFIJO_CSD, Autoridad
from tests.unit.timbrado.apoyo_cfdi import AHORA, CORPUS, autoridad, con_corpus, csd, emisor, otra_autoridad


@pytest.mark.parametrize(
    "rfc", ["EMP010101AA1", "ÑAN010101AB2", "S&P010101AC3", "PEGJ800101AA0", "Ñ&Ñ010101AA1"]
)
def test_lee_un_csd(rfc: str) -> None:
    par = csd(rfc, "CIGÜEÑA & CÍA")
    cert = leer_certificado(par.der)
    assert (cert.rfc, cert.nombre, cert.numero) == (rfc, "CIGÜEÑA & CÍA", par.numero)
    assert cert.numero.startswith(PREFIJO_CSD)
    assert cert.es_csd
    assert not cert.es_autoridad
    assert cert.vigente(AHORA)
    assert not cert.vigente(AHORA + timedelta(days=801))
    assert not cert.vigente(AHORA - timedelta(days=801))


def test_una_fiel_y_una_autoridad_no_son_csd() -> None:
    assert not leer_certificado(csd("EMP010101AA1", fiel=True).der).es_csd
    ac = leer_certificado(autoridad().par.der)
    assert (ac.es_csd, ac.es_autoridad) == (False, True)


def test_numero_de_series_que_no_lo_llevan() -> None:
    assert certificados._numero(int.from_bytes(b"30001000000500003416", "big")) == "30001000000500003416"
    for serie in (
        0,
        1,
        2**159,
        int.from_bytes(b"3000100000050000341a", "big"),
        int.from_bytes(b"3" * 19, "big"),
    ):
        assert certificados._numero(serie) == ""


def test_textos_de_nombres_viejos() -> None:
    assert certificados._texto("PEÑA".encode("latin-1")) == "PEÑA"
    assert certificados._texto("PEÑA".encode()) == "PEÑA"
    assert certificados._texto("PEÑA".encode("utf-16-be")) == "PEÑA"


def test_firma() -> None:
    par = emisor().par
    cert = leer_certificado(par.der)
    firma = par.llave.sign(b"datos", padding.PKCS1v15(), SHA256())
    assert cert.firmo(firma, b"datos")
    assert not cert.firmo(firma, b"datos2")
    assert not cert.firmo(firma[:-1], b"datos")
    assert not cert.firmo(b"", b"datos")


@pytest.mark.parametrize("der", [b"", b"x", b"\x30\x82\xff\xff", b"\x30" * 20_000])
def test_ilegibles(der: bytes) -> None:
    with pytest.raises(CertificadoIlegible):
        leer_certificado(der)


def test_se_lee_una_sola_vez() -> None:
    der = csd("EMP010101AA1").der
    assert leer_certificado(der) is leer_certificado(bytes(bytearray(der)))


def test_carpeta_de_autoridades(tmp_path: Path) -> None:
    ajeno = csd("EMP010101AA1", quien=otra_autoridad())
    (tmp_path / "a.cer").write_bytes(autoridad().par.der)
    (tmp_path / "LEEME.txt").write_text("no es un certificado")
    (tmp_path / ".candado").write_text("")
    con = Confianza.de_carpeta(tmp_path)
    assert con.confia(leer_certificado(emisor().par.der), AHORA)
    assert not con.confia(leer_certificado(ajeno.der), AHORA)
    # Several in one PEM: an authority and a pinned CSD.
    pem = autoridad().par.cert.public_bytes(Encoding.PEM) + ajeno.cert.public_bytes(Encoding.PEM)
    (tmp_path / "a.cer").unlink()
    (tmp_path / "varios.pem").write_bytes(b"texto antes\n" + pem)
    con = Confianza.de_carpeta(tmp_path)
    assert con.confia(leer_certificado(emisor().par.der), AHORA)
    assert con.confia(leer_certificado(ajeno.der), AHORA)


def test_carpeta_con_un_archivo_danado_lo_nombra(tmp_path: Path) -> None:
    (tmp_path / "malo.cer").write_bytes(b"no")
    with pytest.raises(CertificadoIlegible, match=r"malo\.cer"):
        Confianza.de_carpeta(tmp_path)
    with pytest.raises(FileNotFoundError):
        Confianza.de_carpeta(tmp_path / "no-hay")


def test_un_csd_no_da_confianza_a_lo_que_firma() -> None:
    """A taxpayer's key can sign a certificate too; only an authority's signature counts."""
    falsa = Autoridad(emisor().par)
    hijo = leer_certificado(falsa.emitir("EMP010101AA1", "X").der)
    assert not Confianza([leer_certificado(emisor().par.der)]).confia(hijo, AHORA)


def test_sin_nada_configurado_no_confia_en_nadie() -> None:
    assert not Confianza([]).confia(leer_certificado(emisor().par.der), AHORA)


def test_memoria_de_decisiones_acotada(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Confianza, "MAXIMO_RECORDADO", 3)
    con = Confianza([leer_certificado(autoridad().par.der)])
    llave = emisor().par.llave
    for _ in range(6):
        par = autoridad().emitir("EMP010101AA1", "X", llave=llave)
        assert con.confia(leer_certificado(par.der), AHORA)
    assert len(con._emisora) == 3


def test_confiar_es_barato_la_segunda_vez() -> None:
    con, cert = Confianza([leer_certificado(autoridad().par.der)] * 50), leer_certificado(emisor().par.der)
    con.confia(cert, AHORA)
    inicio = time.process_time()
    for _ in range(10_000):
        con.confia(cert, AHORA)
    assert time.process_time() - inicio < 0.5


@con_corpus
@pytest.mark.parametrize("archivo", sorted(p.name for p in (CORPUS / "csd").glob("*.cer")))
def test_csd_de_prueba_del_sat(archivo: str) -> None:
    """The SAT's own, some with Ñ (`N` in the file's name) or & (`_`), and subjects in old encodings."""
    rfc, clase, numero = archivo.removesuffix(".cer").rsplit("-", 2)
    cert = leer_archivo(CORPUS / "csd" / archivo)[0]
    assert cert.numero == numero
    assert cert.es_csd is (clase == "csd")
    assert len(cert.rfc) == len(rfc)
    assert cert.rfc.replace("Ñ", "N").replace("&", "_") == rfc
    assert cert.nombre
    assert "�" not in cert.nombre
