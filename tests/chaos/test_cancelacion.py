"""kill -9 at every point of a cancellation: one at the SAT, one state, its acuse, whoever dies and whoever comes back."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import requests
from sqlalchemy import text

from shared.crash import POINTS
from shared.persistence.base import new_engine
from tests.chaos.test_muertes import vender
from tests.e2e.test_cancelacion import cancelar, timbrada
from tests.sistema import Sistema

PUNTOS = [p for p in POINTS if p.startswith("cancelacion.")]
DOCUMENTOS = 6


def insistir(sistema: Sistema, uuid: str) -> dict[str, Any]:
    """Ask until it is cancelled, as a well-made application does; no answer but 200, 202 and 503 is right."""
    limite = time.monotonic() + 90
    while time.monotonic() < limite:
        try:
            r = cancelar(sistema, uuid)
        except requests.RequestException:
            time.sleep(0.5)
            continue
        if r.status_code == 200:
            return dict(r.json())
        assert r.status_code in (202, 503), r.text
        time.sleep(0.5)
    raise AssertionError(f"{uuid} not cancelled within 90 s")


def test_death_at_every_point_of_a_cancellation(sistema: Sistema) -> None:
    """All points at once: each kills the process that first comes by, with other cancellations under way in it."""
    sistema.esperar_lista()
    vender(sistema, DOCUMENTOS)
    uuids = [timbrada(sistema) for _ in range(DOCUMENTOS)]
    r = sistema.sesion("raiz").post(
        "/v1/operacion/pac-pruebas/fallas", json={"modo": "cancelacion_sin_respuesta_despues", "veces": 1}
    )
    assert r.status_code == 204
    for punto in PUNTOS:
        sistema.armar(punto)
    with ThreadPoolExecutor(DOCUMENTOS) as grupo:
        hechas = list(grupo.map(lambda u: insistir(sistema, u), uuids))
    assert [h["estado"] for h in hechas] == ["cancelada"] * DOCUMENTOS
    assert all(h["acuse"] for h in hechas)
    armados = [p for p in PUNTOS if (sistema.crash_dir / p).exists()]
    assert armados == [], "nobody came by these points: the test proved nothing"
    engine = new_engine(sistema.instalacion.base("timbrado"), 1)
    with engine.connect() as connection:
        ids = {"ids": [UUID(u) for u in uuids]}
        nuestras = connection.execute(
            text("SELECT uuid, estado, acuse FROM cancelaciones WHERE uuid = ANY(:ids)"), ids
        ).all()
        suyas = connection.execute(
            text("SELECT uuid, estado, acuse FROM pac_sandbox.cancelaciones WHERE uuid = ANY(:ids)"), ids
        ).all()
    engine.dispose()
    assert len(nuestras) == len(suyas) == DOCUMENTOS
    assert {(n.uuid, n.estado, bytes(n.acuse)) for n in nuestras} == {
        (s.uuid, s.estado, bytes(s.acuse)) for s in suyas
    }
    sistema.esperar_lista()
