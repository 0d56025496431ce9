"""What each PAC's codes and words mean for a document: refused, ours to settle with the PAC, or unknown."""

from __future__ import annotations

import threading
from pathlib import Path

import orjson
import pytest

from services.timbrado.cfdi import documento
from services.timbrado.pac import finkok
from services.timbrado.pac.http import Respuesta
from services.timbrado.pac.lectura import (
    Ilegible,
    codigo_en,
    de_cuenta,
    de_http,
    del_sat,
    momento,
    rechazo,
    timbre_de,
)
from services.timbrado.pac.protocolo import Desconocido, NoEncontrado, NoEnviado, Rechazado, Timbrado
from shared.testing.pacs.servidor import Sellador, grabadas
from shared.testing.pacs.sw import ServidorSw
from tests.unit.timbrado.apoyo_cfdi import autoridad
from tests.unit.timbrado.apoyo_pac import REMOTOS, adaptador, solicitud


@pytest.mark.parametrize(
    ("estado", "clase"),
    [(200, None), (400, None), (401, NoEnviado), (403, NoEnviado), (402, NoEnviado), (404, NoEnviado),
     (429, NoEnviado), (302, Desconocido), (500, Desconocido), (502, Desconocido), (503, Desconocido),
     (504, Desconocido)],
)  # fmt: skip
def test_what_a_status_alone_says(estado: int, clase: type | None) -> None:
    dicho = de_http(Respuesta(estado, {}, b""))
    assert dicho is None if clase is None else isinstance(dicho, clase)


@pytest.mark.parametrize(
    ("nombre", "clase"),
    [("rechazar", Rechazado), ("estructura", Rechazado), ("repetido", Desconocido), ("transitorio", Desconocido),
     ("sin_timbre_previo", NoEncontrado), ("credenciales", NoEnviado), ("sin_saldo", NoEnviado),
     ("emisor_no_registrado", NoEnviado)],
)  # fmt: skip
def test_finkoks_recorded_incidences(nombre: str, clase: type) -> None:
    grabada = grabadas("finkok")[nombre]
    assert isinstance(finkok._leer_incidencia((grabada["codigo"], grabada["mensaje"])), clase)


@pytest.mark.parametrize("codigo", ["", "999", "SOAP", "709"])
def test_a_code_that_nobody_published_decides_nothing(codigo: str) -> None:
    assert isinstance(finkok._leer_incidencia((codigo, "algo")), Desconocido)


@pytest.mark.parametrize("nombre", REMOTOS)
def test_every_recording_says_where_it_is_from(nombre: str) -> None:
    assert grabadas(nombre)
    assert all(g["fuente"] for g in grabadas(nombre).values())


@pytest.mark.parametrize(
    ("texto", "codigo"),
    [
        ("CFDI40147 - El campo…", "CFDI40147"),
        ("307. El comprobante contiene un timbre previo.", "307"),
        ("401 - El rango de la fecha", "401"),
        ("El token debe contener 3 partes", ""),
        ("", ""),
    ],
)
def test_the_code_that_a_message_begins_with(texto: str, codigo: str) -> None:
    assert codigo_en(texto) == codigo


def test_the_sats_codes_refuse_and_others_do_not() -> None:
    assert all(map(del_sat, ("301", "302", "303", "304", "305", "306", "308", "401", "402", "403", "CFDI40102",
                             "CRP20238", "NOM44")))  # fmt: skip
    assert not any(map(del_sat, ("", "307", "300", "500", "603", "702", "CFDI", "AU2000", "3010")))


def test_a_refusal_says_what_to_do_even_when_the_pac_says_nothing() -> None:
    assert rechazo("302", "").mensaje.endswith("con su CSD.")
    assert rechazo("CFDI40999", "").mensaje
    assert rechazo("CFDI40147", "El  domicilio\nno coincide").mensaje == "El domicilio no coincide"


@pytest.mark.parametrize(
    "texto",
    [
        "Usuario o password incorrecto",
        "El usuario del webservice no existe o proporcionó una contraseña incorrecta.",
        "Cuenta suspendida",
        "No tiene timbres disponibles",
        "Saldo insuficiente, sin créditos",
        "Timbres agotados",
        "El token ha expirado",
    ],
)
def test_words_about_our_account(texto: str) -> None:
    assert de_cuenta(texto)


@pytest.mark.parametrize(
    "texto", ["El sello no corresponde", "Error interno", "", "El RFC del receptor es inválido"]
)
def test_words_that_are_not(texto: str) -> None:
    assert not de_cuenta(texto)


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"no",
        b"<a/>",
        b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
        b"\xff\xfe<a/>",
    ],
)
def test_what_holds_no_stamp_is_illegible(xml: bytes) -> None:
    with pytest.raises(Ilegible):
        timbre_de(xml)


def test_the_largest_document_comes_back_larger_and_its_stamp_is_read() -> None:
    sellador = Sellador(autoridad(), "FIN1203015JA", "FINKOK DE PRUEBA")
    grande = solicitud(1).xml.replace(
        b"</cfdi:Comprobante>", b"<!--%s--></cfdi:Comprobante>" % (b"x" * 2**21)
    )
    timbre = sellador.timbrar(grande)
    assert len(timbre.documento) > documento.TAMANO_MAXIMO
    assert timbre_de(timbre.documento) == timbre_de(timbre.tfd.encode())


def test_dates_of_a_list() -> None:
    assert momento("2026-11-23T12:00:00").isoformat() == "2026-11-23T12:00:00-06:00"
    assert momento("2026-11-23 12:00:00.123").isoformat() == "2026-11-23T12:00:00-06:00"
    assert momento("2026-11-23T18:00:00Z").isoformat() == "2026-11-23T18:00:00+00:00"
    with pytest.raises(Ilegible):
        momento("ayer")


def test_sw_renews_a_refused_token_once_and_one_thread_does_it_for_all(tmp_path: Path) -> None:
    with ServidorSw(autoridad()) as s:
        pac = adaptador(tmp_path, s)
        hilos = [threading.Thread(target=pac.timbrar, args=([solicitud(50 + i)],)) for i in range(6)]
        for h in hilos:
            h.start()
        for h in hilos:
            h.join()
        assert (s.timbrados, s.autenticaciones) == (6, 1)
        s.tokens.clear()
        [r] = pac.timbrar([solicitud(57)])
        assert isinstance(r, Timbrado)
        assert not r.repetido
        assert (s.timbrados, s.autenticaciones) == (7, 2)


def test_sw_gets_our_huella_as_its_customid(tmp_path: Path) -> None:
    """So that within 72 hours a repeat is answered with its first stamp, whatever else changed."""
    with ServidorSw(autoridad()) as s:
        pac = adaptador(tmp_path, s)
        primera = solicitud(60)
        [r] = pac.timbrar([primera])
        assert isinstance(r, Timbrado)
        peticion = next(p for p in s.peticiones if p.ruta.endswith("stamp/v2"))
        assert peticion.cabeceras["customid"] == primera.huella.hex()
        assert len(peticion.cabeceras["customid"]) <= 100
        assert orjson.loads(next(p for p in s.peticiones if "authenticate" in p.ruta).cuerpo)["user"]
