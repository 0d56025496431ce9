"""kill -9 while a cliente becomes a distributor: one new CM, and the cliente whole in it, whoever dies and when."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest
import requests
from sqlalchemy import text

from shared.persistence.base import new_engine
from tests.sistema import Sistema, hasta

PLAZO = 60.0
#: (service, table) with the cliente's CM in each of the consumers.
DUENOS = (
    ("timbrado", "ctis"),
    ("puntos", "monederos_cliente"),
    ("licencias", "clientes"),
    ("facturacion", "clientes"),
)


def hablar(sistema: Sistema, ruta: str, cuerpo: dict[str, Any]) -> dict[str, Any]:
    """The answer to one POST with one key, however often a process dies under it."""
    raiz, clave, limite = sistema.sesion("raiz"), {"Idempotency-Key": str(uuid4())}, time.monotonic() + PLAZO
    while True:
        try:
            r = raiz.post(ruta, json=cuerpo, headers=clave)
            if r.status_code == 201:
                hecho: dict[str, Any] = r.json()
                return hecho
            assert r.status_code == 503, r.text
        except requests.ConnectionError:
            pass
        assert time.monotonic() < limite, f"{ruta} did not succeed in {PLAZO} s"
        time.sleep(0.2)


def duenos(sistema: Sistema, nic: int) -> set[str]:
    """The CMs that the consumers say have the cliente."""
    hallados = set()
    for servicio, tabla in DUENOS:
        engine = new_engine(sistema.instalacion.base(servicio), 1)
        with engine.connect() as conexion:
            consulta = text(f"SELECT cuenta_id FROM {tabla} WHERE nic = :nic")
            hallados |= {str(x) for x in conexion.scalars(consulta, {"nic": nic})}
        engine.dispose()
    return hallados


@pytest.mark.parametrize(
    "punto", ["outbox.antes_de_confirmar", "relay.despues_de_publicar", "inbox.antes_de_confirmar"]
)
def test_una_sola_conversion_y_todo_llega(sistema: Sistema, punto: str) -> None:
    sistema.esperar_lista()
    nic = hablar(sistema, "/v1/clientes", {"nombre": f"Muere en {punto}"})["nic"]
    hasta(lambda: len(duenos(sistema, nic)) == 1, 40)
    sistema.armar(punto)
    cuerpo = {"correo": f"caos{nic}@centro.example", "movil": f"55770{nic:05d}", "confirmar": True}
    hecha = hablar(sistema, f"/v1/clientes/{nic}/conversion", cuerpo)
    hasta(lambda: not (sistema.crash_dir / punto).exists(), 40)
    hasta(lambda: duenos(sistema, nic) == {hecha["distribuidor_id"]}, 60)
    engine = new_engine(sistema.instalacion.base("clientes"), 1)
    with engine.connect() as conexion:
        nuevas = list(
            conexion.scalars(
                text("SELECT cuenta_id FROM cuentas_maestras WHERE correo = :correo"),
                {"correo": cuerpo["correo"]},
            )
        )
        correos = conexion.scalar(
            text("SELECT count(*) FROM correos WHERE clave LIKE :clave"),
            {"clave": f"alta:{hecha['distribuidor_id']}:%"},
        )
    engine.dispose()
    assert [str(x) for x in nuevas] == [hecha["distribuidor_id"]]
    assert correos == 1
