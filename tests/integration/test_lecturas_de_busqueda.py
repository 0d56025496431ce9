"""What a cliente has is found as it was typed and as it is shown, whatever it looks like, by pages in every order."""

from __future__ import annotations

import csv
import io
import random
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Engine, text

from services.clientes.domain.cartera import ORDENES
from services.clientes.use_cases import cartera, clientes, exportacion
from shared.contracts import clientes as c
from tests.integration.test_cartera import CM, HOY, OTRA, correr, engine, listar, nics, todos, uno

__all__ = ["engine"]
CONTACTOS = ("representante", "financiero", "tecnico")
#: `{}`: area code and the two groups of a number.
TELEFONOS = (
    "{0}{1}{2}", "{0} {1} {2}", "({0}) {1}-{2}", "01 ({0}) {1}-{2}", "01{0}{1}{2}", "044 {0} {1} {2}", "045-{0}-{1}-{2}",
    "0{3}{0}{1}{2}", "+52 {0} {1} {2}", "+521{0}{1}{2}", "52 1 {0} {1} {2}", "{0}.{1}.{2}", "{0} {1} {2} ext. 12",
    "{0}{1}{2} x301", "01 ({0}) {1}-{2} extensión 7", "{0} {1} {2} #45", "+1 212 {1} 999", "+44 20 {1} {2}", "{1} {2}",
    "{1}-{2}", "Conmutador {0} {1} {2}, int. 4", "{0} {1} {2} / {0} {2} {1}", "Tel. ({0}) {1} {2} y {2}",
)  # fmt: skip
NOMBRES = (
    "Grupo {n} {m}", "{k},000 Ideas", "Taller #{k}", "Casa ({k})", "Taxi 55 {n} {m}", "Radio {n}-{m}", "{n}.{m} Norte",
    "Abc {n}12 3xy", "(MX) {n}", "Ruta {k}-{m}", "+{k} Ideas {n}", "{k},{k}50 Noches 3,000",
)  # fmt: skip


def _formas(azar: random.Random, n: int) -> dict[str, Any]:
    """A form of which no two fields say the same."""

    def cifras(cuantas: int) -> str:
        return str(azar.randint(10 ** (cuantas - 1), 10**cuantas - 1))

    def telefono(m: int) -> str:
        lada = azar.choice([("55", 4), ("33", 4), ("998", 3), ("81", 4)])
        return TELEFONOS[(n * 7 + m) % len(TELEFONOS)].format(
            lada[0], cifras(lada[1]), cifras(4), azar.choice("1")
        )

    return {
        "nombre": NOMBRES[n % len(NOMBRES)].format(n=cifras(4), m=cifras(4), k=azar.randint(1, 9)),
        "nombre_comercial": NOMBRES[(n + 5) % len(NOMBRES)].format(n=cifras(4), m=cifras(4), k=5),
        "rfc": f"Ñ&{azar.choice('ABCDEF')}{cifras(1)[0]}"[:3] + f"90031{n % 10}{cifras(2)}A",
        "correo": f"ventas.{cifras(4)}-{n}@x{n}.mx",
        "telefono": telefono(0),
        **{
            quien: c.Contacto(
                nombre=f"Ana (X{n}) {cifras(4)} {cifras(4)}",
                correo=f"a#{n}_{cifras(3)}@y.mx",
                telefono=telefono(2 * m + 1),
                movil=telefono(2 * m + 2),
            )
            for m, quien in enumerate(CONTACTOS)
        },
    }


