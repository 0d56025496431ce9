"""Recovering and changing a password, another correo, name or móvil, against a real PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine, event, text

from services.clientes.repository import Repositorio
from services.clientes.use_cases import registro, sesiones
from shared.contracts import clientes as c
from shared.errors import Codigo
from shared.persistence.uow import UnitOfWork
from tests.integration.apoyo_registro import (
    CONTRASENA,
    CRED,
    OTRA,
    confirmado,
    confirmar,
    correos,
    correr,
    engine,
    entrar,
    rechazo,
    recuperar,
    registrar,
    restablecer,
    ultimo_token,
)

__all__ = ["engine"]


def test_recuperar_cierra_todas_las_sesiones_y_el_enlace_sirve_una_vez(engine: Engine) -> None:
    sesion = confirmado(engine)
    for usuario in ("nadie@prueba.mx", "ni correo ni móvil", "5512340001"):
        recuperar(engine, usuario)
    primero = ultimo_token(engine)
    recuperar(engine)
    segundo = ultimo_token(engine)
    with rechazo(Codigo.ENLACE_VENCIDO):
        restablecer(engine, primero)
    with rechazo(Codigo.ENLACE_VENCIDO):
        restablecer(engine, segundo, adelanto=timedelta(hours=1, seconds=1))
    with rechazo(Codigo.DATOS_INVALIDOS):
        restablecer(engine, segundo, "ana lopez 1234")
    restablecer(engine, segundo)
    with rechazo(Codigo.ENLACE_VENCIDO):
        restablecer(engine, segundo, CONTRASENA)
    with rechazo(Codigo.NO_AUTENTICADO):
        correr(engine, sesiones.renovar_sesion, c.RenovarSesion(renovacion=sesion.renovacion), CRED)
    with rechazo(Codigo.CREDENCIALES_INVALIDAS):
        entrar(engine)
    entrar(engine, contrasena=OTRA)
    assert correos(engine)[-1][0] == "Su contraseña cambió"


def test_recuperar_prueba_el_correo_de_quien_no_confirmo(engine: Engine) -> None:
    registrar(engine, movil="5599999999", nombre="Ladrón")
    recuperar(engine)
    restablecer(engine, ultimo_token(engine))
    entrar(engine, contrasena=OTRA)
    with rechazo(Codigo.CREDENCIALES_INVALIDAS):
        entrar(engine)


def test_cambiar_la_contrasena_deja_solo_la_sesion_en_uso(engine: Engine) -> None:
    esta = confirmado(engine)
    otra = entrar(engine)

    def cambiar(actual: str, nueva: str) -> None:
        peticion = c.CambiarContrasena(
            clave=str(uuid4()), perfil_id=esta.perfil_id, sesion_id=esta.sesion_id, actual=actual, nueva=nueva
        )
        correr(engine, registro.cambiar_contrasena, peticion, CRED)

    with rechazo(Codigo.CREDENCIALES_INVALIDAS):
        cambiar(OTRA, CONTRASENA)
    with rechazo(Codigo.DATOS_INVALIDOS):
        cambiar(CONTRASENA, CONTRASENA)
    cambiar(CONTRASENA, OTRA)
    correr(engine, sesiones.renovar_sesion, c.RenovarSesion(renovacion=esta.renovacion), CRED)
    with rechazo(Codigo.NO_AUTENTICADO):
        correr(engine, sesiones.renovar_sesion, c.RenovarSesion(renovacion=otra.renovacion), CRED)


def editar(engine: Engine, perfil_id: UUID, **datos: Any) -> c.Perfil:
    peticion = c.EditarPerfil(clave=str(uuid4()), perfil_id=perfil_id, **datos)
    hecho: c.Perfil = correr(engine, registro.editar, peticion, CRED)
    return hecho


def test_un_correo_nuevo_cuenta_cuando_se_confirma(engine: Engine) -> None:
    yo = confirmado(engine).perfil_id
    with rechazo(Codigo.DATOS_INVALIDOS):
        editar(engine, yo, correo="nueva@prueba.mx")
    with rechazo(Codigo.CREDENCIALES_INVALIDAS):
        editar(engine, yo, correo="nueva@prueba.mx", contrasena=OTRA)
    visto = editar(engine, yo, correo="Nueva@prueba.mx", contrasena=CONTRASENA)
    assert (visto.correo, visto.correo_pendiente) == ("ana@prueba.mx", "nueva@prueba.mx")
    assert correos(engine)[-1][0] == "Pidieron cambiar el correo de su perfil"
    recuperar(engine)
    viejo = ultimo_token(engine)
    token = ultimo_token(engine, "nueva@prueba.mx")
    for _ in range(2):
        assert confirmar(engine, token).correo == "nueva@prueba.mx"
    with rechazo(Codigo.ENLACE_VENCIDO):
        restablecer(engine, viejo)
    assert correos(engine)[-1][0] == "El correo de su perfil cambió"
    entrar(engine, "nueva@prueba.mx")
    with rechazo(Codigo.CREDENCIALES_INVALIDAS):
        entrar(engine)


def test_un_cambio_de_correo_pendiente_no_sobrevive_a_la_contrasena(engine: Engine) -> None:
    yo = confirmado(engine)

    def pedir(contrasena: str) -> str:
        editar(engine, yo.perfil_id, correo="ladron@prueba.mx", contrasena=contrasena)
        return ultimo_token(engine, "ladron@prueba.mx")

    del_ladron = pedir(CONTRASENA)
    recuperar(engine)
    restablecer(engine, ultimo_token(engine))
    with rechazo(Codigo.ENLACE_VENCIDO):
        confirmar(engine, del_ladron)
    del_ladron = pedir(OTRA)
    cambio = c.CambiarContrasena(
        clave="k", perfil_id=yo.perfil_id, sesion_id=yo.sesion_id, actual=OTRA, nueva=CONTRASENA
    )
    correr(engine, registro.cambiar_contrasena, cambio, CRED)
    with rechazo(Codigo.ENLACE_VENCIDO):
        confirmar(engine, del_ladron)
    assert editar(engine, yo.perfil_id, nombre="Ana").correo_pendiente is None


def test_el_correo_de_otro_se_pide_igual_y_no_llega_a_nada(engine: Engine) -> None:
    yo = confirmado(engine).perfil_id
    registrar(engine, "beto@prueba.mx", "5512340002", nombre="Beto", contrasena=OTRA)
    confirmar(engine, ultimo_token(engine, "beto@prueba.mx"))
    visto = editar(engine, yo, correo="beto@prueba.mx", contrasena=CONTRASENA)
    assert visto.correo_pendiente == "beto@prueba.mx"
    assert correos(engine, "beto@prueba.mx")[-1] == ("Alguien intentó usar su correo en otro perfil", "")
    assert editar(engine, yo, correo="ana@prueba.mx").correo_pendiente is None


def test_nombre_y_movil_cambian_en_el_momento(engine: Engine) -> None:
    yo = confirmado(engine).perfil_id
    visto = editar(engine, yo, nombre=" Ana  María ", movil="55 1234 0009")
    assert (visto.nombre, visto.movil) == ("Ana María", "+525512340009")
    registrar(engine, "beto@prueba.mx", "5512340002", nombre="Beto", contrasena=OTRA)
    confirmar(engine, ultimo_token(engine, "beto@prueba.mx"))
    with rechazo(Codigo.CONFLICTO):
        editar(engine, yo, movil="5512340002")


def test_entrar_no_lee_toda_la_tabla(engine: Engine) -> None:
    with engine.begin() as conexion:
        conexion.execute(
            text(
                "INSERT INTO perfiles (perfil_id, nombre, correo, movil, hash_contrasena, creado_en, confirmado_en)"
                " SELECT gen_random_uuid(), 'N', n || '@x.mx', '+52' || (5500000000 + n), '$argon2id$', now(),"
                " CASE WHEN n % 3 > 0 THEN now() END FROM generate_series(1, 5000) n"
            )
        )
        conexion.execute(text("ANALYZE perfiles"))
    consultas: list[tuple[str, Any]] = []

    def anotar(conn: Any, cursor: Any, sql: str, parametros: Any, *_: Any) -> None:
        consultas.append((sql, parametros))

    event.listen(engine, "before_cursor_execute", anotar)
    with UnitOfWork(engine, Repositorio) as uow:
        for usuario in ("7@x.mx", "+525500000007"):
            assert (hallado := uow.repo.perfil_por_usuario(usuario)) is not None
            assert hallado.correo == "7@x.mx"
        uow.repo.perfil_por_correo("7@x.mx")
        uow.repo.perfil_por_movil("+525500000007")
        uow.repo.ultimo_sin_confirmar("9@x.mx")
    event.remove(engine, "before_cursor_execute", anotar)
    assert len(consultas) == 5
    with engine.connect() as conexion:
        for sql, parametros in consultas:
            plan = "\n".join(conexion.exec_driver_sql(f"EXPLAIN {sql}", parametros).scalars())
            assert "Seq Scan" not in plan, plan
