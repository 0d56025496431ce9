"""kill -9 at every point of the saga that pays a CM's year: one charge and one year, or neither."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
import requests
from sqlalchemy import Connection, text

from shared.contracts import puntos as pu
from shared.crash import POINTS
from shared.errors import DomainError
from shared.messaging.rpc_client import RpcClient
from shared.persistence.base import new_engine
from tests.sistema import Sistema, hasta

PLAZO = 60.0
CUOTA = Decimal("3.00")


class Saga:
    """The demonstration's distributor renews itself, as a patient program does: with one key until it is done."""

    def __init__(self, sistema: Sistema) -> None:
        self.sistema = sistema
        sistema.esperar_lista()
        self.cuenta = sistema.demo["distribuidor"]["cuenta"]
        self.cm = sistema.sesion("distribuidor")
        raiz = sistema.sesion("raiz")
        assert raiz.put("/v1/operacion/cuota-anual", json={"cuota": str(CUOTA)}).status_code == 200
        with self._base("clientes") as conexion:
            # A year that ends within a day, and no more than one ahead.
            conexion.execute(
                text(
                    "UPDATE cuentas_maestras SET vence_en = now() + interval '20 hours', proximo_aviso = NULL"
                    " WHERE cuenta_id = :i"
                ),
                {"i": self.cuenta},
            )
        self._acreditar()
        self.antes = self.puntos()
        self.vencia = self.vence()

    def _acreditar(self) -> None:
        with self._base("puntos") as conexion:
            raiz = conexion.execute(
                text("SELECT cuenta_id FROM monederos_cm WHERE padre_id IS NULL")
            ).scalar_one()
        bus = RpcClient(self.sistema.instalacion.amqp_url)
        peticion = pu.Acreditar(
            clave=f"caos:{uuid4()}",
            cuenta_id=raiz,
            destino_id=UUID(self.cuenta),
            puntos=Decimal("3000.00"),
        )

        def hecho() -> bool:
            try:
                bus.llamar(pu.ACREDITAR, peticion)
            except DomainError:
                return False
            return True

        try:
            hasta(hecho, PLAZO)
        finally:
            bus.close()

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

    def renovar(self) -> str:
        self.total = self.hablar("GET", "/v1/cuenta/renovaciones/cotizacion", 200)["total"]
        cuerpo = {"total": self.total, "confirmar": True}
        return str(self.hablar("POST", "/v1/cuenta/renovaciones", 202, json=cuerpo)["id"])

    def ver(self, id_: str) -> dict[str, Any]:
        [una] = [
            x
            for x in self.hablar("GET", "/v1/cuenta/renovaciones?limite=200", 200)["datos"]
            if x["id"] == id_
        ]
        return dict(una)

    def puntos(self) -> Decimal:
        return Decimal(self.hablar("GET", "/v1/puntos", 200)["disponible"])

    def vence(self) -> str:
        return str(self.hablar("GET", "/v1/cuenta", 200)["vence_en"])

    def caducar(self) -> None:
        """Move its requests' last moment to now."""
        with self._base("clientes") as conexion:
            conexion.execute(
                text("UPDATE renovaciones_de_cuenta SET caduca_en = now() WHERE estado = 'solicitada'")
            )

    def caducar_sin_decirlo(self) -> None:
        """As a version did that told puntos nothing."""
        with self._base("clientes") as conexion:
            conexion.execute(
                text(
                    "UPDATE renovaciones_de_cuenta SET estado = 'caducada', motivo = 'Nadie la cobró.', resuelta_en = now()"
                    " WHERE estado = 'solicitada'"
                )
            )

    def cargo(self, id_: str) -> str | None:
        """What puntos says of its charge."""
        with self._base("puntos") as conexion:
            return conexion.execute(text("SELECT estado FROM cargos WHERE id = :id"), {"id": id_}).scalar()

    def termina(self, id_: str, estado: str) -> None:
        """In that state, with exactly the charge, the year and the contracts that belong to it."""
        hasta(lambda: self.ver(id_)["estado"] != "solicitada", PLAZO)
        pagado = estado == "aplicada"
        # A charge that met its calling off was never made.
        hasta(lambda: self.cargo(id_) in (("cobrado",) if pagado else ("devuelto", "rechazado")), PLAZO)
        devuelta = self.cargo(id_) == "devuelto"
        hasta(lambda: (self.ver(id_)["devolucion_en"] is not None) is devuelta, PLAZO)
        assert self.puntos() == self.antes - (Decimal(self.total) if pagado else 0)
        assert self.ver(id_)["estado"] == estado
        vence = self.vence()
        assert (vence != self.vencia) is pagado
        if pagado:
            hasta(lambda: self.contratos_hasta() >= vence[:10], PLAZO)

    def contratos_hasta(self) -> str:
        """The first day on which a contract that was paid with it ends."""
        datos = self.hablar("GET", "/v1/mkl?limite=200", 200)["datos"]
        return min(str(x["vence_en"]) for x in datos if x["vigente"])

    @contextmanager
    def _base(self, servicio: str) -> Iterator[Connection]:
        engine = new_engine(self.sistema.instalacion.base(servicio), 1)
        with engine.begin() as conexion:
            yield conexion
        engine.dispose()


def pagar(saga: Saga, armar: Callable[[], None]) -> None:
    """The straight way: asked, charged, given."""
    armar()
    saga.termina(saga.renovar(), "aplicada")


def caducar(saga: Saga, armar: Callable[[], None]) -> None:
    """puntos does not answer in time; the timer gives up and calls the charge off."""
    armar()
    with saga.sistema.congelado("puntos"):
        id_ = saga.renovar()
        saga.caducar()
        hasta(lambda: saga.ver(id_)["estado"] == "caducada", PLAZO)
    saga.termina(id_, "caducada")


def devolver(saga: Saga, armar: Callable[[], None]) -> None:
    """The charge is made, and its answer finds the request given up: it comes back."""
    with saga.sistema.congelado("puntos"):
        id_ = saga.renovar()
        saga.caducar_sin_decirlo()
        armar()
    saga.termina(id_, "caducada")


#: Each point of the saga, and a run that comes by it.
CASOS: dict[str, Callable[[Saga, Callable[[], None]], None]] = {
    "renovacion.al_solicitar": pagar,
    "renovacion.al_aplicar": pagar,
    "renovacion.al_extender": pagar,
    "renovacion.al_vigilar": caducar,
    "renovacion.al_devolver": devolver,
}


def test_every_point_of_the_renewal_has_a_run() -> None:
    assert {p for p in POINTS if p.startswith("renovacion.")} == set(CASOS)


@pytest.mark.parametrize("punto", CASOS)
def test_death_in_the_renewal(sistema: Sistema, punto: str) -> None:
    saga = Saga(sistema)
    CASOS[punto](saga, lambda: sistema.armar(punto))
    hasta(lambda: not (sistema.crash_dir / punto).exists(), 20)


def test_the_renewals_leave_the_books_in_balance(sistema: Sistema) -> None:
    sistema.esperar_lista()
    sistema.cuadrar()
