"""Who controls a cliente's account: whom it may be, and who is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.clientes.use_cases import perfil_principal
from shared.contracts import clientes as c
from shared.errors import Codigo
from tests.unit.clientes.fakes import UowFalsa
from tests.unit.clientes.test_reglas import cliente, cuenta, perfil, rechazo


@pytest.fixture
def uow() -> Any:
    return UowFalsa()


def asignar(uow: Any, uno: c.Cliente, p: c.Perfil) -> c.PerfilPrincipal:
    return perfil_principal.asignar_perfil_principal(
        uow,
        c.AsignarPerfilPrincipal(
            clave="k", cuenta_id=uno.cuenta_id, nic=uno.nic, correo=p.correo, movil=p.movil
        ),
    )


def quitar(uow: Any, uno: c.Cliente) -> c.Cliente:
    return perfil_principal.quitar_perfil_principal(
        uow, c.QuitarPerfilPrincipal(clave="k", cuenta_id=uno.cuenta_id, nic=uno.nic)
    )


def test_whoever_had_it_and_whoever_has_it_are_told_once(uow: Any) -> None:
    ana, beto, caro = perfil(uow, 1), perfil(uow, 2), perfil(uow, 3)
    uno = cliente(uow, cuenta(uow, ana.perfil_id).cuenta_id)
    uow.repo.correos.clear()
    asignar(uow, uno, beto)
    asignar(uow, uno, beto)
    asignar(uow, uno, caro)
    assert quitar(uow, uno).perfil_principal_id is None
    quitar(uow, uno)
    dichos = [(correo.para, "Ahora" in correo.asunto) for correo in uow.repo.correos]
    assert dichos == [(beto.correo, True), (beto.correo, False), (caro.correo, True), (caro.correo, False)]
    assert len({correo.clave for correo in uow.repo.correos}) == 4


def test_a_perfil_that_did_not_confirm_its_correo_is_refused(uow: Any) -> None:
    ana, beto = perfil(uow, 1), perfil(uow, 2)
    uno = cliente(uow, cuenta(uow, ana.perfil_id).cuenta_id)
    guardado = uow.repo.perfiles[beto.perfil_id]
    uow.repo.perfiles[beto.perfil_id] = replace(guardado, confirmado_en=None)
    with rechazo(Codigo.DATOS_INVALIDOS):
        asignar(uow, uno, beto)
    uow.repo.perfiles[beto.perfil_id] = guardado
    assert asignar(uow, uno, beto).perfil_id == beto.perfil_id
