"""API keys against a real PostgreSQL: what is kept of them, whose they are, their count and their last use."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from services.clientes import domain
from services.clientes.repository import Repositorio
from services.clientes.use_cases import llaves_api
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from tests.integration.test_clientes_postgres import BaseDeDatos, correr, cuenta, perfil

_n = iter(range(100, 10_000))


@pytest.fixture(scope="module")
def motor(base_de_datos_modulo: BaseDeDatos) -> Iterator[Engine]:
    uno = new_engine(base_de_datos_modulo("clientes"), pool_size=12)
    yield uno
    uno.dispose()


@pytest.fixture(scope="module")
def raiz(motor: Engine) -> UUID:
    return cuenta(motor, perfil(motor, next(_n)).perfil_id).cuenta_id


@pytest.fixture
def cm(motor: Engine, raiz: UUID) -> UUID:
    return cuenta(motor, perfil(motor, next(_n)).perfil_id, raiz).cuenta_id


def crear(motor: Engine, cm: UUID, **datos: Any) -> c.LlaveApiCreada:
    peticion = c.CrearLlaveApi(
        clave=str(uuid4()),
        cuenta_id=cm,
        **{"actor": titular_de(motor, cm), "nombre": "ERP", "alcances": ["clientes:leer"], **datos},
    )
    hecha: c.LlaveApiCreada = correr(motor, llaves_api.crear_llave_api, peticion)
    return hecha


def verificar(motor: Engine, llave: str, ip: str = "203.0.113.7") -> c.LlaveApiVigente:
    llave_id, _, secreto = llave.removeprefix("cm_").partition("_")
    peticion = c.VerificarLlaveApi(
        llave_id=UUID(llave_id), huella=domain.huella_de_secreto(secreto).hex(), origen_ip=ip
    )
    dicha: c.LlaveApiVigente = correr(motor, llaves_api.verificar_llave_api, peticion)
    return dicha


def titular_de(motor: Engine, cm: UUID) -> UUID:
    with motor.connect() as conexion:
        return UUID(
            str(
                conexion.execute(
                    text("SELECT perfil_id FROM usuarios WHERE cuenta_id = :c AND rol = 'titular'"), {"c": cm}
                ).scalar_one()
            )
        )


def revocar(motor: Engine, cm: UUID, llave_id: UUID, actor: UUID | None = None) -> c.LlaveApi:
    peticion = c.RevocarLlaveApi(
        clave=str(uuid4()), cuenta_id=cm, actor=actor or titular_de(motor, cm), llave_id=llave_id
    )
    hecha: c.LlaveApi = correr(motor, llaves_api.revocar_llave_api, peticion)
    return hecha


def vencer(motor: Engine, llave_id: UUID) -> None:
    with motor.begin() as connection:
        connection.execute(
            text(
                "UPDATE llaves_api SET creada_en = now() - interval '2 h', vence_en = now() - interval '1 h'"
                " WHERE llave_id = :id"
            ),
            {"id": llave_id},
        )


def test_it_serves_with_its_secret_until_it_is_revoked(motor: Engine, cm: UUID) -> None:
    hecha = crear(
        motor, cm, alcances=["timbres:leer", "clientes:leer", "timbres:leer"], redes=[" 203.0.113.9/24 "]
    )
    assert hecha.llave is not None
    assert (hecha.alcances, hecha.redes) == (["clientes:leer", "timbres:leer"], ["203.0.113.0/24"])
    dicha = verificar(motor, hecha.llave)
    assert (dicha.vigente, dicha.cuenta_id, dicha.estado, dicha.es_raiz) == (True, cm, "activo", False)
    assert (dicha.alcances, dicha.redes, dicha.nombre) == (hecha.alcances, hecha.redes, "ERP")
    otra = crear(motor, cm)
    assert otra.llave is not None
    ajena = f"cm_{hecha.llave_id.hex}_{otra.llave.partition('_')[2].partition('_')[2]}"
    assert (
        verificar(motor, ajena) == verificar(motor, f"cm_{uuid4().hex}_x") == c.LlaveApiVigente(vigente=False)
    )
    primera = revocar(motor, cm, hecha.llave_id)
    assert revocar(motor, cm, hecha.llave_id).revocada_en == primera.revocada_en is not None
    assert verificar(motor, hecha.llave) == c.LlaveApiVigente(vigente=False)
    assert verificar(motor, otra.llave).vigente


def test_nothing_that_is_stored_is_the_key(motor: Engine, cm: UUID) -> None:
    hecha = crear(motor, cm)
    assert hecha.llave is not None
    secreto = hecha.llave.partition("_")[2].partition("_")[2]
    with motor.connect() as connection:
        fila = connection.execute(
            text("SELECT k, k.huella FROM llaves_api k WHERE llave_id = :id"), {"id": hecha.llave_id}
        ).one()
    assert secreto not in str(fila[0])
    assert bytes(fila[1]) == domain.huella_de_secreto(secreto)
    assert secreto not in repr(hecha)


def test_it_expires(motor: Engine, cm: UUID) -> None:
    with UnitOfWork(motor, Repositorio) as uow:
        ahora = uow.ahora
    with pytest.raises(DomainError) as mala:
        crear(motor, cm, vence_en=ahora - timedelta(seconds=1))
    assert list(mala.value.errores) == ["vence_en"]
    hecha = crear(motor, cm, vence_en=ahora + timedelta(days=1))
    assert hecha.llave is not None
    assert verificar(motor, hecha.llave).vence_en == ahora + timedelta(days=1)
    vencer(motor, hecha.llave_id)
    assert not verificar(motor, hecha.llave).vigente


@pytest.mark.parametrize("red", ["", "300.1.1.1", "10.0.0.0/33", "fe80::1%eth0", "a\x00b", "ejemplo.mx"])
def test_an_address_that_is_none(motor: Engine, cm: UUID, red: str) -> None:
    with pytest.raises(DomainError) as mala:
        crear(motor, cm, redes=["10.0.0.1", red])
    assert (mala.value.code, list(mala.value.errores)) == (Codigo.DATOS_INVALIDOS, ["redes.1"])


def test_a_cm_sees_and_revokes_its_own(motor: Engine, cm: UUID, raiz: UUID) -> None:
    ids = [crear(motor, cm).llave_id for _ in range(3)]
    with pytest.raises(DomainError) as ajena:
        revocar(motor, raiz, ids[0])
    assert ajena.value.code is Codigo.NO_ENCONTRADO
    revocar(motor, cm, ids[1])

    def listar(**como: Any) -> c.PaginaLlavesApi:
        pagina: c.PaginaLlavesApi = correr(
            motor, llaves_api.listar_llaves_api, c.ListarLlavesApi(**{"cuenta_id": cm, **como})
        )
        return pagina

    assert [x.llave_id for x in listar().datos] == [ids[2], ids[0]]
    primera = listar(revocadas=True, limite=2)
    segunda = listar(revocadas=True, limite=2, cursor=primera.siguiente)
    assert [x.llave_id for x in primera.datos + segunda.datos] == ids[::-1]
    assert segunda.siguiente is None
    assert all("llave" not in asdict(x) for x in primera.datos)
    assert set(ids).isdisjoint(x.llave_id for x in listar(cuenta_id=raiz).datos)


def test_its_last_use_is_written_once_a_minute(motor: Engine, cm: UUID) -> None:
    hecha = crear(motor, cm)
    assert hecha.llave is not None

    def uso() -> tuple[Any, Any]:
        [fila] = correr(motor, llaves_api.listar_llaves_api, c.ListarLlavesApi(cuenta_id=cm)).datos
        return fila.usada_en, fila.usada_desde

    assert uso() == (None, None)
    verificar(motor, hecha.llave[:-3] + "abc")
    assert uso() == (None, None), "a wrong secret is no use of it"
    verificar(motor, hecha.llave, "203.0.113.1")
    primero = uso()
    assert primero[1] == "203.0.113.1"
    verificar(motor, hecha.llave, "203.0.113.2")
    assert uso() == primero
    with motor.begin() as connection:
        connection.execute(
            text("UPDATE llaves_api SET usada_en = usada_en - interval '61 s' WHERE llave_id = :id"),
            {"id": hecha.llave_id},
        )
    verificar(motor, hecha.llave, "203.0.113.3")
    assert uso()[1] == "203.0.113.3"


def test_of_many_at_once_only_those_that_fit_are_made(
    motor: Engine, cm: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domain, "LLAVES_MAXIMO", 3)
    hechas: list[c.LlaveApiCreada] = []
    rechazos: list[Codigo] = []

    def una() -> None:
        try:
            hechas.append(crear(motor, cm))
        except DomainError as exc:
            rechazos.append(exc.code)

    hilos = [threading.Thread(target=una) for _ in range(8)]
    for hilo in hilos:
        hilo.start()
    for hilo in hilos:
        hilo.join(20)
    assert (len(hechas), rechazos) == (3, [Codigo.CONFLICTO] * 5)
    revocar(motor, cm, hechas[0].llave_id)
    vencer(motor, hechas[1].llave_id)
    for _ in range(2):
        crear(motor, cm)
    with pytest.raises(DomainError):
        crear(motor, cm)


def test_a_cm_that_only_reads_makes_none_and_revokes(motor: Engine, cm: UUID) -> None:
    hecha = crear(motor, cm)
    with motor.begin() as connection:
        connection.execute(
            text(
                "UPDATE cuentas_maestras SET estado = 'suspendido', proximo_aviso = NULL WHERE cuenta_id = :id"
            ),
            {"id": cm},
        )
    with pytest.raises(DomainError) as no:
        crear(motor, cm)
    assert no.value.code is Codigo.CUENTA_BLOQUEADA
    assert hecha.llave is not None
    assert verificar(motor, hecha.llave).estado == "suspendido"
    assert revocar(motor, cm, hecha.llave_id).revocada_en is not None


@pytest.mark.parametrize("ahora", ["operador", None])
def test_who_is_no_administrador_any_more_makes_and_revokes_none(
    motor: Engine, cm: UUID, ahora: str | None
) -> None:
    """Whatever its token says, and the gateway remembers: a key would outlive its removal."""
    quien = perfil(motor, next(_n)).perfil_id
    with motor.begin() as conexion:
        conexion.execute(
            text(
                "INSERT INTO usuarios (cuenta_id, perfil_id, rol, creado_en) VALUES (:c, :p, 'administrador', now())"
            ),
            {"c": cm, "p": quien},
        )
    hecha = crear(motor, cm, actor=quien)
    sql = "UPDATE usuarios SET rol = 'operador'" if ahora else "DELETE FROM usuarios"
    with motor.begin() as conexion:
        conexion.execute(text(f"{sql} WHERE cuenta_id = :c AND perfil_id = :p"), {"c": cm, "p": quien})
    with pytest.raises(DomainError, match="llaves de API") as no:
        crear(motor, cm, actor=quien)
    assert no.value.code is Codigo.NO_PERMITIDO
    with pytest.raises(DomainError, match="llaves de API"):
        revocar(motor, cm, hecha.llave_id, quien)
    assert revocar(motor, cm, hecha.llave_id).revocada_en is not None


def test_a_removal_at_the_same_time_goes_first_or_after(motor: Engine, cm: UUID) -> None:
    """Behind the CM's lock, as all that changes its usuarios."""
    quien = perfil(motor, next(_n)).perfil_id
    hechos: list[Any] = []

    def una() -> None:
        try:
            hechos.append(crear(motor, cm, actor=quien))
        except DomainError as exc:
            hechos.append(exc.code)

    with motor.begin() as conexion:
        conexion.execute(
            text("SELECT FROM cuentas_maestras WHERE cuenta_id = :c FOR NO KEY UPDATE"), {"c": cm}
        )
        hilo = threading.Thread(target=una)
        hilo.start()
        hilo.join(0.5)
        assert hilo.is_alive()
        assert hechos == []
    hilo.join(20)
    assert hechos == [Codigo.NO_PERMITIDO]
