"""Rules of clientes, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.clientes import domain
from services.clientes.domain import Estado
from services.clientes.use_cases import clientes, cuentas, perfil_principal, perfiles, sesiones
from shared.contracts import clientes as c
from shared.contracts.base import load, request_hash
from shared.errors import Codigo, DomainError
from tests.unit.clientes.fakes import AHORA, CredencialesFalsas, UowFalsa


@pytest.fixture
def uow() -> Any:
    return UowFalsa()


@pytest.fixture
def cred(uow: Any) -> Any:
    return CredencialesFalsas(uow)


def perfil(uow: Any, n: int = 1) -> c.Perfil:
    peticion = c.CrearPerfil(
        clave="k",
        nombre=" Ana  López ",
        correo=f"ANA{n}@x.mx",
        movil=f"551234000{n}",
        contrasena="contraseña",
    )
    return perfiles.crear_perfil(uow, peticion, CredencialesFalsas(uow))


def cuenta(uow: Any, titular: UUID, padre: UUID | None = None) -> c.CuentaMaestra:
    return cuentas.crear_cuenta_maestra(
        uow, c.CrearCuentaMaestra(clave="k", padre_id=padre, nombre="CM", titular_perfil_id=titular)
    )


def cliente(uow: Any, cuenta_id: UUID, **datos: Any) -> c.Cliente:
    return clientes.crear_cliente(
        uow, c.CrearCliente(clave="k", cuenta_id=cuenta_id, **{"nombre": "Cliente", **datos})
    )


def rechazo(codigo: Codigo) -> Any:
    return pytest.raises(DomainError, match=f"^{codigo}:")


@pytest.mark.parametrize(
    ("dado", "guardado"),
    [
        ("5512345678", "+525512345678"),
        ("55 1234-5678", "+525512345678"),
        ("(55) 1234.5678", "+525512345678"),
        ("+52 55 1234 5678", "+525512345678"),
        ("+5215512345678", "+525512345678"),
        ("525512345678", "+525512345678"),
        ("+1 212 555 0123", "+12125550123"),
    ],
)
def test_movil_tiene_una_sola_forma(dado: str, guardado: str) -> None:
    assert domain.normalizar_movil(dado) == guardado


@pytest.mark.parametrize("dado", ["", "123", "12345678901", "+123", "1" * 16, "móvil"])
def test_movil_malo(dado: str) -> None:
    with rechazo(Codigo.DATOS_INVALIDOS):
        domain.normalizar_movil(dado)


@pytest.mark.parametrize(
    ("precio", "visto"), [("1", "1.00"), ("0.8500", "0.85"), ("0.435", "0.435"), ("0.0001", "0.0001")]
)
def test_precio_con_dos_a_cuatro_decimales(precio: str, visto: str) -> None:
    assert str(domain.precio_unitario(Decimal(precio))) == visto


def test_precio_con_cinco_decimales() -> None:
    with rechazo(Codigo.DATOS_INVALIDOS):
        domain.precio_unitario(Decimal("0.00001"))


def test_la_contrasena_no_entra_en_la_huella_guardada() -> None:
    base = {"clave": "k", "nombre": "A", "correo": "a@x.mx", "movil": "5512345678"}
    uno, dos = (load(c.CrearPerfil, {**base, "contrasena": p * 10}) for p in "ab")
    assert request_hash(uno) == request_hash(dos)
    assert "aaaa" not in repr(uno)


def test_perfil_normalizado_y_unico(uow: Any) -> None:
    ana = perfil(uow)
    assert (ana.nombre, ana.correo, ana.movil) == ("Ana López", "ana1@x.mx", "+525512340001")
    with rechazo(Codigo.CONFLICTO):
        perfil(uow)


def test_argon2_corre_sin_transaccion_y_tambien_sin_usuario(uow: Any, cred: Any) -> None:
    perfil(uow)
    for usuario in ("ana1@x.mx", "nadie@x.mx", "cualquier cosa"):
        with rechazo(Codigo.CREDENCIALES_INVALIDAS):
            sesiones.iniciar_sesion(uow, c.IniciarSesion(usuario=usuario, contrasena="mala"), cred)
    assert [(h is not None, n) for h, n in cred.verificadas] == [(True, 1), (False, 3), (False, 5)]


def test_token_lleva_cuentas(uow: Any, cred: Any) -> None:
    ana = perfil(uow)
    raiz = cuenta(uow, ana.perfil_id)
    sesion = sesiones.iniciar_sesion(
        uow, c.IniciarSesion(usuario="5512340001", contrasena="contraseña"), cred
    )
    assert cred.firmado["cuentas"] == [
        {"id": str(raiz.cuenta_id), "rol": "titular", "raiz": True, "estado": "activo"}
    ]
    assert cred.firmado["exp"] == (AHORA + timedelta(minutes=10)).timestamp()
    assert sesion.renovacion.encode() not in uow.repo.renovaciones


def test_reuso_confirma_la_revocacion_antes_de_rechazar(uow: Any, cred: Any) -> None:
    perfil(uow)
    sesion = sesiones.iniciar_sesion(uow, c.IniciarSesion(usuario="ana1@x.mx", contrasena="contraseña"), cred)
    nueva = sesiones.renovar_sesion(uow, c.RenovarSesion(renovacion=sesion.renovacion), cred)
    nueva = sesiones.renovar_sesion(uow, c.RenovarSesion(renovacion=nueva.renovacion), cred)
    antes = uow.confirmaciones
    with rechazo(Codigo.NO_AUTENTICADO):
        sesiones.renovar_sesion(uow, c.RenovarSesion(renovacion=sesion.renovacion), cred)
    assert uow.confirmaciones == antes + 1
    with rechazo(Codigo.NO_AUTENTICADO):
        sesiones.renovar_sesion(uow, c.RenovarSesion(renovacion=nueva.renovacion), cred)


def test_la_sesion_no_vive_mas_que_su_limite(uow: Any, cred: Any) -> None:
    perfil(uow)
    sesion = sesiones.iniciar_sesion(uow, c.IniciarSesion(usuario="ana1@x.mx", contrasena="contraseña"), cred)
    for _ in range(5):
        uow.ahora += timedelta(days=6)
        if uow.ahora >= AHORA + domain.VIDA_SESION:
            break
        sesion = sesiones.renovar_sesion(uow, c.RenovarSesion(renovacion=sesion.renovacion), cred)
    with rechazo(Codigo.NO_AUTENTICADO):
        sesiones.renovar_sesion(uow, c.RenovarSesion(renovacion=sesion.renovacion), cred)


def test_cuentas(uow: Any) -> None:
    ana, beto = perfil(uow, 1), perfil(uow, 2)
    raiz = cuenta(uow, ana.perfil_id)
    with rechazo(Codigo.CONFLICTO):
        cuenta(uow, beto.perfil_id)
    with rechazo(Codigo.DATOS_INVALIDOS):
        cuenta(uow, ana.perfil_id, raiz.cuenta_id)
    with rechazo(Codigo.NO_ENCONTRADO):
        cuenta(uow, beto.perfil_id, uuid4())
    hija = cuenta(uow, beto.perfil_id, raiz.cuenta_id)
    # The last second of its expiry day in central Mexico.
    assert (raiz.vence_en, hija.vence_en) == (None, datetime(2027, 2, 28, 5, 59, 59, tzinfo=UTC))
    assert [nombre for nombre, _ in uow.publicados] == ["clientes.cuenta_maestra_creada_v1"] * 2


@pytest.mark.parametrize("estado", [e for e in Estado if e is not Estado.ACTIVO])
def test_cuenta_no_activa_solo_consulta(uow: Any, estado: Estado) -> None:
    raiz = cuenta(uow, perfil(uow).perfil_id)
    uno = cliente(uow, raiz.cuenta_id)
    uow.repo.cuentas[raiz.cuenta_id] = replace(uow.repo.cuentas[raiz.cuenta_id], estado=estado.value)
    with rechazo(Codigo.CUENTA_BLOQUEADA):
        cliente(uow, raiz.cuenta_id)
    with rechazo(Codigo.CUENTA_BLOQUEADA):
        clientes.editar_cliente(
            uow, c.EditarCliente(clave="k", cuenta_id=raiz.cuenta_id, nic=uno.nic, nombre="x")
        )
    leido = clientes.obtener_cliente(uow, c.ObtenerCliente(cuenta_id=raiz.cuenta_id, nic=uno.nic))
    assert leido == uno


def test_cliente_publica_su_cti(uow: Any) -> None:
    raiz = cuenta(uow, perfil(uow).perfil_id)
    uno = cliente(uow, raiz.cuenta_id, rfc="eku 9003173-c9", telefono="  ", tecnico=c.Contacto(nombre=" "))
    assert (uno.cti, uno.rfc, uno.telefono, uno.tecnico) == ("CTI0001001", "EKU9003173C9", None, None)
    nombre, carga = uow.publicados[-1]
    assert nombre == "clientes.cliente_creado_v1"
    assert (carga.nic, carga.cti) == (1001, "CTI0001001")


@pytest.mark.parametrize(
    "datos",
    [{"nombre": "  "}, {"rfc": "XAXX010101000"}, {"rfc": "mal"}, {"precio_especifico": Decimal("0.12345")}],
)
def test_cliente_malo(uow: Any, datos: dict[str, Any]) -> None:
    raiz = cuenta(uow, perfil(uow).perfil_id)
    with rechazo(Codigo.DATOS_INVALIDOS):
        cliente(uow, raiz.cuenta_id, **datos)


def test_escribir_y_vaciar_a_la_vez(uow: Any) -> None:
    raiz = cuenta(uow, perfil(uow).perfil_id)
    uno = cliente(uow, raiz.cuenta_id)
    with rechazo(Codigo.DATOS_INVALIDOS):
        clientes.editar_cliente(
            uow,
            c.EditarCliente(clave="k", cuenta_id=raiz.cuenta_id, nic=uno.nic, notas="x", borrar=["notas"]),
        )


@pytest.mark.parametrize("texto", ["a\x00b", "\ud800"])
def test_caracteres_que_la_base_no_admite(texto: str) -> None:
    with rechazo(Codigo.DATOS_INVALIDOS):
        load(c.CrearCliente, {"clave": "k", "cuenta_id": str(uuid4()), "nombre": texto})


def test_perfil_principal_no_administra(uow: Any) -> None:
    ana, beto = perfil(uow, 1), perfil(uow, 2)
    raiz = cuenta(uow, ana.perfil_id)
    uno = cliente(uow, raiz.cuenta_id)

    def asignar(p: c.Perfil) -> c.PerfilPrincipal:
        return perfil_principal.asignar_perfil_principal(
            uow,
            c.AsignarPerfilPrincipal(
                clave="k", cuenta_id=raiz.cuenta_id, nic=uno.nic, correo=p.correo, movil=p.movil
            ),
        )

    with rechazo(Codigo.NO_PERMITIDO):
        asignar(ana)
    assert asignar(beto).perfil_id == beto.perfil_id
    with rechazo(Codigo.CONFLICTO):
        cuenta(uow, beto.perfil_id, raiz.cuenta_id)
