"""kill -9 at every point of the saga that pays an ilimitada's year: one charge and one year, or neither."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import requests
from sqlalchemy import Connection, text

from shared.crash import POINTS
from shared.persistence.base import new_engine
from tests.sistema import Sistema, hasta

PRECIO = Decimal("3.00")
PLAZO = 60.0


class Saga:
    """A new ilimitada of the demonstration's cliente, driven as a patient program does: with one key until it is done."""

    def __init__(self, sistema: Sistema) -> None:
        self.sistema = sistema
        sistema.esperar_lista()
        self.cm = sistema.sesion("distribuidor")
        precios = {"abierta": str(PRECIO), "un_rfc": str(PRECIO)}
        raiz = sistema.sesion("raiz")
        assert raiz.put("/v1/operacion/tarifas-ilimitadas", json=precios).status_code == 200
        nic = sistema.demo["cliente"]["nic"]
        r = self.cm.post(
            f"/v1/clientes/{nic}/ctis", json={"tipo": "ilimitada", "contrasena": "una-contrasena-larga"}
        )
        assert r.status_code == 201, r.text
        self.cti = r.json()["id"]
        self.antes = self.puntos()

    def hablar(self, metodo: str, ruta: str, *estados: int, **kwargs: Any) -> dict[str, Any]:
        """The answer, however often a process dies under the request."""
        clave = {"Idempotency-Key": str(uuid4())}
        limite = time.monotonic() + PLAZO
        while True:
            try:
                r = self.cm.request(metodo, ruta, headers=clave, **kwargs)
                if r.status_code in estados:
                    cuerpo: dict[str, Any] = r.json()
                    return cuerpo
                assert r.status_code == 503, r.text
            except requests.ConnectionError:
                pass
            assert time.monotonic() < limite, f"{metodo} {ruta} did not succeed in {PLAZO} s"
            time.sleep(0.2)

    def contratar(self) -> str:
        cuerpo = {"modalidad": "abierta", "confirmar": True}
        return str(self.hablar("POST", f"/v1/ctis/{self.cti}/contrataciones", 202, json=cuerpo)["id"])

    def cancelar(self, id: str) -> None:
        self.hablar("DELETE", f"/v1/contrataciones/{id}", 200, 409)

    def ver(self, id: str) -> dict[str, Any]:
        return self.hablar("GET", f"/v1/contrataciones/{id}", 200)

    def puntos(self) -> Decimal:
        return Decimal(self.hablar("GET", "/v1/puntos", 200)["disponible"])

    def vigente(self) -> bool:
        return bool(self.hablar("GET", f"/v1/ctis/{self.cti}/contrato", 200)["vigente"])

    def caducar(self) -> None:
        """Move its requests' last moment to now."""
        with self._base("timbrado") as conexion:
            conexion.execute(
                text("UPDATE contrataciones SET caduca_en = now() WHERE cti = :c"), {"c": self.cti}
            )

    def cancelar_sin_decirlo(self, id: str) -> None:
        """As a version did that told puntos nothing: the charge is made, and its answer finds the request called off."""
        with self._base("timbrado") as conexion:
            conexion.execute(
                text(
                    "UPDATE contrataciones SET estado = 'cancelada', motivo = 'La canceló.', resuelta_en = now()"
                    " WHERE id = :i"
                ),
                {"i": id},
            )

    def cargo(self, id: str) -> str | None:
        """What puntos says of its charge."""
        with self._base("puntos") as conexion:
            return conexion.execute(text("SELECT estado FROM cargos WHERE id = :id"), {"id": id}).scalar()

    def termina(self, id: str, *estados: str) -> str:
        """Its final state, with exactly the charge and the year that belong to it."""
        hasta(lambda: self.ver(id)["estado"] != "solicitada", PLAZO)
        estado = str(self.ver(id)["estado"])
        assert estado in estados
        pagado = estado == "activa"
        # The charge was asked for in any case: what ends without a year ends with the puntos given back, or with a charge
        # that met its calling off and was never made.
        hasta(lambda: self.cargo(id) in (("cobrado",) if pagado else ("devuelto", "rechazado")), PLAZO)
        devuelta = self.cargo(id) == "devuelto"
        hasta(lambda: (self.ver(id)["devolucion_en"] is not None) is devuelta, PLAZO)
        assert self.puntos() == self.antes - (PRECIO if pagado else 0)
        assert self.ver(id)["estado"] == estado
        assert self.vigente() is pagado
        return estado

    @contextmanager
    def _base(self, servicio: str) -> Iterator[Connection]:
        engine = new_engine(self.sistema.instalacion.base(servicio), 1)
        with engine.begin() as conexion:
            yield conexion
        engine.dispose()


def pagar(saga: Saga, armar: Callable[[], None]) -> str:
    """The straight way: asked, charged, given."""
    armar()
    return saga.termina(saga.contratar(), "activa")


def cancelar(saga: Saga, armar: Callable[[], None]) -> str:
    """Called off before it is charged; the charge and its calling off wait for puntos together."""
    armar()
    with saga.sistema.congelado("puntos"):
        id_ = saga.contratar()
        saga.cancelar(id_)
    return saga.termina(id_, "cancelada")


def devolver(saga: Saga, armar: Callable[[], None]) -> str:
    """Called off for certain before its charge is told: the charge comes back."""
    with saga.sistema.congelado("puntos"):
        id_ = saga.contratar()
        saga.cancelar_sin_decirlo(id_)
        armar()
    return saga.termina(id_, "cancelada")


def caducar(saga: Saga, armar: Callable[[], None]) -> str:
    """puntos does not answer in time; the timer gives up and calls the charge off."""
    armar()
    with saga.sistema.congelado("puntos"):
        id_ = saga.contratar()
        saga.caducar()
        hasta(lambda: saga.ver(id_)["estado"] == "caducada", PLAZO)
    return saga.termina(id_, "caducada")


#: Each point of the saga, and a run that comes by it.
CASOS: dict[str, Callable[[Saga, Callable[[], None]], str]] = {
    "ilimitada.al_solicitar": pagar,
    "ilimitada.al_activar": pagar,
    "ilimitada.al_cancelar": cancelar,
    "ilimitada.al_devolver": devolver,
    "ilimitada.al_vigilar": caducar,
    "cargo.al_cobrar": pagar,
    "cargo.al_devolver": devolver,
}
#: Points of every event and call, which the saga passes too.
COMUNES = ("relay.despues_de_publicar", "inbox.antes_de_confirmar")


def test_every_point_of_the_saga_has_a_run() -> None:
    assert {p for p in POINTS if p.startswith(("ilimitada.", "cargo."))} == set(CASOS)


@pytest.mark.parametrize("punto", [*CASOS, *COMUNES])
def test_death_in_the_saga(sistema: Sistema, punto: str) -> None:
    saga = Saga(sistema)
    CASOS.get(punto, pagar)(saga, lambda: sistema.armar(punto))
    hasta(lambda: not (sistema.crash_dir / punto).exists(), 20)


def test_the_saga_leaves_the_books_in_balance(sistema: Sistema) -> None:
    sistema.esperar_lista()
    sistema.cuadrar()
