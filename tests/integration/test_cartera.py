"""The searchable cartera on a real PostgreSQL: what is found, in which order, by pages, and what feeds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from services.clientes.domain.cartera import ORDENES, Filtros, palabras_de
from services.clientes.repository import Repositorio
from services.clientes.use_cases import cartera
from shared.contracts import clientes as c
from shared.contracts.eventos import CtisCreadas, SaldosDePuntos, SaldosDeTimbres
from shared.errors import Codigo, DomainError
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork

CM, OTRA = UUID(int=1), UUID(int=2)
HOY = datetime(2026, 11, 24, 12, tzinfo=UTC)
_CLIENTES = """
INSERT INTO clientes (cliente_id, cuenta_id, nic, cti, nombre, rfc, creado_en, representante)
SELECT md5('c' || n)::uuid, CAST(:cuenta AS uuid), n, 'CTI' || lpad(n::text, 7, '0'),
    (ARRAY['Ferretería','Transportes','Papelería','Muñoz e Hijos'])[1 + n % 4] || ' ' || n,
    'AAA' || lpad((n % 999999)::text, 6, '0') || 'XX' || n % 10, CAST(:hoy AS timestamptz) - n * interval '1 minute',
    jsonb_build_object('nombre', 'Persona ' || n % 7)
