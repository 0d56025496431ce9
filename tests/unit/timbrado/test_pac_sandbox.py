"""The sandbox PAC: real stamps, a memory, and every way of failing."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.timbrado.cfdi import tfd
from services.timbrado.cfdi.certificados import Certificado, leer_certificado
from services.timbrado.pac.protocolo import (
    Desconocido,
    NoEncontrado,
    Pac,
    Rechazado,
    Resultado,
    Solicitud,
    TfdAjeno,
    Timbrado,
    verificar_tfd,
)
from services.timbrado.pac.sandbox import LEYENDA, RFC_PRUEBA, Falla, PacSandbox
from shared.testing import cfdi
from shared.testing.pac import MemoriaEnProceso
from tests.unit.timbrado.apoyo_cfdi import autoridad, codigo, emisor, hora_local, validar


@pytest.fixture(scope="module")
def carpeta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cfdi.preparar(tmp_path_factory.mktemp("material")).pac


@pytest.fixture
def memoria() -> MemoriaEnProceso:
    return MemoriaEnProceso()


@pytest.fixture
def pac(carpeta: Path, memoria: MemoriaEnProceso) -> PacSandbox:
    return PacSandbox(carpeta, memoria, espera=0)


def solicitud(folio: int = 1) -> Solicitud:
    v = validar(cfdi.factura(emisor(), folio, fecha=hora_local(), lineas=1))
    return Solicitud(v.huella, v.xml, v.sello, v.emisor, v.no_certificado)


def uno(pac: PacSandbox, s: Solicitud) -> Resultado:
    [resultado] = pac.timbrar([s])
    return resultado


def timbrado(resultado: Resultado) -> Timbrado:
    assert isinstance(resultado, Timbrado)
    return resultado


def test_timbre_de_verdad_que_dice_que_no_vale(carpeta: Path, memoria: MemoriaEnProceso) -> None:
    reloj = datetime(2026, 7, 1, 4, 30, tzinfo=UTC)
    pac: Pac = PacSandbox(carpeta, memoria, reloj=lambda: reloj)
    s = solicitud()
    [resultado] = pac.timbrar([s])
    hecho = timbrado(resultado)
    assert not hecho.repetido
    leido = verificar_tfd(s, hecho.tfd, lambda _: leer_certificado((carpeta / "sello.cer").read_bytes()))
    assert leido.rfc_prov_certif == RFC_PRUEBA
    assert leido.leyenda == LEYENDA
    assert leido.no_certificado_sat.startswith("99999")
    assert leido.fecha_timbrado == "2026-06-30T22:30:00"
    assert re.fullmatch(r"[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}", leido.uuid)
    assert codigo(tfd.insertar(s.xml, hecho.tfd)) == "307"


def test_lote_en_orden(pac: PacSandbox) -> None:
    lote = [solicitud(n) for n in (1, 2, 3, 2)]
    resultados = [timbrado(r) for r in pac.timbrar(lote)]
    for s, r in zip(lote, resultados, strict=True):
        verificar_tfd(s, r.tfd, pac.certificado_de)
    assert [r.repetido for r in resultados] == [False, False, False, True]
    assert resultados[1].tfd == resultados[3].tfd
    assert len({r.tfd for r in resultados}) == 3
    assert pac.timbrar([]) == []
    assert pac.consultar([]) == []


def test_un_repetido_recibe_el_primer_timbre(
    pac: PacSandbox, carpeta: Path, memoria: MemoriaEnProceso
) -> None:
    s = solicitud()
    primero = timbrado(uno(pac, s))
    otra_vida = PacSandbox(carpeta, memoria)
    assert uno(otra_vida, s) == Timbrado(primero.tfd, repetido=True)
    assert otra_vida.consultar([s]) == [Timbrado(primero.tfd, repetido=True)]


def test_consultar_lo_que_no_hay(pac: PacSandbox) -> None:
    hecho = solicitud(1)
    pac.timbrar([hecho])
    a, b, c = pac.consultar([solicitud(2), hecho, solicitud(3)])
    assert (a, c) == (NoEncontrado(), NoEncontrado())
    assert isinstance(b, Timbrado)


@pytest.mark.parametrize(
    ("falla", "clase", "recordado"),
    [
        (Falla.RECHAZAR, Rechazado, False),
        (Falla.TIEMPO_AGOTADO_ANTES, Desconocido, False),
        (Falla.TIEMPO_AGOTADO_DESPUES, Desconocido, True),
        (Falla.REPETIDO_CON_XML, Timbrado, True),
        (Falla.REPETIDO_SIN_XML, Desconocido, True),
        (Falla.BASURA, Desconocido, True),
    ],
)
def test_fallas(
    pac: PacSandbox, memoria: MemoriaEnProceso, falla: Falla, clase: type, recordado: bool
) -> None:
    """What the caller is told, what the PAC knows, and that asking or trying again settles it."""
    memoria.inyectar(falla)
    primera, segunda = solicitud(1), solicitud(2)
    resultados = pac.timbrar([primera, segunda])
    assert isinstance(resultados[0], clase)
    assert resultados[1] == Timbrado(memoria.timbres[segunda.huella], repetido=False)
    if isinstance(resultados[0], Timbrado):
        assert resultados[0].repetido
        verificar_tfd(primera, resultados[0].tfd, pac.certificado_de)
    assert (primera.huella in memoria.timbres) is recordado
    [consulta] = pac.consultar([primera])
    assert isinstance(consulta, Timbrado if recordado else NoEncontrado)
    despues = timbrado(uno(pac, primera))
    assert despues.repetido is recordado
    verificar_tfd(primera, despues.tfd, pac.certificado_de)


def test_cada_falla_se_gasta_una_vez(pac: PacSandbox, memoria: MemoriaEnProceso) -> None:
    memoria.inyectar(Falla.RECHAZAR, Falla.BASURA)
    clases = [type(uno(pac, solicitud(n))) for n in range(3)]
    assert clases == [Rechazado, Desconocido, Timbrado]


def test_falla_desconocida_se_ignora(pac: PacSandbox, memoria: MemoriaEnProceso) -> None:
    memoria.inyectar("inventada")
    timbrado(uno(pac, solicitud()))


def test_la_espera_del_tiempo_agotado(
    carpeta: Path, memoria: MemoriaEnProceso, monkeypatch: pytest.MonkeyPatch
) -> None:
    esperas: list[float] = []
    monkeypatch.setattr("services.timbrado.pac.sandbox.time.sleep", esperas.append)
    pac = PacSandbox(carpeta, memoria, espera=0.2)
    memoria.inyectar(Falla.TIEMPO_AGOTADO_ANTES)
    uno(pac, solicitud())
    uno(pac, solicitud())
    assert esperas == [0.2]


def test_rechazo_dice_algo_util(pac: PacSandbox, memoria: MemoriaEnProceso) -> None:
    memoria.inyectar(Falla.RECHAZAR)
    resultado = uno(pac, solicitud())
    assert isinstance(resultado, Rechazado)
    assert resultado.codigo == "CFDI40147"
    assert "falla inyectada" in resultado.mensaje


def test_verificar_tfd_detecta_uno_ajeno(pac: PacSandbox) -> None:
    s, otra = solicitud(1), solicitud(2)
    hecho = timbrado(uno(pac, s)).tfd
    with pytest.raises(TfdAjeno, match="Sello"):
        verificar_tfd(otra, hecho, pac.certificado_de)
    with pytest.raises(TfdAjeno, match="does not verify"):
        verificar_tfd(s, hecho, lambda _: leer_certificado(emisor().par.der))
    with pytest.raises(TfdAjeno, match="does not verify"):
        verificar_tfd(s, hecho, lambda _: _otro(pac))
    for basura in (b"", b"<html/>", hecho[:-5]):
        with pytest.raises(TfdAjeno, match="unreadable"):
            verificar_tfd(s, basura, pac.certificado_de)
    alterado = re.sub(rb'FechaTimbrado="2', b'FechaTimbrado="1', hecho)
    with pytest.raises(TfdAjeno):
        verificar_tfd(s, alterado, pac.certificado_de)


def _otro(pac: PacSandbox) -> Certificado:
    """A certificate with the PAC's number and another key."""
    return leer_certificado(autoridad().emitir("PRU010101XX0", "X", numero=pac.certificado.numero).der)


def test_no_arranca_con_un_certificado_que_pudiera_enganar(tmp_path: Path, memoria: MemoriaEnProceso) -> None:
    emisor().par.guardar(tmp_path / "sello.cer", tmp_path / "sello.key")
    with pytest.raises(ValueError, match="99999"):
        PacSandbox(tmp_path, memoria)
    with pytest.raises(FileNotFoundError):
        PacSandbox(tmp_path / "no", memoria)


def test_no_arranca_con_la_llave_de_otro(tmp_path: Path, carpeta: Path, memoria: MemoriaEnProceso) -> None:
    emisor().par.guardar(tmp_path / "x.cer", tmp_path / "sello.key")
    (tmp_path / "sello.cer").write_bytes((carpeta / "sello.cer").read_bytes())
    with pytest.raises(ValueError, match="not the certificate"):
        PacSandbox(tmp_path, memoria)
