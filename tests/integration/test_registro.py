"""Registering and confirming against a real PostgreSQL."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from services.clientes.repository import Repositorio
from services.clientes.use_cases import cuentas, perfiles, registro
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError
from shared.persistence.uow import Quien, UnitOfWork, quien
from tests.integration.apoyo_registro import (
    CONTRASENA,
    OTRA,
    confirmado,
    confirmar,
    correos,
    correr,
    engine,
    entrar,
    rechazo,
    recuperar,
    reenviar,
    registrar,
    restablecer,
    ultimo_token,
)

__all__ = ["engine"]


def test_registro_confirmacion_y_sesion_por_correo_o_movil(engine: Engine) -> None:
    registrar(engine, " Ana@Prueba.MX")
    # As if the correo were somebody else's: whether it is must not show.
    for contrasena in (CONTRASENA, OTRA):
        with rechazo(Codigo.CREDENCIALES_INVALIDAS):
            entrar(engine, contrasena=contrasena)
    token = ultimo_token(engine)
    for _ in range(2):
        assert confirmar(engine, token).correo == "ana@prueba.mx"
    assert entrar(engine).perfil_id == entrar(engine, "55 1234 0001").perfil_id


def test_el_token_no_esta_guardado(engine: Engine) -> None:
    registrar(engine)
    with engine.connect() as conexion:
        tokens = conexion.execute(text("SELECT huella, datos::text FROM tokens")).all()
    assert len(tokens) == 1
    assert ultimo_token(engine).encode() not in bytes(tokens[0].huella)
    assert tokens[0].datos == '{"correo": "ana@prueba.mx"}'


def test_enlace_vencido_y_otro(engine: Engine) -> None:
    registrar(engine)
    primero = ultimo_token(engine)
    for token, adelanto in ((primero, timedelta(hours=48, seconds=1)), ("inventado", timedelta())):
        with rechazo(Codigo.ENLACE_VENCIDO):
            confirmar(engine, token, adelanto=adelanto)
    for correo in ("ana@prueba.mx", "nadie@prueba.mx"):
        reenviar(engine, correo)
    assert correos(engine, "nadie@prueba.mx") == []
    with rechazo(Codigo.ENLACE_VENCIDO):
        confirmar(engine, primero)
    restablecer(engine, ultimo_token(engine))
    assert entrar(engine, contrasena=OTRA).nombre == "Ana López"


def test_otro_enlace_no_activa_la_contrasena_de_quien_se_registro(engine: Engine) -> None:
    registrar(engine, nombre="Ladrón", contrasena=OTRA)
    for pedir in (reenviar, recuperar):
        pedir(engine)
        with rechazo(Codigo.ENLACE_VENCIDO):
            confirmar(engine, ultimo_token(engine))
    restablecer(engine, ultimo_token(engine), CONTRASENA)
    entrar(engine)
    with rechazo(Codigo.CREDENCIALES_INVALIDAS):
        entrar(engine, contrasena=OTRA)


def test_registrarse_con_el_correo_de_otro_avisa_a_su_dueno_y_no_cambia_nada(engine: Engine) -> None:
    confirmado(engine)
    antes = len(correos(engine))
    for _ in range(3):
        registrar(engine, movil="5599999999", nombre="Otra", contrasena=OTRA)
    assert [asunto for asunto, _ in correos(engine)[antes:]] == ["Ya tiene un perfil de Cuenta Maestra"]
    assert entrar(engine).nombre == "Ana López"
    with engine.connect() as conexion:
        assert conexion.execute(text("SELECT count(*) FROM perfiles")).scalar_one() == 1


def test_registrarse_primero_con_el_correo_de_otro_no_gana_nada(engine: Engine) -> None:
    registrar(engine, movil="5599999999", nombre="Ladrón", contrasena=OTRA)
    del_ladron = ultimo_token(engine)
    registrar(engine)
    de_ana = ultimo_token(engine)
    assert de_ana != del_ladron
    # Both mails may look the same: whichever is opened, the password is chosen by who reads the mailbox.
    for token in (del_ladron, de_ana):
        with rechazo(Codigo.CONFLICTO):
            confirmar(engine, token)
        assert correos(engine)[-1][0] == "Elija su contraseña para activar su perfil"
    restablecer(engine, ultimo_token(engine), "lápiz nube tornillo")
    assert entrar(engine, contrasena="lápiz nube tornillo").nombre == "Ana López"
    for contrasena in (CONTRASENA, OTRA):
        with rechazo(Codigo.CREDENCIALES_INVALIDAS):
            entrar(engine, contrasena=contrasena)
    with rechazo(Codigo.ENLACE_VENCIDO):
        confirmar(engine, del_ladron)


def test_el_movil_de_un_registro_no_es_usuario(engine: Engine) -> None:
    """If it were, a mail to the claimant would tell that the móvil is nobody's."""
    registrar(engine)
    with rechazo(Codigo.CREDENCIALES_INVALIDAS):
        entrar(engine, "5512340001")
    antes = len(correos(engine))
    recuperar(engine, "5512340001")
    assert len(correos(engine)) == antes


