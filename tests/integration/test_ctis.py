"""CTI on a real PostgreSQL: creation, block, logbook, lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.timbrado.use_cases import cuentas, transferencias
from shared.contracts import timbrado as c
from shared.errors import DomainError
from tests.integration.apoyo_ctis import ACTOR, Cm, a_la_vez, abrir
from tests.integration.test_timbrado_pipeline import CLAVE


@pytest.fixture
def cm(base_de_datos: Callable[[str], str], tmp_path: Path) -> Iterator[Cm]:
    with abrir(base_de_datos("timbrado"), tmp_path) as uno:
        yield uno


def test_ids_are_assigned_in_order_and_skip_what_is_taken(cm: Cm) -> None:
    assert cm.crear().id == "CTI0001001-2"
    with cm.uow() as uow:
        uow.repo.crear_cti("CTI0001001-3", 2002, uuid4(), uuid4())
        uow.commit()
    hecha = cm.crear(tipo="ilimitada")
    assert (hecha.id, hecha.nic, hecha.tipo, hecha.contrasena) == ("CTI0001001-4", 1001, "ilimitada", CLAVE)
    assert [(a.accion, a.detalle) for a in cm.bitacora(hecha.id)] == [
        ("creacion", {"tipo": "ilimitada", "id_propio": False})
    ]


def test_ctis_created_at_once_get_different_ids(cm: Cm) -> None:
    hechas = a_la_vez(8, lambda _: cm.crear().id)
    assert sorted(hechas, key=str) == [f"CTI0001001-{n}" for n in range(2, 10)]


def test_an_own_id_is_used_once_in_the_whole_system(cm: Cm) -> None:
    assert cm.crear(id="ventas@centro").id == "ventas@centro"
    with pytest.raises(DomainError) as exc:
        cm.crear(id="ventas@centro")
    assert (exc.value.code, list(exc.value.errores)) == ("conflicto", ["id"])
    with pytest.raises(DomainError) as exc:
        cm.crear(id="CTI0001002")
    assert exc.value.code == "datos_invalidos"


def test_an_unknown_cliente_and_another_cms_cliente_are_not_found(cm: Cm) -> None:
    for datos in ({"nic": 9}, {"cuenta_id": uuid4()}):
        with pytest.raises(DomainError) as exc:
            cm.crear(**datos)
        assert exc.value.code == "no_encontrado"


def test_a_new_estandar_stamps_once_it_has_timbres_and_an_unpaid_ilimitada_does_neither(cm: Cm) -> None:
    nueva, ilimitada = cm.crear(), cm.crear(tipo="ilimitada")

    def timbrar(cti: str, folio: str) -> str | None:
        solicitud = c.SolicitudDeTimbrado(cti=cti, contrasena=CLAVE, xml=cm.factura(folio).decode())
        return cm.timbrador.timbrar_lote(c.LoteDeTimbrado(solicitudes=[solicitud])).resultados[0].error

    def transferir(cti: str) -> None:
        cm.hacer(
            transferencias.transferir,
            c.Transferir(clave="t", cuenta_id=cm.cm, cti=cti, cantidad=1, importe=Decimal(1)),
        )

    assert timbrar(nueva.id, "N1") == "saldo_insuficiente"
    transferir(nueva.id)
    assert timbrar(nueva.id, "N1") is None
    assert timbrar(ilimitada.id, "N2") is not None
    with pytest.raises(DomainError) as exc:
        transferir(ilimitada.id)
    assert exc.value.errores.keys() == {"cti"}
    cm.sano()


def test_a_block_and_its_end_say_who_when_from_where_and_why(cm: Cm) -> None:
    with pytest.raises(DomainError) as exc:
        cm.bloquear(True, "   ")
    assert list(exc.value.errores) == ["motivo"]
    assert cm.bloquear(True, " Falta de pago ").motivo_bloqueo == "Falta de pago"
    assert [r.error for r in cm.timbrar(cm.factura("B1"))] == ["cuenta_bloqueada"]
    assert cm.bloquear(False, "Ya pagó").motivo_bloqueo is None
    assert [r.error for r in cm.timbrar(cm.factura("B1"))] == [None]
    cm.bloquear(False, "Otra vez")
    reactivacion, bloqueo, *antes = cm.bitacora()
    assert (reactivacion.accion, reactivacion.motivo) == ("reactivacion", "Ya pagó")
    assert (bloqueo.accion, bloqueo.motivo) == ("bloqueo", "Falta de pago")
    assert {(a.actor, a.ip) for a in (bloqueo, reactivacion)} == {(ACTOR, "203.0.113.7")}
    assert [(a.accion, a.actor) for a in antes] == [("contrasena", "sistema"), ("creacion", "sistema")]


def test_the_logbook_is_never_changed(cm: Cm) -> None:
    cm.bloquear(True, "Prueba")
    for sql in (
        "UPDATE bitacora_ctis SET motivo = 'otro'",
        "DELETE FROM bitacora_ctis",
        "TRUNCATE bitacora_ctis",
    ):
        with pytest.raises(DBAPIError, match="solo anexar"), cm.engine.begin() as connection:
            connection.execute(text(sql))


def test_logbook_pages_follow_each_other_and_are_the_owners(cm: Cm) -> None:
    for i in range(4):
        cm.bloquear(True, f"Motivo {i}")
    entera = [a.id for a in cm.bitacora()]
    hojas, cursor = [], None
    while True:
        pagina = cm.hacer(
            cuentas.listar_bitacora,
            c.ListarBitacora(cuenta_id=cm.cm, cti=cm.cti, limite=4, cursor=cursor),
        )
        hojas += [a.id for a in pagina.datos]
        cursor = pagina.siguiente
        if cursor is None:
            break
    assert hojas == entera
    with pytest.raises(DomainError) as exc:
        cm.hacer(cuentas.listar_bitacora, c.ListarBitacora(cuenta_id=uuid4(), cti=cm.cti))
    assert exc.value.code == "no_encontrado"


def muchas(cm: Cm, cuantas: int) -> None:
    """As many CTI of the CM, every 50th an ilimitada, every 97th blocked, with balances that repeat."""
    with cm.engine.begin() as connection:
        connection.execute(
            text(
                "WITH l AS (INSERT INTO cuentas (tipo, titular, saldo, bloqueada)"
                " SELECT 'cti', 'M' || lpad(n::text, 6, '0'), CASE WHEN n % 50 = 0 THEN 0 ELSE n % 1000 END, n % 97 = 0"
                " FROM generate_series(1, :n) n RETURNING id, titular, saldo)"
                " INSERT INTO ctis (id, nic, cliente_id, cuenta_id, libro_id, tipo)"
                " SELECT titular, 5000 + right(titular, 6)::int / 2, gen_random_uuid(), :cm, id,"
                " CASE WHEN right(titular, 6)::int % 50 = 0 THEN 'ilimitada' ELSE 'estandar' END FROM l"
            ),
            {"n": cuantas, "cm": cm.cm},
        )


@pytest.mark.parametrize("orden", c.ORDENES)
def test_filters_and_orders_page_by_page(cm: Cm, orden: str) -> None:
    muchas(cm, 300)
    for filtros in (
        {},
        {"tipo": "ilimitada"},
        {"activa": False},
        {"saldo_menor_que": 20, "activa": True},
        {"texto": "M0001", "tipo": "estandar"},
        {"nic": 5003},
        {"nics": [5003, 5100, 5004, 9999], "tipo": "estandar"},
        {"nics": list(range(5000, 5100)), "saldo_menor_que": 150},
    ):
        entera = cm.lista(orden=orden, limite=200, **filtros)
        todas, cursor = list(entera.datos), entera.siguiente
        if cursor:
            todas += cm.lista(orden=orden, limite=200, cursor=cursor, **filtros).datos
        hojas: list[c.Cti] = []
        cursor = None
        for _ in range(60):
            pagina = cm.lista(orden=orden, limite=7, cursor=cursor, **filtros)
            hojas += pagina.datos
            cursor = pagina.siguiente
            if cursor is None:
                break
        assert hojas == todas
        llaves_ = {
            "id": lambda x: x.id,
            "saldo": lambda x: (x.saldo, x.id),
            "-saldo": lambda x: (x.saldo, x.id),
        }
        assert hojas == sorted(hojas, key=llaves_[orden], reverse=orden == "-saldo")
    assert len(cm.lista(tipo="ilimitada", limite=200).datos) == 6
    assert {x.activa for x in cm.lista(activa=False).datos} == {False}
    assert all(x.saldo < 20 and x.tipo == "estandar" for x in cm.lista(saldo_menor_que=20, limite=200).datos)
    assert {x.nic for x in cm.lista(nics=[5003, 5100, 9999]).datos} == {5003, 5100}
    assert cm.lista(nics=[], orden=orden).datos == cm.lista(nics=[5003], nic=5004, orden=orden).datos == []
    assert [x.id for x in cm.lista(texto="M00012").datos] == [f"M00012{n}" for n in range(10)]


@pytest.mark.parametrize(("orden", "otra"), [("id", "saldo"), ("saldo", "id")])
def test_another_orders_cursor_is_refused(cm: Cm, orden: str, otra: str) -> None:
    muchas(cm, 10)
    cursor = cm.lista(orden=orden, limite=2).siguiente
    with pytest.raises(DomainError) as exc:
        cm.lista(orden=otra, limite=2, cursor=cursor)
    assert list(exc.value.errores) == ["cursor"]
