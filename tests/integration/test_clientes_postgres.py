"""clientes against a real PostgreSQL: constraints, locks, and answers through the unit of work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from services.clientes.credenciales import CredencialesReales
from services.clientes.repository import Repositorio
from services.clientes.use_cases import clientes, cuentas, perfil_principal, perfiles, sesiones
from shared.contracts import clientes as c
from shared.contracts.base import dump
from shared.contracts.eventos import Consumo, TimbresConsumidos
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork

BaseDeDatos = Callable[..., str]
LLAVE = Ed25519PrivateKey.generate()
PEM = LLAVE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
CRED = CredencialesReales(PEM)
CONTRASENA = "una contraseña larga"


@pytest.fixture
def engine(base_de_datos: BaseDeDatos) -> Iterator[Engine]:
    motor = new_engine(base_de_datos("clientes"), pool_size=12)
    yield motor
    motor.dispose()


def correr(engine: Engine, use_case: Callable[..., Any], peticion: Any, *extra: Any) -> Any:
    with UnitOfWork(engine, Repositorio) as uow:
        respuesta = use_case(uow, peticion, *extra)
        uow.commit()
        dump(respuesta)
        return respuesta


def perfil(engine: Engine, n: int) -> c.Perfil:
    peticion = c.CrearPerfil(
        clave=f"p{n}", nombre=f"Persona {n}", correo=f"Persona{n}@Prueba.MX ", movil=f"55 1234 {n:04d}",
        contrasena=CONTRASENA,
    )  # fmt: skip
    hecho: c.Perfil = correr(engine, perfiles.crear_perfil, peticion, CRED)
    return hecho


def cuenta(engine: Engine, titular: UUID, padre: UUID | None = None) -> c.CuentaMaestra:
    peticion = c.CrearCuentaMaestra(
        clave=str(uuid4()), padre_id=padre, nombre="Distribuidora", titular_perfil_id=titular
    )
    hecha: c.CuentaMaestra = correr(engine, cuentas.crear_cuenta_maestra, peticion)
    return hecha


def cliente(engine: Engine, cuenta_id: UUID, nombre: str = "Ferretería López", **datos: Any) -> c.Cliente:
    peticion = c.CrearCliente(clave=str(uuid4()), cuenta_id=cuenta_id, nombre=nombre, **datos)
    hecho: c.Cliente = correr(engine, clientes.crear_cliente, peticion)
    return hecho


def entrar(engine: Engine, usuario: str, contrasena: str = CONTRASENA) -> c.Sesion:
    sesion: c.Sesion = correr(
        engine, sesiones.iniciar_sesion, c.IniciarSesion(usuario=usuario, contrasena=contrasena), CRED
    )
    return sesion


def eventos(engine: Engine) -> list[str]:
    with engine.connect() as conexion:
        return list(conexion.scalars(text("SELECT evento FROM outbox ORDER BY id")))


def test_raiz_distribuidor_cliente(engine: Engine) -> None:
    ana, beto = perfil(engine, 1), perfil(engine, 2)
    raiz = cuenta(engine, ana.perfil_id)
    hija = cuenta(engine, beto.perfil_id, raiz.cuenta_id)
    uno = cliente(engine, hija.cuenta_id, rfc="eku-9003173c9", representante=c.Contacto(nombre="Eva"))
    dos = cliente(engine, hija.cuenta_id, precio_especifico=Decimal("0.435"))
    assert raiz.es_raiz
    assert not hija.es_raiz
    assert hija.vence_en is not None
    assert (uno.nic, uno.cti, uno.rfc) == (1001, "CTI0001001", "EKU9003173C9")
    assert uno.representante == c.Contacto(nombre="Eva")
    assert dos.nic == 1002
    leido = correr(engine, clientes.obtener_cliente, c.ObtenerCliente(cuenta_id=hija.cuenta_id, nic=1002))
    assert dump(leido)["precio_especifico"] == "0.435"
    assert eventos(engine) == ["clientes.cuenta_maestra_creada_v1"] * 2 + ["clientes.cliente_creado_v1"] * 2


def test_una_sola_raiz(engine: Engine) -> None:
    ana = perfil(engine, 1)
    cuenta(engine, ana.perfil_id)
    with pytest.raises(DomainError) as error:
        cuenta(engine, ana.perfil_id)
    assert error.value.code is Codigo.CONFLICTO


def test_correo_y_movil_unicos_normalizados(engine: Engine) -> None:
    ana = perfil(engine, 1)
    assert (ana.correo, ana.movil) == ("persona1@prueba.mx", "+525512340001")
    for correo, movil in (("PERSONA1@prueba.mx", "5599999999"), ("otra@prueba.mx", "+52 1 55 1234 0001")):
        peticion = c.CrearPerfil(clave="x", nombre="Otra", correo=correo, movil=movil, contrasena=CONTRASENA)
        with pytest.raises(DomainError) as error:
            correr(engine, perfiles.crear_perfil, peticion, CRED)
        assert error.value.code is Codigo.CONFLICTO


def test_sesion_con_correo_o_movil(engine: Engine) -> None:
    ana = perfil(engine, 1)
    raiz = cuenta(engine, ana.perfil_id)
    for usuario in ("persona1@PRUEBA.mx", "5512340001", "+525512340001"):
        sesion = entrar(engine, usuario)
        claims = jwt.decode(sesion.acceso, LLAVE.public_key(), algorithms=["EdDSA"])
        assert claims["sub"] == str(ana.perfil_id)
        assert claims["sid"] == str(sesion.sesion_id)
        assert claims["cuentas"] == [
            {"id": str(raiz.cuenta_id), "rol": "titular", "raiz": True, "estado": "activo"}
        ]
        assert claims["exp"] - claims["iat"] in (599, 600)
    with engine.connect() as conexion:
        guardado = conexion.execute(text("SELECT hash_contrasena FROM perfiles")).scalar_one()
        assert guardado.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert conexion.execute(text("SELECT count(*) FROM renovaciones")).scalar_one() == 3


@pytest.mark.parametrize("usuario", ["persona1@prueba.mx", "nadie@prueba.mx", "ni correo ni móvil"])
def test_credenciales_malas_dan_la_misma_respuesta(engine: Engine, usuario: str) -> None:
    perfil(engine, 1)
    with pytest.raises(DomainError) as error:
        entrar(engine, usuario, "otra contraseña")
    assert error.value.code is Codigo.CREDENCIALES_INVALIDAS


def renovar(engine: Engine, renovacion: str) -> c.Sesion:
    sesion: c.Sesion = correr(engine, sesiones.renovar_sesion, c.RenovarSesion(renovacion=renovacion), CRED)
    return sesion


def test_cerrar_sesion(engine: Engine) -> None:
    ana = perfil(engine, 1)
    sesion = entrar(engine, "persona1@prueba.mx")
    ajena = c.CerrarSesion(sesion_id=sesion.sesion_id, perfil_id=uuid4())
    correr(engine, sesiones.cerrar_sesion, ajena)
    sesion = renovar(engine, sesion.renovacion)
    correr(
        engine, sesiones.cerrar_sesion, c.CerrarSesion(sesion_id=sesion.sesion_id, perfil_id=ana.perfil_id)
    )
    with pytest.raises(DomainError):
        renovar(engine, sesion.renovacion)


def test_lista_por_paginas_y_busqueda(engine: Engine) -> None:
    raiz = cuenta(engine, perfil(engine, 1).perfil_id)
    ajena = cuenta(engine, perfil(engine, 2).perfil_id, raiz.cuenta_id)
    cliente(engine, ajena.cuenta_id, "De otra cuenta")
    for n in range(7):
        cliente(engine, raiz.cuenta_id, f"Cliente {n} 100%")
    vistos: list[int] = []
    cursor = None
    while True:
        pagina = correr(
            engine,
            clientes.listar_clientes,
            c.ListarClientes(cuenta_id=raiz.cuenta_id, limite=3, cursor=cursor),
        )
        vistos += [x.nic for x in pagina.datos]
        cursor = pagina.siguiente
        if cursor is None:
            break
    assert vistos == list(range(1008, 1001, -1))

    def buscar(q: str) -> list[int]:
        pagina = correr(engine, clientes.listar_clientes, c.ListarClientes(cuenta_id=raiz.cuenta_id, q=q))
        return [x.nic for x in pagina.datos]

    assert buscar("cliente 3") == [1005]
    assert buscar("1004") == [1004]
    assert len(buscar("0%")) == 7
    assert buscar("_") == []
    with pytest.raises(DomainError) as error:
        correr(
            engine, clientes.listar_clientes, c.ListarClientes(cuenta_id=raiz.cuenta_id, cursor="inventado")
        )
    assert error.value.code is Codigo.DATOS_INVALIDOS


def test_edicion_con_version(engine: Engine) -> None:
    raiz = cuenta(engine, perfil(engine, 1).perfil_id)
    uno = cliente(engine, raiz.cuenta_id, notas="algo", telefono="55")

    def editar(**datos: Any) -> c.Cliente:
        peticion = c.EditarCliente(clave=str(uuid4()), cuenta_id=raiz.cuenta_id, nic=uno.nic, **datos)
        hecho: c.Cliente = correr(engine, clientes.editar_cliente, peticion)
        return hecho

    dos = editar(version=1, nombre="Otro nombre", borrar=["notas"], tecnico=c.Contacto(correo="T@x.mx"))
    assert (dos.nombre, dos.notas, dos.telefono, dos.version) == ("Otro nombre", None, "55", 2)
    assert dos.tecnico == c.Contacto(correo="t@x.mx")
    with pytest.raises(DomainError) as error:
        editar(version=1, nombre="Tarde")
    assert error.value.code is Codigo.CONFLICTO


def test_cliente_ajeno_no_existe(engine: Engine) -> None:
    raiz = cuenta(engine, perfil(engine, 1).perfil_id)
    ajena = cuenta(engine, perfil(engine, 2).perfil_id, raiz.cuenta_id)
    uno = cliente(engine, ajena.cuenta_id)
    with pytest.raises(DomainError) as error:
        correr(engine, clientes.obtener_cliente, c.ObtenerCliente(cuenta_id=raiz.cuenta_id, nic=uno.nic))
    assert error.value.code is Codigo.NO_ENCONTRADO


def asignar(engine: Engine, cuenta_id: UUID, nic: int, p: c.Perfil) -> c.PerfilPrincipal:
    peticion = c.AsignarPerfilPrincipal(
        clave=str(uuid4()), cuenta_id=cuenta_id, nic=nic, correo=p.correo, movil=p.movil
    )
    hecho: c.PerfilPrincipal = correr(engine, perfil_principal.asignar_perfil_principal, peticion)
    return hecho


def test_perfil_principal(engine: Engine) -> None:
    ana, beto = perfil(engine, 1), perfil(engine, 2)
    raiz = cuenta(engine, ana.perfil_id)
    uno = cliente(engine, raiz.cuenta_id)
    with pytest.raises(DomainError) as error:
        asignar(engine, raiz.cuenta_id, uno.nic, ana)
    assert error.value.code is Codigo.NO_PERMITIDO
    assert asignar(engine, raiz.cuenta_id, uno.nic, beto).perfil_id == beto.perfil_id
    assert entrar(engine, "persona2@prueba.mx").nics == [uno.nic]
    with pytest.raises(DomainError) as error:
        cuenta(engine, beto.perfil_id, raiz.cuenta_id)
    assert error.value.code is Codigo.CONFLICTO


def test_principal_o_administrador_pero_no_ambos(engine: Engine) -> None:
    raiz = cuenta(engine, perfil(engine, 1).perfil_id)
    for n in range(2, 8):
        uno, persona = cliente(engine, raiz.cuenta_id), perfil(engine, n)
        hechos: list[str] = []
        salida = threading.Barrier(2)

        def intentar(que: Callable[[], Any], hechos: list[str] = hechos, salida: Any = salida) -> None:
            salida.wait()
            try:
                que()
                hechos.append("ok")
            except DomainError as exc:
                hechos.append(exc.code)

        hilos = [
            threading.Thread(
                target=intentar, args=(lambda u=uno, p=persona: asignar(engine, raiz.cuenta_id, u.nic, p),)
            ),
            threading.Thread(
                target=intentar, args=(lambda p=persona: cuenta(engine, p.perfil_id, raiz.cuenta_id),)
            ),
        ]
        for hilo in hilos:
            hilo.start()
        for hilo in hilos:
            hilo.join()
        assert hechos.count("ok") == 1, hechos


def test_ultima_emision_solo_avanza(engine: Engine) -> None:
    raiz = cuenta(engine, perfil(engine, 1).perfil_id)
    uno = cliente(engine, raiz.cuenta_id)
    ahora = datetime.now(UTC).replace(microsecond=0)
    for en in (ahora, ahora - timedelta(hours=1)):
        consumo = Consumo(cti=uno.cti, cuenta_id=raiz.cuenta_id, cliente_id=uno.cliente_id, cantidad=1, en=en)
        with UnitOfWork(engine, Repositorio) as uow:
            clientes.registrar_consumos(uow, TimbresConsumidos(consumos=[consumo]))
            uow.commit()
    leido = correr(engine, clientes.obtener_cliente, c.ObtenerCliente(cuenta_id=raiz.cuenta_id, nic=uno.nic))
    assert leido.ultima_emision == ahora
    assert leido.version == 1


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE perfiles SET correo = 'MAYUSCULAS@x.mx'",
        "UPDATE perfiles SET movil = '5512345678'",
        "UPDATE perfiles SET hash_contrasena = 'en claro'",
        "UPDATE cuentas_maestras SET estado = 'otro'",
        "UPDATE usuarios SET rol = 'otro'",
        "UPDATE clientes SET precio_especifico = -1",
        "UPDATE clientes SET nic = 5",
    ],
)
def test_la_base_rechaza(engine: Engine, sql: str) -> None:
    cliente(engine, cuenta(engine, perfil(engine, 1).perfil_id).cuenta_id)
    with pytest.raises(IntegrityError), engine.begin() as conexion:
        conexion.execute(text(sql))