def test_movil_de_otro_se_sabe_solo_con_el_correo_en_la_mano(engine: Engine) -> None:
    confirmado(engine)
    registrar(engine, "beto@prueba.mx", "+52 1 55 1234 0001", nombre="Beto", contrasena=OTRA)
    assert correos(engine)[-1][0] == "Alguien intentó usar su móvil en otro perfil"
    with rechazo(Codigo.CONFLICTO):
        confirmar(engine, ultimo_token(engine, "beto@prueba.mx"))
    assert entrar(engine, "5512340001").nombre == "Ana López"


def test_dos_que_confirman_el_mismo_movil_a_la_vez(engine: Engine) -> None:
    for nombre in ("beto", "caro"):
        registrar(engine, f"{nombre}@prueba.mx", nombre=nombre, contrasena=OTRA)
    salida = threading.Barrier(2)
    hechos: list[str] = []

    def intentar(token: str) -> None:
        salida.wait()
        try:
            confirmar(engine, token)
            hechos.append("ok")
        except DomainError as exc:
            hechos.append(str(exc.code))

    tokens = [ultimo_token(engine, f"{nombre}@prueba.mx") for nombre in ("beto", "caro")]
    hilos = [threading.Thread(target=intentar, args=(token,)) for token in tokens]
    for hilo in hilos:
        hilo.start()
    for hilo in hilos:
        hilo.join()
    assert sorted(hechos) == ["conflicto", "ok"]


def test_correos_por_hora(engine: Engine) -> None:
    for _ in range(12):
        registrar(engine)
    pedidos = ["Confirme su correo para activar su perfil"] * 5 + [
        "Elija su contraseña para activar su perfil"
    ] * 5
    assert [asunto for asunto, _ in correos(engine)] == pedidos
    for pedir in (reenviar, recuperar):
        pedir(engine)
    assert len(correos(engine)) == 10
    restablecer(engine, ultimo_token(engine))
    antes = len(correos(engine))
    for _ in range(7):
        recuperar(engine)
    assert [asunto for asunto, _ in correos(engine)[antes:]] == ["Recupere su contraseña"] * 5


def test_correos_por_hora_pedidos_a_la_vez(engine: Engine) -> None:
    salida = threading.Barrier(12)

    def intentar() -> None:
        salida.wait()
        registrar(engine)

    hilos = [threading.Thread(target=intentar) for _ in range(12)]
    for hilo in hilos:
        hilo.start()
    for hilo in hilos:
        hilo.join()
    asuntos = [asunto for asunto, _ in correos(engine)]
    assert asuntos.count("Confirme su correo para activar su perfil") == 5
    assert asuntos.count("Elija su contraseña para activar su perfil") <= 5


def test_los_registros_de_otro_no_acallan_el_propio(engine: Engine) -> None:
    def desde(ip: str, **datos: Any) -> None:
        marca = quien.set(Quien("anonimo", "", ip))
        try:
            registrar(engine, **datos)
        finally:
            quien.reset(marca)

    for i in range(7):
        desde(f"2001:db8::{i}", nombre="Ladrón", contrasena=OTRA)
    desde("::ffff:192.0.2.1")
    with engine.connect() as conexion:
        nombres = conexion.scalars(text("SELECT nombre FROM perfiles ORDER BY creado_en")).all()
    assert nombres == ["Ladrón"] * 5 + ["Ana López"]
    # From many addresses the mails stay bounded, and the last link gets the owner in.
    for i in range(40):
        desde(f"198.51.100.{i}", nombre="Ladrón", contrasena=OTRA)
    desde("192.0.2.1")
    assert len(correos(engine)) == 25
    restablecer(engine, ultimo_token(engine), "lápiz nube tornillo")
    entrar(engine, contrasena="lápiz nube tornillo")


