"""kill -9 at every point of an import, with whatever replicas there are: each row makes exactly one cliente."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest
import requests

from shared.contracts.clientes import FILAS_DE_PIEZA
from shared.crash import POINTS
from tests.sistema import Sistema, hasta

RUTA = "/v1/clientes/importaciones"
#: Three pieces: what dies in the second has one behind it and one to come.
FILAS = 2 * FILAS_DE_PIEZA + 10


def enviar(sistema: Sistema, marca: str) -> dict[str, Any]:
    """Send the file with one key until it is received whole: whatever died, it is one import."""
    clave = str(uuid4())
    cuerpo = "nombre;notas\n" + "".join(f"Cliente {n};{marca}\n" for n in range(FILAS))
    limite = time.monotonic() + 60
    while True:
        try:
            r = sistema.sesion("distribuidor").post(
                RUTA, data=cuerpo.encode(), headers={"Content-Type": "text/csv", "Idempotency-Key": clave}
            )
            if r.status_code == 202 and r.json()["estado"] != "recibiendo":
                return dict(r.json())
        except (requests.RequestException, AssertionError):
            pass
        assert time.monotonic() < limite, "the file was not received in 60 s"
        time.sleep(0.3)


def terminada(sistema: Sistema, id_: str) -> dict[str, Any]:
    def ver() -> Any:
        try:
            r = sistema.sesion("distribuidor").get(f"{RUTA}/{id_}")
        except (requests.RequestException, AssertionError):
            return None
        return r.json() if r.status_code == 200 and r.json()["terminada_en"] else None

    return dict(hasta(ver, 60))


@pytest.mark.parametrize("punto", [p for p in POINTS if p.startswith("importacion.")])
def test_death_at_a_point_of_an_import(sistema: Sistema, punto: str) -> None:
    sistema.esperar_lista()
    marca = uuid4().hex
    # The second pass is the second piece's.
    sistema.armar(punto, 1)
    importacion = terminada(sistema, enviar(sistema, marca)["id"])
    assert not (sistema.crash_dir / punto).exists(), "nobody came by the point: the test proved nothing"
    assert (importacion["estado"], importacion["creadas"]) == ("terminada", FILAS)
    sistema.esperar_lista()
    distribuidor = sistema.sesion("distribuidor")
    lineas = [
        linea for linea in distribuidor.get("/v1/clientes/exportacion").text.splitlines() if marca in linea
    ]
    assert len(lineas) == FILAS, "each row once"
    # The last cliente's CTI exists: what was told in lots arrived too.
    cti = lineas[-1].split(",")[1]
    hasta(lambda: distribuidor.get(f"/v1/ctis/{cti}").status_code == 200, 30)