def test_todo_dato_pegado_halla_a_su_cliente(engine: Engine) -> None:
    """Each field as it was typed and as the API shows it, and pieces of an RFC, among clientes that have others."""
    azar = random.Random(20261130)
    hechos = []
    for n in range(2 * len(TELEFONOS)):
        forma = _formas(azar, n)
        peticion = c.CrearCliente(clave="k", cuenta_id=CM, **forma)
        hechos.append((forma, correr(engine, clientes.crear_cliente, peticion)))
    fallas = []
    for forma, visto in hechos:
        pegados = {str(visto.nic), f"{visto.nic:,}", f"#{visto.nic}", visto.cti}
        for campo in ("nombre", "nombre_comercial", "rfc", "correo", "telefono"):
            pegados |= {forma[campo], getattr(visto, campo)}
        for quien, campo in ((q, x) for q in CONTACTOS for x in ("nombre", "correo", "telefono", "movil")):
            pegados |= {getattr(forma[quien], campo), getattr(getattr(visto, quien), campo)}
        rfc = visto.rfc
        pegados |= {
            f"{rfc[:3]}-{rfc[3:9]}-{rfc[9:]}",
            f"{rfc[:3]}-{rfc[3:9]}",
            f"{rfc[3:9]}-{rfc[9:]}",
            rfc[:8],
        }
        pegados |= {f"{visto.nic} {visto.rfc}"}
        if visto.telefono.startswith("+"):
            pegados |= {f"{visto.nic} {visto.telefono}", f"{visto.nic} {forma['telefono']}"}
        fallas += [
            (q, visto.telefono) for q in sorted(pegados) if visto.nic not in todos(engine, q=q, limite=200)
        ]
    assert fallas == []


def test_lo_que_se_entiende_de_dos_modos_se_pagina_junto(engine: Engine) -> None:
    """Both ways' hits follow each other in the order, each once, with those without a key last."""
    _sembrar_parecidos(engine)
    for q, orden in product(("1,000", "1,000 ideas", "(mx)", "555-0001", "eku-900317"), ORDENES):
        junta = nics(engine, q=q, orden=orden, limite=200)
        assert len(junta) > 6, q
        assert len(set(junta)) == len(junta), (q, orden)
        assert todos(engine, q=q, orden=orden, limite=1) == junta, (q, orden)
        assert [x for x in nics(engine, orden=orden, limite=200) if x in junta] == junta, (q, orden)


def _sembrar_parecidos(engine: Engine) -> None:
    for n in range(6):
        uno(engine, 3000 + 6 * n, nombre=f"1,000 Ideas {n}")
        uno(engine, 3001 + 6 * n, nombre=f"Más ideas {n} de 1000")
        uno(engine, 3002 + 6 * n, nombre=f"(MX) {n}", telefono="5555550001", rfc=f"EKU9003173C{n}")
        uno(engine, 3003 + 6 * n, nombre=f"MX) {n} 555-0001")
        uno(engine, 3004 + 6 * n, nombre=f"Línea eku-900317 {n}")
    with engine.begin() as conexion:
        conexion.execute(
            text(
                "UPDATE cartera SET saldo_timbres = nic % 3, saldo_puntos = nic % 4,"
                " ultima_compra = CASE WHEN nic % 5 > 1 THEN CAST(:hoy AS timestamptz) - nic % 2 * interval '1 day' END,"
                " ultima_emision = CASE WHEN nic % 4 > 1 THEN CAST(:hoy AS timestamptz) END, favorito = nic % 2 = 0,"
                " baja = nic % 7 = 0"
            ),
            {"hoy": HOY},
        )


def test_un_telefono_no_halla_a_quien_solo_tiene_sus_grupos(engine: Engine) -> None:
    """What looks like a phone is one, as long as somebody has it."""
    uno(engine, 1001, nombre="Uno", telefono="5512345678")
    uno(engine, 1002, nombre="Grupo 55 1234 y 5678")
    assert nics(engine, q="55 1234 5678") == nics(engine, q="uno 55 1234 5678") == [1001]
    assert nics(engine, q="grupo 55 1234 5678") == [1002]
    assert nics(engine, q="dos 55 1234 5678") == []


def _exportados(engine: Engine, **datos: Any) -> list[dict[str, str]]:
    peticion = c.ExportarCartera(cuenta_id=CM, **datos)
    filas: list[dict[str, str]] = []
    while True:
        pieza = correr(engine, exportacion.exportar_cartera, peticion)
        filas += csv.DictReader(io.StringIO(pieza.csv, newline=""), c.COLUMNAS_DE_CLIENTES)
        if pieza.siguiente is None:
            return filas
        peticion = replace(peticion, cursor=pieza.siguiente)


