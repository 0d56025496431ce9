"""The second factor against a real PostgreSQL: from its beginning to its end, and many tries at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pyotp
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from services.clientes.credenciales import Anticipadas
from services.clientes.repository import Repositorio
from services.clientes.segundo_factor import TotpReal
from services.clientes.service.segundo_factor import SegundoFactor
from services.clientes.use_cases import registro, segundo_factor, sesiones
from shared.contracts import clientes as c
from shared.contracts.base import dump
from shared.errors import Codigo, DomainError
from shared.messaging.bus import BusWorker
from shared.messaging.wire import WireError
from tests.integration.apoyo_registro import (
    CONTRASENA,
    CRED,
    OTRA,
    activar,
    con_codigo,
    confirmado,
    correr,
    engine,
    entrar,
    rechazo,
    totp,
)
from tests.integration.test_auditoria import _BusDePrueba

__all__ = ["engine", "totp"]


def test_segundo_factor_de_principio_a_fin(engine: Engine, totp: TotpReal) -> None:
    sesion, app, codigos = activar(engine, totp)
    with rechazo(Codigo.SEGUNDO_FACTOR_REQUERIDO):
        entrar(engine)
    entrar(engine, codigo=codigos[0], totp=totp)
    with rechazo(Codigo.CREDENCIALES_INVALIDAS):
        entrar(engine, codigo=codigos[0], totp=totp)
    hecho = correr(
        engine,
        segundo_factor.verificar,
        con_codigo(sesion, app.at(datetime.now(UTC) + timedelta(seconds=30))),
        CRED,
        totp,
    )
    claims = CRED.leer(hecho.acceso)
    assert claims is not None
    assert claims["sf"] == int(hecho.verificado_en.timestamp())
    visto = correr(
        engine,
        segundo_factor.obtener,
        c.ObtenerSegundoFactor(perfil_id=sesion.perfil_id, sesion_id=sesion.sesion_id),
    )
    assert (visto.activo, visto.codigos_restantes, visto.verificado_en is not None) == (True, 9, True)
    nuevos = correr(engine, segundo_factor.regenerar, con_codigo(sesion, codigos[1]), totp).codigos
    with rechazo(Codigo.CREDENCIALES_INVALIDAS):
        entrar(engine, codigo=codigos[2], totp=totp)
    entrar(engine, codigo=nuevos[0], totp=totp)

    def quitar(contrasena: str, codigo: str) -> None:
        peticion = c.QuitarSegundoFactor(
            clave=str(uuid4()),
            perfil_id=sesion.perfil_id,
            sesion_id=sesion.sesion_id,
            codigo=codigo,
            contrasena=contrasena,
        )
        correr(engine, segundo_factor.quitar, peticion, CRED, totp)

    for contrasena, codigo in ((OTRA, nuevos[1]), (CONTRASENA, "000000")):
        with rechazo(Codigo.CREDENCIALES_INVALIDAS):
            quitar(contrasena, codigo)
    quitar(CONTRASENA, nuevos[1])
    entrar(engine)
    with engine.connect() as conexion:
        assert conexion.execute(text("SELECT count(*) FROM codigos_de_recuperacion")).scalar_one() == 0


def test_ponerlo_cierra_las_demas_sesiones_y_no_se_pone_encima(engine: Engine, totp: TotpReal) -> None:
    otra = confirmado(engine)
    esta = entrar(engine)
    peticion = c.IniciarSegundoFactor(clave=str(uuid4()), perfil_id=esta.perfil_id, contrasena=CONTRASENA)
    iniciado = correr(engine, segundo_factor.iniciar, peticion, CRED, totp)
    entrar(engine)  # It is asked for once it is confirmed.
    with rechazo(Codigo.CREDENCIALES_INVALIDAS):
        correr(engine, segundo_factor.confirmar, con_codigo(esta, "no es"), totp)
    correr(engine, segundo_factor.confirmar, con_codigo(esta, pyotp.TOTP(iniciado.secreto).now()), totp)
    with rechazo(Codigo.NO_AUTENTICADO):
        correr(engine, sesiones.renovar_sesion, c.RenovarSesion(renovacion=otra.renovacion), CRED)
    correr(engine, sesiones.renovar_sesion, c.RenovarSesion(renovacion=esta.renovacion), CRED)
    with rechazo(Codigo.CONFLICTO):
        correr(engine, segundo_factor.iniciar, peticion, CRED, totp)
    with engine.connect() as conexion:
        assert (
            iniciado.secreto
            not in conexion.execute(text("SELECT secreto FROM segundos_factores")).scalar_one()
        )


def test_un_codigo_a_la_vez_en_muchas_partes_entra_una(engine: Engine, totp: TotpReal) -> None:
    _, app, codigos = activar(engine, totp)
    for codigo in (app.now(), codigos[0]):
        salida = threading.Barrier(4)
        hechos: list[str] = []

        def intentar(codigo: str = codigo, salida: Any = salida, hechos: list[str] = hechos) -> None:
            salida.wait()
            try:
                entrar(engine, codigo=codigo, totp=totp)
                hechos.append("ok")
            except DomainError as exc:
                hechos.append(str(exc.code))

        hilos = [threading.Thread(target=intentar) for _ in range(4)]
        for hilo in hilos:
            hilo.start()
        for hilo in hilos:
            hilo.join()
        assert hechos.count("ok") == 1, hechos


def test_el_que_espera_confirmarse_cuenta_los_intentos_y_vence(engine: Engine, totp: TotpReal) -> None:
    sesion = confirmado(engine)

    def iniciar() -> str:
        peticion = c.IniciarSegundoFactor(
            clave=str(uuid4()), perfil_id=sesion.perfil_id, contrasena=CONTRASENA
        )
        return pyotp.TOTP(correr(engine, segundo_factor.iniciar, peticion, CRED, totp).secreto).now()

    servicio = SegundoFactor()
    servicio.bus, servicio.totp = BusWorker(_BusDePrueba(engine, Repositorio), {}), totp

    def confirmar(codigo: str) -> str:
        try:
            servicio.confirmar_segundo_factor_v1(**dump(con_codigo(sesion, codigo)))
        except WireError as exc:
            return str(exc.args[0])
        return "ok"

    iniciar()
    dichos = [confirmar("000000") for _ in range(7)]
    assert dichos == ["credenciales_invalidas"] * 5 + ["demasiados_intentos"] * 2
    # Whoever knows the password begins again, with another secret.
    codigo = iniciar()
    with rechazo(Codigo.CONFLICTO):
        correr(
            engine,
            segundo_factor.confirmar,
            con_codigo(sesion, codigo),
            totp,
            adelanto=timedelta(minutes=15, seconds=1),
        )
    assert confirmar(codigo) == "ok"


class _MientrasTanto:
    """Credentials that let something happen while argon2 works."""

    def __init__(self, hacer: Callable[[], object]) -> None:
        self.hacer = hacer

    def coincide(self, hash_contrasena: str | None, contrasena: str) -> bool:
        igual = CRED.coincide(hash_contrasena, contrasena)
        self.hacer()
        return igual

    def __getattr__(self, nombre: str) -> Any:
        return getattr(CRED, nombre)


def test_entrar_no_sobrevive_a_lo_que_cambia_mientras_tanto(engine: Engine, totp: TotpReal) -> None:
    sesion = confirmado(engine)

    def entrar_mientras(hacer: Callable[[], object]) -> None:
        peticion = c.IniciarSesion(usuario="ana@prueba.mx", contrasena=CONTRASENA)
        correr(engine, sesiones.iniciar_sesion, peticion, _MientrasTanto(hacer), totp)

    iniciar = c.IniciarSegundoFactor(clave="i", perfil_id=sesion.perfil_id, contrasena=CONTRASENA)
    codigo = pyotp.TOTP(correr(engine, segundo_factor.iniciar, iniciar, CRED, totp).secreto).now()
    with rechazo(Codigo.SEGUNDO_FACTOR_REQUERIDO):
        entrar_mientras(lambda: correr(engine, segundo_factor.confirmar, con_codigo(sesion, codigo), totp))
    cambio = c.CambiarContrasena(
        clave="c", perfil_id=sesion.perfil_id, sesion_id=sesion.sesion_id, actual=CONTRASENA, nueva=OTRA
    )
    with rechazo(Codigo.CREDENCIALES_INVALIDAS):
        entrar_mientras(lambda: correr(engine, registro.cambiar_contrasena, cambio, CRED))
    with engine.connect() as conexion:
        vivas = conexion.scalars(text("SELECT sesion_id FROM sesiones WHERE revocada_en IS NULL")).all()
    assert vivas == [sesion.sesion_id]


def test_muchos_intentos_a_la_vez_no_pasan_de_cinco(engine: Engine, totp: TotpReal) -> None:
    activar(engine, totp)
    salida = threading.Barrier(12)
    hechos: list[str] = []

    def intentar() -> None:
        salida.wait()
        try:
            entrar(engine, codigo="no-es-uno", totp=totp)
        except DomainError as exc:
            hechos.append(str(exc.code))

    hilos = [threading.Thread(target=intentar) for _ in range(12)]
    for hilo in hilos:
        hilo.start()
    for hilo in hilos:
        hilo.join()
    assert hechos.count("credenciales_invalidas") == 5
    assert hechos.count("demasiados_intentos") == 7


def test_la_base_no_deja_volver_atras_un_paso(engine: Engine, totp: TotpReal) -> None:
    activar(engine, totp)
    with pytest.raises(IntegrityError, match="accepted once"), engine.begin() as conexion:
        conexion.execute(text("UPDATE segundos_factores SET ultimo_paso = 0"))


def test_lo_anticipado_no_sirve_si_el_perfil_cambio(engine: Engine) -> None:
    sesion = confirmado(engine)
    hechas = Anticipadas(CRED)
    hechas.anticipar_comparacion("$argon2id$otro", CONTRASENA)
    hechas.anticipar_resumen(OTRA)
    peticion = c.CambiarContrasena(
        clave="k", perfil_id=sesion.perfil_id, sesion_id=sesion.sesion_id, actual=CONTRASENA, nueva=OTRA
    )
    with rechazo(Codigo.CONFLICTO):
        correr(engine, registro.cambiar_contrasena, peticion, hechas)
