"""Who may give which role to whom."""

from __future__ import annotations

import pytest

from services.clientes.domain import Rol
from services.clientes.domain import usuarios as reglas
from shared.errors import Codigo, DomainError

DABLES = {
    Rol.TITULAR: {"administrador", "operador", "consulta"},
    Rol.ADMINISTRADOR: {"administrador", "operador", "consulta"},
    Rol.OPERADOR: {"operador", "consulta"},
    Rol.CONSULTA: {"consulta"},
}


@pytest.mark.parametrize("quien", list(Rol))
@pytest.mark.parametrize("dado", [str(r) for r in Rol])
def test_nobody_gives_a_role_above_its_own_nor_the_titulars(quien: Rol, dado: str) -> None:
    if dado in DABLES[quien]:
        assert reglas.exigir_rol_dable(quien, dado) == dado
        return
    with pytest.raises(DomainError) as error:
        reglas.exigir_rol_dable(quien, dado)
    assert error.value.code is Codigo.NO_PERMITIDO


@pytest.mark.parametrize("rol", [None, "consulta", "operador"])
def test_below_administrador_nobody_administers_usuarios(rol: str | None) -> None:
    with pytest.raises(DomainError) as error:
        reglas.exigir_que_administre(rol)
    assert error.value.code is Codigo.NO_PERMITIDO


@pytest.mark.parametrize("rol", ["administrador", "titular"])
def test_administrador_and_titular_do(rol: str) -> None:
    assert reglas.exigir_que_administre(rol) == rol


@pytest.mark.parametrize("rol", [None, "administrador", "operador", "consulta"])
def test_only_the_titular_hands_over(rol: str | None) -> None:
    with pytest.raises(DomainError):
        reglas.exigir_titular(rol)
    reglas.exigir_titular("titular")


def test_the_titular_stays() -> None:
    with pytest.raises(DomainError):
        reglas.exigir_que_no_sea_titular("titular")
    reglas.exigir_que_no_sea_titular("administrador")