FROM generate_series(CAST(:desde AS int), CAST(:hasta AS int)) n
"""


@pytest.fixture
def engine(base_de_datos: Callable[..., str]) -> Iterator[Engine]:
    motor = new_engine(base_de_datos("clientes"), pool_size=4)
    with motor.begin() as conexion:
        conexion.execute(
            text(
                "INSERT INTO cuentas_maestras (cuenta_id, nombre, estado, creado_en)"
                " VALUES (:cm, 'Raíz', 'activo', :hoy)"
            ),
            {"cm": CM, "hoy": HOY},
        )
        conexion.execute(
            text(
                "INSERT INTO cuentas_maestras (cuenta_id, padre_id, nombre, estado, vence_en, creado_en)"
                " VALUES (:otra, :cm, 'Otra', 'activo', :hoy, :hoy)"
            ),
            {"otra": OTRA, "cm": CM, "hoy": HOY},
        )
    yield motor
    motor.dispose()


def sembrar(engine: Engine, desde: int, hasta: int, cuenta: UUID = CM) -> None:
    """In lots, as an import comes."""
    for inicio in range(desde, hasta + 1, 5_000):
        fin = min(inicio + 4_999, hasta)
        with engine.begin() as conexion:
            conexion.execute(text(_CLIENTES), {"cuenta": cuenta, "hoy": HOY, "desde": inicio, "hasta": fin})


def uno(engine: Engine, nic: int, **datos: Any) -> UUID:
    id_ = uuid4()
    valores = {
        "cliente_id": id_,
        "cuenta_id": CM,
        "nic": nic,
        "cti": f"CTI{nic:07d}",
        "creado_en": HOY,
        **datos,
    }
    columnas = ", ".join(valores)
    marcas = ", ".join(
        f"CAST(:{k} AS jsonb)" if k in ("representante", "financiero", "tecnico") else f":{k}"
        for k in valores
    )
    with engine.begin() as conexion:
        conexion.execute(text(f"INSERT INTO clientes ({columnas}) VALUES ({marcas})"), valores)
    return id_


def correr(engine: Engine, caso: Callable[..., Any], peticion: Any) -> Any:
    with UnitOfWork(engine, Repositorio) as uow:
        respuesta = caso(uow, peticion)
        uow.commit()
        return respuesta


def listar(engine: Engine, **datos: Any) -> c.PaginaDeCartera:
    pagina: c.PaginaDeCartera = correr(
        engine, cartera.listar_cartera, c.ListarCartera(**{"cuenta_id": CM, **datos})
    )
    return pagina


def nics(engine: Engine, **datos: Any) -> list[int]:
    return [x.nic for x in listar(engine, **datos).datos]


def todos(engine: Engine, **datos: Any) -> list[int]:
    """Every page, one behind the other."""
    vistos: list[int] = []
    cursor = None
    while True:
        pagina = listar(engine, cursor=cursor, **datos)
        vistos += [x.nic for x in pagina.datos]
        cursor = pagina.siguiente
        if cursor is None:
            return vistos


def test_cada_campo_del_manual(engine: Engine) -> None:
    uno(
        engine, 1234, nombre="Cigüeñas Muñoz, S.A. de C.V.", nombre_comercial="El Águila", rfc="MUÑ900317AB1",
        telefono="+52 (55) 1234-5678", correo="ventas@munoz.mx",
        representante='{"nombre": "Íñigo Ávila", "correo": "inigo@a.mx", "telefono": "33 8765 4321"}',
        financiero='{"nombre": "Berta Sol", "movil": "+5218112340000"}', tecnico='{"correo": "soporte@t.mx"}',
    )  # fmt: skip
    uno(engine, 5678, nombre="Otro")
    buscadas = (
        "1234", "1,234", "cti0001234", "CIGUEÑAS", "munoz", "muñoz", "guena", "aguila", "muñ900317ab1", "MUÑ-900317-AB1",
        "MUÑ 900317 AB1", "5512345678", "55 1234 5678", "+52 55-1234-5678", "(55) 1234 5678", "ventas@munoz",
        "iñigo", "inigo@a.mx", "3387654321", "+52 33 8765 4321", "berta", "81 1234 0000", "soporte", "sol muñoz",
        "AVILA ciguenas berta", "el",
    )  # fmt: skip
    for q in buscadas:
        assert nics(engine, q=q) == [1234], q
    for q in ("cigüeñas otro", "100%", "_igue", "lo"):
        assert nics(engine, q=q) == [], q
    assert set(nics(engine, q="  ")) == set(nics(engine)) == {1234, 5678}


def test_otra_cuenta_no_aparece(engine: Engine) -> None:
    sembrar(engine, 1001, 1010)
    sembrar(engine, 2001, 2010, OTRA)
    assert sorted(todos(engine, baja="todas")) == list(range(1001, 1011))
    assert nics(engine, q="2005") == []


def saldos(engine: Engine, *filas: tuple[str, int, int, int, datetime | None]) -> None:
    """(cti, nic, balance, version, last purchase) as an event."""
    with engine.connect() as conexion:
        ids = {r.nic: r.cliente_id for r in conexion.execute(text("SELECT nic, cliente_id FROM clientes"))}
    correr(
        engine,
        cartera.registrar_saldos_de_timbres,
        SaldosDeTimbres(
            ctis=",".join(f[0] for f in filas),
            clientes=",".join(str(ids[f[1]]) for f in filas),
            saldos=",".join(str(f[2]) for f in filas),
            versiones=",".join(str(f[3]) for f in filas),
            compras=",".join(f[4].isoformat() if f[4] else "" for f in filas),
        ),
    )


def test_saldos_suman_y_el_orden_de_llegada_no_importa(engine: Engine) -> None:
    sembrar(engine, 1001, 1002)
    saldos(engine, ("CTI0001001", 1001, 50, 3, HOY), ("CTI0001001-2", 1001, 7, 1, None))
    saldos(engine, ("CTI0001001", 1001, 90, 2, HOY - timedelta(days=1)))
    saldos(engine, ("CTI0001001", 1001, 50, 3, HOY), ("CTI0001001-2", 1001, 7, 1, None))
    [visto] = [x for x in listar(engine).datos if x.nic == 1001]
    assert (visto.saldo_timbres, visto.ultima_compra) == (57, HOY)
    saldos(engine, ("CTI0001001-2", 1001, 0, 2, None))
    assert [x.saldo_timbres for x in listar(engine, orden="nic").datos] == [50, 0]
    with engine.connect() as conexion:
        id_ = conexion.execute(text("SELECT cliente_id FROM clientes WHERE nic = 1002")).scalar_one()
    for saldo, version in ((1250, 5), (9, 4)):
        evento = SaldosDePuntos(clientes=str(id_), saldos=str(saldo), versiones=str(version))
        correr(engine, cartera.registrar_saldos_de_puntos, evento)
    assert str(listar(engine, orden="mayor_saldo_puntos").datos[0].saldo_puntos) == "12.50"
    assert nics(engine, puntos_desde="12.50") == [1002]
    assert nics(engine, timbres_hasta=10) == [1002]


def test_una_cti_adicional_se_encuentra(engine: Engine) -> None:
    sembrar(engine, 1001, 1003)
    assert nics(engine, q="Tienda.Sur") == []
    with engine.connect() as conexion:
        id_ = conexion.execute(text("SELECT cliente_id FROM clientes WHERE nic = 1002")).scalar_one()
    for _ in range(2):
        correr(engine, cartera.registrar_ctis, CtisCreadas(ctis="Tienda.Sur", clientes=str(id_)))
    assert nics(engine, q="tienda.sur") == nics(engine, q="ienda") == [1002]
    with engine.begin() as conexion:
        conexion.execute(text("UPDATE clientes SET nombre = 'Zapatería' WHERE nic = 1002"))
    assert nics(engine, q="zapateria tienda") == [1002]


@pytest.mark.parametrize("orden", list(ORDENES))
def test_cada_orden_por_paginas_con_empates(engine: Engine, orden: str) -> None:
    sembrar(engine, 1001, 1060)
    with engine.begin() as conexion:
        conexion.execute(
            text(
                "UPDATE cartera SET saldo_timbres = nic % 5, saldo_puntos = nic % 3,"
                " ultima_compra = CASE WHEN nic % 2 = 0 THEN alta - nic % 4 * interval '1 day' END,"
                " ultima_emision = CASE WHEN nic % 3 = 0 THEN date_trunc('hour', alta) END"
            )
        )
        clave, baja = ORDENES[orden].clave, "DESC" if ORDENES[orden].descendente else ""
        debido = list(
            conexion.scalars(
                text(f"SELECT nic FROM cartera ORDER BY {clave} {baja} NULLS LAST, cliente_id {baja}")
            )
        )
    assert todos(engine, orden=orden, limite=7) == debido
    con_filtro = [n for n in debido if n % 4 == 2]
    assert todos(engine, orden=orden, limite=4, q="papeleria") == con_filtro


def test_un_cursor_es_de_su_orden_y_de_su_busqueda(engine: Engine) -> None:
    sembrar(engine, 1001, 1010)
    cursor = listar(engine, orden="nombre", limite=2).siguiente
    for cambio in (
        {"orden": "nic"},
        {"orden": "nombre", "q": "persona"},
        {"orden": "nombre", "baja": "todas"},
    ):
        with pytest.raises(DomainError) as error:
            listar(engine, limite=2, cursor=cursor, **cambio)
        assert error.value.code is Codigo.DATOS_INVALIDOS


def test_etiquetas_y_contadores(engine: Engine) -> None:
    sembrar(engine, 1001, 1010)
    with engine.begin() as conexion:
        conexion.execute(text("UPDATE clientes SET baja = true WHERE nic IN (1001, 1002)"))
        conexion.execute(
            text("UPDATE clientes SET favorito = true, color = 'azul' WHERE nic IN (1002, 1003)")
        )
    assert 1001 not in nics(engine)
    assert sorted(nics(engine, baja="true")) == [1001, 1002]
    assert len(nics(engine, baja="todas")) == 10
    assert nics(engine, favorito=True) == nics(engine, color="azul") == [1003]
    assert sorted(nics(engine, favorito=True, baja="todas")) == [1002, 1003]
    resumen = correr(engine, cartera.contar_cartera, c.ContarCartera(cuenta_id=CM))
    assert resumen == c.ResumenDeCartera(todos=10, favoritos=2, bajas=2, colores={"azul": 2})


def test_raros_y_comunes_dan_lo_mismo_que_mirar_todo(engine: Engine) -> None:
    """Past the first window both ways are gone: all hits sorted, and the walk on. Of a CM that nearly all are of, too."""
    sembrar(engine, 1001, 9000)
    sembrar(engine, 9001, 9400, OTRA)
    with engine.begin() as conexion:
        conexion.execute(text("ANALYZE cartera"))
    for cuenta, q in product(
        (CM, OTRA), ("persona 3 transportes", "1999", "aaa009123xx3", "xx7", "aaa", "ningunohay")
    ):
        normal = palabras_de(q)
        for orden in ("nombre", "alta_antigua"):
            clave = ORDENES[orden].clave
            condiciones = " AND ".join(
                f"(' ' || t.inicio || t.resto) LIKE :p{n}" for n in range(len(normal.patrones))
            )
            with engine.connect() as conexion:
                debido = list(
                    conexion.scalars(
                        text(
                            "SELECT k.nic FROM cartera k JOIN cartera_texto t USING (cliente_id)"
                            f" WHERE k.cuenta_id = :c AND {condiciones} ORDER BY k.{clave}, k.cliente_id"
                        ),
                        {"c": cuenta, **{f"p{n}": p for n, p in enumerate(normal.patrones)}},
                    )
                )
            assert todos(engine, q=q, orden=orden, limite=200, cuenta_id=cuenta) == debido, (cuenta, q, orden)


def test_ningun_recorrido_completo(engine: Engine) -> None:
    """EXPLAIN of every statement that a search runs, with 50,000 clientes: indexes alone."""
    sembrar(engine, 1001, 51_000)
    with engine.begin() as conexion:
        conexion.execute(text("ANALYZE cartera"))
        conexion.execute(text("ANALYZE cartera_texto"))
    vistos: list[str] = []
    with UnitOfWork(engine, Repositorio) as uow:
        real = uow.session.execute

        def espia(sentencia: Any, valores: Any = None) -> Any:
            if "cartera" in str(sentencia) and "cartera_bits" not in str(sentencia):
                plan = real(text(f"EXPLAIN {sentencia}"), valores)
                vistos.append("\n".join(r[0] for r in plan))
            return real(sentencia, valores)

        uow.session.execute = espia  # type: ignore[method-assign, assignment]
        for orden in ORDENES.values():
            for q in ("transportes", "4999", "persona 3", "nohayde"):
                uow.repo.buscar_en_cartera(CM, orden, Filtros(palabras=palabras_de(q)), None, 51)
    assert len(vistos) > 24
    assert not [p for p in vistos if "Seq Scan" in p]


def test_reconstruir_deja_lo_mismo(engine: Engine) -> None:
    """Rows that were corrupted in every field come out as they were; an event on the way is not undone."""
    sembrar(engine, 1001, 1010)
    saldos(
        engine,
        ("CTI0001001", 1001, 50, 3, HOY),
        ("Otra-1", 1001, 7, 1, None),
        ("CTI0001002", 1002, 5, 9, HOY),
    )

    def foto() -> list[Any]:
        with engine.connect() as conexion:
            return [
                list(conexion.execute(text(f"SELECT * FROM {tabla} ORDER BY 1, 2")))
                for tabla in ("cartera", "cartera_texto", "cartera_inicios", "cartera_ctis")
            ]

    with engine.connect() as conexion:
        ids = {r.nic: r.cliente_id for r in conexion.execute(text("SELECT nic, cliente_id FROM clientes"))}
    ctis = {f"CTI{nic:07d}": id_ for nic, id_ in ids.items()} | {"Otra-1": ids[1001]}
    creadas = CtisCreadas(ctis=",".join(ctis), clientes=",".join(map(str, ctis.values())))
    correr(engine, cartera.registrar_ctis, creadas)
    vivo = foto()
    with engine.begin() as conexion:
        conexion.execute(
            text(
                "UPDATE cartera SET nombre = 'x', saldo_timbres = 999, ultima_compra = now(), favorito = true, b1 = 0,"
                " saldo_puntos = 5, version_puntos = 99 WHERE nic < 1006"
            )
        )
        conexion.execute(text("UPDATE cartera_ctis SET saldo = 777, version = 1000 WHERE cti LIKE 'CTI%'"))
        conexion.execute(text("UPDATE cartera_texto SET inicio = 'otra', resto = ' nada'"))
        conexion.execute(text("DELETE FROM cartera WHERE nic = 1009"))
    with UnitOfWork(engine, Repositorio) as uow:
        previas = uow.repo.versiones_de_cartera(None, 100)
    assert previas.clientes == sorted(ids.values())
    selladas = {"CTI0001001": ("50", "3", HOY.isoformat()), "CTI0001002": ("5", "9", HOY.isoformat())}
    columnas = [selladas.get(cti, ("7", "1", "") if cti == "Otra-1" else ("0", "0", "")) for cti in ctis]
    timbres = SaldosDeTimbres(
        ctis=creadas.ctis,
        clientes=creadas.clientes,
        saldos=",".join(x[0] for x in columnas),
        versiones=",".join(x[1] for x in columnas),
        compras=",".join(x[2] for x in columnas),
    )
    puntos = SaldosDePuntos(
        clientes=",".join(map(str, previas.clientes)),
        saldos=",".join("0" for _ in previas.clientes),
        versiones=",".join("0" for _ in previas.clientes),
    )
    with UnitOfWork(engine, Repositorio) as uow:
        cartera.reconstruir(uow, previas, timbres, puntos)
        uow.commit()
    assert foto() == vivo
    saldos(engine, ("CTI0001001", 1001, 40, 4, None))
    with UnitOfWork(engine, Repositorio) as uow:
        cartera.reconstruir(uow, previas, timbres, puntos)
        uow.commit()
    assert [x.saldo_timbres for x in listar(engine, orden="nic").datos][:2] == [47, 5]
