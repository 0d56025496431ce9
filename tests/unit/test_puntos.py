"""Rules of puntos, with a fake repository."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from services.puntos import domain, use_cases
from shared.contracts import puntos as c
from shared.contracts.eventos import PuntosTransferidos
from shared.errors import Codigo, DomainError
from shared.ledger.domain import Rechazo, Transferencia

RAIZ, CM, NIC = uuid4(), uuid4(), 21


class LibroFalso:
    """Balances in a dict; account 1 is `emision`."""

    def __init__(self) -> None:
        self.saldos = {1: 0, 2: 0, 3: 0, 4: 0}
        self.hechas: list[Transferencia] = []

    def transferir(self, pedidas: list[Transferencia]) -> list[Rechazo | None]:
        [t] = pedidas
        if t.origen != 1 and self.saldos[t.origen] < t.cantidad:
            return [Rechazo.SALDO]
        self.saldos[t.origen] -= t.cantidad
        self.saldos[t.destino] += t.cantidad
        self.hechas.append(t)
        return [None]


class RepositorioFalso:
    def __init__(self) -> None:
        self.libro = LibroFalso()

    def emision(self) -> int:
        return 1

    def monedero_cm(self, cuenta_id: UUID) -> domain.MonederoCM | None:
        if cuenta_id == RAIZ:
            return domain.MonederoCM(cuenta_id=RAIZ, padre_id=None, nombre="Raíz", libro_id=2)
        if cuenta_id == CM:
            return domain.MonederoCM(cuenta_id=CM, padre_id=RAIZ, nombre="CM", libro_id=3)
        return None

    def monedero_cliente(self, cuenta_id: UUID, nic: int) -> domain.MonederoCliente | None:
        if (cuenta_id, nic) != (CM, NIC):
            return None
        return domain.MonederoCliente(
            cliente_id=UUID(int=1), cuenta_id=CM, nic=NIC, nombre="Cliente", libro_id=4
        )

    def saldo(self, libro_id: int) -> tuple[int, int]:
        saldo = self.libro.saldos[libro_id]
        return saldo, saldo


class UowFalso:
    ahora = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def __init__(self) -> None:
        self.repo = RepositorioFalso()
        self.publicados: list[Any] = []

    def publish(self, evento: Any, carga: Any) -> None:
        self.publicados.append(carga)

    def auditar(self, **_: Any) -> None:
        pass


@pytest.fixture
def uow() -> UowFalso:
    return UowFalso()


def acreditar(uow: UowFalso, puntos: str, quien: UUID = RAIZ, destino: UUID = CM) -> c.Acreditacion:
    peticion = c.Acreditar(clave="k", cuenta_id=quien, destino_id=destino, puntos=Decimal(puntos))
    return use_cases.acreditar(cast("Any", uow), peticion)


def transferir(uow: UowFalso, puntos: str, importe: str = "0", nic: int = NIC) -> c.Transferencia:
    peticion = c.Transferir(
        clave="k", cuenta_id=CM, nic=nic, puntos=Decimal(puntos), importe=Decimal(importe)
    )
    return use_cases.transferir(cast("Any", uow), peticion)


def test_only_the_root_mints(uow: UowFalso) -> None:
    assert acreditar(uow, "100.25").saldo == Decimal("100.25")
    for quien in (CM, uuid4()):
        with pytest.raises(DomainError) as caso:
            acreditar(uow, "1", quien)
        assert caso.value.code is Codigo.NO_PERMITIDO
    with pytest.raises(DomainError) as caso:
        acreditar(uow, "1", destino=uuid4())
    assert caso.value.code is Codigo.NO_ENCONTRADO


def test_a_transfer_is_told_as_a_venta(uow: UowFalso) -> None:
    acreditar(uow, "100")
    hecha = transferir(uow, "33.33", "40.5")
    assert (hecha.saldo, hecha.importe) == (Decimal("66.67"), Decimal("40.50"))
    [evento] = uow.publicados
    assert isinstance(evento, PuntosTransferidos)
    assert (evento.transferencia_id, evento.puntos, evento.nic) == (hecha.id, Decimal("33.33"), NIC)
    assert uow.repo.libro.hechas[-1].cantidad == 3333


@pytest.mark.parametrize(
    ("puntos", "importe", "nic", "codigo"),
    [
        ("100.01", "0", NIC, Codigo.SALDO_INSUFICIENTE),
        ("0", "0", NIC, Codigo.DATOS_INVALIDOS),
        ("-1", "0", NIC, Codigo.DATOS_INVALIDOS),
        ("0.001", "0", NIC, Codigo.DATOS_INVALIDOS),
        ("NaN", "0", NIC, Codigo.DATOS_INVALIDOS),
        ("1", "-0.01", NIC, Codigo.DATOS_INVALIDOS),
        ("1", "0", 99, Codigo.NO_ENCONTRADO),
    ],
)
def test_a_refused_transfer_moves_nothing(
    uow: UowFalso, puntos: str, importe: str, nic: int, codigo: Codigo
) -> None:
    acreditar(uow, "100")
    with pytest.raises(DomainError) as caso:
        transferir(uow, puntos, importe, nic)
    assert caso.value.code is codigo
    assert uow.repo.libro.saldos[3] == 10_000
    assert uow.publicados == []
