"""The audit log on PostgreSQL: an entry in the transaction of what it tells, kept once, chained, never changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from services.clientes.repository import Repositorio
from services.clientes.repository.auditoria import consulta_de_auditoria
from services.clientes.use_cases import auditoria
from shared.auditoria import sellado, verificar
from shared.contracts import clientes as c
from shared.contracts import timbrado as ct
from shared.contracts.base import dump, load
from shared.contracts.eventos import AUDITORIA, AsientoDeAuditoria
from shared.errors import DomainError
from shared.messaging.bus import Bus, BusWorker
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from shared.quien import Quien

UNA, OTRA = uuid4(), uuid4()
AHORA = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def base(base_de_datos_modulo: Callable[[str], str]) -> Iterator[Engine]:
    engine = new_engine(base_de_datos_modulo("clientes"), 4)
    yield engine
    engine.dispose()


def _asiento(n: int, cuenta: UUID | None = UNA, **otros: Any) -> AsientoDeAuditoria:
    datos = {
        "id": uuid4(), "cuenta_id": cuenta, "en": AHORA + timedelta(seconds=n), "accion": "timbrado.transferir_v1",
        "actor_tipo": "perfil", "actor": "p1", "ip": "10.0.0.1", "objeto": "cti:ABC", "detalle": '{"peticion":{}}',
    }  # fmt: skip
    return AsientoDeAuditoria(**{**datos, **otros})


def _anotar(engine: Engine, *asientos: AsientoDeAuditoria) -> None:
    with UnitOfWork(engine, Repositorio) as uow:
        for uno in asientos:
            auditoria.anotar_asiento(uow, uno)
        uow.commit()


def _listar(engine: Engine, cuenta: UUID, **filtros: Any) -> c.PaginaAuditoria:
    with UnitOfWork(engine, Repositorio) as uow:
        return auditoria.listar_auditoria(uow, c.ListarAuditoria(cuenta_id=cuenta, **filtros))


def test_entries_are_kept_once_chained_without_gaps_and_verified(base: Engine) -> None:
    primeros = [_asiento(n) for n in range(5)] + [_asiento(0, OTRA), _asiento(0, None, accion="clientes.x")]
    _anotar(base, *primeros, *primeros[:2])
    with base.connect() as connection:
        assert sellado.verificar(connection) == [], "what waits for the sealer is no fault"
    assert sellado.sellar(base) == 7
    assert sellado.sellar(base) == 0
    _anotar(base, _asiento(9))
    assert sellado.sellar(base) == 1
    with base.connect() as connection:
        assert sellado.verificar(connection) == []
    pagina = _listar(base, UNA)
    assert [a.secuencia for a in pagina.datos] == [6, 5, 4, 3, 2, 1]
    exportado = json.dumps(dump(pagina)).encode()
    assert verificar.verificar(verificar.leer(exportado)) == []
    assert verificar.faltan(verificar.leer(exportado)) == 0
    with UnitOfWork(base, Repositorio) as uow:
        [suelto] = auditoria.listar_auditoria_de_plataforma(uow, c.ListarAuditoriaDePlataforma()).datos
    assert (suelto.accion, suelto.cadena, suelto.secuencia) == ("clientes.x", UUID(int=0), 1)


@pytest.mark.parametrize("tabla", ["auditoria", "auditoria_cadena"])
@pytest.mark.parametrize("orden", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_nothing_of_it_is_changed_or_deleted(base: Engine, tabla: str, orden: str) -> None:
    columna = {"auditoria": "ip", "auditoria_cadena": "sello"}[tabla]
    with base.begin() as connection, pytest.raises(DBAPIError, match="solo anexar"):
        connection.execute(text(orden.format(tabla, columna, columna)))


def test_the_check_finds_what_was_tampered_with_behind_the_triggers(
    base_de_datos: Callable[[str], str],
) -> None:
    engine = new_engine(base_de_datos("clientes"), 2)
    _anotar(engine, *[_asiento(n) for n in range(4)])
    assert sellado.sellar(engine) == 4
    segundo = "(SELECT asiento_id FROM auditoria_cadena WHERE secuencia = 2)"
    for mal in (
        f"UPDATE auditoria SET detalle = '{{}}' WHERE id = {segundo}",
        f"UPDATE auditoria SET cuenta_id = gen_random_uuid() WHERE id = {segundo}",
        "DELETE FROM auditoria_cadena WHERE secuencia = 4",
        "UPDATE auditoria_cadena SET secuencia = 9 WHERE secuencia = 3",
    ):
        with engine.connect() as connection:
            for tabla in ("auditoria", "auditoria_cadena"):
                connection.execute(text(f"ALTER TABLE {tabla} DISABLE TRIGGER USER"))
            connection.execute(text(mal))
            assert sellado.verificar(connection) != [], mal
            connection.rollback()
            assert sellado.verificar(connection) == []
    engine.dispose()


def test_pages_follow_each_other_and_filters_hold(base: Engine) -> None:
    cuenta = uuid4()
    _anotar(
        base,
        *[_asiento(n % 3, cuenta) for n in range(7)],
        _asiento(50, cuenta, actor="p2"),
        _asiento(60, cuenta, accion="puntos.transferir_v1"),
        _asiento(70, cuenta, objeto="cliente:1001"),
    )
    vistos: list[UUID] = []
    cursor: str | None = None
    while True:
        pagina = _listar(base, cuenta, limite=3, cursor=cursor)
        vistos += [a.id for a in pagina.datos]
        cursor = pagina.siguiente
        if cursor is None:
            break
    assert len(vistos) == len(set(vistos)) == 10
    assert len(_listar(base, cuenta, actor="p2").datos) == 1
    assert len(_listar(base, cuenta, accion="puntos.transferir_v1").datos) == 1
    assert len(_listar(base, cuenta, objeto="cliente:1001").datos) == 1
    desde = AHORA + timedelta(seconds=50)
    assert len(_listar(base, cuenta, desde=desde, hasta=desde + timedelta(seconds=20)).datos) == 2
    for mal in ({"desde": AHORA, "hasta": AHORA}, {"cursor": "x"}, {"limite": 0}, {"actor": "\0"}):
        with pytest.raises(DomainError):
            _listar(base, cuenta, **mal)


def test_each_filter_has_its_index_also_behind_the_policy(base: Engine) -> None:
    with base.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO auditoria SELECT gen_random_uuid(), gen_random_uuid(), now(), 'a.b', 'perfil',"
                " 'p' || n % 50, '', '', 'o:' || n % 50, 'hecho', '{}' FROM generate_series(1, 3000) n"
            )
        )
        connection.execute(text("ANALYZE auditoria"))
    for filtros, indice in (
        ({}, "ix_auditoria_cuenta_id_en_id"),
        ({"actor": "p1"}, "ix_auditoria_cuenta_id_actor_en_id"),
        ({"objeto": "o:1"}, "ix_auditoria_cuenta_id_objeto_en_id"),
    ):
        sql, params = consulta_de_auditoria(UNA, filtros, (AHORA, uuid4()), 51)
        with base.begin() as connection:
            connection.execute(text("SELECT set_config('cm.cuenta', :c, true)"), {"c": str(UNA)})
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            plan = "\n".join(connection.execute(text(f"EXPLAIN {sql}"), params).scalars())
        assert indice in plan, plan


# -- what a call leaves -----------------------------------------------------------------------------------


class _BusDePrueba(Bus):
    """The bus on a database, without nameko's container."""

    def __init__(self, engine: Engine, repository: Any) -> None:
        super().__init__(repository)
        self.engine = engine

    def uow(self) -> UnitOfWork[Any]:
        return UnitOfWork(self.engine, self._repository)


