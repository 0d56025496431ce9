"""Registering, confirming, recovering and the second factor against a real PostgreSQL."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pyotp
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import IntegrityError

from services.clientes.credenciales import Anticipadas, CredencialesReales
from services.clientes.repository import Repositorio
from services.clientes.segundo_factor import TotpReal
from services.clientes.use_cases import cuentas, perfiles, registro, segundo_factor, sesiones
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork

LLAVE = Ed25519PrivateKey.generate()
CRED = CredencialesReales(LLAVE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
CONTRASENA, OTRA = "caballo grapa batería", "ventana lluvia martillo"
_ENLACE = re.compile(r"/(?:confirmar|recuperar)\?token=([\w-]+)")


class Reloj(UnitOfWork[Repositorio]):
    """A unit of work at another time."""

    adelanto = timedelta()

    @property
    def ahora(self) -> datetime:
        return datetime.now(UTC) + self.adelanto


@pytest.fixture
def engine(base_de_datos: Callable[..., str]) -> Iterator[Engine]:
    motor = new_engine(base_de_datos("clientes"), pool_size=12)
    yield motor
    motor.dispose()


@pytest.fixture(scope="module")
def totp(tmp_path_factory: pytest.TempPathFactory) -> TotpReal:
    llaves: Path = tmp_path_factory.mktemp("llaves") / "llaves"
    llaves.write_bytes(Fernet.generate_key())
    return TotpReal(llaves)


def correr(
    engine: Engine, use_case: Callable[..., Any], *argumentos: Any, adelanto: timedelta = timedelta()
) -> Any:
    with Reloj(engine, Repositorio) as uow:
        uow.adelanto = adelanto  # type: ignore[attr-defined]
        respuesta = use_case(uow, *argumentos)
        uow.commit()
        return respuesta


def rechazo(codigo: Codigo) -> Any:
    return pytest.raises(DomainError, match=f"^{codigo}:")


def registrar(engine: Engine, correo: str = "ana@prueba.mx", movil: str = "5512340001", **datos: Any) -> None:
    peticion = c.RegistrarPerfil(
        clave=str(uuid4()),
        correo=correo,
        movil=movil,
        **{"nombre": "Ana López", "contrasena": CONTRASENA, **datos},
    )
    correr(engine, registro.registrar, peticion, CRED)


def correos(engine: Engine, para: str = "ana@prueba.mx") -> list[tuple[str, str]]:
    """Subject and token, or none, of each mail to someone, in order."""
    with engine.connect() as conexion:
        filas = conexion.execute(
            text("SELECT asunto, texto FROM correos WHERE para = :para ORDER BY creado_en, correo_id"),
            {"para": para},
        ).all()
    return [(f.asunto, m.group(1) if (m := _ENLACE.search(f.texto)) else "") for f in filas]


def ultimo_token(engine: Engine, para: str = "ana@prueba.mx") -> str:
    return [token for _, token in correos(engine, para) if token][-1]


def confirmar(engine: Engine, token: str, **como: Any) -> c.CorreoConfirmado:
    peticion = c.ConfirmarCorreo(clave=str(uuid4()), token=token)
    hecho: c.CorreoConfirmado = correr(engine, registro.confirmar, peticion, **como)
    return hecho


def entrar(
    engine: Engine, usuario: str = "ana@prueba.mx", contrasena: str = CONTRASENA, codigo: str | None = None,
    totp: TotpReal | None = None,
) -> c.Sesion:  # fmt: skip
    peticion = c.IniciarSesion(usuario=usuario, contrasena=contrasena, codigo=codigo)
    sesion: c.Sesion = correr(engine, sesiones.iniciar_sesion, peticion, CRED, totp)
    return sesion


def recuperar(engine: Engine, usuario: str = "ana@prueba.mx", **como: Any) -> None:
    peticion = c.RecuperarContrasena(clave=str(uuid4()), usuario=usuario)
    correr(engine, registro.recuperar, peticion, **como)


def restablecer(engine: Engine, token: str, nueva: str = OTRA, **como: Any) -> None:
    peticion = c.RestablecerContrasenaDePerfil(clave=str(uuid4()), token=token, nueva=nueva)
    correr(engine, registro.restablecer, peticion, CRED, **como)


def confirmado(engine: Engine) -> c.Sesion:
    registrar(engine)
    confirmar(engine, ultimo_token(engine))
    return entrar(engine)


def test_registro_confirmacion_y_sesion_por_correo_o_movil(engine: Engine) -> None:
    registrar(engine, " Ana@Prueba.MX")
    with rechazo(Codigo.PERFIL_SIN_CONFIRMAR):
        entrar(engine)
    with rechazo(Codigo.CREDENCIALES_INVALIDAS):
        entrar(engine, contrasena=OTRA)
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
        correr(engine, registro.reenviar, c.ReenviarConfirmacion(clave=str(uuid4()), correo=correo))
    assert correos(engine, "nadie@prueba.mx") == []
    with rechazo(Codigo.ENLACE_VENCIDO):
        confirmar(engine, primero)
    confirmar(engine, ultimo_token(engine))


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
    confirmar(engine, de_ana)
    assert entrar(engine).nombre == "Ana López"
    with rechazo(Codigo.CREDENCIALES_INVALIDAS):
        entrar(engine, contrasena=OTRA)
    with rechazo(Codigo.ENLACE_VENCIDO):
        confirmar(engine, del_ladron)


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
    for _ in range(7):
        registrar(engine)
    assert len(correos(engine)) == 5
    confirmar(engine, correos(engine)[0][1])
    for _ in range(7):
        recuperar(engine)
    assert [asunto for asunto, _ in correos(engine)[5:]] == ["Recupere su contraseña"] * 5


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
        uow.repo.registros_recientes("9@x.mx", datetime.now(UTC))
    event.remove(engine, "before_cursor_execute", anotar)
    assert len(consultas) == 6
    with engine.connect() as conexion:
        for sql, parametros in consultas:
            plan = "\n".join(conexion.exec_driver_sql(f"EXPLAIN {sql}", parametros).scalars())
            assert "Seq Scan" not in plan, plan


def activar(engine: Engine, totp: TotpReal) -> tuple[c.Sesion, pyotp.TOTP, list[str]]:
    sesion = confirmado(engine)
    peticion = c.IniciarSegundoFactor(clave=str(uuid4()), perfil_id=sesion.perfil_id, contrasena=CONTRASENA)
    iniciado = correr(engine, segundo_factor.iniciar, peticion, CRED, totp)
    app = pyotp.TOTP(iniciado.secreto)
    hecho = correr(
        engine,
        segundo_factor.confirmar,
        con_codigo(sesion, app.at(datetime.now(UTC) - timedelta(seconds=30))),
        totp,
    )
    return sesion, app, hecho.codigos


def con_codigo(sesion: c.Sesion, codigo: str) -> c.ConCodigo:
    return c.ConCodigo(
        clave=str(uuid4()), perfil_id=sesion.perfil_id, sesion_id=sesion.sesion_id, codigo=codigo
    )


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
