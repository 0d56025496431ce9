"""Contracts change only when declared and only by addition, and every service serves exactly its own."""

from __future__ import annotations

import copy
import importlib
import inspect
from typing import Any

import pytest
from nameko.rpc import Rpc as RpcEntrypoint

from shared.contracts.base import EVENTOS, RPCS, PeticionConClave
from shared.contracts.eventos import SUSCRIPCIONES
from shared.messaging.events import EventEntrypoint
from shared.messaging.topologia import SERVICES
from tests.contract.instantanea import actuales, declarados, rupturas


def _entradas(servicio: str) -> list[tuple[str, Any]]:
    clase = importlib.import_module(f"services.{servicio}.service").SERVICE
    assert clase.name == servicio
    return [
        (nombre, entrada)
        for nombre, metodo in inspect.getmembers(clase, inspect.isfunction)
        for entrada in getattr(metodo, "nameko_entrypoints", ())
    ]


def test_every_contract_is_as_declared() -> None:
    antes, ahora = declarados(), actuales()
    distintas = [
        nombre
        for familia in antes.keys() | ahora.keys()
        for nombre in antes.get(familia, {}).keys() | ahora.get(familia, {}).keys()
        if antes.get(familia, {}).get(nombre) != ahora.get(familia, {}).get(nombre)
    ]
    assert not distintas, (
        f"changed without being declared: {sorted(distintas)}."
        " If the change is meant, run `python -m tests.contract.renovar` and commit tests/contract/snapshots."
    )


def test_no_contract_breaks_what_was_declared() -> None:
    assert rupturas(declarados(), actuales()) == []


@pytest.mark.parametrize(
    ("campo", "tipo", "dice"),
    [
        ("nuevo", "String", "new required field"),
        ("nuevo", "String?|null", None),
        ("clave", "Integer", "String became Integer"),
        ("clave", None, "field removed"),
    ],
)
def test_what_breaks(campo: str, tipo: str | None, dice: str | None) -> None:
    antes = actuales()
    ahora = copy.deepcopy(antes)
    peticion = ahora["puntos"]["puntos.transferir_v1"]["peticion"]
    if tipo is None:
        del peticion[campo]
    else:
        peticion[campo] = tipo
    malas = rupturas(antes, ahora)
    if dice is None:
        assert malas == []
    else:
        [mala] = malas
        assert dice in mala


def test_what_changes_something_carries_an_idempotency_key() -> None:
    actuales()
    assert [
        r.nombre for r in RPCS.values() if r.cambia and not issubclass(r.peticion, PeticionConClave)
    ] == []
    assert [
        r.nombre for r in RPCS.values() if not r.cambia and issubclass(r.peticion, PeticionConClave)
    ] == []


@pytest.mark.parametrize("servicio", SERVICES)
def test_a_service_has_one_method_per_contract_and_no_other(servicio: str) -> None:
    metodos = {nombre for nombre, entrada in _entradas(servicio) if isinstance(entrada, RpcEntrypoint)}
    assert metodos - {"salud_v1"} == {r.metodo for r in RPCS.values() if r.servicio == servicio}
    assert "salud_v1" in metodos


def test_every_event_has_a_queue_for_each_of_its_handlers() -> None:
    declaradas = {
        (e.nombre, consumidor) for e, consumidores in SUSCRIPCIONES.items() for consumidor in consumidores
    }
    atendidas = [
        (entrada.contrato.nombre, servicio)
        for servicio in SERVICES
        for _, entrada in _entradas(servicio)
        if isinstance(entrada, EventEntrypoint)
    ]
    assert len(atendidas) == len(set(atendidas)), "one event, two handlers on one queue"
    assert set(atendidas) == declaradas
    assert {e.nombre for e in SUSCRIPCIONES} == set(EVENTOS)
