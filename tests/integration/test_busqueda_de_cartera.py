"""The ways to a page of the cartera all give what looking at every cliente gives; first words come and go with names."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from services.clientes.domain.cartera import ORDENES, Filtros, Lugar, Orden, palabras_de
from services.clientes.domain.conversiones import ConversionGuardada
from services.clientes.repository import Repositorio, busqueda
from shared.persistence.uow import UnitOfWork
from tests.integration.test_cartera import CM, HOY, OTRA, engine, nics, sembrar, uno

__all__ = ["engine"]
PRIMERAS = (
    "Transportes",
    "Autotransportes",
    "José",
    "Luis",
    "María",
    "Portes",
    "Ñandú",
    "4 Hermanos",
    "Sa",
    "Luis  Doble",
)
SEGUNDAS = ("Luis", "Mendoza", "Transportes", "del Norte", "Portes", "Zúñiga", "SA de CV")
BUSCADAS = (
    "transportes", "portes", "luis", "jose mendoza", "transportes zuniga", "sa", "m", "4", "norte", "nandu", "port luis",
    "sa de cv", "nadie", "#1010", "luis luis", "s t", "l y p", "y portes",
)  # fmt: skip


@pytest.fixture
def ventanas_de_juguete(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small that every branch is taken with some hundred clientes."""
    monkeypatch.setattr(busqueda, "_VENTANA", 8)
    monkeypatch.setattr(busqueda, "_BASTANTES", 3)
    monkeypatch.setattr(busqueda, "_BASTANTES_JUNTAS", 3)
    monkeypatch.setattr(busqueda, "_TODOS", 40)
    monkeypatch.setattr(busqueda, "_MUESTRA", 40)
    monkeypatch.setattr(busqueda, "_INICIOS", 2)


def _sembrar(engine: Engine, azar: random.Random, cuantos: int) -> None:
    filas = [
        {
            "n": n,
            "cuenta": CM if n % 7 else OTRA,
            "nombre": " ".join([azar.choice(PRIMERAS), *azar.sample(SEGUNDAS, azar.randint(0, 2))]),
            "comercial": azar.choice([None, None, "Luis y Portes", "Transportes"]),
            "favorito": azar.random() < 0.2,
            "baja": azar.random() < 0.1,
            "saldo": azar.randint(0, 5),
            "compra": azar.choice([None, HOY]),
        }
        for n in range(1001, 1001 + cuantos)
    ]
    with engine.begin() as conexion:
        conexion.execute(
            text(
                "INSERT INTO clientes (cliente_id, cuenta_id, nic, cti, nombre, nombre_comercial, creado_en, favorito, baja)"
                " VALUES (md5('c' || :n)::uuid, :cuenta, :n, 'CTI' || :n, :nombre, :comercial, now(), :favorito, :baja)"
            ),
            filas,
        )
        conexion.execute(
            text("UPDATE cartera SET saldo_timbres = :saldo, ultima_compra = :compra WHERE nic = :n"), filas
        )
        conexion.execute(text("ANALYZE"))


def _paginas(engine: Engine, orden: Orden, filtros: Filtros, limite: int) -> Iterator[UUID]:
    despues: Lugar | None = None
    while True:
        with UnitOfWork(engine, Repositorio) as uow:
            filas = uow.repo.buscar_en_cartera(CM, orden, filtros, despues, limite)
        yield from (f.lugar.cliente_id for f in filas)
        if len(filas) < limite:
            return
        despues = filas[-1].lugar


