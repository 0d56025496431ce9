"""Who was invited to administer CMs, and then makes its perfil by confirming the alta of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from services.clientes.use_cases import usuarios
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from tests.integration.apoyo_distribuidores import Mundo

CORREO = "invitada@x.mx"


@pytest.fixture
def mundo(base_de_datos: Callable[..., str]) -> Iterator[Mundo]:
    uno = Mundo(new_engine(base_de_datos("clientes"), 6))
    uno.preparar()
    yield uno
    uno.clientes.dispose()


def invitar(mundo: Mundo, cuenta: UUID, rol: str = "operador") -> c.Usuario:
    titular = mundo.leer("SELECT perfil_id FROM usuarios WHERE cuenta_id = :c AND rol = 'titular'", c=cuenta)[
        0
    ][0]
    hecho: c.Usuario = mundo.correr(
        usuarios.admitir_usuario,
        c.AdmitirUsuario(
            clave="i", cuenta_id=cuenta, actor=titular, correo=CORREO, movil="+525500000000", rol=rol
        ),
    )
    assert hecho.estado == "invitado"
    return hecho


def de_quien(mundo: Mundo) -> dict[Any, str]:
    filas = mundo.leer(
        "SELECT u.cuenta_id, u.rol FROM usuarios u JOIN perfiles p USING (perfil_id) WHERE p.correo = :p",
        p=CORREO,
    )
    return {f.cuenta_id: f.rol for f in filas}


def test_queda_admitida_donde_la_invitaron_menos_del_otro_lado(mundo: Mundo) -> None:
    prima = mundo.activa()
    invitar(mundo, prima, "consulta")
    invitar(mundo, mundo.raiz)
    propia = mundo.alta(correo=CORREO)
    assert mundo.confirmar(propia).perfil_creado
    assert de_quien(mundo) == {propia: "titular", prima: "consulta"}
    # Its parent's would put it on both sides of the alta: it stays open, and its link says why it can't be taken.
    assert mundo.leer("SELECT cuenta_id FROM invitaciones") == [(mundo.raiz,)]
    assert mundo.leer(
        "SELECT count(*) FROM outbox WHERE carga ->> 'accion' = 'clientes.aceptar_invitacion'"
    ) == [(1,)]


def test_quien_ya_tenia_perfil_no_acepta_nada_por_confirmar(mundo: Mundo) -> None:
    prima = mundo.activa()
    primera = mundo.alta(correo=CORREO)
    mundo.confirmar(primera)
    mundo.cambiar(primera, "activacion")
    # With a móvil that is not the perfil's, it is the mail's link that admits.
    invitar(mundo, prima)
    segunda = mundo.alta(correo=CORREO)
    assert not mundo.confirmar(segunda).perfil_creado
    assert prima not in de_quien(mundo)
    assert mundo.leer("SELECT count(*) FROM invitaciones") == [(1,)]


def test_confirma_mientras_la_cuenta_que_invita_cancela_la_invitacion(mundo: Mundo) -> None:
    """Either the invitation was taken or it was cancelled; whoever waits gets its turn."""
    prima = mundo.activa()
    invitacion = invitar(mundo, prima).invitacion_id
    assert invitacion is not None
    titular = mundo.leer("SELECT perfil_id FROM usuarios WHERE cuenta_id = :c", c=prima)[0][0]
    propia = mundo.alta(correo=CORREO)
    listos = threading.Barrier(2)
    rechazos: list[Codigo] = []

    def cancelar() -> None:
        listos.wait(10)
        peticion = c.CancelarInvitacion(clave="c", cuenta_id=prima, actor=titular, invitacion_id=invitacion)
        try:
            mundo.correr(usuarios.cancelar_invitacion, peticion)
        except DomainError as error:
            rechazos.append(error.code)

    hilo = threading.Thread(target=cancelar)
    hilo.start()
    listos.wait(10)
    mundo.confirmar(propia)
    hilo.join(10)
    assert rechazos == ([Codigo.NO_ENCONTRADO] if prima in de_quien(mundo) else [])
    assert mundo.leer("SELECT count(*) FROM invitaciones") == [(0,)]