def test_un_nombre_ajeno_no_lleva_enlaces(engine: Engine) -> None:
    registrar(engine, nombre="Gane en http://malo.example/x " + "a" * 100)
    with engine.connect() as conexion:
        texto = conexion.execute(text("SELECT texto FROM correos")).scalar_one()
    assert "malo.example" not in texto
    assert "://" not in texto.partition("{{portal}}")[0]


def test_contrasena_debil(engine: Engine) -> None:
    with rechazo(Codigo.DATOS_INVALIDOS) as error:
        registrar(engine, contrasena="Contraseña123")
    assert "contrasena" in error.value.errores
    assert correos(engine) == []


def test_sin_confirmar_no_es_nadie(engine: Engine) -> None:
    registrar(engine)
    with engine.connect() as conexion:
        perfil_id: UUID = conexion.execute(text("SELECT perfil_id FROM perfiles")).scalar_one()
    with rechazo(Codigo.NO_ENCONTRADO):
        correr(engine, perfiles.obtener_perfil, c.ObtenerPerfil(perfil_id=perfil_id))
    with UnitOfWork(engine, Repositorio) as uow:
        assert uow.repo.perfil_por_correo_y_movil("ana@prueba.mx", "+525512340001") is None
    sesion = (
        "INSERT INTO sesiones (sesion_id, perfil_id, origen_ip, creada_en, vence_en)"
        " SELECT gen_random_uuid(), perfil_id, '', now(), now() FROM perfiles"
    )
    with pytest.raises(IntegrityError, match="not confirmed"), engine.begin() as conexion:
        conexion.execute(text(sesion))
    confirmar(engine, ultimo_token(engine))
    with pytest.raises(IntegrityError, match="stays confirmed"), engine.begin() as conexion:
        conexion.execute(text("UPDATE perfiles SET confirmado_en = NULL"))


def test_sin_confirmar_no_administra_nada(engine: Engine) -> None:
    titular = confirmado(engine).perfil_id
    raiz = correr(
        engine,
        cuentas.crear_cuenta_maestra,
        c.CrearCuentaMaestra(clave="raiz", nombre="Raíz", titular_perfil_id=titular),
    )
    registrar(engine, "beto@prueba.mx", "5512340002", nombre="Beto", contrasena=OTRA)
    with engine.connect() as conexion:
        beto: UUID = conexion.execute(
            text("SELECT perfil_id FROM perfiles WHERE correo = 'beto@prueba.mx'")
        ).scalar_one()
    peticion = c.CrearCuentaMaestra(
        clave="otra", padre_id=raiz.cuenta_id, nombre="Otra", titular_perfil_id=beto
    )
    with rechazo(Codigo.NO_ENCONTRADO):
        correr(engine, cuentas.crear_cuenta_maestra, peticion)
    usuario = "INSERT INTO usuarios (cuenta_id, perfil_id, rol, creado_en) VALUES (:cuenta, :perfil, 'operador', now())"
    datos = {"cuenta": raiz.cuenta_id, "perfil": beto}
    with pytest.raises(IntegrityError, match="not confirmed"), engine.begin() as conexion:
        conexion.execute(text(usuario), datos)
    confirmar(engine, ultimo_token(engine, "beto@prueba.mx"))
    with engine.begin() as conexion:
        conexion.execute(text(usuario), datos)


def test_lo_que_nadie_confirma_se_borra_a_los_siete_dias(engine: Engine) -> None:
    confirmado(engine)
    registrar(engine, "beto@prueba.mx", "5512340002", nombre="Beto", contrasena=OTRA)

    def quedan() -> list[str]:
        with engine.connect() as conexion:
            return list(conexion.scalars(text("SELECT correo FROM perfiles ORDER BY correo")))

    assert correr(engine, registro.limpiar, adelanto=timedelta(days=6, hours=23)) is False
    assert quedan() == ["ana@prueba.mx", "beto@prueba.mx"]
    correr(engine, registro.limpiar, adelanto=timedelta(days=7, hours=1))
    assert quedan() == ["ana@prueba.mx"]
    with rechazo(Codigo.ENLACE_VENCIDO):
        confirmar(engine, ultimo_token(engine, "beto@prueba.mx"))
    correr(engine, registro.limpiar, adelanto=timedelta(days=40))
    with engine.connect() as conexion:
        assert conexion.execute(text("SELECT count(*) FROM tokens")).scalar_one() == 0