@pytest.mark.parametrize("pieza", [3, 1_000])
def test_se_exporta_lo_mismo_que_se_lista(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, pieza: int
) -> None:
    """The same clientes in the same order with the same balances, for whatever the list is asked."""
    monkeypatch.setattr(c, "PIEZA_DE_EXPORTACION", pieza)
    _sembrar_parecidos(engine)
    uno(engine, 4000, nombre="Ñandú", tecnico='{"correo": "nido@aguila.mx"}', telefono="3312345678")
    filtros: list[dict[str, Any]] = [
        *({"q": q} for q in ("ideas", "1,000", "ideas mas", "nido@aguila", "01 (33) 1234-5678", "4000", "nandu", "nadie")),
        {}, {"baja": "true"}, {"baja": "todas"}, {"favorito": True}, {"timbres_desde": 1, "timbres_hasta": 1},
        {"puntos_desde": 0, "puntos_hasta": 0, "q": "ideas"},
    ]  # fmt: skip
    for filtro in filtros:
        for orden in ORDENES:
            listados = listar(engine, orden=orden, limite=200, **filtro).datos
            assert [
                (x["nic"], x["saldo_timbres"], x["saldo_puntos"], x["ultima_compra"])
                for x in _exportados(engine, orden=orden, **filtro)
            ] == [
                (
                    str(x.nic), str(x.saldo_timbres), str(x.saldo_puntos),
                    x.ultima_compra.isoformat() if x.ultima_compra else "",
                )
                for x in listados
            ], (filtro, orden)  # fmt: skip


def test_una_version_anterior_exporta_por_nic(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway not yet updated goes on with NIC, both bajas and not, and the columns that it has titles for."""
    monkeypatch.setattr(c, "PIEZA_DE_EXPORTACION", 4)
    _sembrar_parecidos(engine)
    vistos: list[str] = []
    despues: int | None = 0
    while despues is not None:
        peticion = c.ExportarClientes(cuenta_id=CM, despues_de=despues, q="ideas mas")
        pieza = correr(engine, exportacion.exportar_clientes, peticion)
        filas = list(csv.reader(io.StringIO(pieza.csv, newline="")))
        assert all(len(fila) == len(c.COLUMNAS_DE_CLIENTES) - 3 for fila in filas)
        vistos += [fila[0] for fila in filas]
        despues = pieza.siguiente
    assert vistos == [str(3001 + 6 * n) for n in range(6)]


def test_los_clientes_de_una_busqueda_y_sus_nombres(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """For lists of other services: bajas too, one's own alone, and all or told that they are not all."""
    _sembrar_parecidos(engine)
    with engine.begin() as conexion:
        conexion.execute(text("UPDATE clientes SET baja = true WHERE nic = 3001"))
    uno(engine, 5007, cuenta_id=OTRA, nombre="Más ideas ajenas")

    def hallar(q: str) -> c.ClientesHallados:
        hallados: c.ClientesHallados = correr(
            engine, cartera.hallar_clientes, c.HallarClientes(cuenta_id=CM, q=q)
        )
        return hallados

    suyos = [3001, 3007, 3013, 3019, 3025, 3031]
    assert hallar("ideas mas") == c.ClientesHallados(nics=suyos, completos=True)
    monkeypatch.setattr(c, "NICS_HALLADOS", 6)
    assert hallar("ideas mas").completos
    monkeypatch.setattr(c, "NICS_HALLADOS", 4)
    assert hallar("ideas mas") == c.ClientesHallados(nics=suyos[:4], completos=False)
    peticion = c.NombrarClientes(cuenta_id=CM, nics=[3001, 5007, 3013, 9])
    assert correr(engine, cartera.nombrar_clientes, peticion).nombres == {
        "3001": "Más ideas 0 de 1000",
        "3013": "Más ideas 2 de 1000",
    }
