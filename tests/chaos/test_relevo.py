"""Two real protocols, and everything that may go wrong between them: no document is ever stamped by both."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from deploy.local.instalacion import Instalacion
from shared.testing import cfdi
from shared.testing.pacs.__main__ import escribir_configuracion
from shared.testing.pacs.finkok import ServidorFinkok
from shared.testing.pacs.servidor import Falla, ServidorPac
from shared.testing.pacs.sw import ServidorSw
from tests.chaos.test_muertes import Carga, saldo, vender
from tests.sistema import Sistema, hasta, sistema_en_marcha


@dataclass
class Red:
    """A system with two PACs; `primero` has the priority."""

    sistema: Sistema
    primero: ServidorPac
    segundo: ServidorPac

    def timbrar(self, cuantas: int = 12) -> None:
        """Each invoice gets one UUID, from one PAC, for one timbre."""
        vender(self.sistema, cuantas)
        antes, hechos = saldo(self.sistema), self.timbrados
        carga = Carga(self.sistema)
        carga.correr(cuantas, 6)
        assert carga.errores == []
        assert len(set(carga.uuids)) == cuantas
        assert saldo(self.sistema) == antes - cuantas
        assert self.timbrados - hechos == cuantas
        assert not self.primero.timbres.keys() & self.segundo.timbres.keys(), "stamped by both"

    @property
    def timbrados(self) -> int:
        """Stamps made by both."""
        return self.primero.timbrados + self.segundo.timbrados


@pytest.fixture(scope="module")
def red() -> Iterator[Red]:
    servidores: list[ServidorPac] = []

    def preparar(instalacion: Instalacion) -> None:
        autoridad = cfdi.preparar(instalacion.dir / "cfdi").autoridad
        servidores.extend([ServidorFinkok(autoridad).__enter__(), ServidorSw(autoridad).__enter__()])
        instalacion.archivo_pacs.parent.mkdir(parents=True)
        escribir_configuracion(instalacion.archivo_pacs.parent, servidores)

    try:
        with sistema_en_marcha(preparar) as sistema:
            yield Red(sistema, *servidores)
            sistema.cuadrar()
    finally:
        for s in servidores:
            s.parar()


def test_the_first_pac_stamps_while_it_is_well(red: Red) -> None:
    hechos = red.segundo.timbrados
    red.timbrar()
    assert red.segundo.timbrados == hechos


@pytest.mark.parametrize("falla", [Falla.CREDENCIALES, Falla.SIN_SALDO, Falla.DEMASIADAS])
def test_what_the_first_surely_refused_to_take_goes_to_the_second(red: Red, falla: Falla) -> None:
    hechos = red.segundo.timbrados
    red.primero.fallar(*[falla] * 3)
    red.timbrar()
    assert red.segundo.timbrados >= hechos + 3


@pytest.mark.parametrize(
    "falla",
    [Falla.CORTAR_ANTES, Falla.CORTAR_DESPUES, Falla.BASURA, Falla.ERROR_500, Falla.AJENO, Falla.SELLO_FALSO],
)
def test_what_the_first_may_have_stamped_is_asked_of_the_first(red: Red, falla: Falla) -> None:
    hechos = red.segundo.timbrados
    red.primero.fallar(falla, falla)
    red.timbrar()
    assert red.segundo.timbrados == hechos


@pytest.mark.parametrize("punto", ["relevo.antes_de_cambiar", "relevo.despues_de_cambiar"])
def test_death_while_a_document_changes_hands(red: Red, punto: str) -> None:
    red.sistema.armar(punto)
    red.primero.fallar(*[Falla.SIN_SALDO] * 4)
    red.timbrar()
    assert not (red.sistema.crash_dir / punto).exists(), "nobody came by the point: the test proved nothing"
    red.sistema.esperar_lista()


def test_a_pac_that_an_operator_pauses_gets_nothing_until_it_is_resumed(red: Red) -> None:
    raiz = red.sistema.sesion("raiz")
    assert raiz.put("/v1/operacion/pacs/finkok/pausa", json={"motivo": "mantenimiento"}).status_code < 300
    hasta(lambda: not _disponible(red))
    hechos = red.primero.timbrados
    red.timbrar()
    assert red.primero.timbrados == hechos
    assert raiz.delete("/v1/operacion/pacs/finkok/pausa").status_code < 300
    hasta(lambda: _disponible(red))
    red.timbrar()
    assert red.primero.timbrados > hechos


def test_a_pac_that_takes_nothing_rests_and_the_second_does_its_work(red: Red) -> None:
    red.primero.fallar(*[Falla.CREDENCIALES] * 200)
    hechos = red.segundo.timbrados
    red.timbrar(36)
    assert red.segundo.timbrados == hechos + 36
    pacs = {p["nombre"]: p for p in red.sistema.sesion("raiz").get("/v1/operacion/pacs").json()["datos"]}
    assert pacs["finkok"]["disyuntor"] != "cerrado"


def _disponible(red: Red) -> bool:
    # A replica believes what it read for a second.
    time.sleep(1.2)
    pacs = {p["nombre"]: p for p in red.sistema.sesion("raiz").get("/v1/operacion/pacs").json()["datos"]}
    return not pacs["finkok"]["pausado"]
