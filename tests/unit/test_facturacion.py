"""Rules of facturacion, without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from services.facturacion import domain
from shared.errors import Codigo, DomainError

AHORA = datetime(2026, 11, 24, 12, tzinfo=UTC)
CUENTA = uuid4()


def venta(nic: int = 7, factura_id: UUID | None = None, importe: str = "100.00") -> domain.Venta:
    return domain.Venta(
        id=uuid4(),
        tipo=domain.TipoVenta.TIMBRES,
        origen="transferencia",
        cuenta_id=CUENTA,
        cliente_id=UUID(int=nic),
        nic=nic,
        cantidad=Decimal(50),
        importe=Decimal(importe),
        factura_id=factura_id,
        en=AHORA,
    )


def emitir(pedidas: list[UUID], halladas: list[domain.Venta]) -> domain.Factura:
    return domain.emitir(
        id=uuid4(), cuenta_id=CUENTA, nic=7, referencia="A-1", pedidas=pedidas, ventas=halladas, en=AHORA
    )


def test_importe_is_the_sum_to_the_centavo() -> None:
    ventas = [venta(importe="0.10"), venta(importe="0.20")]
    factura = emitir([v.id for v in ventas], ventas)
    assert factura.importe == Decimal("0.30")
    assert factura.estado is domain.EstadoFactura.VIGENTE


@pytest.mark.parametrize(
    ("halladas", "codigo"),
    [
        ([], Codigo.NO_ENCONTRADO),
        ([venta(nic=8)], Codigo.DATOS_INVALIDOS),
        ([venta(factura_id=uuid4())], Codigo.CONFLICTO),
    ],
)
def test_refusals(halladas: list[domain.Venta], codigo: Codigo) -> None:
    with pytest.raises(DomainError) as caso:
        emitir([v.id for v in halladas] or [uuid4()], halladas)
    assert caso.value.code is codigo


def test_one_foreign_venta_refuses_the_whole_invoice() -> None:
    propia = venta()
    with pytest.raises(DomainError) as caso:
        emitir([propia.id, uuid4()], [propia])
    assert caso.value.code is Codigo.NO_ENCONTRADO


def test_ventas_are_taken_once_and_some_are_needed() -> None:
    a, b = uuid4(), uuid4()
    assert domain.ventas_pedidas([a, b, a]) == [a, b]
    with pytest.raises(DomainError):
        domain.ventas_pedidas([])


@pytest.mark.parametrize("texto", ["", "   ", "x" * 101, "a\x00b"])
def test_bad_reference(texto: str) -> None:
    with pytest.raises(DomainError) as caso:
        domain.referencia_valida(texto)
    assert "referencia" in caso.value.errores
