"""A password is hashed before the transaction that sets it, and not at all for a replay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from services.timbrado.credenciales import hash_password
from services.timbrado.service import ctis as service
from shared.contracts import timbrado as c
from shared.errors import DomainError


class Bus:
    """What `nueva_contrasena` needs of the bus; knows whether a transaction is open."""

    def __init__(self, respondidas: set[tuple[str, str]]) -> None:
        self.respondidas = respondidas
        self.abierta = False

    @contextmanager
    def guarded(self, _: str) -> Iterator[None]:
        yield

    @contextmanager
    def uow(self) -> Iterator[Any]:
        self.abierta = True
        yield SimpleNamespace(
            repo=SimpleNamespace(respondida=lambda contrato, clave: (contrato, clave) in self.respondidas)
        )
        self.abierta = False


def pedir(monkeypatch: pytest.MonkeyPatch, bus: Bus, **datos: Any) -> tuple[Any, list[str]]:
    hechas: list[str] = []

    def offload(funcion: Any, texto: str) -> str:
        assert funcion is hash_password
        assert not bus.abierta, "argon2 inside a transaction"
        hechas.append(texto)
        return f"h:{texto}"

    monkeypatch.setattr(service, "offload", offload)
    payload = {"clave": "k", "cuenta_id": str(uuid4()), "cti": "CTI0001001", **datos}
    return service.nueva_contrasena(bus, c.RESTABLECER_CONTRASENA, payload), hechas  # type: ignore[arg-type]


def test_hashed_outside_of_the_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    nueva, hechas = pedir(monkeypatch, Bus(set()))
    assert (nueva.hash, nueva.revelada) == (f"h:{nueva.texto}", nueva.texto)
    assert hechas == [nueva.texto]
    nueva, _ = pedir(monkeypatch, Bus(set()), contrasena="la-que-yo-elijo")
    assert (nueva.hash, nueva.revelada) == ("h:la-que-yo-elijo", None)


def test_a_replay_pays_no_argon2(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = Bus({("timbrado.restablecer_contrasena_v1", "k")})
    nueva, hechas = pedir(monkeypatch, bus)
    assert (nueva.hash, hechas) == ("", [])
    _, hechas = pedir(monkeypatch, bus, clave="otra")
    assert len(hechas) == 1


@pytest.mark.parametrize("contrasena", ["corta", "x" * 129, "con\0nulo-largo", "cmk_" + "A" * 32])
def test_a_bad_password_costs_nothing(monkeypatch: pytest.MonkeyPatch, contrasena: str) -> None:
    with pytest.raises(DomainError) as exc:
        pedir(monkeypatch, Bus(set()), contrasena=contrasena)
    assert list(exc.value.errores) == ["contrasena"]
