"""The sandbox's SAT: who needs acceptance, silence that accepts, and what it refuses by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import pytest

from services.timbrado.cfdi import cancelacion as solicitudes
from services.timbrado.cfdi import tfd
from services.timbrado.cfdi.certificados import leer_certificado
from services.timbrado.cfdi.firma import Firmante
from services.timbrado.domain.cancelacion import Expediente
from services.timbrado.pac.protocolo import (
    CancelacionAceptada,
    Desconocido,
    Motivo,
    Rechazado,
    SolicitudDeCancelacion,
)
from services.timbrado.pac.sandbox_sat import SatDePrueba, sin_aceptacion
from shared.testing.certificados import Autoridad

UNO = UUID("AAAAAAAA-0000-4000-8000-00000000000A")
RFC = "EKU9003173C9"


class Memoria:
    """One stamp, its cancellation, and failures put in by hand."""

    def __init__(self) -> None:
        self.guardado: Expediente | None = None
        self.fallas: list[str] = []

    def timbre(self, uuid: UUID) -> bytes | None:
        return timbre() if uuid == UNO else None

    def expediente(self, uuid: UUID) -> Expediente | None:
        return self.guardado

    def guardar_expediente(self, nuevo: Expediente) -> Expediente:
        if self.guardado is None or self.guardado.estado == "rechazada":
            self.guardado = nuevo
        return self.guardado

    def resolver(self, uuid: UUID, estado: str, estatus: str) -> bool:
        if self.guardado is None or self.guardado.estado != "en_proceso":
            return False
        self.guardado = replace(self.guardado, estado=estado, estatus=estatus)
        return True

    def timbres(self, desde: datetime, hasta: datetime) -> list[tuple[bytes, str, datetime]]:
        return [(timbre(), RFC, desde)]

    def falla_de_cancelacion(self) -> str | None:
        return self.fallas.pop(0) if self.fallas else None


@cache
def firmante(rfc: str = RFC) -> Firmante:
    par = Autoridad.nueva().emitir(rfc, "EMPRESA")
    return Firmante(leer_certificado(par.der), par.llave)


@cache
def timbre() -> bytes:
    return tfd.construir(
        uuid=str(UNO).upper(), fecha_timbrado="2026-11-20T10:00:00", rfc_prov_certif="PRU010101XX0",
        sello_cfd="c2VsbG8=", no_certificado_sat="99999000000000000001", firmar=lambda c: c[:16],
    )  # fmt: skip


def pedida(quien: str = RFC, **cambios: Any) -> SolicitudDeCancelacion:
    ahora = datetime(2026, 11, 20, 18, tzinfo=UTC)
    xml = solicitudes.construir(firmante(quien), solicitudes.Folio(UNO, "02", None, quien, False), ahora)
    campos: dict[str, Any] = {
        "uuid": UNO, "emisor": RFC, "receptor": "URE180429TM6", "total": "1160.00", "sello": "c2VsbG8=",
        "motivo": Motivo.SIN_RELACION, "sustituye": None, "retencion": False, "xml": xml, "tipo": "I",
    }  # fmt: skip
    return SolicitudDeCancelacion(**(campos | cambios))


@pytest.fixture
def memoria() -> Memoria:
    return Memoria()


def sat(memoria: Memoria, ahora: datetime = datetime(2026, 11, 20, 18, tzinfo=UTC)) -> SatDePrueba:
    return SatDePrueba(memoria, firmante(), espera=0.0, reloj=lambda: ahora)


@pytest.mark.parametrize(
    ("cambios", "libre"),
    [
        ({}, False),
        ({"total": "1000.00"}, True),
        ({"total": "1000.01"}, False),
        ({"tipo": "N"}, True),
        ({"tipo": "E"}, True),
        ({"tipo": "T"}, True),
        ({"receptor": "XAXX010101000"}, True),
        ({"receptor": "XEXX010101000"}, True),
        ({"retencion": True, "tipo": "R"}, True),
    ],
)
def test_who_is_cancelled_without_acceptance(cambios: dict[str, Any], libre: bool) -> None:
    assert sin_aceptacion(pedida(**cambios)) is libre


def test_silence_accepts_after_three_business_days(memoria: Memoria) -> None:
    viernes = datetime(2026, 11, 20, 18, tzinfo=UTC)
    primera = sat(memoria).cancelar(pedida())
    assert isinstance(primera, CancelacionAceptada)
    assert (primera.codigo, primera.en_proceso) == ("201", True)
    for dias, estado, estatus in ((3, "Vigente", "En proceso"), (5, "Vigente", "En proceso")):
        visto = sat(memoria, viernes + timedelta(days=dias)).estado(pedida())
        assert (visto.estado, visto.estatus_cancelacion) == (estado, estatus)
    visto = sat(memoria, viernes + timedelta(days=6)).estado(pedida())
    assert (visto.estado, visto.es_cancelable, visto.estatus_cancelacion) == (
        "Cancelado", "No cancelable", "Plazo vencido",
    )  # fmt: skip
    otra = sat(memoria).cancelar(pedida())
    assert isinstance(otra, CancelacionAceptada)
    assert (otra.codigo, otra.en_proceso, otra.acuse) == ("202", False, primera.acuse)


def test_a_refusal_lets_it_be_asked_anew(memoria: Memoria) -> None:
    uno = sat(memoria)
    assert isinstance(uno.cancelar(pedida()), CancelacionAceptada)
    assert uno.responder(UNO, aceptada=False)
    assert not uno.responder(UNO, aceptada=True)
    assert uno.estado(pedida()).estatus_cancelacion == "Solicitud rechazada"
    otra = sat(memoria, datetime(2026, 11, 21, 18, tzinfo=UTC)).cancelar(pedida())
    assert isinstance(otra, CancelacionAceptada)
    assert (otra.codigo, otra.en_proceso) == ("201", True)


@pytest.mark.parametrize(
    ("solicitud", "codigo"),
    [
        (lambda: pedida(uuid=UUID(int=7)), "205"),
        (lambda: pedida(sello="b3Rybw=="), "205"),
        (lambda: pedida("EMP010101AA1"), "203"),
        (lambda: pedida(emisor="EMP010101AA1"), "203"),
        (lambda: pedida(motivo=Motivo.NO_SE_LLEVO_A_CABO), "301"),
        (lambda: pedida(retencion=True), "301"),
        (lambda: pedida(xml=b"<a/>"), "301"),
    ],
)
def test_what_it_refuses_by_itself(memoria: Memoria, solicitud: Any, codigo: str) -> None:
    r = sat(memoria).cancelar(solicitud())
    assert isinstance(r, Rechazado)
    assert r.codigo == codigo
    assert memoria.guardado is None


def test_injected_failures(memoria: Memoria) -> None:
    memoria.fallas = [
        "cancelacion_rechazar",
        "cancelacion_sin_respuesta_antes",
        "cancelacion_sin_respuesta_despues",
    ]
    uno = sat(memoria)
    assert isinstance(uno.cancelar(pedida()), Rechazado)
    assert isinstance(uno.cancelar(pedida()), Desconocido)
    assert memoria.guardado is None
    assert isinstance(uno.cancelar(pedida()), Desconocido)
    assert memoria.guardado is not None
    assert sat(memoria).listar(datetime(2026, 11, 20, tzinfo=UTC), datetime.now(UTC))[0].uuid == UNO
