"""timbrado on a real PostgreSQL with a CM that sells to many CTI at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from services.timbrado.repository import Repositorio
from services.timbrado.use_cases import cuentas, masivas, transferencias
from shared.contracts import eventos as ev
from shared.contracts import timbrado as c
from shared.contracts.base import load
from shared.ledger import sealing
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork

Fila = tuple[str, int, str]


@dataclass
class Banco:
    """A migrated timbrado database with CMs."""

    engine: Engine
    nic: int = 0
    ctis: dict[str, UUID] = field(default_factory=dict)

    def uow(self) -> UnitOfWork[Repositorio]:
        return UnitOfWork(self.engine, Repositorio)

    def correr(self, caso: Callable[..., Any], peticion: Any) -> Any:
        with self.uow() as uow:
            respuesta = caso(uow, peticion)
            uow.commit()
            return respuesta

    def cm(self, existencia: int, ctis: int = 3) -> tuple[UUID, list[str]]:
        """A CM with its stock and some CTI, of a cliente each."""
        cm = uuid4()
        self.correr(cuentas.abrir_existencia, ev.CuentaMaestraCreada(cuenta_id=cm, nombre="CM"))
        if existencia:
            self.correr(transferencias.emitir, c.Emitir(clave="e", cuenta_id=cm, cantidad=existencia))
        nombres = []
        for _ in range(ctis):
            self.nic += 1
            cti, cliente = f"CTI{self.nic:05}", uuid4()
            self.correr(
                cuentas.crear_cti_estandar,
                ev.ClienteCreado(cuenta_id=cm, cliente_id=cliente, nic=self.nic, nombre="C", cti=cti),
            )
            self.ctis[cti] = cliente
            nombres.append(cti)
        return cm, nombres

    def pedir(self, cm: UUID, filas: list[Fila], todo_o_nada: bool = False) -> c.TransferenciaMasiva:
        peticion = c.TransferirMasivamente(
            clave="k", cuenta_id=cm, todo_o_nada=todo_o_nada, **columnas(filas)
        )
        recibida = self.correr(masivas.transferir_masivamente, peticion)
        assert isinstance(recibida, c.TransferenciaMasiva)
        return recibida

    def simular(self, cm: UUID, filas: list[Fila], todo_o_nada: bool = False) -> c.SimulacionMasiva:
        peticion = c.SimularTransferenciaMasiva(cuenta_id=cm, todo_o_nada=todo_o_nada, **columnas(filas))
        simulada = self.correr(masivas.simular_transferencia_masiva(lambda f, *a: f(*a)), peticion)
        assert isinstance(simulada, c.SimulacionMasiva)
        return simulada

    def aplicar(self, porcion: int = 2) -> None:
        while masivas.aplicar_una(self.uow, porcion):
            pass

    def ver(self, m: c.TransferenciaMasiva, cm: UUID) -> c.TransferenciaMasiva:
        vista = self.correr(
            masivas.obtener_transferencia_masiva, c.ObtenerTransferenciaMasiva(cuenta_id=cm, masiva_id=m.id)
        )
        assert isinstance(vista, c.TransferenciaMasiva)
        return vista

    def filas(self, m: c.TransferenciaMasiva, cm: UUID, **otros: Any) -> list[c.FilaDeMasiva]:
        """All its rows, page by page."""
        hojas: list[c.FilaDeMasiva] = []
        cursor = None
        while True:
            pagina = self.correr(
                masivas.listar_filas_de_masiva,
                c.ListarFilasDeMasiva(cuenta_id=cm, masiva_id=m.id, limite=2, cursor=cursor, **otros),
            )
            hojas += pagina.datos
            if pagina.siguiente is None:
                return hojas
            cursor = pagina.siguiente

    def resultados(self, m: c.TransferenciaMasiva, cm: UUID) -> list[str]:
        """Each row's refusal, or its state."""
        return [f.codigo or f.estado for f in self.filas(m, cm)]

    def saldos(self, cm: UUID, ctis: list[str]) -> tuple[int, dict[str, int]]:
        """The CM's stock and the balance of each CTI."""
        with self.uow() as uow:
            libro = uow.repo.libro.buscar([("existencia", str(cm)), *[("cti", i) for i in ctis]])
            return libro["existencia", str(cm)].saldo, {i: libro["cti", i].saldo for i in ctis}

    def lotes(self, cm: UUID) -> list[ev.TimbresTransferidosLote]:
        """The events of a CM's bulk transfers, as a consumer reads them."""
        with self.engine.connect() as connection:
            cargas = connection.execute(
                text("SELECT carga FROM outbox WHERE evento = :e AND carga->>'cuenta_id' = :cm ORDER BY id"),
                {"e": ev.TIMBRES_TRANSFERIDOS_LOTE.nombre, "cm": str(cm)},
            ).scalars()
            return [load(ev.TimbresTransferidosLote, carga) for carga in cargas]

    def cuadrar(self) -> None:
        while sealing.seal(self.engine):
            pass
        with self.engine.connect() as connection:
            assert sealing.verify(connection) == []
            for sql in (
                (
                    "SELECT count(*) FROM transferencias_masivas_filas f WHERE rechazo IS NULL AND NOT EXISTS"
                    " (SELECT FROM movimientos m WHERE m.operacion = f.operacion AND m.destino = f.libro_id"
                    " AND m.cantidad = f.cantidad AND m.importe = f.importe AND m.motivo = 'masiva')"
                ),
                (
                    "SELECT count(*) FROM movimientos m WHERE motivo = 'masiva' AND NOT EXISTS"
                    " (SELECT FROM transferencias_masivas_filas f WHERE f.operacion = m.operacion)"
                ),
            ):
                assert connection.execute(text(sql)).scalar_one() == 0


def columnas(filas: list[Fila]) -> dict[str, str]:
    return {
        "ctis": ",".join(f[0] for f in filas),
        "cantidades": ",".join(str(f[1]) for f in filas),
        "importes": ",".join(f[2] for f in filas),
    }


@pytest.fixture(scope="module")
def banco(base_de_datos_modulo: Callable[[str], str]) -> Iterator[Banco]:
    engine = new_engine(base_de_datos_modulo("timbrado"), 8)
    yield Banco(engine)
    engine.dispose()
