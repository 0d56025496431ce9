"""Who may call what, as data: `tests/matriz_de_roles.csv` has a row for every route and a column for every caller.

A new route fails here until its row is written: `python -m tests.matriz_de_roles` prints the rows that lack as the
code has them, for a person to read before they are added.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from flask.testing import FlaskClient

from services.gateway.app import crear_app
from shared.errors import Codigo, DomainError
from tests.matriz_de_roles import LLAMANTES, Fila, concretar, del_codigo, leer
from tests.unit.gateway.conftest import CUENTA_A, Token

NEGADAS = {"no_autenticado": "401", "no_permitido": "403"}
MATRIZ = leer()


class _Lejos:
    """Stands for the bus: whatever reaches it was let through."""

    def llamar_con_marca(self, *_: Any, **__: Any) -> Any:
        raise DomainError(Codigo.NO_DISPONIBLE, "Hasta aquí.")

    llamar_crudo = llamar_con_marca
    llamar = llamar_con_marca


@pytest.fixture
def http() -> FlaskClient:
    return crear_app(_Lejos()).test_client()  # type: ignore[arg-type]


def test_every_route_has_its_row_and_no_row_lacks_its_route() -> None:
    codigo = del_codigo()
    assert {f.llave for f in MATRIZ} ^ {f.llave for f in codigo} == set(), (
        "run python -m tests.matriz_de_roles"
    )
    assert len({f.llave for f in MATRIZ}) == len(MATRIZ)


def test_what_changes_something_needs_more_than_reading() -> None:
    """A session's unsafe route that `consulta` may call would be a hole, unless it is about oneself."""
    assert [
        f.llave
        for f in MATRIZ
        if f.metodo != "GET" and not f.propia and "si" in (f.de["consulta"], f.de["consulta@raiz"])
    ] == []


@pytest.mark.parametrize("llamante", LLAMANTES)
def test_the_matrix_is_what_happens(http: FlaskClient, token: Token, llamante: str) -> None:
    cabeceras: dict[str, str] = {}
    if llamante != "anonimo":
        rol, _, raiz = llamante.partition("@")
        claims: dict[str, Any] = {"cuentas": []} if rol == "perfil" else {}
        cuentas = () if rol == "perfil" else ((CUENTA_A, rol, bool(raiz)),)
        cabeceras["Authorization"] = f"Bearer {token(*cuentas, **claims)}"
    distintas = []
    for fila in MATRIZ:
        if fila.clase != "sesion":
            continue
        hallado = _llamar(http, fila, cabeceras)
        if hallado != fila.de[llamante]:
            distintas.append(f"{fila.metodo} {fila.ruta}: {hallado}, in the matrix {fila.de[llamante]}")
    assert distintas == []


def _llamar(http: FlaskClient, fila: Fila, cabeceras: dict[str, str]) -> str:
    respuesta = http.open(
        concretar(fila.ruta),
        method=fila.metodo,
        headers={**cabeceras, "Idempotency-Key": str(uuid.uuid4())},
        json=None if fila.metodo in {"GET", "DELETE"} else {},
    )
    cuerpo = respuesta.get_json(silent=True) or {}
    return NEGADAS.get(str(cuerpo.get("code")), "si")
