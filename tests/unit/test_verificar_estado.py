"""The offline check of statements: it agrees with the ledger's own rule, and no tampering passes."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ledger import domain, verificar
from shared.ledger.domain import GENESIS, Movimiento
from shared.ledger.sealing import encadenar

CUENTA = 7
#: What the ledger can hold: no control characters come through its contracts, and PostgreSQL refuses NUL.
TEXTO = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40)
MOVIMIENTO = st.builds(
    Movimiento,
    id=st.integers(1, 2**40),
    operacion=st.uuids(),
    origen=st.integers(1, 2**40),
    destino=st.integers(1, 2**40),
    cantidad=st.integers(1, 2**40),
    motivo=TEXTO,
    referencia=TEXTO,
    importe=st.none() | st.decimals(0, 10**11, places=2),
    creado_en=st.datetimes().map(lambda d: f"{d:%Y-%m-%dT%H:%M:%S.%f}Z".rjust(27, "0")),
)


def como_json(m: Movimiento, secuencia: int, saldo: int, sello: bytes) -> dict[str, Any]:
    return {
        "secuencia": secuencia, "id": m.id, "operacion": str(m.operacion), "origen": m.origen, "destino": m.destino,
        "cantidad": m.cantidad, "motivo": m.motivo, "referencia": m.referencia,
        "importe": None if m.importe is None else f"{m.importe:.2f}", "creado_en": m.creado_en, "saldo": saldo,
        "sello": sello.hex(),
    }  # fmt: skip


def armar(desde: int = 0, cuantos: int = 6, total: int = 12) -> dict[str, Any]:
    """A statement of links `desde` + 1 … of a chain of `total`, as the gateway writes it."""
    movimientos = [
        Movimiento(
            100 + n,
            UUID(int=n + 1),
            CUENTA if n % 3 == 2 else 1,
            1 if n % 3 == 2 else CUENTA,
            n + 1,
            "transferencia",
            f"CTI-{n}",
            Decimal(n) if n % 2 else None,
            f"2026-11-{n + 1:02}T12:00:00.000001Z",
        )
        for n in range(total)
    ]
    enlaces = [e for e in encadenar({}, movimientos) if e.cuenta == CUENTA]
    filas = [como_json(e.movimiento, e.secuencia, e.saldo, e.sello) for e in enlaces]
    inicio = {"secuencia": 0, "saldo": 0, "sello": GENESIS.hex()}
    puntas = [inicio, *[{k: f[k] for k in ("secuencia", "saldo", "sello")} for f in filas]]
    return {
        "formato": verificar.FORMATO,
        "cuenta": {"libro_id": CUENTA, "tipo": "cti", "titular": "X"},
        "apertura": puntas[desde],
        "cierre": puntas[desde + cuantos],
        "movimientos": filas[desde : desde + cuantos],
    }


@given(
    MOVIMIENTO,
    st.integers(1, 2**40),
    st.integers(1, 2**40),
    st.integers(0, 2**40),
    st.binary(min_size=32, max_size=32),
)
def test_its_rule_is_the_ledgers(
    m: Movimiento, cuenta: int, secuencia: int, saldo: int, anterior: bytes
) -> None:
    propio = verificar.sello(anterior.hex(), cuenta, secuencia, saldo, como_json(m, secuencia, saldo, b""))
    assert propio == domain.sello(anterior, cuenta, secuencia, saldo, m).hex()


@pytest.mark.parametrize(("desde", "cuantos"), [(0, 0), (0, 6), (5, 7), (12, 0), (3, 1)])
def test_a_true_statement_agrees_from_any_link_to_any_other(desde: int, cuantos: int) -> None:
    assert verificar.verificar(armar(desde, cuantos)) == []


def _fila(campo: str, valor: Any) -> Callable[[dict[str, Any]], None]:
    return lambda e: e["movimientos"][2].__setitem__(campo, valor)


def _punta(punta: str, campo: str, valor: Any) -> Callable[[dict[str, Any]], None]:
    return lambda e: e[punta].__setitem__(campo, valor)


def _mover(e: dict[str, Any]) -> None:
    e["movimientos"][1], e["movimientos"][2] = e["movimientos"][2], e["movimientos"][1]


ALTERACIONES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "cantidad": _fila("cantidad", 999),
    "saldo": _fila("saldo", 999),
    "importe": _fila("importe", "0.01"),
    "importe donde no lo había": _fila("importe", "5.00"),
    "motivo": _fila("motivo", "abasto"),
    "referencia": _fila("referencia", "OTRA"),
    "operación": _fila("operacion", str(UUID(int=99))),
    "id": _fila("id", 555),
    "origen y destino": lambda e: e["movimientos"][0].update(origen=CUENTA, destino=1),
    "movimiento de otra cuenta": lambda e: e["movimientos"][0].update(origen=2, destino=3),
    "fecha": _fila("creado_en", "2026-11-03T12:00:00.000002Z"),
    "número": _fila("secuencia", 9),
    "sello": _fila("sello", "ab" * 32),
    "línea quitada": lambda e: e["movimientos"].pop(2),
    "primera quitada": lambda e: e["movimientos"].pop(0),
    "última quitada": lambda e: e["movimientos"].pop(),
    "línea repetida": lambda e: e["movimientos"].insert(2, copy.deepcopy(e["movimientos"][2])),
    "líneas cambiadas de lugar": _mover,
    "saldo de apertura": _punta("apertura", "saldo", 5),
    "sello de apertura": _punta("apertura", "sello", "cd" * 32),
    "número de apertura": _punta("apertura", "secuencia", 1),
    "saldo de cierre": _punta("cierre", "saldo", 5),
    "sello de cierre": _punta("cierre", "sello", "cd" * 32),
    "número de cierre": _punta("cierre", "secuencia", 11),
    "cuenta": lambda e: e["cuenta"].__setitem__("libro_id", 8),
}


@pytest.mark.parametrize("alteracion", ALTERACIONES)
@pytest.mark.parametrize("desde", [0, 4])
def test_no_tampering_passes(alteracion: str, desde: int) -> None:
    estado = armar(desde)
    ALTERACIONES[alteracion](estado)
    problemas = verificar.verificar(estado)
    assert problemas
    assert all(p.startswith(("Línea", "Apertura", "Cierre")) for p in problemas)


def test_an_amount_changed_with_its_balances_and_its_own_seal_breaks_at_the_next_line() -> None:
    estado = armar()
    m = estado["movimientos"][3]
    m["cantidad"] += 10
    for fila in estado["movimientos"][3:]:
        fila["saldo"] += 10
    estado["cierre"]["saldo"] += 10
    m["sello"] = verificar.sello(estado["movimientos"][2]["sello"], CUENTA, m["secuencia"], m["saldo"], m)
    assert [p[:7] for p in verificar.verificar(estado)] == ["Línea 5", "Línea 6"]


def test_one_bad_line_is_told_on_that_line_and_not_on_each_after_it() -> None:
    estado = armar()
    estado["movimientos"][1]["referencia"] = "OTRA"
    [problema] = verificar.verificar(estado)
    assert problema.startswith("Línea 2 (movimiento 101")


@pytest.mark.parametrize(
    "romper",
    [
        lambda e: e.pop("formato"),
        lambda e: e.pop("apertura"),
        lambda e: e.pop("movimientos"),
        lambda e: e["cierre"].pop("sello"),
        lambda e: e["movimientos"][0].pop("importe"),
        lambda e: e["movimientos"][0].update(cantidad="5"),
        lambda e: e["movimientos"][0].update(cantidad=True),
        lambda e: e["movimientos"][0].update(cantidad=-5),
        lambda e: e["movimientos"][0].update(importe="1.5"),
        lambda e: e["movimientos"][0].update(importe=1.5),
        lambda e: e["movimientos"][0].update(importe="NaN"),
        lambda e: e["movimientos"][0].update(referencia="a\x1fb"),
        lambda e: e["movimientos"].append(3),
    ],
)
def test_what_is_no_statement_is_said_so_and_never_an_exception_of_ours(
    romper: Callable[[dict[str, Any]], Any],
) -> None:
    estado = armar()
    romper(estado)
    with pytest.raises(verificar.NoEsUnEstado):
        verificar.verificar(estado)


def correr(tmp_path: Path, *estados: Any, opciones: tuple[str, ...] = ()) -> tuple[int, str]:
    """As a stranger runs it: that one file, in an empty folder, with an isolated Python."""
    programa = tmp_path / "verificar.py"
    programa.write_bytes(Path(verificar.__file__).read_bytes())
    nombres = []
    for n, estado in enumerate(estados):
        nombres.append(f"estado-{n}.json")
        (tmp_path / nombres[-1]).write_text(estado if isinstance(estado, str) else json.dumps(estado))
    hecho = subprocess.run(
        [sys.executable, "-I", programa.name, *nombres, *opciones],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return hecho.returncode, hecho.stdout + hecho.stderr


def test_the_command_alone_tells_good_from_bad(tmp_path: Path) -> None:
    bueno = armar()
    codigo, dicho = correr(tmp_path, bueno, opciones=("--cierre", bueno["cierre"]["sello"]))
    assert (codigo, "concuerda. 6 movimientos" in dicho) == (0, True), dicho
    malo = armar()
    malo["movimientos"][4]["cantidad"] += 1
    codigo, dicho = correr(tmp_path, malo)
    assert codigo == 1
    assert "Línea 5" in dicho
    assert correr(tmp_path, bueno, opciones=("--cierre", "ab" * 32))[0] == 1
    for basura in ("no es json", "[]", "{}", "[" * 100_000):
        assert correr(tmp_path, basura)[0] == 2


def test_statements_that_follow_each_other_do_and_a_gap_is_told(tmp_path: Path) -> None:
    assert correr(tmp_path, armar(0, 4), armar(4, 8))[0] == 0
    codigo, dicho = correr(tmp_path, armar(0, 4), armar(5, 7))
    assert (codigo, "falta un periodo" in dicho) == (1, True)
