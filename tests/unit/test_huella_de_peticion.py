"""A contract that grows changes no hash of what was asked before: keys never expire."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import orjson

from shared.contracts.base import PeticionConClave, earlier_hash, request_hash


@dataclass(frozen=True, kw_only=True)
class Antes(PeticionConClave):
    cti: str
    nota: str = ""


@dataclass(frozen=True, kw_only=True)
class Despues(PeticionConClave):
    cti: str
    nota: str = ""
    horas: int = 0


def test_a_new_field_at_its_default_changes_no_hash() -> None:
    assert request_hash(Antes(clave="k", cti="A")) == request_hash(Despues(clave="k", cti="A", horas=0))
    assert request_hash(Antes(clave="k", cti="A")) != request_hash(Despues(clave="k", cti="A", horas=1))
    assert request_hash(Antes(clave="k", cti="A")) != request_hash(Antes(clave="k", cti="A", nota="x"))


def test_what_was_stored_with_its_defaults_is_still_known() -> None:
    guardada = hashlib.sha256(orjson.dumps({"cti": "A", "nota": ""}, option=orjson.OPT_SORT_KEYS)).digest()
    assert earlier_hash(Antes(clave="k", cti="A")) == guardada