def _dejados(engine: Engine, servicio: str) -> list[AsientoDeAuditoria]:
    with engine.connect() as connection:
        cargas = connection.execute(
            text("SELECT carga FROM outbox WHERE evento = :e ORDER BY id"),
            {"e": AUDITORIA[servicio].nombre},
        ).scalars()
        return [load(AsientoDeAuditoria, carga) for carga in cargas]


def test_a_change_leaves_one_entry_in_its_own_transaction(base_de_datos: Callable[[str], str]) -> None:
    from services.timbrado.repository import Repositorio as RepositorioDeTimbrado
    from services.timbrado.use_cases import cuentas

    engine = new_engine(base_de_datos("timbrado"), 2)
    cliente = uuid4()
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO cuentas (tipo, titular) VALUES ('cti', 'ABC')"))
        connection.execute(
            text(
                "INSERT INTO ctis (id, nic, cliente_id, cuenta_id, libro_id)"
                " SELECT 'ABC', 7, :cliente, :cuenta, id FROM cuentas WHERE titular = 'ABC'"
            ),
            {"cliente": cliente, "cuenta": UNA},
        )
    quien = Quien("perfil", "p1", "10.0.0.9")
    bus = BusWorker(
        _BusDePrueba(engine, RepositorioDeTimbrado), {"quien": quien.escribir(), "correlacion": "ab" * 16}
    )
    pedida = dump(ct.BloquearCti(clave="1", cuenta_id=UNA, cti="ABC", bloqueada=True, motivo="robo"))
    for repetida in (False, True):
        assert bus.run(ct.BLOQUEAR_CTI, pedida, cuentas.bloquear_cti)["repetida"] is repetida
    [uno] = _dejados(engine, "timbrado")
    assert (uno.cuenta_id, uno.accion, uno.objeto) == (UNA, "timbrado.bloquear_cti_v1", "cti:ABC")
    assert (uno.actor_tipo, uno.actor, uno.ip, uno.correlacion) == ("perfil", "p1", "10.0.0.9", "ab" * 16)
    assert json.loads(uno.detalle)["peticion"]["motivo"] == "robo"
    # Another CM's call reaches nothing, changes nothing and leaves nothing.
    with pytest.raises(Exception, match="no_encontrado"):
        bus.run(ct.BLOQUEAR_CTI, {**pedida, "clave": "2", "cuenta_id": str(OTRA)}, cuentas.bloquear_cti)
    assert len(_dejados(engine, "timbrado")) == 1
    engine.dispose()


def test_what_no_call_did_is_written_down_too(base: Engine) -> None:
    antes = len(_dejados(base, "clientes"))
    with UnitOfWork(base, Repositorio) as uow:
        uow.asentar(
            "clientes.iniciar_sesion",
            cuentas=(UNA, OTRA),
            objeto="perfil:p1",
            detalle={"usuario": "ana@x.mx", "contrasena": "no"},
            resultado="rechazado",
            actor=Quien("anonimo", "", "10.0.0.7"),
        )
        uow.commit()
    nuevos = _dejados(base, "clientes")[antes:]
    assert [a.cuenta_id for a in nuevos] == [UNA, OTRA]
    assert nuevos[0].detalle == '{"datos":{"usuario":"a***@x.mx"}}'
    # They come back as events, however often.
    for _ in range(2):
        _anotar(base, *nuevos)
    assert [a.resultado for a in _listar(base, UNA, objeto="perfil:p1").datos] == ["rechazado"]
    assert asdict(replace(nuevos[0], ip="x"))["ip"] == "x"
