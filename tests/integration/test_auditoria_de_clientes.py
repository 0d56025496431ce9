"""What the audit entries of clientes' own edits say was before, and what is after."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from services.clientes.repository import Repositorio
from services.clientes.use_cases import auditoria, clasificacion, clientes, red
from shared.contracts import clientes as c
from shared.contracts.base import PeticionConClave, Rpc, dump
from shared.persistence.base import new_engine
from tests.integration.apoyo_distribuidores import Mundo, Uow


@pytest.fixture
def mundo(base_de_datos: Callable[..., str]) -> Iterator[Mundo]:
    uno = Mundo(new_engine(base_de_datos("clientes"), 4))
    uno.preparar()
    yield uno
    uno.clientes.dispose()


def servir(mundo: Mundo, contrato: Rpc[Any, Any], peticion: PeticionConClave, caso: Any) -> dict[str, Any]:
    """As the bus does it; the detail of the entry that it left."""
    with Uow(mundo.clientes, Repositorio) as uow:
        assert uow.first_answer(contrato.nombre, peticion) is None
        uow.remember_answer(contrato.nombre, peticion.clave, dump(caso(uow, peticion)))
        uow.commit()
    [asiento] = mundo.leer(
        "DELETE FROM outbox WHERE evento = 'clientes.auditoria_v1' AND carga->>'accion' = :a RETURNING carga",
        a=contrato.nombre,
    )
    return {**json.loads(asiento.carga["detalle"]), "objeto": asiento.carga["objeto"]}


def test_an_edit_shows_what_was_and_what_is_masked(mundo: Mundo) -> None:
    hecho = mundo.correr(
        clientes.crear_cliente,
        c.CrearCliente(
            clave="a", cuenta_id=mundo.cm, nombre="Ana Ruiz", correo="ana@x.mx", regimen_fiscal="612"
        ),
    )
    dicho = servir(
        mundo,
        c.EDITAR_CLIENTE,
        c.EditarCliente(
            clave="b",
            cuenta_id=mundo.cm,
            nic=hecho.nic,
            correo="eva@y.mx",
            regimen_fiscal="626",
            nombre="Ana Ruiz",
        ),
        clientes.editar_cliente,
    )
    assert dicho["objeto"] == f"cliente:{hecho.nic}"
    # The name was given and stays: only what changes is there.
    assert dicho["antes"] == {"correo": "a***@x.mx", "regimen_fiscal": "612"}
    assert dicho["despues"] == {"correo": "e***@y.mx", "regimen_fiscal": "626"}


def test_labels_show_what_each_cliente_had(mundo: Mundo) -> None:
    nics = [
        mundo.correr(
            clientes.crear_cliente, c.CrearCliente(clave=f"n{i}", cuenta_id=mundo.cm, nombre=f"N {i}")
        ).nic
        for i in range(2)
    ]
    uno = servir(
        mundo,
        c.CLASIFICAR_CLIENTE,
        c.ClasificarCliente(
            clave="c", cuenta_id=mundo.cm, nic=nics[0], favorito=True, baja=False, color="azul"
        ),
        clasificacion.clasificar_cliente,
    )
    assert uno["antes"] == {"favorito": False, "baja": False}
    assert uno["despues"] == {"favorito": True, "baja": False, "color": "azul"}
    varios = servir(
        mundo,
        c.CLASIFICAR_CLIENTES,
        c.ClasificarClientes(clave="d", cuenta_id=mundo.cm, nics=nics, favorito=True),
        clasificacion.clasificar_clientes,
    )
    # The first one had it already.
    assert varios["antes"] == {str(nics[1]): {"favorito": False}}
    assert varios["despues"] == {"favorito": True}


def test_a_distributors_change_of_state_shows_both(mundo: Mundo) -> None:
    cuenta = mundo.activa()
    dicho = servir(
        mundo,
        c.CAMBIAR_DISTRIBUIDOR,
        c.CambiarDistribuidor(
            clave="e", cuenta_id=mundo.raiz, distribuidor_id=cuenta, accion="suspension", motivo="No paga"
        ),
        red.cambiar,
    )
    assert dicho["objeto"] == f"distribuidor:{cuenta}"
    assert (dicho["antes"]["estado"], dicho["despues"]["estado"]) == ("activo", "suspendido")
    assert dicho["antes"]["vence_en"] == dicho["despues"]["vence_en"]


def test_deliveries_of_entries_are_forgotten_and_those_of_other_events_never(mundo: Mundo) -> None:
    with mundo.clientes.begin() as conexion:
        for manejador, dias in (("anotar_asiento", 91), ("anotar_asiento", 89), ("activar", 400)):
            conexion.execute(
                text(
                    "INSERT INTO inbox (evento_id, manejador, recibido_en)"
                    " VALUES (gen_random_uuid(), :m, now() - make_interval(days => :d))"
                ),
                {"m": manejador, "d": dias},
            )
    assert not mundo.correr(auditoria.limpiar)
    quedan = mundo.leer("SELECT manejador, date_part('day', now() - recibido_en) FROM inbox ORDER BY 1")
    assert quedan == [("activar", 400), ("anotar_asiento", 89)]
    indices = mundo.leer(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_inbox_asientos_recibido_en'::regclass"
    )
    assert indices == [(True,)]
