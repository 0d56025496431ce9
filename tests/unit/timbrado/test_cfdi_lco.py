"""Reading the SAT's LCO as it is published, and what a process remembers of the stored one."""

from __future__ import annotations

import gzip
import io
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import pytest

from services.timbrado.cfdi import pkcs7
from services.timbrado.cfdi.lco import EstadoLco, LcoEnMemoria, LcoGuardada, LcoIlegible, Lectura, LineaLco
from tests.unit.timbrado.apoyo_lco import lista

LINEAS = [
    ("EMP010101AA1", "30001000000500003416", "A", "1"),
    ("ÑAN010101AB2", "30001000000500003417", "R", "2"),
    ("S&P010101AC3", "30001000000500003418", "C", "0"),
]
XML = lista(LINEAS, "2026-11-24T00:00:00")

FIRMADO = bytes.fromhex("06092a864886f70d010702")
DATOS = bytes.fromhex("06092a864886f70d010701")


def tlv(etiqueta: int, contenido: bytes, *, largo: int | None = None) -> bytes:
    """A DER element; long form of length from 128 bytes on."""
    n = len(contenido) if largo is None else largo
    cabecera = (
        bytes([n])
        if n < 128
        else bytes([0x80 | (n.bit_length() + 7) // 8]) + n.to_bytes((n.bit_length() + 7) // 8)
    )
    return bytes([etiqueta]) + cabecera + contenido


def firmado(octetos: bytes, *, indefinido: bool = False) -> bytes:
    """A SignedData around the OCTET STRING given, definite (DER) or indefinite (BER, as OpenSSL streams it)."""

    def abrir(etiqueta: int, contenido: bytes) -> bytes:
        return bytes([etiqueta, 0x80]) + contenido + b"\0\0" if indefinido else tlv(etiqueta, contenido)

    datos = abrir(0x30, DATOS + abrir(0xA0, octetos))
    return abrir(0x30, FIRMADO + abrir(0xA0, abrir(0x30, tlv(0x02, b"\x01") + tlv(0x31, b"") + datos)))


FORMAS = {
    "xml": XML,
    "gz": gzip.compress(XML),
    "der": firmado(tlv(0x04, XML)),
    "ber en piezas": firmado(
        b"\x24\x80" + b"".join(tlv(0x04, XML[i : i + 100]) for i in range(0, len(XML), 100)) + b"\0\0",
        indefinido=True,
    ),
    "piezas de largo conocido": firmado(tlv(0x24, tlv(0x04, XML[:300]) + tlv(0x04, XML[300:]))),
    "firmado y comprimido": gzip.compress(firmado(tlv(0x04, XML))),
}


@pytest.mark.parametrize("forma", FORMAS)
def test_se_lee_en_cada_forma(forma: str, tmp_path: Path) -> None:
    ruta = tmp_path / "lco"
    ruta.write_bytes(FORMAS[forma])
    lectura = Lectura(ruta)
    assert list(lectura) == [LineaLco(rfc, numero, estado, int(o)) for rfc, numero, estado, o in LINEAS]
    assert lectura.fecha == datetime(2026, 11, 24)
    memoria = LcoEnMemoria.de_archivo(ruta)
    assert memoria.exigida()
    assert memoria.buscar("S&P010101AC3", "30001000000500003418") == EstadoLco("C", False)
    assert memoria.buscar("S&P010101AC3", "30001000000500003416") is None


@pytest.mark.parametrize(
    "malo",
    [
        b"",
        b"hola",
        b"<otra/>",
        XML[:-30],
        gzip.compress(XML)[:-30],
        b"\x1f\x8bno es gzip",
        FORMAS["der"][: len(XML) // 2],
        firmado(b"\x05\x00"),
        b"\x30\x03\x02\x01\x01",
        XML.replace(b"<lco:LCO", b"<!DOCTYPE x [<!ENTITY a 'b'>]><lco:LCO"),
        XML.replace(b'EstatusCertificado="A"', b'EstatusCertificado="Z"'),
        XML.replace(b'noCertificado="30001000000500003416"', b'noCertificado="1"'),
        XML.replace(b'ValidezObligaciones="1"', b'ValidezObligaciones="uno"'),
        XML.replace(b'RFC="EMP010101AA1"', b'RFC=""'),
        XML.replace(b'Fecha="2026-11-24T00:00:00"', b'Fecha="hoy"'),
    ],
)
def test_lo_que_no_es_una_lco_se_dice(malo: bytes, tmp_path: Path) -> None:
    ruta = tmp_path / "LCO_mala.xml"
    ruta.write_bytes(malo)
    with pytest.raises(LcoIlegible, match=r"LCO_mala\.xml"):
        list(Lectura(ruta))


def test_un_pkcs7_de_contenido_ausente() -> None:
    with pytest.raises(pkcs7.Pkcs7Ilegible):
        list(pkcs7.contenido(io.BytesIO(firmado(b""))))


class Fuente:
    """A stored list that counts what it is asked."""

    def __init__(self) -> None:
        self.version: int | None = 1
        self.preguntas: list[object] = []
        self.filas = {numero: (rfc, estado, int(o)) for rfc, numero, estado, o in LINEAS}

    def estado(self) -> int | None:
        self.preguntas.append("estado")
        return self.version

    def lineas(self, version: int, numeros: Collection[str]) -> list[tuple[str, str, str, int]]:
        self.preguntas.append((version, sorted(numeros)))
        return [(n, *self.filas[n]) for n in numeros if n in self.filas]


def test_una_pregunta_por_lote_y_lo_visto_se_recuerda() -> None:
    fuente, reloj = Fuente(), [0.0]
    guardada = LcoGuardada(fuente, lambda: reloj[0])
    assert guardada.exigida()
    uno, dos, ninguno = LINEAS[0][1], LINEAS[1][1], "30001000000500009999"
    guardada.anticipar([uno, dos, ninguno])
    assert guardada.buscar("EMP010101AA1", uno) == EstadoLco("A", True)
    assert guardada.buscar("ÑAN010101AB2", dos) == EstadoLco("R", True)
    assert guardada.buscar("EMP010101AA1", dos) is None
    assert guardada.buscar("EMP010101AA1", ninguno) is None
    guardada.anticipar([uno, ninguno])
    assert fuente.preguntas == ["estado", (1, [uno, dos, ninguno])]
    # Not anticipated: asked for alone.
    assert guardada.buscar("S&P010101AC3", LINEAS[2][1]) == EstadoLco("C", False)
    assert fuente.preguntas[-1] == (1, [LINEAS[2][1]])


def test_una_version_nueva_olvida_la_anterior_y_apagada_no_se_pregunta() -> None:
    fuente, reloj = Fuente(), [0.0]
    guardada = LcoGuardada(fuente, lambda: reloj[0])
    assert guardada.exigida()
    assert guardada.buscar("EMP010101AA1", LINEAS[0][1]) == EstadoLco("A", True)
    fuente.version, fuente.filas = 2, {}
    assert guardada.exigida()  # not asked again yet
    assert guardada.buscar("EMP010101AA1", LINEAS[0][1]) == EstadoLco("A", True)
    reloj[0] += LcoGuardada.VIGENCIA + 0.1
    assert guardada.exigida()
    assert guardada.buscar("EMP010101AA1", LINEAS[0][1]) is None
    fuente.version = None
    reloj[0] += LcoGuardada.VIGENCIA + 0.1
    assert not guardada.exigida()
    fuente.preguntas.clear()
    guardada.anticipar([LINEAS[0][1]])
    assert fuente.preguntas == []


def test_lo_recordado_esta_acotado(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LcoGuardada, "MAXIMO", 2)
    fuente = Fuente()
    guardada = LcoGuardada(fuente)
    assert guardada.exigida()
    for rfc, numero, estado, obligaciones in [*LINEAS, *LINEAS]:
        assert guardada.buscar(rfc, numero) == EstadoLco(estado, obligaciones != "0")
    assert len(guardada._recordadas) == 2
