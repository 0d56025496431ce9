"""The ledger's rules: nothing is made or lost, nobody spends what he lacks, a seal covers every field."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.domain import (
    GENESIS,
    Cuenta,
    Movimiento,
    Rechazo,
    Retencion,
    Transferencia,
    netos,
    resolver_retenciones,
    resolver_transferencias,
    sello,
)
from shared.ledger.sealing import Eslabon, encadenar

IDS = st.integers(1, 6)
CUENTA = st.builds(
    Cuenta,
    id=st.just(0),
    tipo=st.just("cti"),
    titular=st.just(""),
    saldo=st.integers(50, 100),
    retenido=st.integers(0, 50),
    con_limite=st.booleans(),
    bloqueada=st.sampled_from([False, False, False, True]),
    version=st.integers(1, 2),
)
#: Accounts 1 to 5; whoever names 6 names none.
CUENTAS = st.tuples(*[CUENTA] * 5).map(lambda cs: {i: replace(c, id=i) for i, c in enumerate(cs, 1)})
TRANSFERENCIA = st.builds(
    Transferencia,
    operacion=st.uuids(),
    origen=IDS,
    destino=IDS,
    cantidad=st.integers(1, 60),
    motivo=st.just("x"),
).filter(lambda t: t.origen != t.destino)
RETENCION = st.builds(
    Retencion,
    id=st.uuids(),
    cuenta=IDS,
    cantidad=st.integers(1, 60),
    version=st.none() | st.integers(1, 2),
)
TEXTO = st.text(st.characters(codec="utf-8", exclude_characters="\x1f\x00"), max_size=8)
MOVIMIENTO = st.builds(
    Movimiento,
    id=st.integers(1, 10**6),
    operacion=st.uuids(),
    origen=st.integers(1, 3),
    destino=st.integers(4, 6),
    cantidad=st.integers(1, 100),
    motivo=TEXTO,
    referencia=TEXTO,
    importe=st.none() | st.decimals(0, 1000, places=2),
    creado_en=st.datetimes().map(lambda d: d.isoformat()),
)


@given(CUENTAS, st.lists(TRANSFERENCIA, max_size=30))
def test_transfers_one_by_one_give_what_the_lot_gives(
    cuentas: dict[int, Cuenta], pedidas: list[Transferencia]
) -> None:
    saldos = {i: c.saldo for i, c in cuentas.items()}
    esperado: list[Rechazo | None] = []
    for t in pedidas:
        o = cuentas.get(t.origen)
        if o is None or t.destino not in cuentas:
            esperado.append(Rechazo.NO_EXISTE)
        elif o.bloqueada:
            esperado.append(Rechazo.BLOQUEADA)
        elif o.con_limite and saldos[o.id] - o.retenido < t.cantidad:
            esperado.append(Rechazo.SALDO)
        else:
            saldos[o.id] -= t.cantidad
            saldos[t.destino] += t.cantidad
            esperado.append(None)
    resultado = resolver_transferencias(cuentas, pedidas)
    assert resultado == esperado
    cambio = netos(t for t, r in zip(pedidas, resultado, strict=True) if r is None)
    assert sum(cambio.values()) == 0
    assert {i: c.saldo + cambio.get(i, 0) for i, c in cuentas.items()} == saldos
    assert all(saldos[i] >= c.retenido for i, c in cuentas.items() if c.con_limite)


@given(CUENTAS, st.lists(RETENCION, max_size=30))
def test_holds_one_by_one_give_what_the_lot_gives(
    cuentas: dict[int, Cuenta], pedidas: list[Retencion]
) -> None:
    retenido = {i: c.retenido for i, c in cuentas.items()}
    esperado: list[Rechazo | None] = []
    for r in pedidas:
        c = cuentas.get(r.cuenta)
        if c is None:
            esperado.append(Rechazo.NO_EXISTE)
        elif c.bloqueada:
            esperado.append(Rechazo.BLOQUEADA)
        elif r.version not in (None, c.version):
            esperado.append(Rechazo.VERSION)
        elif c.con_limite and retenido[c.id] + r.cantidad > c.saldo:
            esperado.append(Rechazo.SALDO)
        else:
            retenido[c.id] += r.cantidad
            esperado.append(None)
    assert resolver_retenciones(cuentas, pedidas) == esperado
    assert all(retenido[i] <= c.saldo for i, c in cuentas.items() if c.con_limite)


@given(st.lists(st.integers(1, 20), max_size=30), st.integers(0, 200))
def test_the_first_that_fit_succeed(cantidades: list[int], saldo: int) -> None:
    cuentas = {
        1: Cuenta(1, "cti", "a", saldo, 0, True, False, 1),
        2: Cuenta(2, "consumo", "", 0, 0, False, False, 1),
    }
    resultado = resolver_transferencias(
        cuentas, [Transferencia(UUID(int=i), 1, 2, n, "x") for i, n in enumerate(cantidades)]
    )
    queda = saldo
    for n, r in zip(cantidades, resultado, strict=True):
        assert (r is None) == (n <= queda)
        queda -= n if r is None else 0


def _se_sostiene(cadena: list[Eslabon]) -> bool:
    """The chain's links each follow from the one before, per account."""
    ultimos: dict[int, tuple[int, int, bytes]] = {}
    for e in cadena:
        secuencia, saldo, previo = ultimos.get(e.cuenta, (0, 0, GENESIS))
        m = e.movimiento
        saldo += m.cantidad if m.destino == e.cuenta else -m.cantidad
        if (e.secuencia, e.saldo) != (secuencia + 1, saldo):
            return False
        if e.sello != sello(previo, e.cuenta, e.secuencia, e.saldo, m):
            return False
        ultimos[e.cuenta] = (e.secuencia, e.saldo, e.sello)
    return True


