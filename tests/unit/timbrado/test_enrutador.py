"""Routing: priorities, pauses, the breaker, and probes that stamp nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.timbrado.cfdi.certificados import Certificado
from services.timbrado.domain.pac import (
    FALLAS_PARA_ABRIR,
    PLAZO_DE_SONDA,
    Disyuntor,
    EstadoDePac,
    en_sonda,
    tras_exito,
    tras_falla,
)
from services.timbrado.pac import enrutador as modulo
from services.timbrado.pac.enrutador import Enrutador
from services.timbrado.pac.protocolo import (
    Desconocido,
    NoEncontrado,
    NoEnviado,
    Rechazado,
    Resultado,
    Solicitud,
    Timbrado,
)

SOLICITUD = Solicitud(b"h", b"<x/>", "sello", "EKU9003173C9", "1")


class _Reloj:
    ahora = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.ahora


class _Pac:
    def __init__(self, nombre: str) -> None:
        self.nombre = nombre
        self.respuesta: Resultado = NoEncontrado()
        self.timbradas = 0
        self.consultas = 0

    def timbrar(self, lote: Sequence[Solicitud]) -> list[Resultado]:
        self.timbradas += len(lote)
        return [self.respuesta for _ in lote]

    def consultar(self, lote: Sequence[Solicitud]) -> list[Resultado]:
        self.consultas += len(lote)
        return [self.respuesta for _ in lote]

    def certificado_de(self, numero: str) -> Certificado | None:
        return None


class _Estados:
    """The shared rows, with the real transitions."""

    def __init__(self, reloj: _Reloj) -> None:
        self.filas: dict[str, EstadoDePac] = {}
        self._reloj = reloj

    def pacs(self) -> list[EstadoDePac]:
        return list(self.filas.values())

    def anotar_falla(self, nombre: str, motivo: str) -> EstadoDePac:
        previo = self.filas.get(nombre, EstadoDePac(nombre))
        self.filas[nombre] = tras_falla(previo, self._reloj(), 0.5, motivo)
        return self.filas[nombre]

    def anotar_exito(self, nombre: str) -> None:
        self.filas[nombre] = tras_exito(self.filas[nombre])

    def tomar_sonda(self, nombre: str) -> bool:
        fila = self.filas[nombre]
        if fila.disyuntor(self._reloj()) is not Disyuntor.SEMIABIERTO:
            return False
        self.filas[nombre] = en_sonda(fila, self._reloj())
        return True


@pytest.fixture
def banco(monkeypatch: pytest.MonkeyPatch) -> tuple[Enrutador, _Pac, _Pac, _Estados, _Reloj]:
    monkeypatch.setattr(modulo, "REFRESCO", -1.0)
    reloj = _Reloj()
    a, b, estados = _Pac("a"), _Pac("b"), _Estados(reloj)
    return Enrutador([(20, b), (10, a)], estados, reloj), a, b, estados, reloj


Banco = tuple[Enrutador, _Pac, _Pac, _Estados, _Reloj]


def test_the_lower_priority_number_goes_first(banco: Banco) -> None:
    e, a, b, estados, _ = banco
    assert e.elegir() is a
    assert e.elegir({"a"}) is b
    assert e.elegir({"a", "b"}) is None
    estados.filas["b"] = EstadoDePac("b", prioridad=1)
    assert e.elegir() is b


def test_a_paused_pac_is_sent_nothing(banco: Banco) -> None:
    e, _, b, estados, _ = banco
    estados.filas["a"] = EstadoDePac("a", pausado=True)
    assert e.elegir() is b
    assert not e.disponible("a")
    estados.filas["b"] = EstadoDePac("b", pausado=True)
    assert e.elegir() is None


@pytest.mark.parametrize("mala", [Desconocido("x"), NoEnviado("x")])
def test_failures_in_a_row_open_the_breaker_and_the_next_pac_takes_over(
    banco: Banco, mala: Resultado
) -> None:
    e, a, b, _, _ = banco
    a.respuesta = mala
    for _ in range(FALLAS_PARA_ABRIR):
        assert e.elegir() is a
        e.timbrar(a, [SOLICITUD])
    assert e.elegir() is b


def test_a_refused_document_is_an_answer(banco: Banco) -> None:
    e, a, _, estados, _ = banco
    a.respuesta = Desconocido("x")
    for _ in range(FALLAS_PARA_ABRIR - 1):
        e.timbrar(a, [SOLICITUD])
    a.respuesta = Rechazado("301", "mal")
    e.timbrar(a, [SOLICITUD])
    assert estados.filas["a"].fallas_seguidas == 0


def test_one_probe_after_the_rest_asks_and_stamps_nothing(banco: Banco) -> None:
    e, a, b, estados, reloj = banco
    a.respuesta = Timbrado(b"<tfd/>", repetido=False)
    e.timbrar(a, [SOLICITUD])
    a.respuesta = Desconocido("x")
    for _ in range(FALLAS_PARA_ABRIR):
        e.timbrar(a, [SOLICITUD])
    e.sondear()
    assert a.consultas == 0  # it still rests
    reloj.ahora += timedelta(seconds=60)
    assert e.elegir() is b  # no invoice is used to try it while another PAC is well
    antes = a.timbradas
    e.sondear()
    assert (a.consultas, a.timbradas) == (1, antes)
    assert estados.filas["a"].aperturas == 2  # the probe failed: it rests longer
    a.respuesta = NoEncontrado()
    reloj.ahora += timedelta(seconds=600)
    e.sondear()
    assert e.elegir() is a


def test_when_nobody_is_well_one_request_tries_and_the_others_are_refused(banco: Banco) -> None:
    e, a, b, estados, reloj = banco
    for nombre in "ab":
        estados.filas[nombre] = replace(
            EstadoDePac(nombre),
            abierto_hasta=reloj.ahora - timedelta(seconds=1),
            aperturas=1,
            fallas_seguidas=5,
        )
    assert e.elegir() is a
    assert e.elegir() is b
    assert e.elegir() is None
    reloj.ahora += timedelta(seconds=PLAZO_DE_SONDA + 1)
    assert e.elegir() is a


def test_after_a_restart_a_lot_is_the_probe_since_there_is_nothing_to_ask_about(banco: Banco) -> None:
    e, a, b, estados, reloj = banco
    estados.filas["a"] = replace(
        EstadoDePac("a"), abierto_hasta=reloj.ahora - timedelta(seconds=1), aperturas=1, fallas_seguidas=5
    )
    e.sondear()
    assert (a.consultas, a.timbradas) == (0, 0)
    assert e.elegir() is a
    assert e.elegir() is b  # the others do not wait for the probe


def test_an_issuer_that_a_pac_does_not_know_says_nothing_of_the_pac(banco: Banco) -> None:
    e, a, _, estados, _ = banco
    a.respuesta = NoEnviado("no registrado", del_pac=False)
    for _ in range(2 * FALLAS_PARA_ABRIR):
        e.timbrar(a, [SOLICITUD])
    assert e.elegir() is a
    assert estados.filas == {}
