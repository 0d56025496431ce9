"""kill -9 at every point of a bulk transfer, with two replicas: each row is applied exactly once, whoever dies."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest
import requests

from services.timbrado.domain.masivas import PORCION
from shared.crash import POINTS
from tests.chaos.test_muertes import saldo, vender
from tests.sistema import Sistema, hasta

RUTA = "/v1/transferencias-masivas"
#: Two portions: the second is taken up by whoever lives.
FILAS = PORCION + 500


def pedir(sistema: Sistema, filas: int, todo_o_nada: bool = False) -> dict[str, Any]:
    """Ask with one key until it is answered: whatever died, it is one operation."""
    clave, cti = str(uuid4()), sistema.demo["cti"]["id"]
    cuerpo = {
        "filas": [{"cti": cti, "cantidad": 1, "importe": "0.50"}] * filas,
        "confirmar": True,
        "todo_o_nada": todo_o_nada,
    }
    limite = time.monotonic() + 60
    while True:
        try:
            r = sistema.sesion("distribuidor").post(RUTA, json=cuerpo, headers={"Idempotency-Key": clave})
            if r.status_code == 202:
                return dict(r.json())
        except (requests.RequestException, AssertionError):
            pass
        assert time.monotonic() < limite, "the bulk transfer was not received in 60 s"
        time.sleep(0.3)


def esperar(sistema: Sistema, masiva: dict[str, Any]) -> dict[str, Any]:
    """The bulk transfer when it has ended."""

    def terminada() -> Any:
        try:
            r = sistema.sesion("distribuidor").get(f"{RUTA}/{masiva['id']}")
        except (requests.RequestException, AssertionError):
            return None
        return r.json() if r.status_code == 200 and r.json()["terminada_en"] else None

    return dict(hasta(terminada, 60))


@pytest.mark.parametrize("punto", [p for p in POINTS if p.startswith("masiva.")])
def test_death_at_a_point_of_a_bulk_transfer(sistema: Sistema, punto: str) -> None:
    sistema.esperar_lista()
    antes = saldo(sistema)
    # The second pass is the second portion's, where there is one.
    sistema.armar(punto, 1 if punto in ("masiva.despues_de_mover", "masiva.antes_de_confirmar") else 0)
    masiva = esperar(sistema, pedir(sistema, FILAS))
    assert not (sistema.crash_dir / punto).exists(), "nobody came by the point: the test proved nothing"
    assert (masiva["estado"], masiva["aplicadas"], masiva["timbres"]) == ("aplicada", FILAS, FILAS)
    sistema.esperar_lista()
    assert saldo(sistema) == antes + FILAS


def test_death_in_the_middle_of_all_or_nothing(sistema: Sistema) -> None:
    sistema.esperar_lista()
    antes = saldo(sistema)
    sistema.armar("masiva.despues_de_mover")
    masiva = esperar(sistema, pedir(sistema, FILAS, todo_o_nada=True))
    assert not (sistema.crash_dir / "masiva.despues_de_mover").exists()
    assert (masiva["estado"], masiva["aplicadas"]) == ("aplicada", FILAS)
    sistema.esperar_lista()
    assert saldo(sistema) == antes + FILAS


def test_both_replicas_die_again_and_again(sistema: Sistema) -> None:
    sistema.esperar_lista()
    antes = saldo(sistema)
    masivas = [pedir(sistema, FILAS) for _ in range(3)]
    for _ in range(2):
        sistema.matar("timbrado", uno=False)
        time.sleep(1)
    vender(sistema, 1)
    for masiva in masivas:
        assert esperar(sistema, masiva)["aplicadas"] == FILAS
    sistema.esperar_lista()
    assert saldo(sistema) == antes + 3 * FILAS + 1


def test_every_book_balances(sistema: Sistema) -> None:
    sistema.esperar_lista()
    sistema.cuadrar()