def _otro(valor: object) -> object:
    if isinstance(valor, bytes):
        return bytes([valor[0] ^ 1]) + valor[1:]
    if isinstance(valor, UUID):
        return UUID(int=valor.int ^ 1)
    if isinstance(valor, int):
        return valor + 1
    if valor is None or isinstance(valor, Decimal):
        return (valor or Decimal(0)) + Decimal("0.01")
    return f"{valor}x"


@given(st.lists(MOVIMIENTO, min_size=1, max_size=12), st.data())
def test_any_tampering_breaks_the_chain(movimientos: list[Movimiento], data: st.DataObject) -> None:
    cadena = encadenar({}, movimientos)
    assert _se_sostiene(cadena)
    i = data.draw(st.integers(0, len(cadena) - 1))
    e = cadena[i]
    campo = data.draw(st.sampled_from([f.name for f in fields(Movimiento)]))
    m = replace(e.movimiento, **{campo: _otro(getattr(e.movimiento, campo))})  # type: ignore[arg-type]
    assert not _se_sostiene([*cadena[:i], replace(e, movimiento=m), *cadena[i + 1 :]])
    for propio in ("cuenta", "secuencia", "saldo", "sello"):
        falso = replace(e, **{propio: _otro(getattr(e, propio))})  # type: ignore[arg-type]
        assert not _se_sostiene([*cadena[:i], falso, *cadena[i + 1 :]])


@given(st.lists(MOVIMIENTO, min_size=1, max_size=12), st.integers(0, 12))
def test_chaining_in_lots_gives_the_same_chain(movimientos: list[Movimiento], corte: int) -> None:
    ultimos: dict[int, tuple[int, int, bytes]] = {}
    por_lotes = [*encadenar(ultimos, movimientos[:corte]), *encadenar(ultimos, movimientos[corte:])]
    assert por_lotes == encadenar({}, movimientos)
    assert sum(saldo for _, saldo, _ in ultimos.values()) == 0