def _debidas(engine: Engine, orden: Orden, filtros: Filtros) -> list[UUID]:
    sentido = "DESC" if orden.descendente else "ASC"
    condiciones = [
        f"(' ' || t.inicio || t.resto) LIKE :p{n}" for n, _ in enumerate(filtros.palabras.patrones)
    ]
    condiciones += ["k.favorito"] if filtros.favorito else []
    condiciones += ["k.saldo_timbres BETWEEN 2 AND 4"] if filtros.timbres[0] else []
    condiciones += [] if filtros.baja is None else ["NOT k.baja"]
    sql = (
        "SELECT k.cliente_id FROM cartera k JOIN cartera_texto t USING (cuenta_id, cliente_id) WHERE k.cuenta_id = :c"
        + "".join(f" AND {c}" for c in condiciones)
        + f" ORDER BY k.{orden.clave} {sentido} NULLS LAST, k.cliente_id {sentido}"
    )
    valores: dict[str, Any] = {f"p{n}": p for n, p in enumerate(filtros.palabras.patrones)}
    with engine.connect() as conexion:
        return list(conexion.scalars(text(sql), {"c": CM, **valores}))


@pytest.mark.usefixtures("ventanas_de_juguete")
def test_todo_camino_da_lo_mismo_que_mirar_todo(engine: Engine) -> None:
    """Each order, words and filters, page by page to the end."""
    azar = random.Random(20261124)
    _sembrar(engine, azar, 400)
    for nombre, orden in ORDENES.items():
        for q in BUSCADAS if nombre == "nombre" else azar.sample(BUSCADAS, 5):
            filtros = Filtros(
                palabras=palabras_de(q),
                favorito=azar.choice([None, None, True]),
                timbres=azar.choice([(None, None), (None, None), (2, 4)]),
                baja=azar.choice([False, None]),
            )
            limite = azar.choice([3, 7, 20])
            halladas = list(_paginas(engine, orden, filtros, limite))
            assert halladas == _debidas(engine, orden, filtros), (nombre, q, filtros, limite)


def _inicios(engine: Engine) -> list[str]:
    with engine.connect() as conexion:
        return list(conexion.scalars(text("SELECT inicio FROM cartera_inicios ORDER BY 1")))


def _renombrar(engine: Engine, nic: int, nombre: str) -> None:
    with engine.begin() as conexion:
        conexion.execute(
            text("UPDATE clientes SET nombre = :nombre WHERE nic = :nic"), {"nic": nic, "nombre": nombre}
        )


def test_lo_que_empieza_un_nombre_se_va_con_el_ultimo_que_lo_lleva(engine: Engine) -> None:
    """An erased name leaves nothing behind; a name of one word is not that of those who begin with it."""
    nombres = ((1001, "Itzel Ruiz Uno"), (1002, "ítzel  RUIZ"), (1003, "Itzel"), (1004, "ítzel ruiz dos"))
    for nic, nombre in nombres:
        uno(engine, nic, nombre=nombre)
    assert _inicios(engine) == ["itzel", "itzel  ruiz", "itzel ruiz"]
    _renombrar(engine, 1001, "Otra")
    _renombrar(engine, 1002, "Itzel Ruiz Tres")
    _renombrar(engine, 1003, "Otra")
    assert _inicios(engine) == ["itzel ruiz", "otra"]
    _renombrar(engine, 1002, "Otra más")
    _renombrar(engine, 1004, "Otra más aún")
    assert _inicios(engine) == ["otra", "otra mas"]


def test_lo_que_otro_empieza_a_usar_no_se_va(engine: Engine) -> None:
    """Who renames the last one waits for who is adding another, and then sees it."""
    uno(engine, 1001, nombre="Itzel Uno")
    with engine.begin() as otra:
        otra.execute(
            text(
                "INSERT INTO clientes (cliente_id, cuenta_id, nic, cti, nombre, creado_en)"
                " VALUES (md5('2')::uuid, :cm, 1002, 'CTI2', 'Itzel Uno Dos', now())"
            ),
            {"cm": CM},
        )
        hilo = Thread(target=_renombrar, args=(engine, 1001, "Cambiada"))
        hilo.start()
        hilo.join(1)
        assert hilo.is_alive(), "the rename did not wait"
    hilo.join(10)
    assert _inicios(engine) == ["cambiada", "itzel uno"]


