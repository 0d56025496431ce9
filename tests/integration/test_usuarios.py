"""Usuarios of a CM against a real PostgreSQL: who may do what, invitations, and races for the titular."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from services.clientes import domain
from services.clientes.repository import Repositorio
from services.clientes.use_cases import perfil_principal, registro, usuarios
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from tests.integration.test_clientes_postgres import (
    CONTRASENA,
    CRED,
    BaseDeDatos,
    cliente,
    correr,
    cuenta,
    perfil,
)

_n = iter(range(100, 10_000))


@pytest.fixture(scope="module")
def motor(base_de_datos_modulo: BaseDeDatos) -> Iterator[Engine]:
    uno = new_engine(base_de_datos_modulo("clientes"), pool_size=12)
    yield uno
    uno.dispose()


@pytest.fixture(scope="module")
def raiz(motor: Engine) -> tuple[UUID, c.Perfil]:
    titular = perfil(motor, next(_n))
    return cuenta(motor, titular.perfil_id).cuenta_id, titular


@pytest.fixture
def cm(motor: Engine, raiz: tuple[UUID, c.Perfil]) -> tuple[UUID, c.Perfil]:
    titular = perfil(motor, next(_n))
    return cuenta(motor, titular.perfil_id, raiz[0]).cuenta_id, titular


Cm = tuple[UUID, c.Perfil]


def admitir(
    motor: Engine, cm: UUID, actor: UUID, correo: str, movil: str, rol: str = "operador"
) -> c.Usuario:
    peticion = c.AdmitirUsuario(
        clave=str(uuid4()), cuenta_id=cm, actor=actor, correo=correo, movil=movil, rol=rol
    )
    hecho: c.Usuario = correr(motor, usuarios.admitir_usuario, peticion)
    return hecho


def nuevo(motor: Engine, cm: Cm, rol: str) -> c.Perfil:
    """A perfil that the titular admits."""
    otro = perfil(motor, next(_n))
    hecho = admitir(motor, cm[0], cm[1].perfil_id, otro.correo.upper(), otro.movil[3:], rol)
    assert (hecho.perfil_id, hecho.estado, hecho.rol) == (otro.perfil_id, "activo", rol)
    return otro


def rol(motor: Engine, cm: UUID, actor: UUID, quien: UUID, cual: str) -> c.Usuario:
    peticion = c.CambiarRolDeUsuario(clave=str(uuid4()), cuenta_id=cm, actor=actor, perfil_id=quien, rol=cual)
    hecho: c.Usuario = correr(motor, usuarios.cambiar_rol, peticion)
    return hecho


def eliminar(motor: Engine, cm: UUID, actor: UUID, quien: UUID, confirmar: bool = False) -> None:
    peticion = c.EliminarUsuario(
        clave=str(uuid4()), cuenta_id=cm, actor=actor, perfil_id=quien, confirmar=confirmar
    )
    correr(motor, usuarios.eliminar_usuario, peticion)


def ceder(motor: Engine, cm: UUID, de: UUID, a: UUID, contrasena: str = CONTRASENA) -> c.Usuario:
    peticion = c.CederTitularidad(
        clave=str(uuid4()), cuenta_id=cm, perfil_id=de, sucesor_id=a, contrasena=contrasena
    )
    hecho: c.Usuario = correr(motor, usuarios.ceder_titularidad, peticion, CRED)
    return hecho


def lista(motor: Engine, cm: UUID) -> list[c.Usuario]:
    """All of them, two a page."""
    hallados: list[c.Usuario] = []
    cursor = None
    while True:
        pagina = correr(
            motor, usuarios.listar_usuarios, c.ListarUsuarios(cuenta_id=cm, limite=2, cursor=cursor)
        )
        hallados += pagina.datos
        if (cursor := pagina.siguiente) is None:
            return hallados


def roles(motor: Engine, cm: UUID) -> dict[Any, str]:
    return {u.perfil_id: u.rol for u in lista(motor, cm)}


def codigo(accion: Callable[..., Any], *como: Any, **mas: Any) -> Codigo:
    with pytest.raises(DomainError) as error:
        accion(*como, **mas)
    return error.value.code


def correos(motor: Engine, para: str) -> list[str]:
    with motor.connect() as conexion:
        return list(
            conexion.scalars(
                text("SELECT asunto FROM correos WHERE para = :p ORDER BY creado_en"), {"p": para}
            )
        )


def token(motor: Engine, para: str) -> str:
    with motor.connect() as conexion:
        texto = conexion.scalar(
            text(
                "SELECT texto FROM correos WHERE para = :p AND texto LIKE '%token=%' ORDER BY creado_en DESC LIMIT 1"
            ),
            {"p": para},
        )
    return str(texto).split("token=")[1].split()[0]


def a_la_vez(*acciones: Callable[[], Any]) -> list[Any]:
    """What each answered, or the code of its refusal."""
    salida = threading.Barrier(len(acciones))
    dichos: list[Any] = [None] * len(acciones)

    def correr_una(n: int) -> None:
        salida.wait(10)
        try:
            dichos[n] = acciones[n]()
        except DomainError as exc:
            dichos[n] = exc.code

    hilos = [threading.Thread(target=correr_una, args=(n,)) for n in range(len(acciones))]
    for hilo in hilos:
        hilo.start()
    for hilo in hilos:
        hilo.join(20)
        assert not hilo.is_alive()
    return dichos


def test_each_role_does_what_it_may(motor: Engine, cm: Cm) -> None:
    cuenta_id, titular = cm
    admin, operador = nuevo(motor, cm, "administrador"), nuevo(motor, cm, "operador")
    assert roles(motor, cuenta_id) == {
        titular.perfil_id: "titular", admin.perfil_id: "administrador", operador.perfil_id: "operador"
    }  # fmt: skip
    a, o, t = admin.perfil_id, operador.perfil_id, titular.perfil_id
    for intento in (
        lambda: rol(motor, cuenta_id, o, a, "consulta"),
        lambda: eliminar(motor, cuenta_id, o, a),
        lambda: admitir(motor, cuenta_id, o, "x@prueba.mx", "5500000000"),
        lambda: rol(motor, cuenta_id, a, t, "consulta"),
        lambda: eliminar(motor, cuenta_id, a, t),
        lambda: rol(motor, cuenta_id, t, t, "administrador"),
        lambda: eliminar(motor, cuenta_id, t, t, True),
        lambda: ceder(motor, cuenta_id, a, o),
        lambda: rol(motor, cuenta_id, uuid4(), o, "consulta"),
    ):
        assert codigo(intento) is Codigo.NO_PERMITIDO
    assert codigo(admitir, motor, cuenta_id, t, operador.correo, operador.movil) is Codigo.CONFLICTO
    assert rol(motor, cuenta_id, a, o, "consulta").rol == "consulta"
    assert correos(motor, operador.correo)[-1] == "Su rol en «Distribuidora» cambió"
    assert "Cambió el rol de un usuario de «Distribuidora»" in correos(motor, titular.correo)
    assert codigo(eliminar, motor, cuenta_id, a, a) is Codigo.CONFIRMACION_REQUERIDA
    eliminar(motor, cuenta_id, a, a, True)
    assert correos(motor, admin.correo)[-1] == "Ya no es usuario de «Distribuidora»"
    # What it was a moment ago counts for nothing.
    assert codigo(rol, motor, cuenta_id, a, o, "operador") is Codigo.NO_PERMITIDO
    assert codigo(eliminar, motor, cuenta_id, t, a) is Codigo.NO_ENCONTRADO


def test_of_another_cm_nobody_is_found(motor: Engine, cm: Cm, raiz: Cm) -> None:
    ajeno = nuevo(motor, raiz, "consulta")
    for intento in (
        lambda: rol(motor, cm[0], cm[1].perfil_id, ajeno.perfil_id, "operador"),
        lambda: eliminar(motor, cm[0], cm[1].perfil_id, ajeno.perfil_id),
        lambda: ceder(motor, cm[0], cm[1].perfil_id, ajeno.perfil_id),
    ):
        assert codigo(intento) is Codigo.NO_ENCONTRADO
    # Nor is one who administers the parent admitted below it, nor the other way round.
    assert codigo(admitir, motor, cm[0], cm[1].perfil_id, ajeno.correo, ajeno.movil) is Codigo.CONFLICTO
    assert codigo(admitir, motor, raiz[0], raiz[1].perfil_id, cm[1].correo, cm[1].movil) is Codigo.CONFLICTO


def test_never_on_both_sides(motor: Engine, cm: Cm, raiz: Cm) -> None:
    suyo = cliente(motor, raiz[0])
    control = perfil(motor, next(_n))
    peticion = c.AsignarPerfilPrincipal(
        clave=str(uuid4()), cuenta_id=raiz[0], nic=suyo.nic, correo=control.correo, movil=control.movil
    )
    correr(motor, perfil_principal.asignar_perfil_principal, peticion)
    assert codigo(admitir, motor, cm[0], cm[1].perfil_id, control.correo, control.movil) is Codigo.CONFLICTO
    assert control.perfil_id not in roles(motor, cm[0])


def test_the_preview_needs_both(motor: Engine, cm: Cm) -> None:
    otro = perfil(motor, next(_n))

    def ver(correo: str, movil: str, actor: UUID = cm[1].perfil_id) -> c.PerfilDeUsuario:
        peticion = c.BuscarPerfilDeUsuario(cuenta_id=cm[0], actor=actor, correo=correo, movil=movil)
        visto: c.PerfilDeUsuario = correr(motor, usuarios.buscar_perfil, peticion)
        return visto

    assert ver(otro.correo, otro.movil) == c.PerfilDeUsuario(hallado=True, nombre=otro.nombre)
    assert ver(cm[1].correo, cm[1].movil).es_usuario
    for correo, movil in ((otro.correo, cm[1].movil), ("nadie@prueba.mx", otro.movil)):
        assert ver(correo, movil) == c.PerfilDeUsuario(hallado=False)
    assert codigo(ver, otro.correo, otro.movil, otro.perfil_id) is Codigo.NO_PERMITIDO


def test_an_invitation_waits_for_whoever_proves_the_correo(motor: Engine, cm: Cm) -> None:
    cuenta_id, titular = cm
    correo, movil = f"invitada{next(_n)}@prueba.mx", f"5599{next(_n):06d}"
    primera = admitir(motor, cuenta_id, titular.perfil_id, correo, movil, "operador")
    viejo = token(motor, correo)
    otra = admitir(motor, cuenta_id, titular.perfil_id, correo, movil, "consulta")
    assert (otra.invitacion_id, otra.estado, otra.rol) == (primera.invitacion_id, "invitado", "consulta")
    assert [u.correo for u in lista(motor, cuenta_id) if u.estado == "invitado"] == [correo]

    def aceptar(cual: str) -> Any:
        return correr(motor, usuarios.aceptar_invitacion, c.AceptarInvitacion(clave=str(uuid4()), token=cual))

    enlace = token(motor, correo)
    assert codigo(aceptar, viejo) is Codigo.ENLACE_VENCIDO
    # A claim that nobody confirmed gets nothing.
    registro_ = c.RegistrarPerfil(
        clave=str(uuid4()), nombre="Inés", correo=correo, movil=movil, contrasena="caballo grapa batería"
    )
    correr(motor, registro.registrar, registro_, CRED)
    assert codigo(aceptar, enlace) is Codigo.CONFLICTO
    confirmacion = c.ConfirmarCorreo(clave=str(uuid4()), token=token(motor, correo))
    correr(motor, registro.confirmar, confirmacion)
    correr(motor, registro.confirmar, confirmacion)
    hallada = [u for u in lista(motor, cuenta_id) if u.correo == correo]
    assert [(u.estado, u.rol, u.nombre) for u in hallada] == [("activo", "consulta", "Inés")]
    assert codigo(aceptar, enlace) is Codigo.ENLACE_VENCIDO
    assert "«Distribuidora» tiene un usuario nuevo" in correos(motor, titular.correo)


def test_an_invitation_with_another_movil_is_accepted_with_its_link(motor: Engine, cm: Cm) -> None:
    otro = perfil(motor, next(_n))
    assert admitir(motor, cm[0], cm[1].perfil_id, otro.correo, "5599999999").estado == "invitado"
    peticion = c.AceptarInvitacion(clave=str(uuid4()), token=token(motor, otro.correo))
    aceptada = correr(motor, usuarios.aceptar_invitacion, peticion)
    assert (aceptada.cuenta_id, aceptada.rol) == (cm[0], "operador")
    assert roles(motor, cm[0])[otro.perfil_id] == "operador"


def test_an_invitation_ends(motor: Engine, cm: Cm) -> None:
    cuenta_id, titular = cm
    admin = nuevo(motor, cm, "administrador")
    uno, dos, tres = (
        admitir(motor, cuenta_id, quien, f"fin{next(_n)}@prueba.mx", "5598000000")
        for quien in (titular.perfil_id, admin.perfil_id, titular.perfil_id)
    )
    cancelar = c.CancelarInvitacion(
        clave=str(uuid4()),
        cuenta_id=cuenta_id,
        actor=titular.perfil_id,
        invitacion_id=uno.invitacion_id or uuid4(),
    )
    correr(motor, usuarios.cancelar_invitacion, cancelar)
    assert codigo(correr, motor, usuarios.cancelar_invitacion, cancelar) is Codigo.NO_ENCONTRADO
    # Who invited and can't any more takes the invitation along.
    rol(motor, cuenta_id, titular.perfil_id, admin.perfil_id, "operador")
    assert [u.correo for u in lista(motor, cuenta_id) if u.estado == "invitado"] == [tres.correo]
    assert dos.correo not in {u.correo for u in lista(motor, cuenta_id)}
    with motor.begin() as conexion:
        conexion.execute(
            text("UPDATE invitaciones SET creado_en = now() - interval '8 d', vence_en = now() - interval '1 d'"
                 " WHERE cuenta_id = :id"), {"id": cuenta_id}
        )  # fmt: skip
    assert all(u.estado == "activo" for u in lista(motor, cuenta_id))
    with UnitOfWork(motor, Repositorio) as uow:
        registro.limpiar(uow)
        uow.commit()
    with motor.connect() as conexion:
        quedan = conexion.scalar(
            text("SELECT count(*) FROM invitaciones WHERE cuenta_id = :id"), {"id": cuenta_id}
        )
    assert quedan == 0


def test_mails_of_one_invitation_are_few(motor: Engine, cm: Cm) -> None:
    correo = f"pocas{next(_n)}@prueba.mx"
    for _ in range(domain.CORREOS_POR_HORA):
        admitir(motor, cm[0], cm[1].perfil_id, correo, "5597000000")
    assert codigo(admitir, motor, cm[0], cm[1].perfil_id, correo, "5597000000") is Codigo.DEMASIADOS_INTENTOS


def test_handing_over(motor: Engine, cm: Cm) -> None:
    cuenta_id, titular = cm
    otro = nuevo(motor, cm, "consulta")
    equivocada = codigo(ceder, motor, cuenta_id, titular.perfil_id, otro.perfil_id, "no es ésta, seguro")
    assert equivocada is Codigo.CREDENCIALES_INVALIDAS
    assert ceder(motor, cuenta_id, titular.perfil_id, otro.perfil_id).rol == "titular"
    assert roles(motor, cuenta_id) == {titular.perfil_id: "administrador", otro.perfil_id: "titular"}
    assert correos(motor, titular.correo)[-1] == "Cedió la titularidad de «Distribuidora»"
    assert correos(motor, otro.correo)[-1] == "Ahora es el titular de «Distribuidora»"
    assert codigo(ceder, motor, cuenta_id, titular.perfil_id, otro.perfil_id) is Codigo.NO_PERMITIDO


def test_of_two_handovers_at_once_one_is_made(motor: Engine, cm: Cm) -> None:
    cuenta_id, t = cm[0], cm[1].perfil_id
    for _ in range(3):
        a, b = nuevo(motor, (cuenta_id, cm[1]), "operador"), nuevo(motor, (cuenta_id, cm[1]), "operador")
        dichos = a_la_vez(
            lambda a=a: ceder(motor, cuenta_id, t, a.perfil_id),  # type: ignore[misc]
            lambda b=b: ceder(motor, cuenta_id, t, b.perfil_id),  # type: ignore[misc]
        )
        assert sorted(str(x) for x in dichos if isinstance(x, Codigo)) == [str(Codigo.NO_PERMITIDO)]
        titulares = [p for p, r in roles(motor, cuenta_id).items() if r == "titular"]
        assert titulares in ([a.perfil_id], [b.perfil_id])
        ceder(motor, cuenta_id, titulares[0], t)


def test_a_successor_removed_meanwhile_leaves_a_titular(motor: Engine, cm: Cm) -> None:
    cuenta_id, t = cm[0], cm[1].perfil_id
    admin = nuevo(motor, cm, "administrador")
    sucesor = nuevo(motor, cm, "operador")
    dichos = a_la_vez(
        lambda: ceder(motor, cuenta_id, t, sucesor.perfil_id),
        lambda: eliminar(motor, cuenta_id, admin.perfil_id, sucesor.perfil_id),
    )
    final = roles(motor, cuenta_id)
    assert list(final.values()).count("titular") == 1
    if Codigo.NO_ENCONTRADO in dichos:
        assert (final[t], sucesor.perfil_id in final) == ("titular", False)
    else:
        assert (dichos[1], final[sucesor.perfil_id]) == (Codigo.NO_PERMITIDO, "titular")


def test_the_database_refuses_none_and_two_titulares(motor: Engine, cm: Cm) -> None:
    otro = nuevo(motor, cm, "operador")
    for orden in (
        "UPDATE usuarios SET rol = 'titular' WHERE cuenta_id = :c AND perfil_id = :p",
        "UPDATE usuarios SET rol = 'consulta' WHERE cuenta_id = :c AND perfil_id <> :p",
        "DELETE FROM usuarios WHERE cuenta_id = :c AND perfil_id <> :p",
    ):
        with pytest.raises(IntegrityError), motor.begin() as conexion:
            conexion.execute(text(orden), {"c": cm[0], "p": otro.perfil_id})
