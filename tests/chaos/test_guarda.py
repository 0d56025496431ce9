"""kill -9 while the guard freezes a CTI: it is frozen once, told once, and written once in its logbook."""

from __future__ import annotations

from shared.crash import POINTS
from tests.chaos.test_muertes import Carga, vender
from tests.sistema import Sistema, hasta

PUNTO = "guarda.antes_de_confirmar"


def test_death_of_the_guard_before_it_confirms(sistema: Sistema) -> None:
    assert PUNTO in POINTS
    sistema.esperar_lista()
    vender(sistema, 300)
    s, cti = sistema.sesion("distribuidor"), sistema.demo["cti"]["id"]
    assert s.put(f"/v1/ctis/{cti}/limites", json={"tope_por_hora": 1}).status_code == 200
    sistema.armar(PUNTO)
    carga = Carga(sistema)
    carga.correr(3, 1)
    # Frozen between two stampings, which is right too: what was stamped is past the limit.
    assert len(carga.uuids) >= 2
    hasta(lambda: not (sistema.crash_dir / PUNTO).exists(), 30)
    sistema.esperar_lista()

    def congelada() -> bool:
        # An hour may end in the middle of the test, and its count begins again.
        sistema.timbrar(sistema.factura())
        return s.get(f"/v1/ctis/{cti}").json().get("activa") is False

    hasta(congelada, 40)
    congelaciones = [
        a for a in s.get(f"/v1/ctis/{cti}/bitacora").json()["datos"] if a["accion"] == "congelacion"
    ]
    avisos = [a for a in s.get("/v1/avisos").json()["datos"] if a["tipo"] == "cti_congelada"]
    assert (len(congelaciones), len(avisos)) == (1, 1)
    assert s.put(f"/v1/ctis/{cti}/limites", json={}).status_code == 200
    assert s.delete(f"/v1/ctis/{cti}/bloqueo", json={"motivo": "Fin de la prueba"}).status_code == 200
    assert sistema.timbrar(sistema.factura()).status_code == 200
    sistema.cuadrar()
