"""clientes on a real PostgreSQL as the bus calls it, and where in it somebody's data are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from services.clientes.use_cases import (
    clientes,
    privacidad,
)
from shared.contracts import clientes as c
from shared.contracts import eventos as ev
from shared.contracts.base import Rpc, dump, load
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from tests.integration.apoyo_distribuidores import CONTRASENA, CRED, Mundo


@pytest.fixture
def mundo(base_de_datos: Callable[..., str]) -> Iterator[Mundo]:
    uno = Mundo(new_engine(base_de_datos("clientes"), 4))
    uno.preparar()
    yield uno
    uno.clientes.dispose()


def llamar(mundo: Mundo, contrato: Rpc[Any, Any], caso: Callable[..., Any], peticion: Any, *mas: Any) -> Any:
    """As the bus does: its answer is kept, and it leaves its entry in the audit log."""

    def servir(uow: UnitOfWork[Any]) -> Any:
        assert uow.first_answer(contrato.nombre, peticion) is None
        respuesta = caso(uow, peticion, *mas)
        uow.remember_answer(contrato.nombre, peticion.clave, dump(respuesta))
        return respuesta

    return mundo.correr(servir)


def auditar(mundo: Mundo) -> None:
    """What the outbox holds for the audit log, written to it."""
    for evento, carga in mundo.leer("SELECT evento, carga FROM outbox ORDER BY id"):
        if evento == "clientes.auditoria_v1":
            asiento = load(ev.AsientoDeAuditoria, carga)
            mundo.correr(lambda uow, a=asiento: uow.repo.anotar_asiento(vars(a)))


def vaciar_outbox(mundo: Mundo) -> list[tuple[str, dict[str, Any]]]:
    auditar(mundo)
    with mundo.clientes.begin() as conexion:
        return [
            (f.evento, f.carga)
            for f in conexion.execute(text("DELETE FROM outbox RETURNING evento, carga")).all()
        ]


def rastros(engine: Engine, *buscados: str) -> set[str]:
    """`table.column` of the whole database where one of these texts is, in any letter case."""
    hallados = set()
    with engine.connect() as conexion:
        columnas = conexion.execute(
            text(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
                " AND data_type IN ('text', 'jsonb', 'ARRAY', 'character varying')"
            )
        ).all()
        assert len(columnas) > 80
        for tabla, columna in columnas:
            hay = conexion.execute(
                text(f'SELECT EXISTS (SELECT FROM "{tabla}" WHERE lower("{columna}"::text) LIKE ANY(:b))'),
                {"b": [f"%{b.lower()}%" for b in buscados]},
            ).scalar_one()
            if hay:
                hallados.add(f"{tabla}.{columna}")
    return hallados


def suprimir(mundo: Mundo, perfil_id: UUID, **como: Any) -> c.Supresion:
    peticion = c.SuprimirPerfil(
        **{"clave": str(uuid4()), "perfil_id": perfil_id, "contrasena": CONTRASENA, "confirmar": True, **como}
    )
    hecha: c.Supresion = llamar(mundo, c.SUPRIMIR_PERFIL, privacidad.suprimir_perfil, peticion, CRED)
    return hecha


def cliente(mundo: Mundo, **datos: Any) -> c.Cliente:
    peticion = c.CrearCliente(
        clave=str(uuid4()), cuenta_id=mundo.cm, **{"nombre": "Tornillos Godínez", **datos}
    )
    creado: c.Cliente = llamar(mundo, c.CREAR_CLIENTE, clientes.crear_cliente, peticion)
    return creado


def editar(mundo: Mundo, nic: int) -> None:
    mundo.correr(
        clientes.editar_cliente, c.EditarCliente(clave="x", cuenta_id=mundo.cm, nic=nic, notas="De nuevo")
    )
