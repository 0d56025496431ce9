"""Notices by mail on a real PostgreSQL: told with the notice, one mail an hour, and only to those who want it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from services.clientes.repository import Repositorio
from services.clientes.use_cases import avisos
from services.timbrado.repository import Repositorio as RepositorioTimbrado
from shared.contracts import clientes as c
from shared.contracts import eventos as ev
from shared.contracts.base import EVENTOS, load
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from tests.integration.apoyo_distribuidores import Mundo, Uow

TITULAR = "titular2@cm.mx"


@pytest.fixture
def mundo(base_de_datos: Callable[..., str]) -> Iterator[Mundo]:
    uno = Mundo(new_engine(base_de_datos("clientes"), 8))
    uno.preparar()
    with uno.clientes.begin() as conexion:
        conexion.execute(text("UPDATE perfiles SET confirmado_en = coalesce(confirmado_en, now())"))
    yield uno
    uno.clientes.dispose()


@pytest.fixture
def timbrado(base_de_datos: Callable[..., str]) -> Iterator[Engine]:
    motor = new_engine(base_de_datos("timbrado"), 2)
    yield motor
    motor.dispose()


def aviso(cuenta: UUID, mensaje: str = "Falta existencia.", tipo: str = "cti_congelada") -> ev.AvisoCreado:
    return ev.AvisoCreado(
        aviso_id=uuid4(), cuenta_id=cuenta, tipo=tipo, mensaje=mensaje, en=datetime.now(UTC)
    )


def correos(mundo: Mundo, para: str = TITULAR) -> list[Any]:
    return mundo.leer(
        "SELECT asunto, texto, secreto FROM correos WHERE para = :p AND clave LIKE 'cuenta:%aviso%'"
        " ORDER BY creado_en, asunto",
        p=para,
    )


def sumar(mundo: Mundo, correo: str, rol: str) -> UUID:
    """Another usuario of the CM."""
    id_: UUID = uuid4()
    with mundo.clientes.begin() as conexion:
        conexion.execute(
            text(
                "INSERT INTO perfiles (perfil_id, nombre, correo, movil, hash_contrasena, creado_en, confirmado_en)"
                " VALUES (:id, 'Otra', :correo, :movil, :hash, now(), now())"
            ),
            {
                "id": id_,
                "correo": correo,
                "movil": f"+52{id_.int % 10**10:010d}",
                "hash": mundo.leer("SELECT hash_contrasena FROM perfiles LIMIT 1")[0][0],
            },
        )
        conexion.execute(
            text("INSERT INTO usuarios (cuenta_id, perfil_id, rol, creado_en) VALUES (:c, :p, :r, now())"),
            {"c": mundo.cm, "p": id_, "r": rol},
        )
    return id_


@pytest.fixture
def adelanto(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    return lambda cuanto: monkeypatch.setattr(Uow, "adelanto", cuanto)


def test_each_notice_made_now_is_told_once_in_its_transaction(timbrado: Engine) -> None:
    cm = uuid4()
    varios = [(cm, "cti_congelada", None if i else "ABC", f"Ñandú {i}", f"k{i}") for i in range(3)]
    for _ in range(2):
        with UnitOfWork(timbrado, RepositorioTimbrado) as uow:
            uow.repo.avisar_varios(varios)
            uow.commit()
    with UnitOfWork(timbrado, RepositorioTimbrado) as uow:
        uow.repo.avisar_varios([(cm, "cti_congelada", None, "Sin confirmar", "k9")])
    with timbrado.connect() as conexion:
        filas = list(conexion.execute(text("SELECT evento, carga FROM outbox")))
        hechos = {f.id: f for f in conexion.execute(text("SELECT * FROM avisos"))}
    assert {f.evento for f in filas} == {ev.AVISO_CREADO.nombre}
    dichos = [load(EVENTOS[f.evento].carga, f.carga) for f in filas]
    assert {(d.mensaje, d.cti) for d in dichos} == {("Ñandú 0", "ABC"), ("Ñandú 1", None), ("Ñandú 2", None)}
    for dicho in dichos:
        assert isinstance(dicho, ev.AvisoCreado)
        fila = hechos[dicho.aviso_id]
        assert (dicho.cuenta_id, dicho.tipo, dicho.en) == (cm, fila.tipo, fila.creado_en)


def test_a_storm_is_one_mail_and_then_one_digest_an_hour(
    mundo: Mundo, adelanto: Callable[[timedelta], None]
) -> None:
    for i in range(40):
        mundo.correr(avisos.avisar_por_correo, aviso(mundo.cm, f"Congelada {i}"))
    mundo.correr(avisos.avisar_por_correo, aviso(mundo.cm, "Tope", "venta_automatica_tope"))
    assert mundo.correr(avisos.enviar_resumenes) == 0
    assert [(x.asunto, x.secreto) for x in correos(mundo)] == [
        ("CM 2: se congeló una cuenta de timbrado", False),
        ("CM 2: la venta automática llegó a su tope del mes", False),
    ]
    assert "Congelada 0" in correos(mundo)[0].texto
    adelanto(timedelta(minutes=59))
    assert mundo.correr(avisos.enviar_resumenes) == 0
    adelanto(timedelta(minutes=61))
    assert [mundo.correr(avisos.enviar_resumenes) for _ in range(2)] == [1, 0]
    resumen = correos(mundo)[-1]
    assert resumen.asunto == "CM 2: se congeló una cuenta de timbrado (39 avisos)"
    assert "Congelada 39" in resumen.texto
    assert "/avisos" in resumen.texto
    # The hour begins again with the digest; what comes after a quiet one goes at once.
    mundo.correr(avisos.avisar_por_correo, aviso(mundo.cm, "Una más"))
    assert len(correos(mundo)) == 3
    adelanto(timedelta(minutes=125))
    assert mundo.correr(avisos.enviar_resumenes) == 1
    assert "Una más" in correos(mundo)[-1].texto
    adelanto(timedelta(hours=4))
    mundo.correr(avisos.avisar_por_correo, aviso(mundo.cm, "Tras la calma"))
    assert "Tras la calma" in correos(mundo)[-1].texto
    assert len(correos(mundo)) == 5


def test_two_replicas_write_a_digest_once_and_count_every_notice(
    mundo: Mundo, adelanto: Callable[[timedelta], None]
) -> None:
    with ThreadPoolExecutor(4) as hilos:
        list(hilos.map(lambda i: mundo.correr(avisos.avisar_por_correo, aviso(mundo.cm, f"{i}")), range(20)))
    assert mundo.leer("SELECT pendientes FROM avisos_por_correo") == [(19,)]
    adelanto(timedelta(hours=2))
    with ThreadPoolExecutor(4) as hilos:
        hechos = list(hilos.map(lambda _: mundo.correr(avisos.enviar_resumenes), range(4)))
    assert sorted(hechos) == [0, 0, 0, 1]
    assert len(correos(mundo)) == 2


def test_what_is_not_confirmed_is_counted_again(mundo: Mundo, adelanto: Callable[[timedelta], None]) -> None:
    for i in range(3):
        mundo.correr(avisos.avisar_por_correo, aviso(mundo.cm, f"{i}"))
    adelanto(timedelta(hours=2))
    with Uow(mundo.clientes, Repositorio) as uow:
        assert avisos.enviar_resumenes(uow) == 1
    assert len(correos(mundo)) == 1
    assert mundo.correr(avisos.enviar_resumenes) == 1
    assert len(correos(mundo)) == 2


def test_only_who_administers_and_wants_it_is_written_to(mundo: Mundo) -> None:
    administra = sumar(mundo, "admin@cm.mx", "administrador")
    otra = sumar(mundo, "no@cm.mx", "administrador")
    sumar(mundo, "opera@cm.mx", "operador")
    quien = {"cuenta_id": mundo.cm, "perfil_id": otra}
    assert mundo.correr(avisos.leer_preferencias, c.LeerPreferenciasDeAvisos(**quien)).por_correo
    for clave in ("a", "b"):
        mundo.correr(
            avisos.cambiar_preferencias, c.CambiarPreferenciasDeAvisos(clave=clave, por_correo=False, **quien)
        )
    assert not mundo.correr(avisos.leer_preferencias, c.LeerPreferenciasDeAvisos(**quien)).por_correo
    mundo.correr(avisos.avisar_por_correo, aviso(mundo.cm))
    mundo.correr(avisos.avisar_por_correo, aviso(uuid4()))
    paras = mundo.leer("SELECT para FROM correos WHERE clave LIKE 'cuenta:%aviso%' ORDER BY para")
    assert paras == [("admin@cm.mx",), (TITULAR,)]
    # What somebody who left had chosen goes with it.
    for id_ in (administra, otra):
        with mundo.clientes.begin() as conexion:
            conexion.execute(text("DELETE FROM usuarios WHERE perfil_id = :p"), {"p": id_})
    assert mundo.leer("SELECT * FROM preferencias_de_avisos") == []
    with pytest.raises(DomainError) as ajeno:
        mundo.correr(avisos.leer_preferencias, c.LeerPreferenciasDeAvisos(**quien))
    assert ajeno.value.code == Codigo.NO_ENCONTRADO