def test_lo_que_se_estaba_quitando_se_vuelve_a_apuntar(engine: Engine) -> None:
    """Who adds a name like that of the last one, while that one is renamed, writes its beginning again."""
    uno(engine, 1001, nombre="Itzel Uno")
    with engine.begin() as otra:
        otra.execute(text("UPDATE clientes SET nombre = 'Cambiada' WHERE nic = 1001"))
        hilo = Thread(target=uno, args=(engine, 1002), kwargs={"nombre": "Itzel Uno Dos"})
        hilo.start()
        hilo.join(1)
        assert hilo.is_alive(), "the new one did not wait"
    hilo.join(10)
    assert _inicios(engine) == ["cambiada", "itzel uno"]


def test_quien_pasa_a_otra_cuenta_se_halla_en_ella_y_ya_no_en_la_anterior(engine: Engine) -> None:
    """A conversion moves a cliente; what it is searched by moves too, and its earlier CM keeps nothing of it."""
    uno(engine, 1001, nombre="Itzel Uno Dos")
    suyo = uno(engine, 1002, nombre="Xóchitl Uno", rfc="EKU9003173C9")
    with UnitOfWork(engine, Repositorio) as uow:
        uow.repo.convertir(
            ConversionGuardada(
                cliente_id=suyo, nic=1002, cuenta_id=CM, distribuidor_id=OTRA, actor=None, notas=None,
                precio_especifico=None, en=HOY,
            )
        )  # fmt: skip
        uow.commit()
    assert nics(engine, q="uno") == [1001]
    for q in ("xochitl", "eku900317", None):
        assert nics(engine, cuenta_id=OTRA, q=q) == [1002], q
    with engine.connect() as conexion:
        textos = conexion.execute(text("SELECT cuenta_id, inicio FROM cartera_texto ORDER BY inicio"))
        assert [tuple(t) for t in textos] == [(CM, "itzel uno"), (OTRA, "xochitl uno")]
        inicios = conexion.execute(text("SELECT cuenta_id, inicio FROM cartera_inicios ORDER BY inicio"))
        assert [tuple(i) for i in inicios] == [(CM, "itzel uno"), (OTRA, "xochitl uno")]


def test_una_cti_que_se_apunta_mientras_se_edita_a_su_cliente_se_halla(engine: Engine) -> None:
    """The edit waits for it, and then sees it."""
    cliente = uno(engine, 1001, nombre="Itzel Uno")
    with UnitOfWork(engine, Repositorio) as uow:
        uow.repo.agregar_ctis_a_cartera(["OTRA-77"], [cliente])
        hilo = Thread(target=_renombrar, args=(engine, 1001, "Cambiada"))
        hilo.start()
        hilo.join(1)
        assert hilo.is_alive(), "the edit did not wait"
        uow.commit()
    hilo.join(10)
    assert nics(engine, q="cambiada") == nics(engine, q="otra-77") == [1001]


def test_las_busquedas_usan_sus_indices_tras_el_muro(engine: Engine) -> None:
    """No trigram index serves behind a policy: whoever walls these tables makes every search read all of a CM."""
    sembrar(engine, 1001, 1100)
    planes: list[str] = []
    with UnitOfWork(engine, Repositorio) as uow:
        uow.session.execute(text("SET LOCAL enable_seqscan = off"))
        for tabla, columna in (("cartera_inicios", "inicio"), ("cartera_texto", "resto")):
            lineas = uow.session.scalars(
                text(f"EXPLAIN SELECT 1 FROM {tabla} WHERE {columna} LIKE '%itzel%'")
            )
            planes.append("\n".join(lineas))
    for plan in planes:
        assert re.search(r"Index Cond: .*~~", plan), plan


def test_un_nombre_sin_espacios_y_largo_se_halla_por_su_final(engine: Engine) -> None:
    """What is sorted by is cut; what is found is not."""
    uno(engine, 1001, nombre="x" * 90 + "final")
    uno(engine, 1002, nombre="Corta")
    orden = ORDENES["nombre"]
    with UnitOfWork(engine, Repositorio) as uow:
        filas = uow.repo.buscar_en_cartera(CM, orden, Filtros(palabras=palabras_de("xfinal")), None, 5)
    assert len(filas) == 1
    assert _inicios(engine) == ["", "corta"]
