"""Which calls see more than one CM, and which changes leave no audit entry: data with reasons, not silence."""

from __future__ import annotations

import importlib
from dataclasses import fields
from uuid import uuid4

import pytest

from shared.contracts import puntos, timbrado
from shared.contracts.base import RPCS, PeticionConClave

for _familia in ("clientes", "facturacion", "licencias", "puntos", "timbrado"):
    importlib.import_module(f"shared.contracts.{_familia}")

CON_CUENTA = {n for n, r in RPCS.items() if "cuenta_id" in {f.name for f in fields(r.peticion)}}


def test_a_call_with_a_cuenta_id_sees_that_cm_alone_unless_it_says_why_not() -> None:
    cuenta = uuid4()
    pedida = timbrado.ObtenerCti(cuenta_id=cuenta, cti="x")
    assert timbrado.OBTENER_CTI.cuenta_de(pedida) == cuenta
    assert puntos.ACREDITAR.cuenta_de(pedida) is None
    assert timbrado.TIMBRAR_LOTE.cuenta_de(timbrado.LoteDeTimbrado(solicitudes=[])) is None


@pytest.mark.parametrize("nombre", sorted(n for n, r in RPCS.items() if r.sin_aislar or r.sin_auditar))
def test_an_exception_has_a_reason_and_is_one(nombre: str) -> None:
    contrato = RPCS[nombre]
    for razon, excepcion in (
        (contrato.sin_aislar, nombre in CON_CUENTA),
        (contrato.sin_auditar, contrato.cambia),
    ):
        if razon:
            assert excepcion, "it has nothing to be excepted from"
            assert len(razon.split()) >= 4


def test_who_asks_is_not_told_twice() -> None:
    """An entry's actor and address come from the call's headers; a request's own are left out of what it shows."""
    for contrato in RPCS.values():
        if issubclass(contrato.peticion, PeticionConClave):
            assert {"clave", "actor", "origen_ip"} <= contrato.peticion.NO_HASH


@pytest.mark.parametrize("nombre", sorted(n for n, r in RPCS.items() if r.cambia and not r.sin_auditar))
def test_no_secret_of_a_change_is_in_its_entry(nombre: str) -> None:
    from shared.auditoria.asiento import mostrar

    contrato = RPCS[nombre]
    secretos = {f.name for f in fields(contrato.peticion) if not f.repr} | contrato.secretos
    visto = mostrar({f.name: "valor" for f in fields(contrato.peticion)})
    for campo in visto:
        assert "contrasena" not in campo, campo
    # What is not shown by repr, or shown once, is not shown here either.
    vacia = object.__new__(contrato.peticion)
    for f in fields(contrato.peticion):
        object.__setattr__(vacia, f.name, "valor")
    assert not secretos & set(mostrar(vacia))
