"""puntos on a real PostgreSQL, through its unit of work and the ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from services.puntos import use_cases
from services.puntos.repository import Repositorio
from shared.contracts import puntos as c
from shared.contracts.eventos import ClienteCreado, CobroDevuelto, CobroSolicitado, CuentaMaestraCreada
from shared.errors import Codigo, DomainError
from shared.ledger import sealing
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork

RAIZ, CM, AJENA = uuid4(), uuid4(), uuid4()
NIC = 31


def correr(engine: Engine, caso: Callable[..., Any], peticion: Any) -> Any:
    with UnitOfWork(engine, Repositorio) as uow:
        respuesta = caso(uow, peticion)
        uow.commit()
        return respuesta


@pytest.fixture
def engine(base_de_datos: Callable[..., str]) -> Iterator[Engine]:
    engine = new_engine(base_de_datos("puntos"))
    for cuenta, padre in ((RAIZ, None), (CM, RAIZ), (AJENA, RAIZ)):
        evento = CuentaMaestraCreada(cuenta_id=cuenta, padre_id=padre, nombre="CM")
        correr(engine, use_cases.abrir_monedero_de_cuenta, evento)
        correr(engine, use_cases.abrir_monedero_de_cuenta, evento)
    nuevo = ClienteCreado(cuenta_id=CM, cliente_id=UUID(int=NIC), nic=NIC, nombre="Cliente", cti="C1")
    correr(engine, use_cases.abrir_monedero_de_cliente, nuevo)
    correr(engine, use_cases.abrir_monedero_de_cliente, nuevo)
    yield engine
    with engine.connect() as conexion:
        assert sealing.verify(conexion) == []
    engine.dispose()


def acreditar(engine: Engine, puntos: str, quien: UUID = RAIZ) -> c.Acreditacion:
    peticion = c.Acreditar(
        clave="k", cuenta_id=quien, destino_id=CM, puntos=Decimal(puntos), referencia="PAGO 1"
    )
    hecha = correr(engine, use_cases.acreditar, peticion)
    assert isinstance(hecha, c.Acreditacion)
    return hecha


def transferir(engine: Engine, puntos: str, cuenta: UUID = CM) -> c.Transferencia:
    peticion = c.Transferir(
        clave="k", cuenta_id=cuenta, nic=NIC, puntos=Decimal(puntos), importe=Decimal("11.60")
    )
    hecha = correr(engine, use_cases.transferir, peticion)
    assert isinstance(hecha, c.Transferencia)
    return hecha


def saldo(engine: Engine, nic: int | None = None) -> Decimal:
    respuesta = correr(engine, use_cases.consultar_saldo, c.ConsultarSaldo(cuenta_id=CM, nic=nic))
    assert respuesta.saldo == respuesta.disponible
    return Decimal(respuesta.saldo)


def test_from_the_root_to_the_cliente(engine: Engine) -> None:
    assert acreditar(engine, "100.50").saldo == Decimal("100.50")
    hecha = transferir(engine, "10.25")
    assert hecha.saldo == saldo(engine) == Decimal("90.25")
    assert saldo(engine, NIC) == Decimal("10.25")
    with engine.connect() as conexion:
        [(evento, carga)] = conexion.execute(text("SELECT evento, carga FROM outbox"))
    assert evento == "puntos.puntos_transferidos_v1"
    assert (carga["transferencia_id"], carga["puntos"]) == (str(hecha.id), "10.25")


def test_the_statement_is_paged_and_sealed(engine: Engine) -> None:
    acreditar(engine, "100")
    for _ in range(3):
        transferir(engine, "0.01")
    while sealing.seal(engine):
        pass
    primera = correr(engine, use_cases.listar_movimientos, c.ListarMovimientos(cuenta_id=CM, limite=3))
    peticion = c.ListarMovimientos(cuenta_id=CM, limite=3, cursor=primera.siguiente)
    resto = correr(engine, use_cases.listar_movimientos, peticion)
    todos = [*primera.datos, *resto.datos]
    assert [m.puntos for m in todos] == [Decimal("-0.01")] * 3 + [Decimal("100.00")]
    assert todos[0].saldo == Decimal("99.97")
    assert all(m.sello for m in todos)
    assert (todos[0].importe, todos[0].referencia) == (Decimal("11.60"), str(NIC))
    assert (todos[-1].concepto, todos[-1].referencia, resto.siguiente) == ("acreditacion", "PAGO 1", None)
    suyos = correr(engine, use_cases.listar_movimientos, c.ListarMovimientos(cuenta_id=CM, nic=NIC))
    assert [m.puntos for m in suyos.datos] == [Decimal("0.01")] * 3


def test_refusals_move_nothing(engine: Engine) -> None:
    acreditar(engine, "5")
    intentos: list[tuple[Callable[[], object], Codigo]] = [
        (lambda: transferir(engine, "5.01"), Codigo.SALDO_INSUFICIENTE),
        (lambda: transferir(engine, "1", AJENA), Codigo.NO_ENCONTRADO),
        (lambda: acreditar(engine, "1", AJENA), Codigo.NO_PERMITIDO),
        (
            lambda: correr(engine, use_cases.consultar_saldo, c.ConsultarSaldo(cuenta_id=AJENA, nic=NIC)),
            Codigo.NO_ENCONTRADO,
        ),
    ]
    for intento, codigo in intentos:
        with pytest.raises(DomainError) as caso:
            intento()
        assert caso.value.code is codigo
    assert saldo(engine) == Decimal("5.00")


def test_many_at_once_never_overdraw(engine: Engine) -> None:
    acreditar(engine, "5")
    resultados: list[object] = []

    def intentar() -> None:
        try:
            resultados.append(transferir(engine, "1"))
        except DomainError as error:
            resultados.append(error.code)

    hilos = [threading.Thread(target=intentar) for _ in range(8)]
    for hilo in hilos:
        hilo.start()
    for hilo in hilos:
        hilo.join()
    assert resultados.count(Codigo.SALDO_INSUFICIENTE) == 3
    assert (saldo(engine), saldo(engine, NIC)) == (Decimal("0.00"), Decimal("5.00"))


def cobrar(engine: Engine, puntos: str, cargo: UUID, cuenta: UUID = CM) -> None:
    evento = CobroSolicitado(
        cargo_id=cargo, cuenta_id=cuenta, puntos=Decimal(puntos), concepto="cti_ilimitada", referencia="IL1"
    )
    correr(engine, use_cases.cobrar, evento)


def devolver(engine: Engine, cargo: UUID) -> None:
    correr(engine, use_cases.devolver, CobroDevuelto(cargo_id=cargo, cuenta_id=CM, motivo="cancelada"))


def resueltos(engine: Engine) -> list[dict[str, Any]]:
    """What was told of charges, in order."""
    with engine.connect() as conexion:
        filas = conexion.execute(text("SELECT evento, carga FROM outbox ORDER BY id"))
        return [dict(carga) for evento, carga in filas if evento == "puntos.cobro_resuelto_v1"]


def test_a_charge_is_made_once_however_often_it_is_asked(engine: Engine) -> None:
    acreditar(engine, "100")
    cargo = uuid4()
    hilos = [threading.Thread(target=cobrar, args=(engine, "60", cargo)) for _ in range(4)]
    for hilo in hilos:
        hilo.start()
    for hilo in hilos:
        hilo.join()
    assert saldo(engine) == Decimal("40.00")
    assert [(r["cobrado"], r["motivo"]) for r in resueltos(engine)] == [(True, None)] * 4
    [linea, _] = correr(engine, use_cases.listar_movimientos, c.ListarMovimientos(cuenta_id=CM)).datos
    assert (linea.concepto, linea.puntos, linea.referencia) == ("cargo", Decimal("-60.00"), "IL1")


def test_a_charge_without_balance_says_what_is_missing_and_stays_refused(engine: Engine) -> None:
    acreditar(engine, "10.50")
    cargo = uuid4()
    cobrar(engine, "1200", cargo)
    acreditar(engine, "5000")
    cobrar(engine, "1200", cargo)
    for respuesta in resueltos(engine):
        assert (respuesta["cobrado"], respuesta["faltan"]) == (False, "1189.50")
        assert "1,189.50 puntos" in respuesta["motivo"]
    devolver(engine, cargo)
    assert saldo(engine) == Decimal("5010.50")


def test_a_charge_is_given_back_once(engine: Engine) -> None:
    acreditar(engine, "100")
    cargo = uuid4()
    cobrar(engine, "60", cargo)
    hilos = [threading.Thread(target=devolver, args=(engine, cargo)) for _ in range(4)]
    for hilo in hilos:
        hilo.start()
    for hilo in hilos:
        hilo.join()
    devolver(engine, cargo)
    # Asked again after all, it is not charged again.
    cobrar(engine, "60", cargo)
    assert saldo(engine) == Decimal("100.00")
    [vuelta, ida, _] = correr(engine, use_cases.listar_movimientos, c.ListarMovimientos(cuenta_id=CM)).datos
    assert (vuelta.concepto, vuelta.puntos) == ("devolucion", Decimal("60.00"))
    assert ida.concepto == "cargo"
    with pytest.raises(DomainError) as caso:
        devolver(engine, uuid4())
    assert caso.value.code is Codigo.NO_ENCONTRADO


def test_a_charge_that_nobody_waits_for_is_refused_when_it_comes(engine: Engine) -> None:
    acreditar(engine, "100")
    cargo = uuid4()
    anulado = CobroDevuelto(
        cargo_id=cargo,
        cuenta_id=CM,
        motivo="Nadie la cobró en 24 horas.",
        puntos=Decimal("60"),
        concepto="cti_ilimitada",
    )
    for _ in range(2):
        correr(engine, use_cases.devolver, anulado)
    cobrar(engine, "60", cargo)
    assert saldo(engine) == Decimal("100.00")
    [respuesta] = resueltos(engine)
    assert (respuesta["cobrado"], respuesta["motivo"]) == (False, "Nadie la cobró en 24 horas.")
    # One that was made is given back, as any other.
    cobrado = uuid4()
    cobrar(engine, "60", cobrado)
    correr(engine, use_cases.devolver, replace(anulado, cargo_id=cobrado))
    assert saldo(engine) == Decimal("100.00")


def test_a_blocked_wallet_is_not_charged(engine: Engine) -> None:
    acreditar(engine, "100")
    with engine.begin() as conexion:
        conexion.execute(
            text("UPDATE cuentas SET bloqueada = true WHERE tipo = 'cm' AND titular = :t"), {"t": str(CM)}
        )
    cobrar(engine, "60", uuid4())
    [respuesta] = resueltos(engine)
    assert "bloqueado" in respuesta["motivo"]
    assert saldo(engine) == Decimal("100.00")
