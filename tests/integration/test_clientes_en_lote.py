"""Clientes told in a lot are, in each service that hears of them, what they would be told one by one; twice is once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.facturacion import use_cases as facturacion
from services.facturacion.repository import Repositorio as RepositorioFacturacion
from services.licencias import use_cases as licencias
from services.licencias.repository import Repositorio as RepositorioLicencias
from services.puntos import use_cases as puntos
from services.puntos.repository import Repositorio as RepositorioPuntos
from services.timbrado.repository import Repositorio as RepositorioTimbrado
from services.timbrado.use_cases import cuentas as timbrado
from shared.contracts import eventos as ev
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork

CUENTA = UUID(int=7)
IDS = [uuid4() for _ in range(3)]
LOTE = ev.ClientesCreadosLote(
    cuenta_id=CUENTA,
    clientes=",".join(map(str, IDS)),
    nics="1001,1002,1003",
    ctis="CTI0001001,CTI0001002,CTI0001003",
    nombres=["Uno, S.A.", 'Dos "X"', "Tres"],
)

CASOS = {
    "timbrado": (
        RepositorioTimbrado, timbrado.crear_ctis_estandar, timbrado.crear_cti_estandar,
        ("SELECT c.id, c.nic, c.cliente_id, c.cuenta_id, c.tipo, c.hash_contrasena, l.tipo, l.titular, l.saldo,"
        " l.con_limite, b.accion, b.actor, b.detalle, b.motivo, b.ip FROM ctis c JOIN cuentas l ON l.id = c.libro_id"
        " LEFT JOIN bitacora_ctis b ON b.cti = c.id ORDER BY c.id"),
    ),
    "puntos": (
        RepositorioPuntos, puntos.abrir_monederos_de_clientes, puntos.abrir_monedero_de_cliente,
        ("SELECT m.cliente_id, m.cuenta_id, m.nic, m.nombre, l.tipo, l.titular, l.saldo, l.con_limite"
        " FROM monederos_cliente m JOIN cuentas l ON l.id = m.libro_id ORDER BY m.nic"),
    ),
    "licencias": (
        RepositorioLicencias, licencias.anotar_clientes, licencias.anotar_cliente,
        "SELECT * FROM clientes ORDER BY nic",
    ),
    "facturacion": (
        RepositorioFacturacion, facturacion.anotar_clientes, facturacion.anotar_cliente,
        "SELECT * FROM clientes ORDER BY nic",
    ),
}  # fmt: skip


@pytest.mark.parametrize("servicio", CASOS)
def test_a_lot_is_as_its_clientes_one_by_one(servicio: str, base_de_datos: Callable[..., str]) -> None:
    repositorio, juntos, uno, consulta = CASOS[servicio]
    engine = new_engine(base_de_datos(servicio), 2)

    def ver(use_case: Any, *cargas: Any) -> list[tuple[Any, ...]]:
        """What is there after these, and then nothing again."""
        with UnitOfWork(engine, repositorio) as uow:
            for carga in cargas:
                use_case(uow, carga)
            return [tuple(fila) for fila in uow.session.execute(text(consulta))]

    de_uno_en_uno = ver(uno, *LOTE.filas())
    assert len(de_uno_en_uno) == 3
    assert ver(juntos, LOTE) == de_uno_en_uno
    assert ver(juntos, LOTE, LOTE) == de_uno_en_uno
    engine.dispose()
